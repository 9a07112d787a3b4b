"""Room at the provider, counted over all that is declared and all that is there, before the first write."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.build import Situation, build
from reconciler.core.guard import Limits, check
from reconciler.core.model import (
    Catalogue,
    Desired,
    Group,
    ListFailed,
    Listing,
    Observation,
    Observed,
    Quota,
    Recorded,
    SecretOrigin,
)
from reconciler.core.plan import Action, Adoption, Plan, PlanOptions
from reconciler.core.ports import Credentials
from reconciler.core.quota import refusals
from tests.support.builders import BASE_URL, NOW, observed, recorded, trigger, wishes
from tests.support.catalogue import CATALOGUE

ANN, BOB, CAT = (wishes(trigger("push", user=user))[0] for user in ("ann", "bob", "cat"))
GROUP = ANN.key.group


def limited(**changes: Any) -> Catalogue:
    """The catalogue with limits for acme, and other traits of its type as given."""
    acme = CATALOGUE["acme"]
    kind = replace(acme.types["repo"], **changes)
    return {**CATALOGUE, "acme": replace(acme, types={"repo": kind})}


def judged(
    desired: list[Desired],
    records: list[Recorded],
    objects: list[Observed],
    catalogue: Catalogue,
    elsewhere: frozenset[tuple[str, str]] = frozenset(),
    seen: dict[Group, Observation] | None = None,
    **options: Any,
) -> Plan:
    """The checked plan for one resource, or for all that was `seen`."""
    situation = Situation(
        scope="test",
        base_url=BASE_URL,
        default_user="alice",
        desired=desired,
        recorded=records,
        observed=seen or {GROUP: Listing(tuple(objects))},
        now=NOW,
        catalogue=catalogue,
        options=PlanOptions(**options),
        known_ids=frozenset(record.id for record in records),
        elsewhere=elsewhere,
    )
    plan = build(situation)
    return check(plan, Limits(), refusals(plan, situation))


def foreign(number: int, *events: str) -> Observed:
    """Somebody else's webhook on the resource."""
    return Observed(remote_id=f"f{number}", url=f"https://ci.example.com/{number}", events=frozenset(events))


def test_more_webhooks_than_fit_are_refused_before_the_first() -> None:
    """Three users declare one each, there is room for two: none is made, the reason is told, and no flag passes it."""
    made = judged([ANN, BOB, CAT], [], [], limited(quota=Quota(per_resource=2)))
    (refusal,) = made.refusals
    assert (refusal.guard, refusal.flag) == ("quota", "")
    assert refusal.message == "acme/repo/acme/api: 3 webhooks would be there, and the provider has room for 2"
    assert made.applicable == ()
    assert judged([ANN, BOB], [], [], limited(quota=Quota(per_resource=2))).refusals == ()


def test_what_others_have_there_takes_room_too() -> None:
    """Each object once, whoever made it."""
    made = judged([ANN], [], [foreign(1, "push"), foreign(2, "push")], limited(quota=Quota(per_resource=2)))
    assert [refusal.guard for refusal in made.refusals] == ["quota"]


def test_room_is_counted_for_each_event() -> None:
    """Two subscribe to push and one to issues: push is full."""
    issues = wishes(trigger("issues", user="cat"))[0]
    catalogue = limited(quota=Quota(per_event=1))
    made = judged([ANN, BOB, issues], [], [], catalogue)
    assert [refusal.message for refusal in made.refusals] == [
        "acme/repo/acme/api: 2 webhooks would subscribe to push, and the provider has room for 1 for each event"
    ]
    assert judged([ANN, issues], [], [], catalogue).refusals == ()


def test_what_leaves_makes_room_and_what_stays_does_not() -> None:
    """A dangling webhook gives its place up, unless nothing is pruned."""
    gone = recorded(BOB)
    catalogue = limited(quota=Quota(per_resource=1))
    assert judged([ANN], [gone], [observed(gone)], catalogue).refusals == ()
    (refusal,) = judged([ANN], [gone], [observed(gone)], catalogue, prune=False).refusals
    assert "2 webhooks would be there" in refusal.message


def test_each_resource_has_its_own_room() -> None:
    """What is elsewhere, or cannot be looked at there, takes none here."""
    other, unseen = (wishes(trigger("push", resource=f"acme/{name}"))[0] for name in ("web", "docs"))
    there = recorded(other, 2)
    seen: dict[Group, Observation] = {
        GROUP: Listing(()),
        other.key.group: Listing((observed(there), foreign(1))),
        unseen.key.group: ListFailed("403"),
    }
    made = judged([ANN, other, unseen], [there], [], limited(quota=Quota(per_resource=1)), seen=seen)
    assert ([step.action for step in made.applicable], made.refusals) == ([Action.CREATE], ())


