"""Ending well: SIGINT and SIGTERM ask for an end, what only reads is given up, what writes is finished."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from reconciler.core.ports import Progress
from reconciler.engine.context import Stop

T = TypeVar("T")
Asked = TypeVar("Asked")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
IN_FLIGHT = "finishing the calls in flight"


class Drain:
    """The wish to come to an end. `stop` tells the engine, `signal` which signal asked, `wait` when it was asked."""

    def __init__(self) -> None:
        self.stop = Stop()
        self.signal: signal.Signals | None = None
        self._requested = asyncio.Event()

    def request(self, number: signal.Signals) -> None:
        """Ask for the end; the first asker is remembered."""
        self.signal = self.signal or number
        self.stop.request()
        self._requested.set()

    async def wait(self) -> None:
        """Until the end is asked for."""
        await self._requested.wait()


@contextmanager
def draining(progress: Progress, then: str = IN_FLIGHT) -> Iterator[Drain]:
    """Listen to SIGINT and SIGTERM while the block runs; `then` says what such a signal leads to.

    A second signal has its usual, abrupt effect.
    """
    loop = asyncio.get_running_loop()
    drain = Drain()

    def note(number: signal.Signals) -> None:
        progress("draining", message=f"{number.name}: {then}", signal=number.name)
        drain.request(number)
        _forget(loop)

    for number in _SIGNALS:
        loop.add_signal_handler(number, note, number)
    try:
        yield drain
    finally:
        _forget(loop)


async def drained(
    begin: Callable[[Callable[[Asked], Awaitable[bool]]], Awaitable[T]],
    approve: Callable[[Asked], Awaitable[bool]],
    drain: Drain,
) -> T | None:
    """The result of `begin(approve)`, or None where the end was asked for before the approval.

    Until then a pass only reads (or waits for the lock), and is cancelled. Afterwards it is waited for: its engine was
    told to begin nothing more.
    """
    approved = asyncio.Event()

    async def asked(question: Asked) -> bool:
        if not await approve(question) or drain.stop.requested:
            return False
        approved.set()
        return True

    work = asyncio.ensure_future(begin(asked))
    ending = asyncio.ensure_future(drain.wait())
    try:
        await asyncio.wait({work, ending}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done() and not approved.is_set():
            work.cancel()
            with suppress(asyncio.CancelledError):
                return await work
            return None
        return await work
    finally:
        ending.cancel()


def _forget(loop: asyncio.AbstractEventLoop) -> None:
    for number in _SIGNALS:
        loop.remove_signal_handler(number)
