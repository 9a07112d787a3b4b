"""Laws that hold for every plan, tried on invented situations."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.core.build import Situation, build
from reconciler.core.fold import fold
from reconciler.core.guard import Limits, check
from reconciler.core.model import (
    Desired,
    Group,
    ListFailed,
    Listing,
    Observation,
    Observed,
    Phase,
    Recorded,
    Subscriber,
    SubscriberKind,
    Trigger,
)
from reconciler.core.plan import Action, Plan, PlanOptions, Step, document
from tests.support.builders import BASE_URL, NOW, listings, observed, recorded, trigger
from tests.support.catalogue import CATALOGUE

EVENTS = st.sampled_from(["push", "issues", "issues.opened", "release", "pull_request.closed", "*"])


@st.composite
def triggers(draw: Any) -> Trigger:
    """Any trigger out of a small world, so that many of them share webhooks."""
    manual = draw(st.booleans())
    provider = draw(st.sampled_from(["acme", "once", "fixed", "blind"]))
    return trigger(
        *draw(st.sets(EVENTS, min_size=1, max_size=3)),
        user=draw(st.sampled_from(["alice", "bob"])),
        subscriber=Subscriber(draw(st.sampled_from(SubscriberKind)), draw(st.sampled_from(["one", "two"]))),
        provider=provider,
        resource=draw(st.sampled_from(["acme/api", "Acme/API", "acme/web"])),
        manual=manual,
        credentials=draw(st.sampled_from(["main", "other"])),
        options=draw(st.sampled_from([{}, {"mode": "strict"}])),
        protect=draw(st.booleans()),
    )


worlds = st.lists(triggers(), max_size=8)


def folded(wanted: list[Trigger]) -> tuple[Desired, ...]:
    """The webhooks that triggers fold into."""
    return fold(wanted, CATALOGUE).desired


def records_of(wanted: list[Trigger]) -> list[Recorded]:
    """The records after those triggers were applied."""
    return [recorded(wish, number + 1) for number, wish in enumerate(folded(wanted))]


def observe(records: list[Recorded]) -> dict[Group, Observation]:
    """Providers that have exactly what is recorded."""
    return listings(*((record, observed(record)) for record in records if not record.key.manual))


def planned(wanted: list[Trigger], records: list[Recorded], seen: dict[Group, Observation], **options: Any) -> Plan:
    """The checked plan for a world."""
    situation = Situation(
        scope="test",
        base_url=BASE_URL,
        default_user="alice",
        desired=folded(wanted),
        recorded=records,
        observed=seen,
        now=NOW,
        catalogue=CATALOGUE,
        options=PlanOptions(**options),
        known_ids=frozenset(record.id for record in records),
    )
    return check(build(situation), Limits(min_existing=100))


@given(worlds, worlds, st.randoms(use_true_random=False))
def test_a_plan_does_not_depend_on_the_order_of_its_input(
    wanted: list[Trigger], before: list[Trigger], random: Any
) -> None:
    """Triggers and records in any order give the same plan, to the letter."""
    records = records_of(before)
    first = planned(wanted, records, observe(records))
    random.shuffle(wanted)
    random.shuffle(records)
    second = planned(wanted, records, observe(records))
    assert document(first) == document(second)
    assert first.digest == second.digest


@given(worlds, worlds)
def test_the_plan_after_an_applied_plan_is_empty(wanted: list[Trigger], before: list[Trigger]) -> None:
    """Carry the steps out on paper, plan again, expect nothing."""
    records = records_of(before)
    protected = tuple(item.key.address("alice") for item in (*records, *folded(wanted)))
    made = planned(wanted, records, observe(records), allow_destroy="100%", allow_protected=protected)
    assume(all(step.action is not Action.BLOCKED for step in made.steps))
    left = apply_on_paper(made, records)
    again = planned(wanted, left, observe([record for record in left if record.phase is not Phase.TOMBSTONE]))
    assert again.steps == ()


@given(worlds, worlds)
def test_prunes_are_a_subset_of_what_is_recorded(wanted: list[Trigger], before: list[Trigger]) -> None:
    """Whatever a provider lists, only records of ours are pruned, and only their own objects removed."""
    records = records_of(before)
    seen: dict[Group, Observation] = {
        group: Listing((*observation.objects, Observed(remote_id="foreign", url="https://ci.example.com")))
        for group, observation in observe(records).items()
        if isinstance(observation, Listing)
    }
    known = {record.remote_id for record in records}
    for step in planned(wanted, records, seen).steps:
        if step.action is Action.PRUNE:
            assert step.recorded in records
        assert set(step.remote_ids) | set(step.surplus) <= known


@given(worlds, worlds)
def test_a_frozen_group_is_left_alone(wanted: list[Trigger], before: list[Trigger]) -> None:
    """Where every list fails, no auto webhook is touched."""
    records = records_of(before)
    groups = {record.key.group for record in records} | {wish.key.group for wish in folded(wanted)}
    made = planned(wanted, records, {group: ListFailed("down") for group in groups})
    assert all(step.key.manual or step.action is Action.BLOCKED for step in made.steps)


@given(worlds, worlds, st.text(alphabet="0123456789abcdef", min_size=64, max_size=64))
def test_no_fingerprint_is_shown_in_full(wanted: list[Trigger], before: list[Trigger], secret: str) -> None:
    """A plan shows at most eight characters of a secret's fingerprint."""
    wanted = [replace(item, secret=secret) if item.manual else item for item in wanted]
    made = planned(wanted, records_of(before), {})
    assert secret not in json.dumps(document(made))
    assert secret not in repr(document(made))


@given(worlds)
def test_every_trigger_is_served_by_one_webhook(wanted: list[Trigger]) -> None:
    """Each trigger's events are subscribed by the one webhook that it folds into."""
    desired = folded(wanted)
    for item in wanted:
        (wish,) = [wish for wish in desired if item in wish.triggers]
        assert "*" in wish.events or {event.partition(".")[0] for event in item.events} <= wish.events


def apply_on_paper(made: Plan, records: list[Recorded]) -> list[Recorded]:
    """The records that the plan's steps leave."""
    left = {record.id: record for record in records}
    for number, step in enumerate(made.applicable):
        if step.action is Action.PRUNE:
            _bury(left, step)
        elif step.desired and step.recorded and step.action is not Action.REPLACE:
            remote_id = "" if step.key.manual else step.recorded.remote_id or f"n{number}"
            left[step.recorded.id] = _following(step.desired, step.recorded, remote_id)
        elif step.desired:
            fresh = recorded(step.desired, 100 + number)
            left[fresh.id] = fresh
            if step.recorded:
                del left[step.recorded.id]
    return list(left.values())


def _bury(left: dict[str, Recorded], step: Step) -> None:
    assert step.recorded
    if step.key.manual:
        left[step.recorded.id] = replace(step.recorded, phase=Phase.TOMBSTONE)
    else:
        del left[step.recorded.id]


def _following(wish: Desired, record: Recorded, remote_id: str) -> Recorded:
    fresh = recorded(wish)
    return replace(fresh, id=record.id, url=record.url, remote_id=remote_id)
