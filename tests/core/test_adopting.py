"""Adopting: what a person asked to be bound, and to what."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.diff import Change
from reconciler.core.errors import Problem
from reconciler.core.model import Group, ListFailed, Listing, Observation, Observed, Phase
from reconciler.core.plan import Action, Adoption, Plan, PlanOptions, Reason, Step, document
from tests.support.builders import BASE_URL, observed, only, plan, recorded, trigger, webhook_id, wishes

WISH = wishes(trigger())[0]
RECORD = recorded(WISH)
ADDRESS = WISH.key.address("alice")
OLD_URL = "https://old.example.com/hook"
FOREIGN = Observed(remote_id="f1", url=OLD_URL, events=frozenset({"push"}), active=True, options={"level": "low"})
LOST = observed(RECORD, remote_id="r1")


def adopt(*objects: Observed, wish: Any = WISH, records: Any = (), **choice: Any) -> Plan:
    """The plan of a pass that adopts, with these objects at the provider."""
    options = PlanOptions(adopt=(Adoption(**choice),))
    seen = {wish.key.group: Listing(objects)}
    return plan([wish], records, seen, options=options, known_ids=frozenset(record.id for record in records))


def verdict(made: Plan) -> tuple[Action, Reason]:
    """Action and reason of the only step."""
    step = only(made)
    return step.action, step.reason


def test_an_object_is_adopted_by_its_id() -> None:
    """It gets our URL and a secret of ours; its id there stays, and what it has already is no change."""
    step = only(adopt(FOREIGN, address=ADDRESS, remote_id="f1"))
    assert (step.action, step.reason, step.remote_ids) == (Action.ADOPT, Reason.ADOPTED, ("f1",))
    assert step.changes == (
        Change("secret", None, "reset"),
        Change("triggers", None, [{"graph": "triage", "events": ["push"]}]),
        Change("url", OLD_URL, f"{BASE_URL}/webhooks/acme/(new)"),
    )
    assert step.recorded
    assert (step.recorded.id, step.recorded.phase) == ("", Phase.PENDING)


def test_the_plan_of_an_adoption_is_a_document_without_an_id_that_is_not_minted() -> None:
    """The id is null, and the wish stands among the options, its secret shortened."""
    made = adopt(FOREIGN, address=ADDRESS, remote_id="f1", secret="0123456789abcdef")
    shown = document(made)
    assert shown["actions"][0]["webhook"]["id"] is None
    assert shown["options"]["adopt"][0]["secret"] == "01234567"
    assert "adopt" not in document(plan([WISH]))["options"]


def test_without_an_address_every_unrecorded_wish_takes_the_one_object_that_matches() -> None:
    """By a glob of the URL; what matches nothing is left alone, and what is recorded is not concerned."""
    assert verdict(adopt(FOREIGN, url="https://old.example.com/*")) == (Action.ADOPT, Reason.ADOPTED)
    assert adopt(FOREIGN, url="https://other.example.com/*").is_empty
    assert adopt(FOREIGN, LOST, records=(RECORD,), url="https://old.example.com/*").is_empty


def test_what_is_adopted_is_not_among_the_others() -> None:
    """Only what stays somebody else's counts as that."""
    other = replace(FOREIGN, remote_id="f2", url="https://other.example.com/hook")
    assert adopt(FOREIGN, other, url="https://old.*").foreign == 1
    assert adopt(FOREIGN, address=ADDRESS, remote_id="f9").foreign == 1


def test_one_object_is_never_given_to_two() -> None:
    """Two users want the same resource: the first takes the object, the second finds none."""
    other = replace(WISH, key=WISH.key._replace(user="bob"))
    options = PlanOptions(adopt=(Adoption(url="https://old.*"),))
    made = plan([WISH, other], (), {WISH.key.group: Listing((FOREIGN,))}, options=options)
    assert [step.key for step in made.steps] == [WISH.key]


OTHER = replace(WISH, key=WISH.key._replace(user="bob", credentials="other"))
"""The same resource, seen with other credentials."""


