"""The one writer: whatever waits is kept in one transaction, and answered when that is on disk.

No timer gathers a batch. While one transaction is being written, what arrives waits, and is the next: the busier the
ingress, the more share a transaction. What cannot be kept is never acknowledged.

A disk may also answer late, or never. Whoever waits for longer than is patient is told to come again; what they sent
is kept nevertheless, should the disk answer after all, and is known again then. Until it does, nothing more is taken.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Sequence
from itertools import takewhile
from queue import Empty, SimpleQueue
from typing import Final

from reconciler.core.errors import ReconcilerError, StateError
from reconciler.core.inbox import Arrival, Inbox
from reconciler.core.ports import Progress

MOST_AT_ONCE: Final = 500
"""Arrivals in one transaction at most, so that none takes long."""

TROUBLED: Final = 10.0
"""Seconds for which a failure makes whoever asks think twice, and is not told again."""

LATE: Final = 2.0
"""Seconds after which what still waits is a sign of trouble."""

_LOOK_EVERY: Final = 0.5

Waiting = tuple[Arrival, "asyncio.Future[str]"]


class FullError(ReconcilerError):
    """More waits to be kept than is let wait."""


class Keeper:
    """Keeps arrivals, from one event loop. The thread begins with the first; `close` ends it.

    `most` may wait at a time, with `most_bytes` of bodies, each for `patience` seconds.
    """

    def __init__(
        self, inbox: Inbox, most: int, progress: Progress, patience: float = math.inf, most_bytes: float = math.inf
    ) -> None:
        self._inbox = inbox
        self._most = most
        self._progress = progress
        self._patience = patience
        self._most_bytes = most_bytes
        self._bytes = 0
        self._asked: dict[asyncio.Future[str], float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._stuck = False
        self._untold = 0
        self._told = False
        self._quiet_until = 0.0
        self._queue: SimpleQueue[list[Waiting] | None] = SimpleQueue()
        self._gathered: list[Waiting] = []
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._waiting = 0
        self._troubled_until = 0.0

    @property
    def waiting(self) -> int:
        """How many arrivals wait to be kept."""
        return self._waiting

    @property
    def full(self) -> bool:
        """Whether one more would be refused."""
        return self._waiting >= self._most or self._bytes >= self._most_bytes or self._closed or self._stuck

    @property
    def troubled(self) -> bool:
        """Whether a transaction failed just now, or takes long."""
        if self._loop is None:
            return False
        now = self._loop.time()
        return now < self._troubled_until or now - next(iter(self._asked.values()), now) > LATE

    def keep(self, arrival: Arrival) -> asyncio.Future[str]:
        """Resolves to the id under which the arrival is kept, once it is; fails with `StateError` or `FullError`.

        With `StateError` also when that takes too long: it may be kept all the same.
        """
        loop = self._loop
        if loop is None:
            loop = self._begin()
        kept = loop.create_future()
        if self.full:
            kept.set_exception(FullError("too much waits to be kept"))
            return kept
        self._waiting += 1
        self._bytes += len(arrival.delivery.body)
        self._asked[kept] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(_LOOK_EVERY, self._look, loop)
        if not self._gathered:
            loop.call_soon(self._hand_over)
        self._gathered.append((arrival, kept))
        return kept

    def _hand_over(self) -> None:
        """Wake the thread once for whatever arrived in this turn of the loop: to wake it costs more than to wait."""
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._queue.put(gathered)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let nobody wait for too long. One look at all is cheaper than a timer for each."""
        now, late = loop.time(), 0
        for kept in [*takewhile(lambda kept: now - self._asked[kept] > self._patience, self._asked)]:
            del self._asked[kept]
            if not kept.done():
                late += 1
                kept.set_exception(StateError("a delivery was not kept in time"))
        if late:
            self._stuck = True
            self._put_off(late, "the state takes too long to be written: a stalled disk, or another process", now)
        self._timer = loop.call_later(_LOOK_EVERY, self._look, loop) if self._waiting else None

    async def close(self) -> None:
        """Keep what still waits, then end; what comes later is refused."""
        self._closed = True
        if self._thread is not None:
            self._hand_over()
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None
        if self._timer is not None:
            self._timer.cancel()

    def _begin(self) -> asyncio.AbstractEventLoop:
        loop = self._loop = asyncio.get_running_loop()
        # A daemon: what is not kept yet is not acknowledged either, so an abrupt end may leave it.
        self._thread = threading.Thread(target=self._run, args=(loop,), name="keeper", daemon=True)
        self._thread.start()
        return loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        """The thread: take what waits, keep it, tell those who wait."""
        queue = self._queue
        while True:
            batch: list[Waiting] = []
            item = queue.get()
            while item is not None:
                batch += item
                if len(batch) >= MOST_AT_ONCE:
                    break
                try:
                    item = queue.get_nowait()
                except Empty:
                    break
            if batch:
                self._write(batch, loop)
            if item is None:
                return

    def _write(self, batch: Sequence[Waiting], loop: asyncio.AbstractEventLoop) -> None:
        """Keep a batch; one that holds several scopes may fail for one of them alone, and so may a bug."""
        outcome = self._accepted([arrival for arrival, _ in batch])
        if isinstance(outcome, list):
            self._tell(loop, lambda: self._done(batch, outcome))
            return
        groups = _apart(batch, singly=not isinstance(outcome, StateError))
        if len(groups) > 1:
            for group in groups:
                self._write(group, loop)
            return
        # Of a bug only its kind is told, for its text may quote a delivery.
        error = outcome if isinstance(outcome, StateError) else StateError(f"a bug: {type(outcome).__name__}")
        self._tell(loop, lambda: self._failed(batch, error, loop.time()))

    def _accepted(self, arrivals: Sequence[Arrival]) -> list[str] | Exception:
        try:
            return list(self._inbox.accept(arrivals))
        except Exception as error:  # noqa: BLE001 # a thread that ends would leave everybody waiting
            return error

    @staticmethod
    def _tell(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
        try:
            loop.call_soon_threadsafe(what)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    def _done(self, batch: Sequence[Waiting], ids: Sequence[str]) -> None:
        self._troubled_until = 0.0
        if self._told:
            more = f"; {self._untold} more had been put off" if self._untold else ""
            self._progress("ingress_keeping", level="info", message=f"deliveries are kept again{more}")
            self._told = False
            self._untold = 0
        self._leave(batch)
        for (_, kept), delivery_id in zip(batch, ids, strict=True):
            if not kept.done():
                kept.set_result(delivery_id)

    def _failed(self, batch: Sequence[Waiting], error: StateError, now: float) -> None:
        self._leave(batch)
        self._put_off(len(batch), str(error), now)
        for _, kept in batch:
            if not kept.done():
                kept.set_exception(error)

    def _leave(self, batch: Sequence[Waiting]) -> None:
        """The thread is done with these, one way or the other."""
        self._stuck = False
        self._waiting -= len(batch)
        for arrival, kept in batch:
            self._bytes -= len(arrival.delivery.body)
            self._asked.pop(kept, None)

    def _put_off(self, count: int, why: str, now: float) -> None:
        """Say what is wrong, but not for every transaction: there may be hundreds a second, and one full disk.

        Nor each time that it is well for a moment, as where a little still fits.
        """
        self._troubled_until = now + TROUBLED
        self._untold += count
        if now >= self._quiet_until:
            message = f"deliveries ({self._untold}) are not kept, and their senders were told to try again: {why}"
            self._progress("ingress_unkept", level="error", message=message, deliveries=self._untold)
            self._untold, self._told = 0, True
            self._quiet_until = now + TROUBLED


def _apart(batch: Sequence[Waiting], *, singly: bool) -> list[list[Waiting]]:
    """A batch in parts that fail apart from each other: by scope, or each by itself."""
    groups: dict[str, list[Waiting]] = {}
    for number, item in enumerate(batch):
        groups.setdefault(str(number) if singly else item[0].delivery.scope, []).append(item)
    return list(groups.values())
