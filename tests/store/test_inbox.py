"""What every `core.inbox.Inbox` does: in SQLite, in PostgreSQL and in memory."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from reconciler.core.deliveries import Provenance
from reconciler.core.inbox import Arrival, Backlog, DispatchState, Filter, Inbox, Job, Retention
from reconciler.core.model import Subscriber, SubscriberKind
from tests.store.conftest import Opened
from tests.store.inbox_samples import (
    LATER,
    TRIAGE,
    WEBHOOK,
    arrival,
    claimed,
    delivery,
    dispatch,
    ended,
    graph,
    handed,
    inbox_in,
    listed,
    numbers,
)
from tests.store.samples import SCOPE, lease

_DAY = 86400.0


@pytest.fixture
def inbox(store: Opened) -> Inbox:
    """The inbox of a store that knows two scopes."""
    for scope in (SCOPE, "other"):
        lease(store, scope)
    return inbox_in(store)


# -- keeping -----------------------------------------------------------------------------------------------------------


def test_a_delivery_is_read_back_as_it_came(inbox: Inbox) -> None:
    """Every byte of the body, every header in its order, and each dispatch."""
    kept = delivery(
        headers=(("x-a", "1"), ("x-a", "ä\x80"), ("x-b", "")),
        body=bytes(range(256)),
        query="validationToken=%00&x=1",
        events=("issues.opened", "push"),
        provenance=Provenance.RECOVERED,
    )
    preset = Subscriber(SubscriberKind.PRESET, "nightly")
    parts = (
        dispatch(kept, 0, events=("issues.opened",), node_id="start"),
        dispatch(kept, 1, subscriber=preset, ordered=True),
    )

    ids = inbox.accept([Arrival(delivery=kept, keys=("id 1", "digest 1"), dispatches=parts)])

    assert list(ids) == [kept.id]
    told = inbox.delivery(SCOPE, kept.id)
    assert told is not None
    assert told[0] == kept
    assert [each.dispatch for each in told[1]] == list(parts)
    assert {(each.state, each.attempts, each.next_at, each.ended_at) for each in told[1]} == {
        (DispatchState.PENDING, 0, kept.received_at, None)
    }


def test_nothing_to_keep_is_fine(inbox: Inbox) -> None:
    """An empty batch, an empty body, and a delivery that nobody asked for."""
    bare = replace(arrival(body=b"", headers=(), events=(), provider_delivery_id=""), dispatches=())

    assert list(inbox.accept([])) == []
    assert list(inbox.accept([bare])) == [bare.delivery.id]
    assert inbox.delivery(SCOPE, bare.delivery.id) == (bare.delivery, [])
    assert claimed(inbox) == []


def test_a_repeated_delivery_is_the_earlier_one(inbox: Inbox) -> None:
    """Nothing of it is kept, and nobody is dispatched to a second time."""
    inbox.accept([arrival(1, "id a", "digest a")])

    assert list(inbox.accept([arrival(2, "id a", "digest b")])) == [delivery(1).id]
    assert list(inbox.accept([arrival(3, "id c", "digest a")])) == [delivery(1).id]

    assert listed(inbox) == [1]
    assert numbers(claimed(inbox)) == [1]


def test_every_key_of_a_repeated_delivery_is_known_from_then_on(inbox: Inbox) -> None:
    """A key that was new on it leads to the earlier delivery, too."""
    inbox.accept([arrival(1, "id a")])
    inbox.accept([arrival(2, "id a", "digest b")])

    assert list(inbox.accept([arrival(3, "digest b"), arrival(4, "id d")])) == [delivery(1).id, delivery(4).id]
    assert listed(inbox) == [4, 1]


def test_a_delivery_repeated_inside_one_batch_is_one(inbox: Inbox) -> None:
    """As if its arrivals had come one after the other: keys lead on from each to the next."""
    batch = [arrival(1, "a"), arrival(2, "a", "b"), arrival(3, "b"), arrival(4, "c", "c"), arrival(5, "c", "d")]

    assert list(inbox.accept(batch)) == [delivery(number).id for number in (1, 1, 1, 4, 4)]

    assert listed(inbox) == [4, 1]
    assert list(inbox.accept([arrival(6, "d"), arrival(7, "b")])) == [delivery(4).id, delivery(1).id]


@pytest.mark.parametrize("keys", [("a", "b"), ()])
def test_the_same_arrival_again_is_one(inbox: Inbox, keys: tuple[str, ...]) -> None:
    """In one batch or in two, and also without a key: it is known by its own id."""
    same = replace(arrival(1), keys=keys)

    assert list(inbox.accept([same, same])) == [same.delivery.id] * 2
    assert list(inbox.accept([same, arrival(2)])) == [same.delivery.id, delivery(2).id]

    assert listed(inbox) == [2, 1]
    assert numbers(claimed(inbox)) == [1, 2]


def test_a_fleeting_key_counts_for_its_time_alone(inbox: Inbox) -> None:
    """Since the delivery that it leads to, however often that is repeated; then it leads to the next that is kept."""

    def coming(number: int, at: float, *keys: str) -> Arrival:
        return replace(arrival(number, *keys, "digest a", received_at=at), fleeting={"digest a": 10.0})

    came = [coming(1, 100.0), coming(2, 109.0, "id b"), coming(3, 110.0, "id c"), coming(4, 119.0), coming(5, 120.0)]

    assert list(inbox.accept(came[:1])) == [delivery(1).id]
    assert list(inbox.accept(came[1:2])) == [delivery(1).id]
    assert list(inbox.accept([coming(6, 150.0, "id b")])) == [delivery(1).id]
    assert list(inbox.accept(came[2:])) == [delivery(number).id for number in (3, 3, 5)]
    assert list(inbox.accept([coming(7, 125.0, "id c"), coming(8, 129.0)])) == [delivery(3).id, delivery(5).id]


def test_the_first_of_the_keys_decides(inbox: Inbox) -> None:
    """Where they lead to different deliveries: the provider's own id comes first."""
    inbox.accept([arrival(1, "a"), arrival(2, "b")])

    assert list(inbox.accept([arrival(3, "b", "a")])) == [delivery(2).id]


