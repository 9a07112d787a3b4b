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
from reconciler.testing.faults import ConnectionDroppedError
from reconciler.testing.sandbox import Sandbox
from reconciler.verify.handshakes import answer
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
    """An ASGI app that remembers the deliveries it gets and answers with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.requests.append((str(request.url), dict(request.headers), await request.body()))
        await Response("noted", self.status)(scope, receive, send)


class Answering:
    """An ASGI app that answers the handshakes of a provider, and takes and remembers everything else.

    While it is `refusing`, it takes nothing.
    """

    def __init__(self, definition: Definition, now: Callable[[], float]) -> None:
        self.taken: list[Delivered] = []
        self.refusing = False
        self._handshakes, self._scheme, self._now = handshakes(definition), scheme(definition), now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await received(Request(scope, receive), "")
        reply = answer(self._handshakes, self._scheme, (), request, self._now())
        if self.refusing:
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
