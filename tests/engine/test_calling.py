"""Retries: how often, how long, and what is never repeated blindly."""

import asyncio

import pytest

from reconciler.core.errors import ErrorKind, RetryableError, TerminalError
from reconciler.engine.calling import Retrying
from reconciler.engine.context import Ports, Stop
from reconciler.engine.pacing import PATIENCE_SECONDS, Gate
from reconciler.testing.memory_store import MemoryStore
from reconciler.testing.stand_ins import CountingEntropy, FixedCredentials, VirtualClock


class Scripted:
    """A call that fails as written, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def retrying(share: float = 1.0) -> tuple[Retrying, VirtualClock]:
    """Retries whose jitter is a fixed share, on a clock that remembers its sleeps."""
    clock, entropy = VirtualClock(patient=10_000), CountingEntropy(share=share)
    return Retrying(clock=clock, entropy=entropy, gate=gate(clock, entropy)), clock


def gate(clock: VirtualClock, entropy: CountingEntropy) -> Gate:
    """An open gate."""
    ports = Ports(store=MemoryStore(), providers={}, credentials=FixedCredentials({}), clock=clock, entropy=entropy)
    return Gate("acme", "main", ports, 64)


async def test_a_retryable_call_is_repeated_with_growing_waits() -> None:
    """Twice as long each time, up to the longest, each shortened by chance."""
    policy, clock = retrying()
    call = Scripted(*(RetryableError("503") for _ in range(4)))
    assert await policy.repeat(call) == "done"
    assert clock.slept == [1.0, 2.0, 4.0, 8.0]
    shorter, clock = retrying(share=0.5)
    await shorter.repeat(Scripted(RetryableError("503")))
    assert clock.slept == [0.5]


async def test_it_gives_up_after_the_last_attempt() -> None:
    """Five attempts, then the provider's own words."""
    policy, _ = retrying()
    call = Scripted(*(RetryableError("still down") for _ in range(9)))
    with pytest.raises(RetryableError, match="still down"):
        await policy.repeat(call)
    assert call.calls == 5


async def test_what_the_provider_asks_for_is_waited_in_full() -> None:
    """`Retry-After` is a minimum."""
    policy, clock = retrying(share=0.25)
    await policy.repeat(Scripted(RetryableError("429", after=7)))
    assert clock.slept == [7.25]


async def test_a_wait_beyond_patience_fails_at_once() -> None:
    """An hour's limit is not waited for inside a call; a later pass goes on."""
    policy, clock = retrying()
    with pytest.raises(RetryableError, match="limit"):
        await policy.repeat(Scripted(RetryableError("limit", after=3600)))
    assert clock.slept == []


async def test_a_terminal_error_is_not_repeated() -> None:
    """Once is enough."""
    policy, _ = retrying()
    call = Scripted(TerminalError("no", kind=ErrorKind.INVALID))
    with pytest.raises(TerminalError):
        await policy.repeat(call)
    assert call.calls == 1


async def test_an_uncertain_attempt_is_looked_up_before_it_is_repeated() -> None:
    """What is found is the result; what is not found is tried again, and looked up each time."""
    policy, _ = retrying()
    call, lookups = Scripted(RetryableError("reset", uncertain=True)), []

    async def found() -> str:
        lookups.append("asked")
        return "found"

    assert await policy.call(call, found) == "found"
    assert (call.calls, lookups) == (1, ["asked"])


async def test_a_look_up_that_fails_is_repeated_like_the_call() -> None:
    """The provider was down when it was asked: asked again, and the create is not repeated meanwhile."""
    policy, _ = retrying()
    call = Scripted(RetryableError("reset", uncertain=True))
    answers = Scripted(RetryableError("503"))
    assert await policy.call(call, answers) == "done"
    assert (call.calls, answers.calls) == (1, 2)


async def test_a_certain_failure_needs_no_look_up() -> None:
    """A refusal to take the request is plainly tried again."""
    policy, _ = retrying()

    async def never() -> str:
        raise AssertionError("nothing to look up")

    assert await policy.call(Scripted(RetryableError("429")), never) == "done"


async def test_a_stopped_pass_does_not_sit_out_its_waits() -> None:
    """Asked to stop while it waits for the provider: it gives up at once, with the provider's own words."""
    stop, clock = Stop(), VirtualClock()
    policy = Retrying(clock=clock, entropy=CountingEntropy(), gate=gate(clock, CountingEntropy()), stop=stop)
    call = Scripted(RetryableError("503", after=60))
    waiting = asyncio.ensure_future(policy.repeat(call))
    await asyncio.sleep(0.01)
    stop.request()
    with pytest.raises(RetryableError, match="503"):
        await waiting
    assert call.calls == 1


async def test_being_refused_for_a_rate_limit_is_no_attempt() -> None:
    """However often: what the provider asks for is waited, and the call has all its attempts left."""
    policy, clock = retrying(share=0.5)
    call = Scripted(*(RetryableError("429", after=60, throttled=True) for _ in range(20)), RetryableError("503"))
    assert await policy.repeat(call) == "done"
    assert call.calls == 22
    assert clock.slept == [60.5] * 20 + [0.5]


async def test_a_call_that_alone_is_refused_again_and_again_ends() -> None:
    """Others of the same credential pass, this one never does: after an hour and a bit it is left to a later pass."""
    policy, clock = retrying()
    begun = clock.now()

    async def call() -> str:
        policy.gate._succeeded(policy.gate._burst)  # as another call does, meanwhile
        raise RetryableError("429", after=600, throttled=True)

    with pytest.raises(RetryableError, match="429"):
        await policy.repeat(call)
    assert PATIENCE_SECONDS < clock.now() - begun < PATIENCE_SECONDS + 700
