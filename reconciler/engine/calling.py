"""Calling a provider: retries with backoff and jitter, and never twice when the first may have worked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from reconciler.core.errors import RetryableError
from reconciler.core.ports import Clock, Entropy

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """How often and how long a call is tried.

    The n-th wait is a random share of `first * 2**n` seconds, at most `longest`; what the provider asks for is waited
    in full, unless it is more than `patience` seconds: then the call fails, and a later pass goes on.
    """

    clock: Clock
    entropy: Entropy
    attempts: int = 5
    first: float = 0.5
    longest: float = 20.0
    patience: float = 90.0

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
                if number == self.attempts or wait > self.patience:
                    raise
                await self.clock.sleep(wait)
        raise AssertionError("a call is attempted at least once")

    async def repeat(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """The result of an `attempt` that may be repeated without harm."""
        return await self.call(attempt, nothing)

    def _wait(self, number: int, error: RetryableError) -> float:
        if error.after is not None:
            return error.after + self.entropy.jitter()
        return min(self.longest, self.first * (1 << number)) * self.entropy.jitter()


async def nothing() -> None:
    """Recover nothing: for calls that may be repeated without harm."""