def test_a_key_is_one_webhooks_in_one_scope(inbox: Inbox) -> None:
    """The same key elsewhere is another delivery's."""
    elsewhere = [
        arrival(2, "a", webhook_id="00000000-0000-4000-8000-000000000002"),
        arrival(3, "a", scope="other"),
    ]
    inbox.accept([arrival(1, "a")])

    assert list(inbox.accept(elsewhere)) == [delivery(2).id, delivery(3).id]


@pytest.mark.parametrize("odd", ["\0", "\ud800", "a" * 10_000, "ä", ""])
def test_a_key_may_be_anything(inbox: Inbox, odd: str) -> None:
    """What a vendor, or a sender, puts into an id undoes nothing, and is told apart from others."""
    inbox.accept([arrival(1, f"id {odd}"), arrival(2, f"id {odd} ")])

    assert list(inbox.accept([arrival(3, f"id {odd}")])) == [delivery(1).id]


def test_a_dispatch_that_is_known_moves_to_the_later_delivery(inbox: Inbox) -> None:
    """A stored delivery that is handed on again as a new one keeps its dispatch, which is due once more."""
    inbox.accept([arrival(1)])
    inbox.settle("worker-1", [ended(job) for job in claimed(inbox)])
    again = replace(arrival(2, provenance=Provenance.REPLAYED), dispatches=arrival(1).dispatches)

    inbox.accept([again])

    (job,) = claimed(inbox)
    assert (job.dispatch.id, job.delivery.id, job.attempt) == (arrival(1).dispatches[0].id, delivery(2).id, 1)


def test_a_delivery_tells_which_replay_its_dispatches_moved_to(inbox: Inbox) -> None:
    """The last one, for a replay that is replayed too; what was given none by it tells nothing."""
    inbox.accept([arrival(1), arrival(5)])
    for number in (2, 3):
        made = arrival(number, provenance=Provenance.REPLAYED)
        inbox.accept([replace(made, dispatches=(replace(arrival(1).dispatches[0], delivery_id=made.delivery.id),))])
    moved = replace(arrival(4), dispatches=arrival(5).dispatches)
    inbox.accept([moved])

    told = {each.id: (each.replayed_as, len(handed)) for each, handed in inbox.deliveries(SCOPE, Filter(), 9)}
    ids = [delivery(number).id for number in range(6)]
    assert told == {ids[1]: (ids[2], 0), ids[2]: (ids[3], 0), ids[3]: ("", 1), ids[4]: ("", 1), ids[5]: ("", 0)}


