"""Calling a provider: retries with backoff and jitter, and never twice when the first may have worked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from reconciler.core.errors import RetryableError
from reconciler.core.ports import Clock, Entropy
from reconciler.engine.context import Stop
from reconciler.engine.pacing import PATIENCE_SECONDS, Gate, StillLimitedError, slept

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """How often and how long a call is tried, each time through `gate`.

    The n-th wait is a random share of `first * 2**n` seconds, at most `longest`; what the provider asks for is waited
    in full, unless it is more than `patience` seconds: then the call fails, and a later pass goes on. A call that is
    refused for the rate limit has not been tried: the gate holds it back, with a patience of its own. Once `stop` is
    requested, nothing is tried again.
    """

    clock: Clock
    entropy: Entropy
    gate: Gate
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
        uncertain, number = False, 0
        limited_since: float | None = None
        while True:
            try:
                async with self.gate.place(self.stop):
                    if uncertain and (found := await recover()) is not None:
                        return found
                    return await attempt()
            except StillLimitedError:
                raise
            except RetryableError as error:
                uncertain = uncertain or error.uncertain
                if error.throttled:
                    limited_since = self.clock.now() if limited_since is None else limited_since
                    if self.clock.now() - limited_since > PATIENCE_SECONDS:
                        raise
                    continue
                number += 1
                wait = self._wait(number, error)
                if number >= self.attempts or wait > self.patience or not await slept(self.clock, wait, self.stop):
                    raise

    async def repeat(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """The result of an `attempt` that may be repeated without harm."""
        return await self.call(attempt, nothing)

    def _wait(self, number: int, error: RetryableError) -> float:
        if error.after is not None:
            return error.after + self.entropy.jitter()
        return min(self.longest, self.first * (1 << number)) * self.entropy.jitter()


async def nothing() -> None:
    """Recover nothing: for calls that may be repeated without harm."""
