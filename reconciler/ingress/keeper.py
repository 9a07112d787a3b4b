"""The one writer: whatever waits is kept in one transaction, and answered when that is on disk.

No timer gathers a batch. While one transaction is being written, what arrives waits, and is the next: the busier the
ingress, the more share a transaction. What cannot be kept is never acknowledged.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Final

from reconciler.core.deliveries import Arrival, Inbox
from reconciler.core.errors import ReconcilerError, StateError
from reconciler.core.ports import Progress

MOST_AT_ONCE: Final = 500
"""Arrivals in one transaction at most, so that none takes long."""

TROUBLED: Final = 10.0
"""Seconds for which a failure makes whoever asks think twice."""

Waiting = tuple[Arrival, "asyncio.Future[str]"]


class FullError(ReconcilerError):
    """More waits to be kept than is let wait."""


class Keeper:
    """Keeps arrivals, from one event loop. The thread begins with the first; `close` ends it."""

    def __init__(self, inbox: Inbox, most: int, progress: Progress) -> None:
        self._inbox = inbox
        self._most = most
        self._progress = progress
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
        return self._waiting >= self._most or self._closed

    @property
    def troubled(self) -> bool:
        """Whether a transaction failed just now."""
        return self._loop is not None and self._loop.time() < self._troubled_until

    def keep(self, arrival: Arrival) -> asyncio.Future[str]:
        """Resolves to the id under which the arrival is kept, once it is; fails with `StateError` or `FullError`."""
        loop = self._loop
        if loop is None:
            loop = self._begin()
        kept = loop.create_future()
        if self.full:
            kept.set_exception(FullError("too much waits to be kept"))
            return kept
        self._waiting += 1
        if not self._gathered:
            loop.call_soon(self._hand_over)
        self._gathered.append((arrival, kept))
        return kept

    def _hand_over(self) -> None:
        """Wake the thread once for whatever arrived in this turn of the loop: to wake it costs more than to wait."""
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._queue.put(gathered)

    async def close(self) -> None:
        """Keep what still waits, then end; what comes later is refused."""
        self._closed = True
        if self._thread is not None:
            self._hand_over()
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

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
        self._progress("ingress_unkept", level="error", message=_words(outcome, len(batch)), deliveries=len(batch))
        error = outcome if isinstance(outcome, StateError) else StateError("a delivery could not be kept")
        self._tell(loop, lambda: self._failed(batch, error, loop.time() + TROUBLED))

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
        self._waiting -= len(batch)
        for (_, kept), delivery_id in zip(batch, ids, strict=True):
            if not kept.done():
                kept.set_result(delivery_id)

    def _failed(self, batch: Sequence[Waiting], error: StateError, troubled_until: float) -> None:
        self._troubled_until = troubled_until
        self._waiting -= len(batch)
        for _, kept in batch:
            if not kept.done():
                kept.set_exception(error)


def _apart(batch: Sequence[Waiting], *, singly: bool) -> list[list[Waiting]]:
    """A batch in parts that fail apart from each other: by scope, or each by itself."""
    groups: dict[str, list[Waiting]] = {}
    for number, item in enumerate(batch):
        groups.setdefault(str(number) if singly else item[0].delivery.scope, []).append(item)
    return list(groups.values())


def _words(error: Exception, count: int) -> str:
    """What happened; of a bug only its kind, for its text may quote a delivery."""
    what = str(error) if isinstance(error, StateError) else f"a bug: {type(error).__name__}"
    return f"{count} deliveries are not kept, and their senders were told to try again: {what}"