def test_a_part_that_is_known_moves_to_its_place_in_the_later_delivery(inbox: Inbox) -> None:
    """A vendor sends what it sent before among other parts: there it is read from."""
    first, later = delivery(1), delivery(2)
    inbox.accept([Arrival(delivery=first, keys=("a",), dispatches=(dispatch(first, 0, id="known"),))])
    parts = (dispatch(later, 0, id="other"), dispatch(later, 1, id="known"))
    inbox.accept([Arrival(delivery=later, keys=("b",), dispatches=parts)])

    found = {job.dispatch.id: (job.dispatch.delivery_id, job.dispatch.part) for job in claimed(inbox)}

    assert found == {"other": (later.id, 0), "known": (later.id, 1)}


# -- claiming and settling ---------------------------------------------------------------------------------------------


def test_due_dispatches_are_claimed_oldest_first(inbox: Inbox) -> None:
    """No more than asked for, each with its delivery, and none of another scope or of later."""
    inbox.accept([arrival(3), arrival(1), arrival(4, scope="other"), arrival(5, received_at=LATER + 1), arrival(2)])

    first = inbox.claim(SCOPE, "worker-1", LATER, 60.0, 2)
    second = inbox.claim(SCOPE, "worker-1", LATER, 60.0, 2)

    assert [numbers(first), numbers(second)] == [[1, 2], [3]]
    assert first[0].delivery == delivery(1)
    assert first[0].dispatch == arrival(1).dispatches[0]
    assert inbox.claim(SCOPE, "worker-1", LATER, 60.0, 0) == []


def test_parts_of_a_delivery_are_claimed_in_their_order(inbox: Inbox) -> None:
    """Each part and each subscriber is a job of its own."""
    kept = delivery()
    parts = [dispatch(kept, part, subscriber=graph(name)) for part in (0, 1) for name in ("a", "b")]
    inbox.accept([Arrival(delivery=kept, keys=("a",), dispatches=tuple(reversed(parts)))])

    assert [job.dispatch for job in claimed(inbox)] == parts


def test_what_is_claimed_is_one_holders_until_its_lease_ends(inbox: Inbox) -> None:
    """Then it is due again, for whoever comes, and counts as another try."""
    inbox.accept([arrival()])
    (job,) = claimed(inbox, "worker-1", now=100.0, seconds=30.0)

    assert claimed(inbox, "worker-2", now=129.0) == []
    assert claimed(inbox, "worker-1", now=129.0) == []
    assert handed(inbox).next_at == inbox.next_due(SCOPE) == 130.0
    (again,) = claimed(inbox, "worker-2", now=130.0)

    assert (job.attempt, again.attempt, again.dispatch) == (1, 2, job.dispatch)


@pytest.mark.parametrize("ordered", [False, True])
def test_of_what_was_left_behind_no_more_is_claimed_than_is_asked_for(inbox: Inbox, ordered: bool) -> None:
    """The oldest of it, and beside it whatever nobody has claimed before."""
    names = [Subscriber(SubscriberKind.GRAPH, f"g{number}") for number in range(4)]
    inbox.accept(
        [replace(arrival(n), dispatches=(dispatch(delivery(n), subscriber=names[n], ordered=ordered),)) for n in (1, 2)]
    )
    inbox.claim(SCOPE, "worker-1", 100.0, 30.0, 9)
    third = dispatch(delivery(3), subscriber=names[3], ordered=ordered)
    inbox.accept([replace(arrival(3), dispatches=(third,))])

    taken = [numbers(inbox.claim(SCOPE, "worker-2", LATER, 30.0, 9, lapsed)) for lapsed in (0, 1, 1, 1)]

    assert taken == [[3], [1], [2], []]