def test_a_full_resource_that_needs_nothing_is_no_trouble() -> None:
    """In sync, or pruned only: nothing asks for room."""
    record = recorded(ANN)
    catalogue = limited(quota=Quota(per_resource=1, per_event=1))
    crowd = [observed(record), foreign(1, "push")]
    assert judged([ANN], [record], crowd, catalogue).refusals == ()
    made = judged([], [record, *[recorded(BOB, 2)]], crowd, catalogue, allow_destroy="100%")
    assert [step.action for step in made.applicable] == [Action.PRUNE, Action.PRUNE]


def test_what_is_recorded_counts_once_however_it_is_seen() -> None:
    """Its declaration stands for it, and a list that shows it twice does not make two of it."""
    record = recorded(ANN)
    catalogue = limited(quota=Quota(per_resource=2))
    seen = [observed(record), foreign(1), foreign(1)]
    assert [r.guard for r in judged([ANN, BOB], [record], seen, catalogue).refusals] == ["quota"]
    assert judged([ANN, BOB], [record], [observed(record)], catalogue).refusals == ()


def test_an_object_whose_url_somebody_edited_is_not_one_more() -> None:
    """The record knows its id, so its repair is not refused, nor is it counted beside its declaration."""
    record, catalogue = recorded(ANN), limited(quota=Quota(per_resource=1))
    edited = observed(record, url="https://elsewhere.example.com/in")
    made = judged([ANN], [record], [edited], catalogue)
    assert [step.action for step in made.applicable] == [Action.UPDATE]
    made = judged([ANN, BOB], [record], [edited], limited(quota=Quota(per_resource=2)), targets=(BOB.key.address(),))
    assert [step.action for step in made.applicable] == [Action.CREATE]


def test_a_lost_webhook_that_is_made_anew_takes_no_room_twice() -> None:
    """No record explains it, yet the step that registers it again removes it first."""
    catalogue = limited(quota=Quota(per_resource=1))
    catalogue = {**catalogue, "acme": replace(catalogue["acme"], secret_origin=SecretOrigin.RESPONSE)}
    made = judged([ANN], [], [observed(recorded(ANN))], catalogue, adopt=(Adoption(unrecorded=True),))
    assert [step.action for step in made.applicable] == [Action.REGISTER]


def test_an_update_is_refused_for_the_events_that_it_adds_alone() -> None:
    """More are there than we thought to fit: what has its place keeps it, and is repaired as ever."""
    record = recorded(ANN)
    catalogue = limited(quota=Quota(per_resource=1, per_event=1))
    moved = observed(record, active=False)
    made = judged([ANN], [record], [moved, foreign(1, "push")], catalogue)
    assert [step.action for step in made.applicable] == [Action.UPDATE]
    made = judged([ANN], [record], [observed(record, events=frozenset({"issues"})), foreign(1, "push")], catalogue)
    assert (made.applicable, [refusal.guard for refusal in made.refusals]) == ((), ["quota"])


def test_the_record_of_a_provider_without_definition_takes_no_part() -> None:
    """It is blocked on its own, and counts nowhere."""
    lost = recorded(ANN, 2, key=ANN.key._replace(provider="gone"))
    made = judged([ANN], [lost], [], limited(quota=Quota(per_resource=1)), allow_destroy="100%")
    assert [step.action for step in made.applicable] == [Action.CREATE]


def test_an_account_is_counted_for_each_credential() -> None:
    """Where the credentials lead to the resource, two of them are two accounts."""
    catalogue = limited(quota=Quota(per_resource=1), default_resource="account")
    first, second = (wishes(trigger(credentials=name))[0] for name in ("main", "other"))
    assert judged([first, second], [], [], catalogue).refusals == ()
    assert str(judged([ANN, BOB], [], [], catalogue).refusals[0].message).startswith("acme/repo/acme/api@main: 2")


def test_without_a_limit_nothing_is_counted() -> None:
    """And a group whose provider gives none, or could not be listed, takes no part."""
    assert judged([ANN, BOB, CAT], [], [foreign(number, "push") for number in range(50)], CATALOGUE).refusals == ()


def test_a_server_of_one_s_own_has_limits_of_its_own() -> None:
    """The vendor's limits are not judged there: its administrators may have changed them."""
    made = judged(
        [ANN, BOB, CAT], [], [], limited(quota=Quota(per_resource=2)), elsewhere=frozenset({("acme", "main")})
    )
    assert made.refusals == ()


@pytest.mark.parametrize(
    ("api_url", "elsewhere"),
    [
        ("", False),
        ("http://127.0.0.1:8787/github", False),
        ("http://localhost:1", False),
        ("http://[::1]:1", False),
        ("https://ghe.acme.dev/api/v3", True),
    ],
)
def test_credentials_tell_whether_they_lead_elsewhere(api_url: str, elsewhere: bool) -> None:
    """No API root of their own means the vendor's, and loopback plays it."""
    credentials = Credentials(name="main", provider="acme", fields={}, api_url=api_url)
    assert credentials.elsewhere is elsewhere
