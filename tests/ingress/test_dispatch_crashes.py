"""A worker that is killed at any point: nothing is lost, and order holds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.inbox import EVERY, Attempt, Job
from reconciler.ingress.routes import Retries, Route, Routes
from reconciler.ingress.targets.event import Again, Event
from reconciler.testing.memory_inbox import MemoryInbox
from tests.ingress.dispatch_support import SCOPE, Desk, Recording, arrival, kept


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Fate:
    """Kills at the n-th point that is reached; 0 never."""

    at: int
    passed: int = 0
    struck: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def due(self) -> bool:
        """Whether this is the point."""
        self.passed += 1
        return self.passed == self.at


class Mortal(MemoryInbox):
    """Points before and after a claim and a settlement."""

    def __init__(self, inbox: MemoryInbox, fate: Fate) -> None:
        self.__dict__ = inbox.__dict__
        self._fate = fate

    def claim(
        self, scope: str, holder: str, now: float, seconds: float, limit: int, lapsed: int = EVERY
    ) -> Sequence[Job]:
        self._die()
        jobs = super().claim(scope, holder, now, seconds, limit, lapsed)
        self._die()
        return jobs

    def settle(self, holder: str, attempts: Sequence[Attempt]) -> None:
        self._die()
        super().settle(holder, attempts)
        self._die()

    def _die(self) -> None:
        if self._fate.due:
            raise Killed


def mortal(target: Recording, fate: Fate) -> Recording:
    """Points before and after an event is sent."""

    async def answer(event: Event) -> None:
        if fate.due:
            fate.struck.set()
            await asyncio.Event().wait()
        target.events.append(event)
        if event.attempt == 1 and event.id.endswith("3"):
            raise Again("it answered 500")
        if fate.due:
            fate.struck.set()
            await asyncio.Event().wait()

    return Recording(answer)


async def live_and_die(desk: Desk, target: Recording, fate: Fate, holder: str) -> None:
    """One process, until all is done or it is killed."""
    whole = desk.inbox
    assert isinstance(whole, MemoryInbox)
    retries = Retries(attempts=100, first=2.0, longest=20.0)
    routes = Routes.of([Route(name="all", target=mortal(target, fate), concurrency=2, retries=retries, ordered=True)])
    desk.begin(routes, holder, inbox=Mortal(whole, fate))
    try:
        await desk.until(lambda: fate.struck.is_set() or desk.all_done())
        if not fate.struck.is_set():
            await desk.end()
    except Killed:
        return
    assert desk.task is not None
    desk.task.cancel()
    await asyncio.gather(desk.task, return_exceptions=True)


@given(
    deaths=st.lists(st.integers(1, 40), max_size=4),
    ordered=st.booleans(),
    subscribers=st.sampled_from([("a",), ("a", "b"), ("a", "b", "c")]),
)
@settings(max_examples=40)
def test_nothing_is_lost_and_order_holds(deaths: list[int], ordered: bool, subscribers: tuple[str, ...]) -> None:
    """Killed before or after any claim, send or settlement, again and again: all arrive, ordered ones in order."""

    async def story() -> None:
        arrivals = [arrival(number, *subscribers, ordered=ordered) for number in range(1, 7)]
        desk, target = Desk(inbox=kept(MemoryInbox(), arrivals)), Recording()
        for life, at in enumerate((*deaths, 0)):
            await live_and_die(desk, target, Fate(at), f"life {life}")
        assert desk.all_done()
        for name in subscribers:
            mine = [event.id for event in target.events if event.id.startswith(name)]
            assert set(mine) == {f"{name}-{number:05}" for number in range(1, 7)}
            assert not ordered or mine == sorted(mine)
        assert not desk.inbox.claim(SCOPE, "anybody", desk.clock.now() + 1e6, 1.0, 10)

    asyncio.run(story())
