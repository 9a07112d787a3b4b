"""Sandboxes for tests: fixed time, predictable chance, no sockets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import httpx2 as httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from reconciler.testing.faults import ConnectionDroppedError
from reconciler.testing.sandbox import Sandbox

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


class SandboxTransport(httpx.AsyncBaseTransport):
    """Calls a sandbox in this process; a connection that it drops is the client's `ReadError`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._inner = httpx.ASGITransport(sandbox)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._inner.handle_async_request(request)
        except ConnectionDroppedError as error:
            raise httpx.ReadError(str(error), request=request) from error