@pytest.mark.parametrize("ordered", [False, True])
def test_a_claim_that_nobody_answered_for_is_told_at_the_next(inbox: Inbox, ordered: bool) -> None:
    """Not where something came of it, or it was given back untouched."""
    inbox.accept([arrival(1, ordered=ordered)])

    (first,) = claimed(inbox, "worker-1", now=100.0, seconds=30.0)
    (second,) = claimed(inbox, "worker-2", now=130.0)
    inbox.settle("worker-2", [replace(ended(second, DispatchState.PENDING, at=5.0), next_at=150.0, tried=False)])
    (third,) = claimed(inbox, "worker-1", now=150.0)

    assert [job.lapsed for job in (first, second, third)] == [False, True, False]


def test_what_waits_is_counted_with_the_age_of_the_oldest(inbox: Inbox) -> None:
    """Due, claimed or in line behind another; neither done nor another scope's."""
    assert inbox.backlog(SCOPE) == Backlog()
    waiting = [arrival(2, ordered=True), arrival(3, ordered=True), arrival(4)]
    inbox.accept([arrival(1), *waiting, arrival(5, scope="other")])
    done = next(job for job in claimed(inbox) if job.delivery == delivery(1))
    inbox.settle("worker-1", [ended(done)])

    assert inbox.backlog(SCOPE) == Backlog(count=3, oldest_at=delivery(2).received_at)


@pytest.mark.parametrize("state", [DispatchState.DONE, DispatchState.DEAD])
def test_what_has_ended_is_claimed_no_more(inbox: Inbox, state: DispatchState) -> None:
    """How it ended is written down."""
    inbox.accept([arrival()])
    (job,) = claimed(inbox)

    inbox.settle("worker-1", [ended(job, state, at=5.0, seconds=0.25, error="502")])

    assert claimed(inbox, now=1e9) == []
    assert inbox.next_due(SCOPE) is None
    told = handed(inbox)
    assert (told.state, told.attempts, told.ended_at, told.seconds, told.error) == (state, 1, 5.0, 0.25, "502")


def test_what_is_given_back_untouched_was_no_try(inbox: Inbox) -> None:
    """It is due when it was said to be, with as many tries before it as there were."""
    inbox.accept([arrival()])
    (job,) = claimed(inbox)

    inbox.settle("worker-1", [replace(ended(job, DispatchState.PENDING, at=5.0), next_at=50.0, tried=False)])

    assert (handed(inbox).attempts, handed(inbox).next_at) == (0, 50.0)
    (again,) = claimed(inbox, "worker-2", now=50.0)
    assert again.attempt == 1


def test_a_try_that_failed_is_put_off(inbox: Inbox) -> None:
    """It is due again when it was said to be, and tells what went wrong until then."""
    inbox.accept([arrival()])
    (job,) = claimed(inbox)

    inbox.settle("worker-1", [ended(job, DispatchState.PENDING, next_at=LATER + 30, error="timed out")])

    told = handed(inbox)
    assert (told.state, told.next_at, told.error, told.ended_at) == ("pending", LATER + 30, "timed out", None)
    assert inbox.next_due(SCOPE) == LATER + 30
    assert claimed(inbox, "worker-2", now=LATER + 29) == []
    (again,) = claimed(inbox, "worker-2", now=LATER + 30)
    assert again.attempt == 2


@pytest.mark.parametrize(("slow_one", "quick_one"), [("worker-1", "worker-2"), ("worker-2", "worker-1")])
def test_what_another_holds_by_now_is_left_alone(inbox: Inbox, slow_one: str, quick_one: str) -> None:
    """A worker that was too slow changes nothing, also when the other has ended it; the rest of its tries count."""
    inbox.accept([arrival(1), arrival(2), arrival(3)])
    slow = claimed(inbox, slow_one, now=100.0, seconds=10.0)
    quick = inbox.claim(SCOPE, quick_one, 110.0, 60.0, 2)
    inbox.settle(quick_one, [ended(quick[1], DispatchState.DEAD)])

    inbox.settle(
        slow_one, [*(ended(job, error="slow") for job in slow), replace(ended(slow[0]), dispatch_id="unheard")]
    )

    assert [handed(inbox, number).state for number in (1, 2, 3)] == ["pending", "dead", "done"]
    inbox.settle(quick_one, [ended(quick[0])])
    assert handed(inbox, 1).state == "done"
    inbox.settle(quick_one, [])


