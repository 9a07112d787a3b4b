"""One writer, which shares transactions and acknowledges nothing that is not stored."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.errors import StateError
from reconciler.core.inbox import Arrival
from reconciler.ingress.keeper import FullError, Keeper
from tests.ingress.dispatch_support import delivery
from tests.ingress.receiving_support import MoodyInbox


class Told(list[str]):
    """A progress that remembers what it was told."""

    def __call__(self, event: str, /, **details: Any) -> None:
        self.append(str(details["message"]))


def arrival(number: int, **changes: Any) -> Arrival:
    """An arrival that says its number."""
    return Arrival(delivery=replace(delivery(number), **changes), keys=(f"id {number}",))


async def waiting_for(inbox: MoodyInbox) -> None:
    """Until the writer is at work."""
    await asyncio.to_thread(inbox.stalled.wait, 10)


async def test_what_waits_shares_the_next_transaction() -> None:
    """No timer: the first goes alone, and those that came meanwhile together."""
    inbox, told = MoodyInbox(), Told()
    keeper = Keeper(inbox, 100, told)
    inbox.stall.clear()
    first = keeper.keep(arrival(0))
    await waiting_for(inbox)
    rest = [keeper.keep(arrival(number)) for number in range(1, 20)]
    await asyncio.sleep(0)
    assert keeper.waiting == 20
    inbox.stall.set()

    ids = [await kept for kept in (first, *rest)]

    assert ids == [delivery(number).id for number in range(20)]
    assert inbox.batches == [1, 19]
    assert (keeper.waiting, told) == (0, [])
    await keeper.close()


async def test_a_transaction_is_bounded() -> None:
    """Many are stored in several."""
    inbox = MoodyInbox()
    keeper = Keeper(inbox, 2000, Told())
    inbox.stall.clear()
    asked = [keeper.keep(arrival(0))]
    await waiting_for(inbox)
    for start in range(1, 1200, 100):
        asked += [keeper.keep(arrival(number)) for number in range(start, start + 100)]
        await asyncio.sleep(0)
    inbox.stall.set()
    await asyncio.gather(*asked)

    assert inbox.batches == [1, 500, 500, 200]
    await keeper.close()


async def test_a_failure_is_everybodys_and_passes() -> None:
    """Nobody is acknowledged; the next transaction is a new try."""
    inbox, told = MoodyInbox(), Told()
    keeper = Keeper(inbox, 100, told)
    inbox.error = StateError("the disk is full")
    asked = [keeper.keep(arrival(number)) for number in range(3)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(each) for each in found} == {StateError}
    assert keeper.troubled
    assert "deliveries (3) are not kept" in told[0]

    inbox.error = None
    assert await keeper.keep(arrival(1)) == delivery(1).id
    assert not keeper.troubled
    await keeper.close()


async def test_a_scope_that_is_gone_hurts_no_other() -> None:
    """Each is tried by itself then."""
    inbox, told = MoodyInbox(), Told()
    keeper = Keeper(inbox, 100, told)
    inbox.poison = "gone"
    asked = [keeper.keep(arrival(0)), keeper.keep(arrival(1, scope="gone")), keeper.keep(arrival(2))]

    found = await asyncio.gather(*asked, return_exceptions=True)

    assert [isinstance(each, StateError) for each in found] == [False, True, False]
    await keeper.close()


async def test_a_bug_hurts_only_what_has_it() -> None:
    """And its words, which may quote a delivery, are not told."""
    inbox, told = MoodyInbox(), Told()
    keeper = Keeper(inbox, 100, told)
    asked = [keeper.keep(arrival(0)), keeper.keep(arrival(1, body=b"poison")), keeper.keep(arrival(2))]

    found = await asyncio.gather(*asked, return_exceptions=True)

    assert [isinstance(each, StateError) for each in found] == [False, True, False]
    assert "poison" not in "".join(told)
    assert "RuntimeError" in told[0]
    await keeper.close()


async def test_a_full_queue_refuses_at_once() -> None:
    """There is no waiting for a place to wait."""
    inbox = MoodyInbox()
    keeper = Keeper(inbox, 2, Told())
    inbox.stall.clear()
    asked = [keeper.keep(arrival(number)) for number in range(2)]
    assert keeper.full

    with pytest.raises(FullError):
        await keeper.keep(arrival(2))

    inbox.stall.set()
    await asyncio.gather(*asked)
    assert not keeper.full
    await keeper.close()


async def test_a_queue_is_bounded_in_bytes_too() -> None:
    """Whoever was put off is no request any more, but what they sent still waits in memory."""
    inbox = MoodyInbox()
    keeper = Keeper(inbox, 100, Told(), most_bytes=10)
    inbox.stall.clear()
    asked = [keeper.keep(arrival(number, body=b"8 bytes.")) for number in range(2)]
    assert keeper.full

    with pytest.raises(FullError):
        await keeper.keep(arrival(2))

    inbox.stall.set()
    await asyncio.gather(*asked)
    assert not keeper.full
    await keeper.close()


async def test_a_close_stores_what_waits_and_takes_nothing_more() -> None:
    """Whoever waits is told; who gave up meanwhile is no problem."""
    inbox = MoodyInbox()
    keeper = Keeper(inbox, 100, Told())
    inbox.stall.clear()
    first = keeper.keep(arrival(0))
    await waiting_for(inbox)
    asked = [keeper.keep(arrival(number)) for number in range(1, 4)]
    asked[1].cancel()
    closing = asyncio.create_task(keeper.close())
    await asyncio.sleep(0)
    inbox.stall.set()
    await closing

    assert [await first, await asked[0], await asked[2]] == [delivery(number).id for number in (0, 1, 3)]
    assert sum(inbox.batches) == 4
    with pytest.raises(FullError):
        await keeper.keep(arrival(9))
    await keeper.close()


async def test_who_gave_up_before_a_failure_is_no_problem() -> None:
    """The failure is for those who wait."""
    inbox = MoodyInbox()
    keeper = Keeper(inbox, 100, Told())
    inbox.error = StateError("locked")
    asked = [keeper.keep(arrival(number)) for number in range(2)]
    asked[0].cancel()
    with pytest.raises(StateError):
        await asked[1]
    await keeper.close()


async def test_without_any_delivery_there_is_nothing_to_close() -> None:
    """No thread was begun, and nothing is wrong."""
    keeper = Keeper(MoodyInbox(), 1, Told())
    assert not keeper.troubled
    await keeper.close()


def test_a_loop_that_is_gone_is_told_nothing() -> None:
    """The process ends while a transaction runs: what it stored is stored."""
    inbox = MoodyInbox()
    inbox.stall.clear()
    keeper = Keeper(inbox, 100, Told())

    async def ask() -> None:
        keeper.keep(arrival(0))
        await waiting_for(inbox)

    asyncio.run(ask())
    inbox.stall.set()
    thread = keeper._thread
    assert thread is not None
    keeper._queue.put(None)
    thread.join(10)

    assert not thread.is_alive()
    assert inbox.batches == [1]


@pytest.mark.looptime
async def test_nobody_waits_for_longer_than_is_patient() -> None:
    """Those who waited are put off, and so is whoever comes next, until the disk has answered; then it is kept."""
    inbox, told = MoodyInbox(), Told()
    keeper = Keeper(inbox, 100, told, patience=8.0)
    inbox.stall.clear()
    asked = [keeper.keep(arrival(number)) for number in range(3)]
    asked[1].cancel()
    await asyncio.sleep(1)
    assert not keeper.troubled
    await asyncio.sleep(2)
    assert keeper.troubled, "not well, though nobody was put off so far"
    assert not keeper.full
    await asyncio.sleep(6)

    assert [type(each.exception()) for each in (asked[0], asked[2])] == [StateError, StateError]
    assert len(told) == 1
    assert "deliveries (2) are not kept" in told[0]
    assert "a stalled disk" in told[0]
    with pytest.raises(FullError):
        await keeper.keep(arrival(3))
    assert keeper.waiting == 3, "no more than waited when it was noticed"

    inbox.stall.set()
    await keeper.close()
    await asyncio.sleep(0)
    assert inbox.batches == [3]
    assert keeper.waiting == 0
    assert not keeper.troubled


async def test_a_full_disk_is_told_once_and_so_is_its_end() -> None:
    """Not with each of hundreds of transactions in a second."""
    inbox, told = MoodyInbox(), Told()
    keeper = Keeper(inbox, 100, told)
    inbox.error = StateError("the disk is full")
    for number in range(5):
        with pytest.raises(StateError, match="full"):
            await keeper.keep(arrival(number))
    inbox.error = None
    for number in range(5):
        await keeper.keep(arrival(number))

    assert told == [
        "deliveries (1) are not kept, and their senders were told to try again: the disk is full",
        "deliveries are kept again; 4 more had been put off",
    ]
    await keeper.close()


async def test_a_disk_that_is_well_for_a_moment_is_not_told_each_time() -> None:
    """Where a little still fits: one line, and one that it is over, every ten seconds at most."""
    told = Told()
    keeper = Keeper(MoodyInbox(), 100, told)
    for seconds in range(0, 18, 3):
        keeper._put_off(1, "the disk is full", 100.0 + seconds)
        keeper._done([], [])

    wrong = "deliveries (1) are not kept, and their senders were told to try again: the disk is full"
    later = wrong.replace("(1)", "(4)")
    assert told == [wrong, "deliveries are kept again", later, "deliveries are kept again"]
    await keeper.close()