def adopt_both(item: Observed, *, records: Any = (), choice: Adoption, **changes: Any) -> Plan:
    """The plan of a pass that adopts an object which both credentials show."""
    seen: dict[Group, Observation] = {wish.key.group: Listing((item,)) for wish in (WISH, OTHER)}
    return plan([WISH, OTHER], records, seen, options=PlanOptions(adopt=(choice,)), **changes)


def test_one_object_is_never_given_to_two_credentials() -> None:
    """Both see it, foreign or lost: one takes it. What is recorded is not taken, though somebody edited its URL."""
    for choice, item in ((Adoption(url="https://old.*"), FOREIGN), (Adoption(unrecorded=True), LOST)):
        assert [step.key for step in adopt_both(item, choice=choice).steps] == [WISH.key]
    edited = replace(FOREIGN, remote_id=RECORD.remote_id)
    gone = recorded(wishes(trigger(resource="acme/web"))[0], 2)
    gone = replace(gone, key=gone.key._replace(provider="gone"))
    assert adopt_both(edited, records=(RECORD, gone), choice=Adoption(url="https://old.*")).is_empty


def test_objects_on_two_servers_are_two_though_they_have_one_id() -> None:
    """Where credentials lead to a server of somebody's own, ids are told apart."""
    elsewhere = frozenset({("acme", "other")})
    made = adopt_both(FOREIGN, choice=Adoption(url="https://old.*"), elsewhere=elsewhere)
    assert {step.key for step in made.steps} == {WISH.key, OTHER.key}


@pytest.mark.parametrize(
    ("objects", "choice", "words"),
    [
        ((), {"remote_id": "f1"}, "lists no webhook f1"),
        ((), {"url": "https://old.*"}, "lists no URL like https://old.*"),
        ((FOREIGN, replace(FOREIGN, remote_id="f2")), {"url": "https://old.*"}, "several webhooks"),
    ],
)
def test_what_cannot_be_found_is_blocked_with_the_reason(objects: Any, choice: dict[str, Any], words: str) -> None:
    """An address was named, so silence would be wrong."""
    step = only(adopt(*objects, address=ADDRESS, **choice))
    assert (step.action, step.reason) == (Action.BLOCKED, Reason.UNADOPTABLE)
    assert words in step.way_out


def test_what_is_recorded_already_is_not_adopted_twice() -> None:
    """Neither the declaration that has an object, nor the object that another record has."""
    step = only(adopt(LOST, FOREIGN, records=(RECORD,), address=ADDRESS, remote_id="f1"))
    assert (step.action, step.reason) == (Action.BLOCKED, Reason.UNADOPTABLE)
    assert "bound to r1" in step.way_out
    assert adopt(LOST, records=(RECORD,), address=ADDRESS, remote_id="r1").is_empty, "it was adopted before"
    other = wishes(trigger(user="bob"))[0]
    made = plan(
        [WISH, other],
        [RECORD],
        {WISH.key.group: Listing((LOST,))},
        options=PlanOptions(adopt=(Adoption(address=other.key.address("alice"), remote_id="r1"),)),
        known_ids=frozenset({RECORD.id}),
    )
    assert verdict(made) == (Action.BLOCKED, Reason.UNADOPTABLE)


def test_an_object_with_the_url_of_a_known_webhook_stays_its_own() -> None:
    """Whatever its id: another scope of this store may have the record."""
    options = PlanOptions(adopt=(Adoption(address=ADDRESS, remote_id="r1"),))
    seen = {WISH.key.group: Listing((LOST,))}
    step = only(plan([WISH], (), seen, options=options, known_ids=frozenset({RECORD.id})))
    assert (step.action, step.reason) == (Action.BLOCKED, Reason.UNADOPTABLE)
    assert RECORD.id in step.way_out