def test_what_is_told_twice_counts_once(inbox: Inbox) -> None:
    """A try that was settled is nobody's any more: the same worker must claim the dispatch again."""
    inbox.accept([arrival(1), arrival(2)])
    put_off, done = claimed(inbox)
    inbox.settle("worker-1", [ended(put_off, DispatchState.PENDING, next_at=LATER + 30), ended(done)])

    inbox.settle("worker-1", [ended(put_off), ended(done, DispatchState.DEAD)])

    assert [handed(inbox, number).state for number in (1, 2)] == ["pending", "done"]


def test_a_late_end_counts_while_nobody_else_holds_it(inbox: Inbox) -> None:
    """A lease that lapsed unnoticed does not cost a second delivery."""
    inbox.accept([arrival()])
    (job,) = claimed(inbox, now=100.0, seconds=10.0)

    inbox.settle("worker-1", [ended(job)])

    assert claimed(inbox, now=1e9) == []


# -- in line -----------------------------------------------------------------------------------------------------------


def _in_line(inbox: Inbox, *numbers: int, subscriber: Subscriber = TRIAGE) -> None:
    for number in numbers:
        kept = delivery(number)
        one = dispatch(kept, subscriber=subscriber, ordered=True)
        inbox.accept([Arrival(delivery=kept, keys=(f"id {number}",), dispatches=(one,))])


def test_ordered_dispatches_of_a_subscriber_go_one_after_another(inbox: Inbox) -> None:
    """A later one waits while an earlier one is claimed, is put off, or its holder died."""
    _in_line(inbox, 1, 2, 3)

    (first,) = claimed(inbox, now=100.0, seconds=10.0)
    assert first.delivery == delivery(1)
    assert claimed(inbox, now=109.0) == []
    (first,) = claimed(inbox, now=110.0)
    assert first.delivery == delivery(1)
    inbox.settle("worker-1", [ended(first, DispatchState.PENDING, next_at=200.0)])
    assert claimed(inbox, now=199.0) == []
    assert inbox.next_due(SCOPE) == 200.0
    inbox.settle("worker-1", [ended(job) for job in claimed(inbox, now=200.0)])

    assert numbers(claimed(inbox, now=200.0)) == [2]


def test_a_dead_dispatch_does_not_block_its_line(inbox: Inbox) -> None:
    """The next one goes on."""
    _in_line(inbox, 1, 2)
    (first,) = claimed(inbox)
    inbox.settle("worker-1", [ended(first, DispatchState.DEAD)])

    assert numbers(claimed(inbox)) == [2]


def test_a_line_holds_up_nobody_else(inbox: Inbox) -> None:
    """Other subscribers' lines, and those of its own that are in none, go on; the oldest of all goes first."""
    _in_line(inbox, 2, 4)
    _in_line(inbox, 1, 5, subscriber=graph("other"))
    inbox.accept([arrival(3), arrival(6)])
    inbox.accept([arrival(7, ordered=True, scope="other")])

    assert numbers(inbox.claim(SCOPE, "worker-1", LATER, 60.0, 3)) == [1, 2, 3]
    assert numbers(claimed(inbox)) == [6]
    assert numbers(inbox.claim("other", "worker-1", LATER, 60.0, 3)) == [7]


def test_parts_of_one_delivery_stand_in_line_too(inbox: Inbox) -> None:
    """As the vendor had them."""
    kept = delivery()
    parts = tuple(dispatch(kept, part, ordered=True) for part in range(3))
    inbox.accept([Arrival(delivery=kept, keys=("a",), dispatches=parts)])

    for part in parts:
        (job,) = claimed(inbox)
        assert job.dispatch == part
        inbox.settle("worker-1", [ended(job)])


def test_a_revived_one_goes_before_later_ones_but_not_beside_them(inbox: Inbox) -> None:
    """While one of its line is under way it waits; then it is first again."""
    _in_line(inbox, 1, 2, 3)
    (first,) = claimed(inbox)
    inbox.settle("worker-1", [ended(first, DispatchState.DEAD)])
    (second,) = claimed(inbox, seconds=60.0)

    assert inbox.revive(SCOPE, [first.dispatch.id], LATER) == 1
    assert claimed(inbox) == []
    assert inbox.next_due(SCOPE) == LATER + 60.0
    inbox.settle("worker-1", [ended(second)])

    assert numbers(claimed(inbox)) == [1]


