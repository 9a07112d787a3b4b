"""How fast a credential is used: more at a time while all goes well, less after a refusal, none while it is limited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.errors import RetryableError
from reconciler.core.model import Trigger
from reconciler.core.ports import Budget, Target
from reconciler.engine.context import Ports, Stop
from reconciler.engine.leasing import RENEW_SECONDS
from reconciler.engine.pacing import FIRST, PATIENCE_SECONDS, Gate, StillLimitedError, spread
from reconciler.engine.reconciler import Report
from reconciler.engine.unit import Result
from reconciler.testing.memory_store import MemoryStore
from reconciler.testing.stand_ins import CountingEntropy, FixedCredentials, VirtualClock
from tests.support.builders import trigger
from tests.support.catalogue import CATALOGUE
from tests.support.world import World

THROTTLED = RetryableError("429", after=60, throttled=True)


class Line:
    """A gate, and calls that are in flight until they are told how they end."""

    def __init__(self, ceiling: int = 64) -> None:
        self.clock = VirtualClock(patient=0)
        self.told: list[dict[str, Any]] = []
        ports = Ports(
            store=MemoryStore(),
            providers={},
            credentials=FixedCredentials({}),
            clock=self.clock,
            entropy=CountingEntropy(share=0.0),
            progress=lambda event, /, **details: self.told.append({"event": event, **details}),
        )
        self.gate = Gate("acme", "main", ports, ceiling)
        self.stop = Stop()
        self.flying: list[asyncio.Future[None]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def begin(self, number: int = 1) -> None:
        """So many more callers."""
        self.tasks += [asyncio.create_task(self._call()) for _ in range(number)]
        await settle()

    async def _call(self) -> None:
        async with self.gate.place(self.stop):
            ending: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.flying.append(ending)
            await ending

    async def end(self, number: int = 1, error: Exception | None = None) -> None:
        """So many calls come back, oldest first."""
        ended, self.flying = self.flying[:number], self.flying[number:]
        for call in ended:
            if error is None:
                call.set_result(None)
            else:
                call.set_exception(error)
        await settle()

    async def passing(self, number: int) -> None:
        """So many calls succeed, one after the other."""
        for _ in range(number):
            await self.begin()
            await self.end()

    async def over(self) -> list[BaseException | None]:
        """How each caller ended, once all have been answered."""
        while self.flying:
            await self.end(len(self.flying))
        return await asyncio.gather(*self.tasks, return_exceptions=True)


async def settle() -> None:
    """Let everybody come to where they wait."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_more_calls_are_in_flight_than_the_bound() -> None:
    """The rest waits, and goes on one by one as places get free."""
    line = Line()
    await line.begin(40)
    assert len(line.flying) == FIRST
    await line.end(3)
    assert len(line.flying) == FIRST
    assert await line.over() == [None] * 40


async def test_the_bound_doubles_while_all_goes_well_up_to_the_ceiling() -> None:
    """Each window of successes doubles it; a provider that documents less gets less."""
    line = Line()
    await line.passing(FIRST)
    assert line.gate.bound == 2 * FIRST
    await line.passing(200)
    assert line.gate.bound == 64
    assert Line(ceiling=3).gate.bound == 3


async def test_one_refusal_closes_the_gate_for_everybody() -> None:
    """All callers wait as long as the provider asks; then one call goes first, and the others follow it."""
    line = Line()
    await line.begin(20)
    await line.end(1, THROTTLED)
    await line.end(15)
    assert line.flying == [], "nobody goes on while it is closed"
    await line.clock.advance(59)
    await settle()
    assert line.flying == []
    await line.clock.advance(1)
    await settle()
    assert len(line.flying) == 1, "no stampede"
    ended = await line.over()
    assert [str(error) for error in ended if error] == ["429"]


async def test_after_a_refusal_the_bound_grows_quickly_to_half_and_slowly_from_there() -> None:
    """From one: doubled up to half of what was too much, then by one for each window."""
    line = Line()
    await line.begin(FIRST)
    await line.end(1, THROTTLED)
    await line.end(FIRST)
    await line.clock.advance(60)
    bounds = []
    for _ in range(40):
        await line.passing(1)
        bounds.append(line.gate.bound)
    await line.over()
    assert sorted(set(bounds)) == [2, 4, 8, 9, 10, 11]


async def test_refusals_of_one_burst_count_once() -> None:
    """Sixteen calls in flight, all refused: that is one sign, not sixteen."""
    line = Line()
    await line.begin(FIRST)
    await line.end(FIRST, THROTTLED)
    await line.clock.advance(60)
    await line.passing(1 + 2 + 4 + 8)
    await line.over()
    assert line.gate.bound == 9
    assert [told["event"] for told in line.told] == ["rate_limited"]


