"""`/metrics` on a port of its own: counts, and nothing that could be done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from reconciler.ingress.answering import Receive, Scope, Send, answer, answer_with
from reconciler.ingress.counting import Counters

_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics(counters: Counters) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """An ASGI application that tells `counters` at `GET /metrics`."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] != "/metrics" or scope["method"] not in {"GET", "HEAD"}:
            await answer(send, 404, close=True)
            return
        body = counters.text().encode() if scope["method"] == "GET" else b""
        await answer_with(send, 200, [("content-type", _TYPE)], body)

    return application
