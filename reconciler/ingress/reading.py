"""Reading a body: counted while it comes, within a time, not too slowly, and never cut.

Where the room for bodies is used up, those that have been coming for long give way to the next: else a few clients
that never finish would keep everybody out.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from reconciler.ingress.answering import Message, Receive
from reconciler.ingress.limits import Limits

_LOOK_EVERY = 0.5


class TooLongError(Exception):
    """The body is longer than is taken."""


class TooSlowError(Exception):
    """The body did not come in time, or too slowly."""


class TooMuchError(Exception):
    """There is no room for more bodies now."""


class GoneError(Exception):
    """The client hung up."""


class _Watched:
    """A body that is being read: since when, how much has come, and why it is not read on."""

    __slots__ = ("ended", "received", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.received = 0
        self.ended: type[Exception] | None = None


class Reader:
    """Reads bodies. One look at all of them, twice a second, is cheaper than a timer for each."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._watched: dict[asyncio.Task[Any], _Watched] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.held = 0
        """The bytes of bodies that are in memory."""

    async def read(self, receive: Receive, limit: int) -> bytes:
        """The whole body. Raises `TooLongError`, `TooSlowError`, `TooMuchError` or `GoneError`.

        What it holds is counted until `release` is called with its length.
        """
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        loop = asyncio.get_running_loop()
        watched = self._watched[task] = _Watched(loop.time())
        if self._timer is None:
            self._timer = loop.call_later(_LOOK_EVERY, self._look, loop)
        try:
            message = await receive()
            if not message.get("more_body"):
                body = _piece(message)
                self._take(watched, len(body), limit)
                return body
            return await self._rest(message, receive, watched, limit)
        except asyncio.CancelledError:
            if watched.ended is None:
                raise
            task.uncancel()
            raise watched.ended from None
        finally:
            del self._watched[task]

    def release(self, size: int) -> None:
        """A body of this size is in memory no more."""
        self.held -= size

    async def _rest(self, message: Message, receive: Receive, watched: _Watched, limit: int) -> bytes:
        pieces: list[bytes] = []
        try:
            while True:
                piece = _piece(message)
                self._take(watched, len(piece), limit)
                pieces.append(piece)
                if not message.get("more_body"):
                    return b"".join(pieces)
                message = await receive()
        except BaseException:  # whoever ends this, the bytes are in memory no more
            self.release(watched.received)
            raise

    def _take(self, watched: _Watched, size: int, limit: int) -> None:
        if watched.received + size > limit:
            raise TooLongError
        if self.held + size > self._limits.held and not self._makes_room(watched, size):
            raise TooMuchError
        watched.received += size
        self.held += size

    def _makes_room(self, mine: _Watched, size: int) -> bool:
        """End what has been coming for longer than is patient, the oldest first, until there is room."""
        now, limits = asyncio.get_running_loop().time(), self._limits
        for task, watched in self._watched.items():
            if self.held + size <= limits.held or now - watched.since <= limits.patience:
                break
            if watched is not mine and watched.ended is None:
                watched.ended = TooMuchError
                self.release(watched.received)
                watched.received = 0
                task.cancel()
        return self.held + size <= limits.held

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """End what takes too long."""
        now, limits = loop.time(), self._limits
        for task, watched in self._watched.items():
            age = now - watched.since
            slow = age > limits.patience and watched.received < limits.min_speed * age
            if (slow or age > limits.body_seconds) and watched.ended is None:
                watched.ended = TooSlowError
                task.cancel()
        self._timer = loop.call_later(_LOOK_EVERY, self._look, loop) if self._watched else None


def _piece(message: Message) -> bytes:
    """A piece of the body. Raises `GoneError` for what is none."""
    if message["type"] != "http.request":
        raise GoneError
    piece: bytes = message.get("body", b"")
    return piece
