"""Handing stored deliveries on: at least once, with patience, in order where asked, no target delayed by another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from reconciler.core.errors import StateError
from reconciler.core.inbox import EVERY, Attempt, DispatchState, Filter, Job
from reconciler.ingress.counting import Handings
from reconciler.ingress.dispatching import LONGEST_PAUSE
from reconciler.ingress.routes import Retries, Route, Routes
from reconciler.ingress.targets.event import Again, Drop, Event
from reconciler.testing.memory_inbox import MemoryInbox
from tests.ingress.dispatch_support import NOW, SCOPE, Desk, Recording, arrival, kept


def to(target: Recording, **changes: Any) -> Routes:
    """Everything goes to one target."""
    return Routes.of([Route(name="all", target=target, **changes)])


async def refuse(event: Event) -> None:
    """It never works."""
    raise Again("it answered 500")


async def drop(event: Event) -> None:
    """Nobody wants it."""
    raise Drop("it answered 410: it is gone")


# -- handing on --------------------------------------------------------------------------------------------------------


async def test_what_is_stored_is_handed_on_once() -> None:
    """Each dispatch goes to its target, and is written down as done with its time."""
    desk, target = Desk(inbox=kept(MemoryInbox(), [arrival(1, "a", "b"), arrival(2, "a")])), Recording()
    desk.begin(to(target))
    await desk.until(desk.all_done)
    await desk.end()
    assert sorted(target.ids) == ["a-00001", "a-00002", "b-00001"]
    assert {each.attempts for each in desk.handed().values()} == {1}


async def test_the_first_target_that_matches_takes_it() -> None:
    """Globs over graph:ID and preset:ID, in the order of the project file."""
    mine, others = Recording(), Recording()
    routes = Routes.of(
        [Route(name="mine", match="graph:m*", target=mine), Route(name="others", match="graph:*", target=others)]
    )
    desk = Desk(inbox=kept(MemoryInbox(), [arrival(1, "mine", "theirs")]))
    desk.begin(routes)
    await desk.until(desk.all_done)
    await desk.end()
    assert (mine.ids, others.ids) == (["mine-00001"], ["theirs-00001"])
    await routes.aclose()
    assert mine.closed


async def test_what_no_target_takes_is_a_dead_letter() -> None:
    """It is not lost: with another project file it can be retried."""
    desk = Desk(inbox=kept(MemoryInbox(), [arrival(1, "a")]))
    desk.begin(Routes.of([Route(name="presets", match="preset:*", target=Recording())]))
    await desk.until(desk.all_over)
    await desk.end()
    assert desk.handed()["a-00001"].error == "no target matches graph:a"


async def test_a_wake_is_heard_at_once() -> None:
    """Nobody waits for the next look into the inbox, and without a wake that look comes."""
    desk, target = Desk(), Recording()
    dispatcher = desk.begin(to(target))
    await desk.until(lambda: bool(desk.clock.slept), step=0.0)
    desk.inbox.accept([arrival(1, "a")])
    dispatcher.wake()
    before = desk.clock.now()
    for _ in range(1000):
        await asyncio.to_thread(lambda: None)
        if target.ids:
            break
    assert target.ids == ["a-00001"]
    assert desk.clock.now() == before
    desk.inbox.accept([arrival(2, "a")])
    await desk.until(lambda: len(target.ids) == 2)
    await desk.end()


async def test_each_outcome_is_told_without_what_was_in_it() -> None:
    """A log line per try, with provider, outcome and latency; what is given up is a warning."""
    desk = Desk(inbox=kept(MemoryInbox(), [arrival(1, "a")]))
    desk.begin(to(Recording(drop)))
    await desk.until(desk.all_over)
    await desk.end()
    [(event, details)] = desk.told
    assert (event, details["level"], details["provider"], details["outcome"]) == (
        "dispatch",
        "warning",
        "forge",
        "dead",
    )
    assert "canary" not in repr(desk.told)


# -- trying again ------------------------------------------------------------------------------------------------------


async def test_what_comes_of_each_try_is_counted_by_the_kind_of_target() -> None:
    """What no target takes is counted, too."""
    counts = Handings()

    async def answer(event: Event) -> None:
        if event.attempt == 1:
            raise Again("it answered 500")

    desk = Desk(inbox=kept(MemoryInbox(), [arrival(1, "a", "b")]))
    desk.begin(to(Recording(answer), kind="http", match="graph:a"), counts=counts)
    await desk.until(desk.all_over)
    await desk.end()
    told = [line.removeprefix("reconciler_dispatches_total") for line in counts.lines() if not line.startswith("#")]
    assert told == [
        '{target="http",outcome="handed"} 1',
        '{target="http",outcome="retried"} 1',
        '{target="none",outcome="dead"} 1',
    ]


async def test_a_failure_is_tried_again_until_it_works() -> None:
    """With the same id, and an attempt that counts up."""
    target = Recording()

    async def answer(event: Event) -> None:
        if event.attempt < 4:
            raise Again("it answered 503")

    target.answer = answer
    desk = Desk(inbox=kept(MemoryInbox(), [arrival(1, "a")]))
    desk.begin(to(target))
    await desk.until(desk.all_done)
    await desk.end()
    assert [(event.id, event.attempt) for event in target.events] == [("a-00001", n) for n in (1, 2, 3, 4)]
    assert desk.handed()["a-00001"].error == ""


async def test_after_the_last_try_it_is_a_dead_letter_that_can_be_retried() -> None:
    """With the reason; retried, it has all its tries before it again."""
    target = Recording(refuse)
    desk = Desk(inbox=kept(MemoryInbox(), [arrival(1, "a")]))
    desk.begin(to(target, retries=Retries(attempts=3, first=1.0)))
    await desk.until(desk.all_over)
    assert (len(target.events), desk.states(), desk.handed()["a-00001"].error) == (
        3,
        {"a-00001": "dead"},
        "it answered 500",
    )
    assert [found.id for found, _ in desk.inbox.deliveries(SCOPE, Filter(dead=True), 10)] == ["d00001"]
    target.answer = None
    assert desk.inbox.revive(SCOPE, ["a-00001"], desk.clock.now()) == 1
    await desk.until(desk.all_done)
    await desk.end()
    assert target.events[-1].attempt == 1


async def test_what_a_target_does_not_want_is_dead_at_once() -> None:
    """There is no second try."""
    target = Recording(drop)
    desk = Desk(inbox=kept(MemoryInbox(), [arrival(1, "a")]))
    desk.begin(to(target))
    await desk.until(desk.all_over)
    await desk.end()
    assert (len(target.events), desk.states()) == (1, {"a-00001": "dead"})


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (ValueError("canary"), "this is a bug (ValueError)"),
        (StateError("the state is locked"), "the state is locked"),
        (TimeoutError(), "it took longer than 30 seconds"),
        (Again(), "the target asks to be tried again"),
    ],
    ids=str,
)
async def test_whatever_goes_wrong_is_tried_again(raised: Exception, said: str) -> None:
    """A target with a bug loses nothing, and stops no other."""

    async def answer(event: Event) -> None:
        if event.attempt == 1:
            raise raised

    desk = Desk(inbox=kept(MemoryInbox(), [arrival(1, "a")]))
    desk.begin(to(Recording(answer)))
    await desk.until(desk.all_done)
    await desk.end()
    assert desk.told[0][1]["message"].endswith(f"to be tried again: {said}")


async def test_a_target_has_so_many_seconds() -> None:
    """What takes longer is ended, and tried again."""
    ended: list[bool] = []

    async def answer(event: Event) -> None:
        if event.attempt == 1:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(True)

    desk = Desk(inbox=kept(MemoryInbox(), [arrival(1, "a")]))
    desk.begin(to(Recording(answer), deadline=0.01))
    await desk.until(desk.all_done)
    await desk.end()
    assert ended == [True]


def test_pauses_double_and_are_jittered_in_full() -> None:
    """Anything between none and the limit, which doubles until the longest pause."""
    retries = Retries(attempts=9, first=5.0, longest=100.0)
    assert [retries.pause(attempt, 1.0) for attempt in (1, 2, 3, 5, 6, 500)] == [5.0, 10.0, 20.0, 80.0, 100.0, 100.0]
    assert retries.pause(3, 0.0) == 0.0
    assert retries.pause(3, 0.25) == 5.0


@pytest.mark.parametrize(("after", "pause"), [(30.0, 32.5), (9999.0, 102.5), (-5.0, 2.5), (0.0, 2.5)])
def test_a_target_says_when_to_come_back(after: float, pause: float) -> None:
    """Not before, not much later, and never after more than the longest pause."""
    assert Retries(first=5.0, longest=100.0).pause(4, 0.5, after) == pause


def test_a_time_that_is_none_is_no_time_to_come_back() -> None:
    """A store would not take it, and nothing would be written down any more."""
    assert Retries(first=5.0, longest=100.0).pause(4, 0.5, float("nan")) == 20.0


async def test_the_wish_to_be_left_alone_is_honoured() -> None:
    """The next try is not before the time that the target asked for."""
    times: list[float] = []
    desk = Desk(inbox=kept(MemoryInbox(), [arrival(1, "a")]))

    async def answer(event: Event) -> None:
        times.append(desk.clock.now())
        if event.attempt == 1:
            raise Again("it answered 429", after=120.0)

    desk.begin(to(Recording(answer)))
    await desk.until(desk.all_done)
    await desk.end()
    assert 120.0 <= times[1] - times[0] < 130.0


# -- order -------------------------------------------------------------------------------------------------------------


async def test_ordered_ones_keep_their_order_whatever_fails() -> None:
    """The second waits for the first, also while that is tried again; other subscribers do not wait."""
    target = Recording()

    async def answer(event: Event) -> None:
        if event.id == "a-00001" and event.attempt < 3:
            raise Again("it answered 500")

    target.answer = answer
    arrivals = [arrival(number, "a", "b", ordered=True) for number in range(1, 6)]
    desk = Desk(inbox=kept(MemoryInbox(), arrivals))
    desk.begin(to(target, ordered=True))
    await desk.until(desk.all_done)
    await desk.end()
    for name in "ab":
        mine = [identity for identity in target.ids if identity.startswith(name)]
        assert mine == sorted(mine)
        assert len(set(mine)) == 5


def test_the_routes_tell_who_is_ordered() -> None:
    """The first that matches counts; who matches none is not."""
    routes = Routes.of(
        [
            Route(name="a", match="graph:a*", target=Recording(), ordered=True),
            Route(name="b", match="graph:*", target=Recording()),
        ]
    )
    assert [routes.ordered(name) for name in ("graph:abc", "graph:b", "preset:a")] == [True, False, False]


# -- lanes -------------------------------------------------------------------------------------------------------------


async def test_one_slow_target_delays_nobody_else() -> None:
    """Hundreds that wait for a target that hangs, and what comes after them for another is there at once."""
    hang = asyncio.Event()

    async def wait(event: Event) -> None:
        await hang.wait()

    slow, quick = Recording(wait), Recording()
    routes = Routes.of(
        [
            Route(name="slow", match="graph:slow", target=slow, concurrency=3),
            Route(name="quick", match="graph:quick", target=quick, concurrency=3),
        ]
    )
    arrivals = [arrival(number, "slow") for number in range(1, 401)] + [arrival(401, "quick"), arrival(402, "quick")]
    desk = Desk(inbox=kept(MemoryInbox(), arrivals))
    desk.begin(routes)
    await desk.until(lambda: len(quick.ids) == 2, step=0.0)
    assert (len(slow.ids), slow.most) == (3, 3)
    hang.set()
    await desk.until(desk.all_done)
    await desk.end()
    assert sorted(slow.ids) == [f"slow-{number:05}" for number in range(1, 401)]
    assert slow.most == 3
    assert {each.attempts for each in desk.handed().values()} == {1}


async def test_what_has_no_room_comes_back_soon() -> None:
    """It is given back, to be due within a minute, and that counts as no try."""
    hang = asyncio.Event()

    async def wait(event: Event) -> None:
        await hang.wait()

    target = Recording(wait)
    routes = Routes.of(
        [Route(name="s", match="graph:s", target=target, concurrency=1), Route(name="q", target=Recording())]
    )
    desk = Desk(inbox=kept(MemoryInbox(), [arrival(number, "s") for number in range(1, 6)]))
    desk.begin(routes)
    await desk.until(lambda: sum(each.attempts == 0 for each in desk.handed().values()) == 3, step=0.0)
    back = [each for each in desk.handed().values() if each.attempts == 0]
    assert all(NOW < each.next_at <= NOW + LONGEST_PAUSE for each in back)
    hang.set()
    await desk.until(desk.all_done)
    await desk.end()


async def test_when_every_lane_is_full_nothing_is_claimed() -> None:
    """What cannot be begun is left to others."""
    hang = asyncio.Event()

    async def wait(event: Event) -> None:
        await hang.wait()

    target = Recording(wait)
    desk = Desk(inbox=kept(MemoryInbox(), [arrival(1, "a"), arrival(2, "a")]))
    desk.begin(to(target, concurrency=1))
    await desk.until(lambda: len(target.ids) == 1, step=0.0)
    desk.inbox.accept([arrival(3, "a")])
    await desk.until(lambda: desk.clock.slept.count(5.0) > 3)
    assert desk.handed()["a-00003"].attempts == 0
    hang.set()
    await desk.until(desk.all_done)
    await desk.end()


# -- claims ------------------------------------------------------------------------------------------------------------


async def test_a_dead_workers_claims_come_back() -> None:
    """Who died holding a dispatch holds it no longer than its lease; another hands it on."""
    inbox = kept(MemoryInbox(), [arrival(1, "a")])
    assert len(inbox.claim(SCOPE, "dead", NOW, 90.0, 10)) == 1
    desk, target = Desk(inbox=inbox), Recording()
    desk.begin(to(target))
    await desk.until(desk.all_done)
    await desk.end()
    assert desk.clock.now() >= NOW + 90.0
    assert [event.attempt for event in target.events] == [2]


async def die_of(desk: Desk, poison: str, lives: int, **changes: Any) -> list[list[str]]:
    """So many processes, each of which is gone once it hands `poison` on; what each was handed."""
    handed: list[list[str]] = []
    for life in range(lives):
        died = asyncio.Event()

        async def answer(event: Event, died: asyncio.Event = died) -> None:
            if event.id == poison:
                died.set()
            if died.is_set():
                await asyncio.Event().wait()

        target = Recording(answer)
        desk.begin(to(target, **changes), f"life {life}")
        await desk.until(lambda died=died: died.is_set() or desk.all_over())  # type: ignore[misc]  # bound in a loop
        assert desk.task is not None
        desk.task.cancel()
        await asyncio.gather(desk.task, return_exceptions=True)
        handed.append(target.ids)
    return handed


async def test_what_ends_the_process_each_time_is_a_dead_letter_in_the_end() -> None:
    """A try counts from its claim on, for nobody is left to tell how it ended."""
    desk = Desk(inbox=kept(MemoryInbox(), [arrival(1, "a")]))

    lives = await die_of(desk, "a-00001", 4, retries=Retries(attempts=3))

    told = desk.handed()["a-00001"]
    assert lives == [["a-00001"]] * 3 + [[]]
    assert (str(told.state), told.attempts) == ("dead", 3)
    assert told.error == "try 3, the last, never ended: the process died meanwhile, or was killed"


@pytest.mark.parametrize("attempts", [2, 6])
async def test_what_is_claimed_along_with_it_does_not_go_down_with_it(attempts: int) -> None:
    """Of what was left behind one is handed on at a time, and those that only waited for that had no try."""
    names = [f"a-{number:05}" for number in range(1, 10)]
    desk = Desk(inbox=kept(MemoryInbox(), [arrival(number, "a") for number in range(1, 10)]))

    await die_of(desk, names[0], attempts + 1, retries=Retries(attempts=attempts))

    assert desk.states() == {name: "dead" if name == names[0] else "done" for name in names}
    assert {each.attempts for name, each in desk.handed().items() if name != names[0]} == {2}


async def test_what_is_new_does_not_wait_for_what_was_left_behind() -> None:
    """It is handed on beside the one that may be what ends the process; at the end that one is finished, too."""
    desk, going = Desk(inbox=kept(MemoryInbox(), [arrival(number, "a") for number in range(1, 4)])), asyncio.Event()
    await die_of(desk, "a-00001", 1)
    kept(desk.inbox, [arrival(4, "a")])

    async def answer(event: Event) -> None:
        if event.attempt > 1:
            await going.wait()

    target = Recording(answer)
    desk.begin(to(target), "the last", clock=desk.clock)
    await desk.until(lambda: desk.states()["a-00004"] == "done" and target.running == 1)
    desk.stop.request()
    going.set()
    await desk.end()

    assert sorted(desk.states().values()) == ["done", "done", "pending", "pending"]
    assert [job.lapsed for job in desk.inbox.claim(SCOPE, "anybody", desk.clock.now() + 60, 1.0, 9)] == [True, True]


async def test_what_is_under_way_is_not_begun_again_when_its_claim_ends() -> None:
    """A target that takes longer than the claim: the claim is made anew, and the dispatch goes on."""
    hang = asyncio.Event()

    async def wait(event: Event) -> None:
        await hang.wait()

    target = Recording(wait)
    desk = Desk(inbox=kept(MemoryInbox(), [arrival(1, "a")]))
    desk.begin(to(target))
    await desk.until(lambda: desk.clock.now() > NOW + 300.0, step=10.0)
    assert target.ids == ["a-00001"]
    hang.set()
    await desk.until(desk.all_done)
    await desk.end()


async def test_two_at_work_on_one_inbox_share_it() -> None:
    """No dispatch is handed on by both."""
    inbox = kept(MemoryInbox(), [arrival(number, "a") for number in range(1, 200)])
    one, two = Desk(inbox=inbox), Desk(inbox=inbox)
    target = Recording()
    one.begin(to(target), "one")
    two.begin(to(target), "two")
    await one.until(one.all_done)
    await one.end()
    await two.end()
    assert len(target.ids) == len(set(target.ids)) == 199


# -- the end -----------------------------------------------------------------------------------------------------------


async def test_at_the_end_what_is_under_way_is_finished_and_the_rest_given_back() -> None:
    """Nothing new is begun; what waited is due for others at once and has lost no try."""
    hang = asyncio.Event()

    async def wait(event: Event) -> None:
        await hang.wait()

    target = Recording(wait)
    desk = Desk(inbox=kept(MemoryInbox(), [arrival(1, "a"), arrival(2, "a")]))
    desk.begin(to(target, concurrency=1))
    await desk.until(lambda: len(target.ids) == 1, step=0.0)
    desk.stop.request()
    for _ in range(50):
        await asyncio.sleep(0)
    assert desk.task is not None
    assert not desk.task.done()
    hang.set()
    await desk.task
    assert target.ids == ["a-00001"]
    assert desk.states() == {"a-00001": "done", "a-00002": "pending"}
    assert (desk.handed()["a-00002"].attempts, desk.handed()["a-00002"].next_at) == (0, desk.clock.now())
    assert [job.dispatch.id for job in desk.inbox.claim(SCOPE, "other", desk.clock.now(), 60.0, 10)] == ["a-00002"]


async def test_cancelled_it_ends_at_once() -> None:
    """A second signal: what was under way is ended, and comes back when its claim ends."""
    cancelled: list[str] = []

    async def wait(event: Event) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(event.id)

    desk = Desk(inbox=kept(MemoryInbox(), [arrival(1, "a"), arrival(2, "a")]))
    target = Recording(wait)
    desk.begin(to(target, concurrency=1))
    await desk.until(lambda: len(target.ids) == 1, step=0.0)
    assert desk.task is not None
    desk.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await desk.task
    for _ in range(10):
        await asyncio.sleep(0)
    assert cancelled == ["a-00001"]
    assert set(desk.states().values()) == {"pending"}


# -- the store ---------------------------------------------------------------------------------------------------------


class Troubled(MemoryInbox):
    """An inbox that cannot be used for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: set[str] = set()
        self.bug = False

    def claim(
        self, scope: str, holder: str, now: float, seconds: float, limit: int, lapsed: int = EVERY
    ) -> Sequence[Job]:
        if self.bug:
            raise RuntimeError("a bug")
        if "claim" in self.broken:
            raise StateError("the state is locked")
        return super().claim(scope, holder, now, seconds, limit, lapsed)

    def settle(self, holder: str, attempts: Sequence[Attempt]) -> None:
        if "settle" in self.broken:
            raise StateError("the disk is full")
        super().settle(holder, attempts)