def test_an_address_that_nobody_declares_is_a_mistake() -> None:
    """Manual webhooks and unknown addresses cannot be adopted."""
    made = adopt(FOREIGN, address="acme/repo/acme/none@main", remote_id="f1")
    assert [problem.code for problem in made.problems if isinstance(problem, Problem)] == ["target_unmatched"]
    assert made.is_empty


def test_an_unrecorded_object_comes_back_with_its_own_id_and_url() -> None:
    """After a lost store: only the secret is reset, for it cannot be read."""
    step = only(adopt(LOST, unrecorded=True))
    assert (step.action, step.reason, step.remote_ids) == (Action.ADOPT, Reason.UNRECORDED, ("r1",))
    assert [change.field for change in step.changes] == ["secret", "triggers"]
    assert step.recorded
    assert step.recorded.id == RECORD.id


def test_twins_of_an_unrecorded_object_are_removed_with_it() -> None:
    """The healthiest is bound, the rest is surplus."""
    step = only(adopt(replace(LOST, remote_id="r0", active=False), LOST, unrecorded=True))
    assert (step.remote_ids, step.surplus) == (("r1",), ("r0",))


def test_unrecorded_objects_go_to_the_wishes_that_they_equal() -> None:
    """Two users on one resource: each gets back what has its events, whatever the order of ids."""
    second = wishes(trigger("issues", user="bob"))[0]
    mine = observed(recorded(second, 2), remote_id="a1")
    theirs = observed(RECORD, remote_id="z9")
    options = PlanOptions(adopt=(Adoption(unrecorded=True),))
    made = plan([WISH, second], (), {WISH.key.group: Listing((mine, theirs))}, options=options)
    assert {step.key.user: step.remote_ids for step in made.steps} == {"alice": ("z9",), "bob": ("a1",)}


def test_more_unrecorded_objects_than_wishes_leave_some_unbound() -> None:
    """Nobody wants the second one: it is not touched."""
    spare = observed(recorded(WISH, 2), remote_id="r2")
    assert len(adopt(LOST, spare, unrecorded=True).steps) == 1


def test_a_secret_that_is_told_once_makes_an_unrecorded_object_be_made_anew() -> None:
    """It cannot be reset in place: removed and registered again, with its own id."""
    wish = wishes(trigger(provider="once"))[0]
    lost = observed(recorded(wish), remote_id="r1")
    step = only(adopt(lost, wish=wish, unrecorded=True))
    assert (step.action, step.reason, step.surplus) == (Action.REGISTER, Reason.SECRET_LOST, ("r1",))
    assert step.recorded
    assert step.recorded.id == webhook_id(1)


def test_a_secret_that_is_told_once_must_be_supplied_for_a_foreign_object() -> None:
    """Without it the deliveries could not be verified; with it nothing is rotated."""
    wish = wishes(trigger(provider="once"))[0]
    address = wish.key.address("alice")
    step = only(adopt(FOREIGN, wish=wish, address=address, remote_id="f1"))
    assert (step.action, step.reason) == (Action.BLOCKED, Reason.UNADOPTABLE)
    assert "--secret" in step.way_out
    step = only(adopt(FOREIGN, wish=wish, address=address, remote_id="f1", secret="fedcba9876543210"))
    assert (step.action, step.reason) == (Action.ADOPT, Reason.ADOPTED)
    assert Change("secret", None, "fedcba98") in step.changes


def test_a_secret_that_the_receiver_alone_was_told_makes_adoption_impossible() -> None:
    """Nobody can give it either; one of ours is made anew, with its own id."""
    wish = wishes(trigger(provider="handed"))[0]
    chosen = {"address": wish.key.address("alice"), "remote_id": "f1"}
    for supplied in ("", "fedcba9876543210"):
        step = only(adopt(FOREIGN, wish=wish, secret=supplied, **chosen))
        assert (step.action, step.reason) == (Action.BLOCKED, Reason.UNADOPTABLE)
        assert "told its signing secret to the receiver" in step.way_out
        assert "--secret" not in step.way_out
    lost = observed(recorded(wish), remote_id="r1")
    step = only(adopt(lost, wish=wish, unrecorded=True))
    assert (step.action, step.reason, step.surplus) == (Action.REGISTER, Reason.SECRET_LOST, ("r1",))


