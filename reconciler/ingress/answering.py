"""Answers over ASGI: a status, hardly any headers, nothing that a sender wrote but what a handshake needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

RETRY_SECONDS = 5
"""After which a sender may try again."""

BODILESS = frozenset({204, 304})
"""Statuses of answers that have no body, nor a length of one."""

_GONE = (OSError, RuntimeError)
"""What a server raises for a client that hung up: ASGI asks for the first, uvloop raises the second."""

Rows = tuple[tuple[bytes, bytes], ...]


async def answer(send: Send, status: int, *, later: bool = False, close: bool = False) -> None:
    """A status without a body. `later` asks to try again, `close` says that the connection ends with this.

    Where the client is gone, nobody hears it: that is no failure of ours, whatever the server makes of it.
    """
    # Each message is a new one: whoever stands between us and the server may change what it passes on.
    with suppress(*_GONE):
        await send({"type": "http.response.start", "status": status, "headers": [*_rows(status, later, close)]})
        await send({"type": "http.response.body", "body": b""})


async def answer_with(send: Send, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
    """A status with headers and a body; as `answer` where the client is gone."""
    rows = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if status in BODILESS:
        body = b""
    else:
        rows.append((b"content-length", b"%d" % len(body)))
    with suppress(*_GONE):
        await send({"type": "http.response.start", "status": status, "headers": rows})
        await send({"type": "http.response.body", "body": body})


@lru_cache(maxsize=64)
def _rows(status: int, later: bool, close: bool) -> Rows:
    rows = [] if status in BODILESS else [(b"content-length", b"0")]
    if later:
        rows.append((b"retry-after", b"%d" % RETRY_SECONDS))
    if close:
        rows.append((b"connection", b"close"))
    return tuple(rows)
