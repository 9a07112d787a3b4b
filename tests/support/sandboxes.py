"""Sandboxes for tests: fixed time, predictable chance, no sockets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import httpx2 as httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from reconciler.manager.incoming import received
from reconciler.providers.definition import Definition
from reconciler.providers.delivered import handshakes, scheme
from reconciler.testing.contract_bench import SCOPE
from reconciler.testing.faults import ConnectionDroppedError
from reconciler.testing.memory_store import MemoryStore
from reconciler.testing.sandbox import Sandbox
from reconciler.verify.handshakes import HandshakeReply, answer
from reconciler.verify.request import Facts
from reconciler.verify.request import Request as Delivered

NOW = 1_795_000_000.0
ORIGIN = "http://sandbox.test"


class Clock:
    """A clock that moves when told."""

    def __init__(self, now: float = NOW) -> None:
        self.value = now

    def __call__(self) -> float:
        return self.value

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.value += seconds


def counting_bytes(seed: str = "sandbox") -> Callable[[int], bytes]:
    """Bytes that look random and are the same in every run."""
    count = 0

    def draw(size: int) -> bytes:
        nonlocal count
        count += 1
        return hashlib.shake_256(f"{seed}/{count}".encode()).digest(size)

    return draw


class Receiver:
    """An ASGI app that remembers the deliveries it gets and answers with `status`; what Asana tells it, it repeats."""

    def __init__(self) -> None:
        self.status = 200
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.requests.append((str(request.url), dict(request.headers), await request.body()))
        told = request.headers.get("x-hook-secret")
        await Response("noted", self.status, {"X-Hook-Secret": told} if told else {})(scope, receive, send)


class Answering:
    """An ASGI app that answers the handshakes of a provider, and takes and remembers everything else.

    While it is `refusing`, it takes nothing. A secret that it is told is kept in the store that it was named with
    `keep_in`, for a webhook that is being made there; whatever else is told is somebody else's, and only repeated.
    """

    def __init__(self, definition: Definition, now: Callable[[], float]) -> None:
        self.taken: list[Delivered] = []
        self.refusing = False
        self._handshakes, self._scheme, self._now = handshakes(definition), scheme(definition), now
        self._store: MemoryStore | None = None

    def keep_in(self, store: MemoryStore) -> None:
        """Where secrets go from now on."""
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await received(Request(scope, receive), "")
        reply = answer(self._handshakes, self._scheme, (), request, self._now(), Facts(capturing=True))
        told = reply.captured if isinstance(reply, HandshakeReply) else None
        webhook_id = Request(scope).url.path.rpartition("/")[2]
        ours = self._store is not None and self._store.record(SCOPE, webhook_id) is not None
        if self.refusing or (told and ours and self._store and not self._store.capture(SCOPE, webhook_id, told)):
            response = Response(status_code=503)
        elif reply is None:
            self.taken.append(request)
            response = Response(status_code=204)
        else:
            response = Response(reply.body, reply.status, dict(reply.headers))
        await response(scope, receive, send)


class SandboxTransport(httpx.AsyncBaseTransport):
    """Calls a sandbox in this process; a connection that it drops is the client's `ReadError`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._inner = httpx.ASGITransport(sandbox)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._inner.handle_async_request(request)
        except ConnectionDroppedError as error:
            raise httpx.ReadError(str(error), request=request) from error