async def test_a_store_that_cannot_be_used_is_waited_for() -> None:
    """Nothing ends; it is told, and when the store is back, everything goes on."""
    inbox, target = Troubled(), Recording()
    kept(inbox, [arrival(1, "a")])
    inbox.broken = {"claim"}
    desk = Desk(inbox=inbox)
    desk.begin(to(target))
    await desk.until(lambda: sum(event == "dispatch_paused" for event, _ in desk.told) > 4)
    assert not target.ids
    inbox.broken = {"settle"}
    await desk.until(lambda: bool(target.ids))
    inbox.broken = set()
    await desk.until(desk.all_done)
    await desk.end()
    assert target.ids == ["a-00001"]
    assert "the state is locked" in desk.told[0][1]["message"]


async def test_after_a_bug_it_can_be_run_again() -> None:
    """What was under way comes back when its claim ends, and what waited goes on at once."""
    inbox, target = Troubled(), Recording()
    desk = Desk(inbox=kept(inbox, [arrival(1, "a"), arrival(2, "a"), arrival(3, "a")]))

    async def answer(event: Event) -> None:
        if len(target.ids) <= 2:
            inbox.bug = True
            await asyncio.Event().wait()

    target.answer = answer
    dispatcher = desk.begin(to(target, concurrency=2))
    with pytest.raises(RuntimeError, match="a bug"):
        await desk.until(lambda: False)
    inbox.bug = False

    desk.task = asyncio.create_task(dispatcher.run(desk.stop))
    await desk.until(desk.all_done)
    await desk.end()

    assert target.ids == ["a-00001", "a-00002", "a-00003", "a-00001", "a-00002"]


async def test_what_cannot_be_written_down_at_the_end_is_told() -> None:
    """It will be handed on once more: at least once."""
    inbox, target = Troubled(), Recording()
    kept(inbox, [arrival(1, "a")])
    inbox.broken = {"settle"}
    desk = Desk(inbox=inbox)
    desk.begin(to(target))
    await desk.until(lambda: bool(target.ids))
    await desk.end()
    assert desk.told[-1][0] == "dispatch_unsettled"
    assert desk.handed()["a-00001"].state is DispatchState.PENDING
