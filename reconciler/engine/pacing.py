"""How fast a credential is used: as many calls at a time as its provider takes, and none while it is rate-limited."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from reconciler.core.errors import RetryableError
from reconciler.core.ports import Budget, Clock, Credentials, Provider
from reconciler.engine.context import Ports, Scope, Stop

T = TypeVar("T")

FIRST = 16
"""Calls at a time before anything is known; they double with each window of successes."""

PATIENCE_SECONDS = 3900.0
"""How long a rate limit is waited for: vendors' longest windows are an hour."""

TOLD_SECONDS = 5.0
"""Shorter waits are nobody's concern."""

BACKOFF_SECONDS = (1.0, 60.0)
"""The first and the longest wait where a provider refuses for its rate limit and does not say until when."""

JOBS_AT_ONCE = 64
"""More jobs of one credential at a time would only queue at its gate; fewer keep memory flat."""


class StillLimitedError(RetryableError):
    """A rate limit lasts longer than anybody waits, or the pass was asked to stop while it waited."""


class Gates:
    """One gate for each provider and credential: what limits one stops no other."""

    def __init__(self, ports: Ports, scope: Scope) -> None:
        self._ports = ports
        self._scope = scope
        self._gates: dict[tuple[str, str], Gate] = {}

    def of(self, provider: str, credentials: str) -> Gate:
        """The gate of a credential, by name."""
        if (provider, credentials) not in self._gates:
            traits, most = self._scope.catalogue.get(provider), self._scope.concurrency
            ceiling = min(most, traits.concurrency or most) if traits else most
            self._gates[provider, credentials] = Gate(provider, credentials, self._ports, ceiling)
        return self._gates[provider, credentials]

    def to(self, provider: Provider, credentials: Credentials) -> Gate:
        """The gate to call a provider through; it minds the rate limit that the provider tells."""
        gate = self.of(provider.traits.name, credentials.name)
        gate.budget = partial(provider.budget, credentials)
        return gate