# -- reviving and waiting ----------------------------------------------------------------------------------------------


def test_what_has_ended_can_be_made_due_again(inbox: Inbox) -> None:
    """With all its tries before it; what waits, is unheard of or another scope's is left alone."""
    inbox.accept([arrival(1), arrival(2), arrival(3), arrival(4, scope="other")])
    jobs = [*inbox.claim(SCOPE, "worker-1", LATER, 60.0, 2), *inbox.claim("other", "worker-1", LATER, 60.0, 1)]
    inbox.settle("worker-1", [ended(jobs[0], DispatchState.DEAD, error="502"), ended(jobs[1]), ended(jobs[2])])
    names = [arrival(number).dispatches[0].id for number in (1, 1, 2, 3, 4)]

    assert inbox.revive(SCOPE, [*names, "unheard-of"], LATER + 5) == 2

    told = handed(inbox, 1)
    assert (told.state, told.attempts, told.next_at, told.ended_at, told.error) == (
        "pending",
        0,
        LATER + 5,
        None,
        "502",
    )
    assert numbers(claimed(inbox, now=LATER + 4)) == [3]
    again = claimed(inbox, now=LATER + 5)
    assert [(job.delivery.id, job.attempt) for job in again] == [(delivery(1).id, 1), (delivery(2).id, 1)]
    assert inbox.revive(SCOPE, [], LATER) == 0


def test_the_next_that_is_due_is_told(inbox: Inbox) -> None:
    """The earliest that can be claimed: in line or not, of one scope."""
    assert inbox.next_due(SCOPE) is None
    inbox.accept([arrival(7, scope="other"), arrival(9)])
    assert inbox.next_due(SCOPE) == 9.0
    _in_line(inbox, 8)
    assert inbox.next_due(SCOPE) == 8.0


# -- reading -----------------------------------------------------------------------------------------------------------


def test_deliveries_are_told_newest_first(inbox: Inbox) -> None:
    """Of one scope, and no more than asked for."""
    inbox.accept([arrival(2), arrival(3), arrival(1), arrival(4, scope="other")])

    assert listed(inbox) == [3, 2, 1]
    assert listed(inbox, limit=2) == [3, 2]
    assert listed(inbox, limit=0) == []
    ((kept, dispatches),) = inbox.deliveries("other", Filter(), 1)
    assert kept == delivery(4, scope="other")
    assert [each.dispatch for each in dispatches] == list(arrival(4).dispatches)


def test_many_deliveries_are_told_each_once(inbox: Inbox) -> None:
    """In both directions, also when they are read in several pieces."""
    inbox.accept([arrival(number) for number in range(1, 121)])

    assert listed(inbox, limit=110) == list(range(120, 10, -1))
    assert listed(inbox, limit=110, after=delivery(5).id) == list(range(6, 116))


def test_later_deliveries_are_told_oldest_first(inbox: Inbox) -> None:
    """So that somebody who follows sees them as they come."""
    inbox.accept([arrival(number) for number in (1, 2, 3)])

    assert listed(inbox, after=delivery(1).id) == [2, 3]
    assert listed(inbox, after=delivery(3).id) == []


def test_deliveries_are_chosen(inbox: Inbox) -> None:
    """By webhook, provider, event, time, and by what became of them; all that is asked for must be so."""
    inbox.accept(
        [
            arrival(1, events=("issues.opened", "push")),
            arrival(2, provider="gitlab", events=("Push",)),
            arrival(3, webhook_id="other", events=('odd "push"', "%")),
        ]
    )
    (job,) = inbox.claim(SCOPE, "worker-1", LATER, 60.0, 1)
    inbox.settle("worker-1", [ended(job, DispatchState.DEAD)])

    assert listed(inbox, webhook_id=WEBHOOK) == [2, 1]
    assert listed(inbox, provider="gitlab") == [2]
    assert [listed(inbox, event=name) for name in ("push", "issues.opened", "issues", "%")] == [[1], [1], [], [3]]
    assert listed(inbox, since=2.0) == [3, 2]
    assert listed(inbox, until=2.0) == [2, 1]
    assert listed(inbox, since=2.0, until=2.0) == [2]
    assert listed(inbox, dead=True) == [1]
    assert listed(inbox, dead=True, since=2.0) == []
    assert [listed(inbox, beginning=name) for name in ("d", delivery(2).id, "e", "elivery", "%")] == [
        [3, 2, 1],
        [2],
        [],
        [],
        [],
    ]


