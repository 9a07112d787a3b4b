"""Group commit: few transactions for many writers, and each goes on when its own part is durable."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from reconciler.core.errors import LeaseLostError, StateError
from reconciler.core.model import Recorded
from reconciler.core.ports import Write
from reconciler.engine.committing import Committer
from reconciler.engine.leasing import Holding
from reconciler.testing.memory_store import MemoryStore
from reconciler.testing.stand_ins import VirtualClock
from tests.support.builders import recorded, trigger, wishes


class SlowStore:
    """A store whose transactions take as long as the test wants, and are counted; `broken` is raised by each."""

    def __init__(self) -> None:
        self.inner = MemoryStore()
        self.clock = VirtualClock()
        self.free = threading.Event()
        self.free.set()
        self.transactions: list[int] = []
        self.deleted: list[str] = []
        self.broken: BaseException | None = None

    def write(self, lease: Any, writes: Any, entries: Any) -> None:
        self._begin()
        self.transactions.append(len(writes))
        self.inner.write(lease, writes, entries)

    def delete(self, lease: Any, webhook_id: str, orphans: Any, entries: Any) -> None:
        self._begin()
        self.deleted.append(webhook_id)
        self.inner.delete(lease, webhook_id, orphans, entries)

    def _begin(self) -> None:
        assert self.free.wait(10)
        if self.broken:
            raise self.broken

    def committer(self) -> Committer:
        """A committer over this store, under a lease."""
        lease = self.inner.acquire("test", "me", self.clock.now(), 15)
        assert lease
        store: Any = self
        return Committer(store, Holding(lease, self.clock))

    def ids(self) -> list[str]:
        """The ids of all records."""
        return [record.id for record in self.inner.records("test")]


def record(number: int, resource: str = "") -> Recorded:
    """A record of its own resource, unless said otherwise."""
    (wish,) = wishes(trigger(resource=resource or f"acme/r{number:02}"))
    return recorded(wish, number)


async def write(committer: Committer, number: int, resource: str = "") -> None:
    """Write one record."""
    await committer.write((Write(record=record(number, resource)),))


def writing(committer: Committer, *numbers: int) -> list[asyncio.Task[None]]:
    """So many writers at once."""
    return [asyncio.create_task(write(committer, number)) for number in numbers]


async def test_what_is_written_at_the_same_time_is_one_transaction() -> None:
    """The first ones go together; what arrives while the disk is busy is gathered into the next."""
    store = SlowStore()
    committer = store.committer()
    store.free.clear()
    first = writing(committer, 1, 2)
    await asyncio.sleep(0.01)
    rest = writing(committer, *range(3, 20))
    await asyncio.sleep(0.01)
    assert not any(task.done() for task in (*first, *rest)), "nobody goes on before it is durable"
    store.free.set()
    await asyncio.gather(*first, *rest)
    assert store.transactions == [2, 17]
    assert len(store.ids()) == 19


async def test_a_conflict_fails_only_the_one_that_is_in_it() -> None:
    """The transaction of all is refused, so each is tried alone."""
    store = SlowStore()
    committer = store.committer()
    await write(committer, 1, "acme/api")
    twin = asyncio.create_task(write(committer, 2, "acme/api"))
    others = writing(committer, 3, 4)
    await asyncio.gather(*others)
    with pytest.raises(StateError, match="two live records"):
        await twin
    assert sorted(store.ids()) == sorted(record(number).id for number in (1, 3, 4))
    assert store.transactions == [1, 3, 1, 1, 1]


async def test_who_lost_the_lease_writes_nothing() -> None:
    """Every caller is told, and the store is not even asked."""
    store = SlowStore()
    committer = store.committer()
    store.clock.time += 60
    for ended in await asyncio.gather(*writing(committer, 1, 2), return_exceptions=True):
        assert isinstance(ended, LeaseLostError)
    assert store.transactions == []


async def test_what_was_carried_out_before_the_lease_was_lost_is_no_failure() -> None:
    """A batch of which a part is durable: that part's callers go on, the others are told."""
    store = SlowStore()
    committer = store.committer()
    await write(committer, 1)
    written = asyncio.create_task(write(committer, 2))
    deleting = asyncio.create_task(committer.delete(record(1).id))
    inner_write = store.inner.write

    def last_write(*args: Any) -> None:
        inner_write(*args)
        store.clock.time += 60

    store.inner.write = last_write  # type: ignore[method-assign, assignment]  # the lease lapses while this is carried out
    await written
    with pytest.raises(LeaseLostError):
        await deleting
    assert store.deleted == []


async def test_a_deletion_goes_along_and_fails_alone() -> None:
    """It has a transaction of its own, and an error of its own."""
    store = SlowStore()
    committer = store.committer()
    await write(committer, 1)
    await asyncio.gather(write(committer, 2), committer.delete(record(1).id))
    assert store.ids() == [record(2).id]
    store.broken = StateError("the disk is full")
    with pytest.raises(StateError, match="full"):
        await committer.delete(record(2).id)
    store.broken = None
    await committer.delete(record(2).id)
    assert store.ids() == []


async def test_a_caller_that_is_cancelled_takes_nobody_along() -> None:
    """Cancelled while its transaction runs, or before it began: the others' writes are durable all the same."""
    store = SlowStore()
    committer = store.committer()
    store.free.clear()
    first = writing(committer, 1, 2)
    await asyncio.sleep(0.01)
    second = writing(committer, 3, 4)
    await asyncio.sleep(0.01)
    first[0].cancel()
    second[0].cancel()
    await asyncio.sleep(0.01)
    store.free.set()
    ended = await asyncio.gather(*first, *second, return_exceptions=True)
    assert [isinstance(item, asyncio.CancelledError) for item in ended] == [True, False, True, False]
    assert set(store.ids()) == {record(number).id for number in (1, 2, 4)}


async def test_a_bug_in_the_store_reaches_every_caller() -> None:
    """Nothing is swallowed, and the next write is tried as ever."""
    store = SlowStore()
    committer = store.committer()
    store.broken = ZeroDivisionError()
    for ended in await asyncio.gather(*writing(committer, 1, 2), return_exceptions=True):
        assert isinstance(ended, ZeroDivisionError)
    store.broken = None
    await write(committer, 3)
    assert store.ids() == [record(3).id]


async def test_nobody_waits_for_a_committer_that_is_gone() -> None:
    """The loop is closing: whoever waits is cancelled with the work."""
    store = SlowStore()
    committer = store.committer()
    store.free.clear()
    first = writing(committer, 1)
    await asyncio.sleep(0.01)
    second = writing(committer, 2)
    await asyncio.sleep(0)
    assert committer._working
    committer._working.cancel()
    await asyncio.wait((*first, *second))
    assert all(task.cancelled() for task in (*first, *second))
    store.free.set()