class Gate:
    """Bounds the calls of one credential in flight, and holds all of them back while it is rate-limited.

    The bound starts at `FIRST` and doubles with each window of successes up to `ceiling`. A call that is refused for
    the rate limit closes the gate for as long as the provider asks; it reopens for one call at a time, and the bound
    grows again, quickly to half of what was too much and by one for each window from there. When few calls of the told
    budget are left, the gate closes until the budget starts anew: the rest is a reserve for whoever else uses the
    credential.
    """

    def __init__(self, provider: str, credentials: str, ports: Ports, ceiling: int) -> None:
        self.budget: Callable[[], Budget | None] = _untold
        self.left = 0
        """How many jobs wait for this credential, or are being done with it."""
        self._provider = provider
        self._credentials = credentials
        self._ports = ports
        self._ceiling = ceiling
        self._bound = min(FIRST, ceiling)
        self._brink = ceiling
        self._passed = 0
        self._burst = 0
        self._refusals = 0
        self._in_flight = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._opens_at = 0.0
        self._closed_since: float | None = None
        self._told = 0.0
        self._gave_up = False

    @property
    def bound(self) -> int:
        """How many calls may be in flight now."""
        return self._bound

    def place(self, stop: Stop) -> Place:
        """A place for one call, to be held while it lasts: `async with`.

        Entering waits until the gate is open; it raises `StillLimitedError` when that takes longer than
        `PATIENCE_SECONDS`, or when `stop` is requested meanwhile.
        """
        return Place(self, stop)

    async def enter(self, stop: Stop) -> int:
        """Wait for a place. Returns the burst that the call belongs to, for `leave`."""
        while True:
            now = self._ports.clock.now()
            if self._gave_up and now >= self._opens_at:
                self._gave_up, self._closed_since = False, None
            allowed = self._allowed(now)
            if now < self._opens_at:
                try:
                    await self._sit_out(now, stop)
                except BaseException:
                    # Who was called and does not go in passes the turn on: no call may be in flight that would.
                    self._wake(1)
                    raise
            elif self._in_flight < min(self._bound, allowed):
                self._in_flight += 1
                return self._burst
            else:
                await self._queue_up()

    def leave(self, burst: int, error: BaseException | None) -> None:
        """Give the place back; what came of the call decides how many follow."""
        self._in_flight -= 1
        if error is None:
            self._succeeded(burst)
        elif isinstance(error, RetryableError) and error.throttled:
            self._refused(burst, error.after)
        self._wake(max(1, self._bound - self._in_flight))

    def _succeeded(self, burst: int) -> None:
        """Let more follow, unless the call was in flight before the gate closed: it proves nothing about now."""
        if burst != self._burst:
            return
        self._closed_since = None
        self._refusals = 0
        self._passed += 1
        if self._passed >= self._bound:
            self._passed = 0
            grown = min(self._bound * 2, self._brink) if self._bound < self._brink else self._bound + 1
            self._bound = min(grown, self._ceiling)

    def _refused(self, burst: int, after: float | None) -> None:
        """Close. Of calls that were in flight together, the first one to be refused speaks for all."""
        if burst == self._burst:
            self._refusals += 1
            self._brink = max(1, self._bound // 2)
            self._reopen_slowly()
        if after is None:
            first, longest = BACKOFF_SECONDS
            after = min(longest, first * (1 << min(self._refusals, 16)))
        self._close(self._ports.clock.now() + after)

    def _reopen_slowly(self) -> None:
        self._bound, self._passed = 1, 0
        self._burst += 1

    def _close(self, opens_at: float) -> None:
        now, opens_at = self._ports.clock.now(), opens_at + self._ports.entropy.jitter()
        self._opens_at = max(self._opens_at, opens_at)
        self._closed_since = now if self._closed_since is None else self._closed_since
        if self._opens_at - now >= TOLD_SECONDS and self._opens_at >= self._told + TOLD_SECONDS:
            self._told = self._opens_at
            self._ports.progress(
                "rate_limited",
                provider=self._provider,
                credentials=self._credentials,
                until=self._opens_at,
                left=self.left,
            )

    def _allowed(self, now: float) -> int:
        """How many calls in flight the told budget allows; closes the gate where it allows none at all."""
        budget = self.budget()
        if budget is None or budget.resets_at <= now:
            return self._ceiling
        left = budget.remaining - _reserve(budget)
        # Beyond patience nobody waits for a budget: then the reserve is used, too, until the provider refuses.
        if budget.resets_at - now > PATIENCE_SECONDS:
            left = max(1, budget.remaining)
        if left <= 0 and now >= self._opens_at:
            self._reopen_slowly()
            self._close(budget.resets_at)
        return left

    async def _sit_out(self, now: float, stop: Stop) -> None:
        since = now if self._closed_since is None else self._closed_since
        if self._opens_at - since > PATIENCE_SECONDS:
            self._gave_up = True
            raise self._limited("it is left to a later pass")
        if not await slept(self._ports.clock, self._opens_at - now, stop):
            raise self._limited("the pass was asked to stop")

    def _limited(self, why: str) -> StillLimitedError:
        until = clock_time(self._opens_at)
        return StillLimitedError(f"{self._provider} limits the calls with {self._credentials} until {until}: {why}")

    async def _queue_up(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._wake(1)
            raise

    def _wake(self, number: int) -> None:
        while self._queue and number > 0:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                number -= 1


class Place:
    """One call's place in a gate."""

    __slots__ = ("_burst", "_gate", "_stop")

    def __init__(self, gate: Gate, stop: Stop) -> None:
        self._gate = gate
        self._stop = stop
        self._burst = 0

    async def __aenter__(self) -> None:
        self._burst = await self._gate.enter(self._stop)

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._gate.leave(self._burst, error)


async def spread(
    gates: Gates, jobs: Iterable[T], credential: Callable[[T], tuple[str, str]], work: Callable[[T], Awaitable[None]]
) -> None:
    """Do `work` for each job, some at a time for each provider and credential, which `credential` names.

    So one that is rate-limited holds up no other. Raises what a job raised, when no job is being worked at any more.
    """
    sorted_out: dict[tuple[str, str], list[T]] = {}
    for job in jobs:
        sorted_out.setdefault(credential(job), []).append(job)
    workers = []
    for names, mine in sorted_out.items():
        gate = gates.of(*names)
        gate.left += len(mine)
        rest = iter(mine)
        workers += [_work_off(gate, rest, work) for _ in range(min(JOBS_AT_ONCE, len(mine)))]
    for ended in await asyncio.gather(*workers, return_exceptions=True):
        if ended is not None:
            raise ended


async def _work_off(gate: Gate, jobs: Iterable[T], work: Callable[[T], Awaitable[None]]) -> None:
    for job in jobs:
        try:
            await work(job)
        finally:
            gate.left -= 1


async def slept(clock: Clock, seconds: float, stop: Stop) -> bool:
    """Sleep; False as soon as the pass is asked to stop."""
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleeping.cancel()
        stopping.cancel()
    return not stop.requested


def clock_time(moment: float) -> str:
    """A moment (UNIX seconds) that is not far off, for people."""
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M:%S UTC")


def _reserve(budget: Budget) -> int:
    """How many calls of a budget are left to others: one in a hundred, where the limit is large."""
    return min(50, (budget.limit or 0) // 100)


def _untold() -> Budget | None:
    """No budget: the provider tells none."""
    return None
