"""`/metrics` on a port of its own: counts, what waits in the inbox, and nothing that could be done."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable

from reconciler.core.errors import StateError
from reconciler.core.inbox import Inbox
from reconciler.core.ports import Clock
from reconciler.ingress.answering import Receive, Scope, Send, answer, answer_with
from reconciler.ingress.counting import Counters

_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class BacklogGauges:
    """How much waits to be handed on in some scopes, looked at when somebody wants to know; NaN where nobody can."""

    def __init__(self, inbox: Inbox, scopes: Iterable[str], clock: Clock, counters: Counters) -> None:
        self._inbox = inbox
        self._scopes = tuple(scopes)
        self._clock = clock
        self._count = self._age = math.nan
        counters.gauge("dispatch_backlog", "Dispatches that are neither done nor dead.", lambda: self._count)
        counters.gauge("dispatch_oldest_seconds", "Age of the oldest of those; 0 for none.", lambda: self._age)

    async def look(self) -> None:
        """Look anew."""
        try:
            found = [await asyncio.to_thread(self._inbox.backlog, scope) for scope in self._scopes]
        except StateError:
            self._count = self._age = math.nan
            return
        now = self._clock.now()
        self._count = sum(each.count for each in found)
        self._age = max((now - each.oldest_at for each in found if each.oldest_at is not None), default=0.0)


async def no_look() -> None:
    """For whoever has no inbox to look at."""


def metrics(
    counters: Counters, look: Callable[[], Awaitable[None]] = no_look
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """An ASGI application that tells `counters` at `GET /metrics`, once `look` has brought them up to date."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] != "/metrics" or scope["method"] not in {"GET", "HEAD"}:
            await answer(send, 404, close=True)
            return
        await look()
        body = counters.text().encode() if scope["method"] == "GET" else b""
        await answer_with(send, 200, [("content-type", _TYPE)], body)

    return application