async def test_who_is_refused_without_a_time_waits_longer_each_time() -> None:
    """Twice as long, up to a minute; a success starts anew."""
    line, waits = Line(), []
    refused = RetryableError("429", throttled=True)
    await line.begin()
    for _ in range(7):
        await line.end(1, refused)
        await line.begin()
        waits.append(line.clock.slept[-1])
        await line.clock.advance(waits[-1])
        await settle()
    assert waits == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    await line.passing(1)
    await line.begin()
    await line.end(1, refused)
    await line.begin()
    assert line.clock.slept[-1] == 2.0
    await line.clock.advance(2.0)
    await settle()
    await line.over()


async def test_a_budget_that_runs_low_closes_the_gate_before_it_is_refused() -> None:
    """One call in a hundred is left to others; what is in flight counts as used; it reopens when the budget does."""
    line = Line()
    resets_at = line.clock.now() + 600
    budget = Budget(remaining=53, resets_at=resets_at, limit=5000)
    line.gate.budget = lambda: budget
    await line.begin(20)
    assert len(line.flying) == 3
    budget = Budget(remaining=50, resets_at=resets_at, limit=5000)
    await line.end(3)
    assert line.flying == []
    assert line.told == [
        {"event": "rate_limited", "provider": "acme", "credentials": "main", "until": resets_at, "left": 0}
    ]
    await line.clock.advance(600)
    await settle()
    assert len(line.flying) == 1
    assert await line.over() == [None] * 20


async def test_a_budget_that_starts_anew_too_late_is_used_up() -> None:
    """Nobody waits a day for a reserve: it is used, and then the provider's own refusal says until when."""
    line = Line()
    line.gate.budget = lambda: Budget(remaining=2, resets_at=line.clock.now() + 86_400, limit=5000)
    await line.begin(5)
    assert len(line.flying) == 2
    assert await line.over() == [None] * 5


async def test_a_limit_beyond_patience_is_left_to_a_later_pass() -> None:
    """Who comes gets told at once, while it lasts; afterwards the gate is as any other."""
    line = Line()
    await line.begin(FIRST)
    await line.end(1, RetryableError("429", after=PATIENCE_SECONDS + 1, throttled=True))
    await line.begin()
    late = line.tasks[-1]
    assert isinstance(late.exception(), StillLimitedError)
    assert "acme limits the calls with main until" in str(late.exception())
    await line.over()
    await line.clock.advance(PATIENCE_SECONDS + 1)
    await line.begin()
    assert len(line.flying) == 1
    await line.end(1, RetryableError("429", after=60, throttled=True))
    await line.begin()
    assert not line.tasks[-1].done(), "a limit of today is waited for"
    await line.clock.advance(60)
    await settle()
    await line.over()


async def test_patience_is_for_a_series_of_limits_not_for_each() -> None:
    """Refused for an hour and a bit without one success between: it is given up, and those who follow as well."""
    line = Line()
    begun = line.clock.now()
    while line.clock.now() - begun < PATIENCE_SECONDS + 60:
        await line.begin()
        await line.clock.advance(100)
        await settle()
        await line.end(1, RetryableError("429", after=100, throttled=True))
    await line.begin(3)
    assert all(isinstance(task.exception(), StillLimitedError) for task in line.tasks[-3:])
    await line.over()


async def test_a_stop_ends_the_wait_at_once() -> None:
    """A person does not wait for a vendor's hour."""
    line = Line()
    await line.begin(2)
    await line.end(1, RetryableError("429", after=3600, throttled=True))
    await line.begin(2)
    line.stop.request()
    await settle()
    assert "asked to stop" in str(line.tasks[-1].exception())
    await line.end()
    await line.over()


async def test_a_caller_that_is_cancelled_passes_its_turn_on() -> None:
    """Cancelled while it waits, or just as it was called: nobody is forgotten behind it."""
    line = Line(ceiling=1)
    await line.begin(4)
    line.tasks[1].cancel()
    line.flying.pop(0).set_result(None)
    await asyncio.sleep(0)
    line.tasks[2].cancel()
    await settle()
    assert len(line.flying) == 1
    await line.over()
    assert [task.cancelled() for task in line.tasks] == [False, True, True, False]


@pytest.mark.parametrize(("after", "asked_to_stop"), [(PATIENCE_SECONDS + 1, False), (60, True)])
async def test_who_gives_up_leaves_nobody_waiting_in_the_queue(after: float, asked_to_stop: bool) -> None:
    """More callers than places: when the calls in flight are refused, those behind them hear why, every one."""
    line = Line()
    await line.begin(4 * FIRST)
    await line.end(FIRST, RetryableError("429", after=after, throttled=True))
    if asked_to_stop:
        line.stop.request()
    for _ in range(FIRST):
        await settle()
    assert all(task.done() for task in line.tasks)
    told = await line.over()
    assert all(isinstance(error, StillLimitedError) for error in told[FIRST:])