def test_a_delivery_is_one_scopes(inbox: Inbox) -> None:
    """Its id alone does not give it to another, and an unheard-of one is none."""
    inbox.accept([arrival()])

    assert inbox.delivery("other", delivery().id) is None
    assert inbox.delivery(SCOPE, "unheard-of") is None


def test_the_last_that_the_provider_sent_is_told(inbox: Inbox) -> None:
    """What we made, replayed or asked for says nothing about whether the provider still sends."""
    assert inbox.last_received(SCOPE, WEBHOOK) is None
    inbox.accept([arrival(1), arrival(2), arrival(3, provenance=Provenance.REPLAYED), arrival(4, webhook_id="other")])

    assert inbox.last_received(SCOPE, WEBHOOK) == 2.0
    assert inbox.last_received(SCOPE, "other") == 4.0
    assert inbox.last_received("other", WEBHOOK) is None


# -- retention ---------------------------------------------------------------------------------------------------------


def _all_done(inbox: Inbox, *, but: Sequence[int] = ()) -> None:
    jobs = [job for job in claimed(inbox) if numbers([job])[0] not in but]
    inbox.settle("worker-1", [ended(job) for job in jobs])


def test_what_is_old_is_dropped(inbox: Inbox) -> None:
    """With its dispatches; what is just as old as is kept stays, as does another scope's."""
    inbox.accept([arrival(1), arrival(2), arrival(3), arrival(4, received_at=1.0, scope="other")])
    _all_done(inbox)

    assert inbox.expire(SCOPE, Retention(seconds=10.0), now=12.0) == 1

    assert listed(inbox) == [3, 2]
    assert inbox.delivery("other", delivery(4).id) is not None
    assert inbox.revive(SCOPE, [arrival(1).dispatches[0].id], LATER) == 0
    assert inbox.expire(SCOPE, Retention(seconds=10.0), now=12.0) == 0


def test_what_is_more_than_is_kept_is_dropped_oldest_first(inbox: Inbox) -> None:
    """Until the bodies of the scope fit."""
    inbox.accept([arrival(number, body=b"x" * 100) for number in range(1, 6)])
    inbox.accept([arrival(6, body=b"x" * 1000, scope="other")])
    _all_done(inbox)

    assert inbox.expire(SCOPE, Retention(bytes=500), now=LATER) == 0
    assert inbox.expire(SCOPE, Retention(bytes=499), now=LATER) == 1
    assert inbox.expire(SCOPE, Retention(bytes=250), now=LATER) == 2
    assert listed(inbox) == [5, 4]


def test_what_is_still_to_be_dispatched_is_kept(inbox: Inbox) -> None:
    """However old or large it is; dead ones go."""
    inbox.accept([arrival(number, body=b"x" * 100) for number in range(1, 5)])
    (job, *others) = claimed(inbox)
    inbox.settle("worker-1", [ended(others[0]), ended(others[1], DispatchState.DEAD)])

    assert inbox.expire(SCOPE, Retention(seconds=0.0, bytes=0), now=LATER) == 2

    assert listed(inbox) == [4, 1]
    inbox.settle("worker-1", [ended(job)])
    assert inbox.expire(SCOPE, Retention(bytes=0), now=LATER) == 1
    assert listed(inbox) == [4]


def test_what_must_stay_makes_others_go(inbox: Inbox) -> None:
    """Room is made by the oldest of those that may go, however much the others take."""
    inbox.accept([arrival(number, body=b"x" * 100) for number in range(1, 5)])
    _all_done(inbox, but=[1])

    assert inbox.expire(SCOPE, Retention(bytes=300), now=LATER) == 1
    assert listed(inbox) == [4, 3, 1]


