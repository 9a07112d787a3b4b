"""The right to write: one holder per scope, kept while a pass works, refused once it is lost."""

import asyncio

import pytest

from reconciler.core.errors import LeaseLostError, LockedError, StateError
from reconciler.core.plan import Plan, PlanOptions
from reconciler.core.ports import Lease
from reconciler.engine.context import Stop
from reconciler.engine.leasing import LEASE_SECONDS, RENEW_SECONDS, held
from reconciler.engine.points import Point, Side
from reconciler.testing.memory_store import MemoryStore
from reconciler.testing.stand_ins import VirtualClock
from tests.support.builders import trigger, wishes
from tests.support.world import World, yes


async def test_a_second_pass_waits_and_then_gives_up() -> None:
    """While one holds the scope, another waits as long as it was told, then says so."""
    store, clock = MemoryStore(), VirtualClock()
    async with held(store, clock, "test", "one", 0):
        with pytest.raises(LockedError, match="locked by another pass"):
            async with held(store, clock, "test", "two", 3.0):
                pass
    assert sum(clock.slept) >= 3.0
    async with held(store, clock, "test", "two", 0) as holding:
        assert holding.check().holder == "two"


async def test_a_waiting_pass_goes_on_when_the_scope_is_free() -> None:
    """It does not wait longer than it must."""
    store, clock = MemoryStore(), VirtualClock()
    first = store.acquire("test", "one", clock.now(), LEASE_SECONDS)
    assert first

    async def free() -> None:
        await asyncio.sleep(0)
        store.release(first)

    releasing = asyncio.create_task(free())
    async with held(store, clock, "test", "two", 60.0) as holding:
        assert holding.check().fence > first.fence
    await releasing


async def test_a_killed_holder_frees_the_scope_when_its_lease_lapses() -> None:
    """Nobody released it: after 15 seconds another may take it."""
    store, clock = MemoryStore(), VirtualClock()
    assert store.acquire("test", "killed", clock.now(), LEASE_SECONDS)
    async with held(store, clock, "test", "two", 20.0):
        assert 14 <= sum(clock.slept) <= 16.5


async def renewed(store: MemoryStore, clock: VirtualClock, lease: Lease) -> None:
    """Let the keeper wake up, and finish."""
    await asyncio.sleep(0)
    await clock.advance(RENEW_SECONDS)
    await asyncio.sleep(0.02)


async def test_a_lease_is_renewed_while_it_is_held() -> None:
    """Every five seconds, so that it never lapses while the process lives."""
    store, clock = MemoryStore(), VirtualClock()
    async with held(store, clock, "test", "one", 0) as holding:
        first = holding.lease
        await renewed(store, clock, first)
        assert holding.lease.expires_at == first.expires_at + RENEW_SECONDS


async def test_a_lost_lease_refuses_the_next_write() -> None:
    """A holder that was away too long finds another in its place, and must not write."""
    store, clock = MemoryStore(), VirtualClock()
    async with held(store, clock, "test", "one", 0) as holding:
        await asyncio.sleep(0)
        clock.time += LEASE_SECONDS
        with pytest.raises(LeaseLostError):
            holding.check()
        assert store.acquire("test", "two", clock.now(), LEASE_SECONDS)
        await renewed(store, clock, holding.lease)
        assert holding.lost
        with pytest.raises(LeaseLostError, match="another pass may be writing"):
            holding.check()
    assert store.acquire("test", "three", clock.now(), LEASE_SECONDS) is None


class BusyStore(MemoryStore):
    """A store that cannot be written for a while."""

    def renew(self, lease: Lease, now: float, seconds: float) -> Lease:
        raise StateError("the database is locked")


async def test_a_busy_store_is_asked_again() -> None:
    """A renewal that fails is no loss until the lease lapses."""
    store, clock = BusyStore(), VirtualClock()
    async with held(store, clock, "test", "one", 0) as holding:
        await renewed(store, clock, holding.lease)
        assert not holding.lost
        holding.check()
        await renewed(store, clock, holding.lease)
        await renewed(store, clock, holding.lease)
        with pytest.raises(LeaseLostError):
            holding.check()


async def test_a_pass_that_lost_its_scope_stops_before_its_next_write() -> None:
    """The lease was taken while the reviewer thought: nothing is written, nothing is called."""
    world = World()

    async def late(plan: Plan) -> bool:
        world.clock.time += LEASE_SECONDS
        assert world.store.acquire("test", "another", world.clock.now(), LEASE_SECONDS)
        return True

    with pytest.raises(LeaseLostError):
        await world.reconciler().run(wishes(trigger()), PlanOptions(), {}, late, Stop())
    assert world.records() == []
    assert world.provider().everything() == []


@pytest.mark.parametrize("point", [Point.BIND, Point.INTENT, Point.CREATE])
async def test_a_holder_that_lost_its_lease_stops_before_its_next_effect(point: Point) -> None:
    """It was away in the midst of its work, and another took the scope: no write and no call follows."""
    world = World()
    later: list[tuple[Point, Side]] = []

    def away(reached: Point, side: Side) -> None:
        if later:
            later.append((reached, side))
        elif (reached, side) == (point, Side.AFTER):
            later.append((reached, side))
            world.clock.time += LEASE_SECONDS
            assert world.store.acquire("test", "another", world.clock.now(), LEASE_SECONDS)

    world.probe = away
    with pytest.raises(LeaseLostError):
        await world.run(trigger())
    assert [reached for reached in later[1:] if reached[1] is Side.AFTER] == []


async def test_passes_of_different_scopes_do_not_wait_for_each_other() -> None:
    """A lease is of one scope."""
    world = World()
    async with held(world.store, world.clock, "another", "one", 0):
        report = await world.reconciler().run(wishes(trigger()), PlanOptions(), {}, yes, Stop())
    assert len(report.applied.outcomes) == 1