@pytest.mark.parametrize(("scope", "documented", "expected"), [(64, None, FIRST), (4, None, 4), (64, 2, 2), (4, 8, 4)])
def test_a_provider_that_documents_its_concurrency_gets_no_more(
    scope: int, documented: int | None, expected: int
) -> None:
    """The scope's bound, the provider's, and the one that every credential starts with: the least of them."""
    world = World(catalogue={"acme": replace(CATALOGUE["acme"], concurrency=documented)})
    gates = world.reconciler(concurrency=scope)._gates
    assert gates.of("acme", "main").bound == expected
    assert gates.of("acme", "main") is gates.of("acme", "main")
    assert gates.of("a provider that is gone", "main").bound == min(FIRST, scope)


def many(number: int, **changes: Any) -> list[Trigger]:
    """Triggers on so many repositories."""
    return [trigger(resource=f"acme/r{item:02}", **changes) for item in range(number)]


class Hourly:
    """A provider's limit: after `left` creates with the credentials `main` none for an hour."""

    def __init__(self, clock: VirtualClock, left: int) -> None:
        self.clock = clock
        self.left = left
        self.opens_at = 0.0
        self.refused = 0

    def __call__(self, verb: str, target: Target) -> None:
        if verb != "create" or target.credentials.name != "main":
            return
        if self.left == 0 and not self.opens_at:
            self.opens_at = self.clock.now() + 3600
        if self.clock.now() < self.opens_at:
            self.refused += 1
            raise RetryableError("429", after=self.opens_at - self.clock.now(), throttled=True)
        self.left -= 1


async def limited(world: World, *triggers: Trigger, stop: Stop | None = None) -> asyncio.Task[Report]:
    """A pass that has come to where it waits for the limit, and has nothing else left to do."""
    running = asyncio.create_task(world.run(*triggers, stop=stop))
    await until(lambda: any(event == "rate_limited" for event, _ in world.events))
    await asyncio.sleep(0.05)
    return running


async def until(condition: Callable[[], bool]) -> None:
    """Wait for threads to do their part."""
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come to that")


async def renewed(world: World, running: asyncio.Task[Report]) -> None:
    """Five seconds pass, and a pass that goes on renews its lease."""
    slept = world.clock.slept
    before = slept.count(RENEW_SECONDS)
    await world.clock.advance(RENEW_SECONDS)
    await until(lambda: running.done() or slept.count(RENEW_SECONDS) > before)


async def test_a_run_that_is_limited_for_an_hour_keeps_what_is_done_and_goes_on() -> None:
    """It says so once, keeps its lease, lets others go on, and ends with everything done and nothing doubled."""
    world = World()
    world.provider().before = limit = Hourly(world.clock, left=10)
    running = await limited(world, *many(40), *many(3, credentials="other"))
    assert len([1 for record in world.records() if record.remote_id]) == 13, "what was done is kept, others go on"
    begun = world.clock.now()
    while not running.done():
        await renewed(world, running)
    assert 3600 <= world.clock.now() - begun < 3900
    report = await running
    assert len(report.applied.having(Result.DONE)) == 43
    assert len(world.provider().everything()) == 43
    assert limit.refused <= FIRST, "nobody was refused twice"
    (told,) = [details for event, details in world.events if event == "rate_limited"]
    assert (told["provider"], told["credentials"]) == ("acme", "main")
    assert 40 - 10 <= told["left"] <= 40
    assert told["until"] == pytest.approx(begun + 3600, abs=1)
    assert (await world.run(*many(40), *many(3, credentials="other"))).plan.is_empty


async def test_a_limited_run_that_is_asked_to_stop_ends_at_once() -> None:
    """What was begun says why it is not done, the rest is skipped, and the next pass completes both."""
    world, stop = World(), Stop()
    world.provider().before = Hourly(world.clock, left=10)
    running = await limited(world, *many(100), stop=stop)
    stop.request()
    report = await running
    failed = report.applied.having(Result.FAILED)
    assert len(report.applied.having(Result.DONE)) == 10
    assert failed
    assert all("asked to stop" in outcome.message or "429" in outcome.message for outcome in failed)
    assert len(report.applied.having(Result.SKIPPED)) == 90 - len(failed)
    world.provider().before = None
    await world.run(*many(100))
    assert len(world.provider().everything()) == 100


async def test_a_stop_ends_the_wait_of_a_refresh_too() -> None:
    """A list that waits for the limit is a list that failed: nothing is changed there, and nothing is lost."""
    world, stop = World(), Stop()
    await world.run(trigger())

    def limit(verb: str, target: Target) -> None:
        raise RetryableError("429", after=3600, throttled=True)

    world.provider().before = limit
    running = await limited(world, trigger(), stop=stop)
    stop.request()
    report = await running
    assert "asked to stop" in str(report.plan.problems)


async def test_a_job_that_breaks_stops_no_other() -> None:
    """It is raised when the others have come to their end."""
    gates, done = World().reconciler()._gates, []

    async def work(job: int) -> None:
        await asyncio.sleep(0)
        if job == 1:
            raise ZeroDivisionError
        done.append(job)

    with pytest.raises(ZeroDivisionError):
        await spread(gates, range(4), lambda job: ("acme", f"credentials {job % 2}"), work)
    assert sorted(done) == [0, 2, 3]
    assert gates.of("acme", "credentials 1").left == 0