def test_many_are_dropped_at_once(inbox: Inbox) -> None:
    """More than one step takes, with some in between that must stay."""
    inbox.accept([replace(arrival(number), dispatches=()) for number in range(1, 451)])
    inbox.accept([arrival(number) for number in (451, 453)])
    inbox.accept([replace(arrival(number), dispatches=()) for number in (452, 454)])

    assert inbox.expire(SCOPE, Retention(seconds=0.0), now=420.0) == 419
    assert inbox.expire(SCOPE, Retention(bytes=0), now=0.0) == 33
    assert listed(inbox) == [453, 451]


def test_keys_outlive_their_deliveries(inbox: Inbox) -> None:
    """A repeated delivery is known for as long as keys are kept, and new after that."""
    inbox.accept([arrival(1, "a", received_at=0.0)])
    _all_done(inbox)

    assert inbox.expire(SCOPE, Retention(seconds=_DAY, key_seconds=3 * _DAY), now=2 * _DAY) == 1
    assert listed(inbox) == []
    assert list(inbox.accept([arrival(2, "a")])) == [delivery(1).id]

    inbox.expire("other", Retention(key_seconds=3 * _DAY), now=4 * _DAY)
    inbox.expire(SCOPE, Retention(key_seconds=3 * _DAY), now=3 * _DAY)
    assert list(inbox.accept([arrival(2, "a")])) == [delivery(1).id]
    inbox.expire(SCOPE, Retention(key_seconds=3 * _DAY), now=4 * _DAY)
    assert list(inbox.accept([arrival(2, "a")])) == [delivery(2).id]


def test_many_keys_are_dropped_at_once(inbox: Inbox) -> None:
    """More than one step takes."""
    names = [f"id {number}" for number in range(2500)]
    inbox.accept([arrival(1, *names)])

    assert inbox.expire(SCOPE, Retention(seconds=1e6, key_seconds=0.0), now=LATER) == 0

    assert list(inbox.accept([arrival(2, names[0]), arrival(3, names[-1])])) == [delivery(2).id, delivery(3).id]


def test_keys_of_another_scope_do_not_hide_old_ones(inbox: Inbox) -> None:
    """However many of them came before, they stay, and what is old behind them goes."""
    inbox.accept([arrival(1, *(f"id {number}" for number in range(2500)), scope="other"), arrival(2, "a")])

    inbox.expire(SCOPE, Retention(seconds=1e6, key_seconds=0.0), now=LATER)

    ids = inbox.accept([arrival(3, "id 0", scope="other"), arrival(4, "a")])
    assert list(ids) == [delivery(1).id, delivery(4).id]


# -- all at once -------------------------------------------------------------------------------------------------------


def test_a_storm_of_one_delivery_is_one_dispatch(inbox: Inbox) -> None:
    """Many threads bring the same, in batches with others: one row, one dispatch, one id for all."""

    def bring(thread: int) -> Sequence[str]:
        own = [arrival(100 * thread + number) for number in range(1, 4)]
        return inbox.accept([own[0], arrival(100 * thread, "same"), own[1], own[2]])

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(bring, range(1, 9)))

    assert len({answer[1] for answer in answers}) == 1
    assert len(listed(inbox)) == len(claimed(inbox)) == 8 * 3 + 1


def test_workers_never_hold_the_same(inbox: Inbox) -> None:
    """Many threads claim and settle while others bring more: each dispatch is handed on once, each line in order."""
    handed_on: list[Job] = []

    def bring(part: int) -> None:
        for number in range(part * 20, part * 20 + 20):
            inbox.accept([arrival(number + 1, ordered=number % 2 == 0)])

    def work(worker: int) -> None:
        for _ in range(15):
            jobs = inbox.claim(SCOPE, f"worker-{worker}", LATER, 1e6, 4)
            handed_on.extend(jobs)
            inbox.settle(f"worker-{worker}", [ended(job) for job in jobs])

    with ThreadPoolExecutor(6) as pool:
        for future in [*(pool.submit(bring, part) for part in range(2)), *(pool.submit(work, n) for n in range(4))]:
            future.result()
    while jobs := inbox.claim(SCOPE, "worker-0", LATER, 1e6, 100):
        handed_on.extend(jobs)
        inbox.settle("worker-0", [ended(job) for job in jobs])

    assert sorted(numbers(handed_on)) == list(range(1, 41))
