"""What was kept for long enough goes, hour by hour; what cannot go now goes later."""

from __future__ import annotations

import asyncio
from typing import Any

from reconciler.core.errors import StateError
from reconciler.core.inbox import Filter, Retention
from reconciler.engine.context import Stop
from reconciler.ingress.tidying import EVERY, Tidying
from reconciler.testing.memory_inbox import MemoryInbox
from reconciler.testing.stand_ins import VirtualClock
from tests.ingress.dispatch_support import NOW, SCOPE, arrival, kept

DAY = 24 * 3600.0


class Sticky(MemoryInbox):
    """An inbox that lets go of nothing while it is stuck."""

    stuck = False

    def expire(self, scope: str, retention: Retention, now: float) -> int:
        if self.stuck:
            raise StateError("the state is locked")
        return super().expire(scope, retention, now)


async def tidied(inbox: MemoryInbox, clock: VirtualClock, hours: int) -> list[tuple[str, dict[str, Any]]]:
    """What was told while these hours went by."""
    told: list[tuple[str, dict[str, Any]]] = []
    stop = Stop()
    tidying = Tidying(inbox, (SCOPE,), clock, lambda event, /, **details: told.append((event, details)))
    running = asyncio.create_task(tidying.run(stop))
    for _ in range(hours):
        await asyncio.to_thread(lambda: None)
        for _ in range(20):
            await asyncio.sleep(0)
        await clock.advance(EVERY)
    stop.request()
    await running
    return told


def left(inbox: MemoryInbox) -> list[str]:
    """The deliveries that are there still."""
    return [delivery.id for delivery, _ in inbox.deliveries(SCOPE, Filter(), 100)]


async def test_after_thirty_days_a_delivery_goes_unless_it_is_to_be_dispatched_still() -> None:
    """With the default retention; nobody has to start anything anew for it."""
    inbox = kept(MemoryInbox(), [arrival(1), arrival(2, "a"), arrival(3, at=NOW + DAY)])
    assert isinstance(inbox, MemoryInbox)
    clock = VirtualClock(NOW + 30 * DAY - EVERY)

    told = await tidied(inbox, clock, hours=4)

    assert left(inbox) == ["d00003", "d00002"]
    assert [event for event, _ in told] == ["ingress_tidied"]


async def test_a_store_that_cannot_be_used_is_tried_again() -> None:
    """It is told, and ends nothing."""
    inbox = Sticky()
    kept(inbox, [arrival(1)])
    inbox.stuck = True
    clock = VirtualClock(NOW + 31 * DAY)

    told = await tidied(inbox, clock, hours=2)

    assert {event for event, _ in told} == {"ingress_untidied"}
    assert left(inbox) == ["d00001"]
    inbox.stuck = False
    await tidied(inbox, clock, hours=1)
    assert left(inbox) == []