def test_a_key_that_can_be_asked_for_is_asked_for() -> None:
    """An adoption needs no secret of anybody: the update that binds the object tells it."""
    wish = wishes(trigger(provider="keyed"))[0]
    step = only(adopt(FOREIGN, wish=wish, address=wish.key.address("alice"), remote_id="f1"))
    assert (step.action, step.reason) == (Action.ADOPT, Reason.ADOPTED)
    assert Change("secret", None, "reset") in step.changes


def test_what_cannot_be_changed_in_place_is_made_anew_or_refused() -> None:
    """A provider without update: our own is registered again, a foreign one stays."""
    wish = wishes(trigger(provider="fixed"))[0]
    lost = observed(recorded(wish), remote_id="r1")
    assert verdict(adopt(lost, wish=wish, unrecorded=True)) == (Action.REGISTER, Reason.SECRET_LOST)
    step = only(adopt(FOREIGN, wish=wish, address=wish.key.address("alice"), remote_id="f1"))
    assert (step.action, step.reason) == (Action.BLOCKED, Reason.UNADOPTABLE)
    assert "in place" in step.way_out


def test_an_identity_option_that_cannot_be_changed_makes_our_own_anew() -> None:
    """The secret could be reset, but not the option: the reason is another."""
    wish = wishes(trigger(options={"mode": "x"}))[0]
    lost = replace(observed(recorded(wish), remote_id="r1"), options={"mode": "y"})
    assert verdict(adopt(lost, wish=wish, unrecorded=True)) == (Action.REGISTER, Reason.NOT_UPDATABLE)


def test_a_slot_is_taken_over_only_from_nobody_of_ours() -> None:
    """A foreign URL in a slot may be adopted; a slot that another webhook owns may not."""
    wish = wishes(trigger(provider="slotted"))[0]
    options = PlanOptions(adopt=(Adoption(address=wish.key.address("alice"), url="https://old.*"),))
    seen = {wish.key.group: Listing((FOREIGN,))}
    slots = {("slotted", "main"): "bot:1"}
    step = only(plan([wish], (), seen, options=options, slot_of=slots))
    assert (step.action, step.slot) == (Action.ADOPT, "bot:1")
    taken = {"bot:1": ("elsewhere", webhook_id(7))}
    made = plan([wish], (), seen, options=options, slot_of=slots, slots=taken)
    assert verdict(made) == (Action.BLOCKED, Reason.SLOT_TAKEN)


def test_an_interrupted_adoption_is_repeated_with_the_same_record() -> None:
    """The record of the first try keeps its id."""
    pending = replace(RECORD, phase=Phase.PENDING, remote_id="f1")
    step: Step = only(adopt(FOREIGN, records=(pending,), address=ADDRESS, remote_id="f1"))
    assert (step.action, step.recorded and step.recorded.id) == (Action.ADOPT, RECORD.id)


def test_a_list_that_failed_holds_the_adoption() -> None:
    """Nothing is bound to what could not be looked at."""
    options = PlanOptions(adopt=(Adoption(unrecorded=True),))
    made = plan([WISH], (), {WISH.key.group: ListFailed("HTTP 500")}, options=options)
    assert made.is_empty
    assert made.held == frozenset({ADDRESS})


def test_a_pass_that_adopts_does_nothing_else() -> None:
    """What would be created or pruned besides is not in its plan."""
    other = wishes(trigger(resource="acme/web"))[0]
    gone = recorded(wishes(trigger(resource="acme/gone"))[0], 5)
    options = PlanOptions(adopt=(Adoption(address=ADDRESS, remote_id="f1"),))
    seen: dict[Group, Observation] = {RECORD.key.group: Listing((FOREIGN,))}
    made = plan([WISH, other], [gone], seen, options=options)
    assert [step.action for step in made.steps] == [Action.ADOPT]
