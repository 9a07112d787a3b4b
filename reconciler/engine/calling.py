"""Calling a provider: retries with backoff and jitter, and never twice when the first may have worked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from reconciler.core.errors import RetryableError
from reconciler.core.ports import Clock, Entropy
from reconciler.engine.context import Stop

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """How often and how long a call is tried.

    The n-th wait is a random share of `first * 2**n` seconds, at most `longest`; what the provider asks for is waited
    in full, unless it is more than `patience` seconds: then the call fails, and a later pass goes on. Once `stop` is
    requested, nothing is tried again.
    """

    clock: Clock
    entropy: Entropy
    attempts: int = 5
    first: float = 0.5
    longest: float = 20.0
    patience: float = 90.0
    stop: Stop = field(default_factory=Stop)

    async def call(self, attempt: Callable[[], Awaitable[T]], recover: Callable[[], Awaitable[T | None]]) -> T:
        """The result of `attempt`, tried again while it raises `RetryableError`.

        After an attempt whose outcome is uncertain, `recover` is asked first: what it returns, unless None, is the
        result. Raises the last `RetryableError`, or any other error at once.
        """
        uncertain = False
        for number in range(1, self.attempts + 1):
            try:
                if uncertain and (found := await recover()) is not None:
                    return found
                return await attempt()
            except RetryableError as error:
                uncertain = uncertain or error.uncertain
                wait = self._wait(number, error)
                if number == self.attempts or wait > self.patience or not await self._slept(wait):
                    raise
        raise AssertionError("a call is attempted at least once")

    async def repeat(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """The result of an `attempt` that may be repeated without harm."""
        return await self.call(attempt, nothing)

    async def _slept(self, seconds: float) -> bool:
        """Sleep; False as soon as the pass is asked to stop, for then nothing is tried again."""
        sleeping = asyncio.ensure_future(self.clock.sleep(seconds))
        stopping = asyncio.ensure_future(self.stop.wait())
        try:
            await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stopping.cancel()
        return not self.stop.requested

    def _wait(self, number: int, error: RetryableError) -> float:
        if error.after is not None:
            return error.after + self.entropy.jitter()
        return min(self.longest, self.first * (1 << number)) * self.entropy.jitter()


async def nothing() -> None:
    """Recover nothing: for calls that may be repeated without harm."""
