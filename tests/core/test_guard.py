"""Guards: what stops a part of a valid plan, and the flag that passes it."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.guard import Allowance, Limits, check, parse_allowance
from reconciler.core.model import Desired, Listing, Recorded
from reconciler.core.plan import Action, Plan, PlanOptions, Refusal
from tests.support.builders import BASE_URL, listings, observed, plan, recorded, trigger, wishes

LIMITS = Limits(max_prune_percent=30, max_change_percent=50, min_existing=10)


def fleet(number: int, **changes: Any) -> tuple[list[Desired], list[Recorded]]:
    """That many webhooks in sync, one per repository."""
    desired = [wishes(trigger(resource=f"acme/r{index:03d}", **changes))[0] for index in range(number)]
    return desired, [recorded(wish, index + 1) for index, wish in enumerate(desired)]


def guards(made: Plan) -> list[str]:
    """The names of the guards that refuse."""
    return [refusal.guard for refusal in made.refusals]


def pruned(drop: int, of: int, **options: Any) -> Plan:
    """The checked plan after `drop` of `of` triggers left the manifests."""
    desired, records = fleet(of)
    return check(plan(desired[drop:], records, options=PlanOptions(**options)), LIMITS)


def test_pruning_more_than_the_share_is_refused_and_says_how_to_pass() -> None:
    """4 of 10 is over 30 %: nothing is pruned, and the flag names the number."""
    made = pruned(4, 10)
    (refusal,) = made.refusals
    assert (refusal.guard, refusal.flag) == ("max_prune_percent", "--allow-destroy 4")
    assert "4 of 10 webhooks (40%)" in refusal.message
    assert made.applicable == ()


@pytest.mark.parametrize("options", [{"allow_destroy": "4"}, {"allow_destroy": "40%"}])
def test_an_allowance_passes(options: Any) -> None:
    """By number or by share."""
    assert len(pruned(4, 10, **options).applicable) == 4


def test_an_allowance_is_also_a_limit() -> None:
    """Who allows one destroys one, even where the share would let more pass."""
    made = pruned(2, 10, allow_destroy="1")
    assert guards(made) == ["max_prune_percent"]
    assert "more than 1" in made.refusals[0].message


def test_the_share_itself_is_within() -> None:
    """30 % of 10 is 3; and small projects are not judged by shares."""
    assert guards(pruned(3, 10)) == []
    assert guards(pruned(8, 9)) == []


def test_an_empty_wish_is_always_refused() -> None:
    """No trigger at all while webhooks are recorded: even one webhook, even below `min_existing`."""
    for number in (1, 20):
        made = pruned(number, number)
        assert guards(made) == ["empty_wish"]
        assert made.refusals[0].flag == "--allow-destroy 100%"
        assert made.applicable == ()
    assert guards(pruned(2, 2, allow_destroy="2")) == ["empty_wish"]
    assert guards(pruned(2, 2, allow_destroy="100%")) == []


def test_an_empty_wish_without_prune_destroys_nothing() -> None:
    """Nothing is planned, so nothing is refused."""
    assert guards(pruned(5, 5, prune=False)) == []


def test_changing_more_than_the_share_is_refused() -> None:
    """6 of 10 is over 50 %; creates are not held back."""
    desired, records = fleet(10)
    changed = [replace(wish, events=frozenset({"issues"})) for wish in desired[:6]] + desired[6:]
    new = wishes(trigger(resource="acme/new"))[0]
    made = check(plan([*changed, new], records, {new.key.group: Listing(())}), LIMITS)
    assert guards(made) == ["max_change_percent"]
    assert [step.action for step in made.applicable] == [Action.CREATE]
    allowed = check(plan([*changed, new], records, options=PlanOptions(allow_change="6")), LIMITS)
    assert len(allowed.applicable) == 7


def test_repairs_registers_and_routing_never_count() -> None:
    """Every object drifted or gone: all are repaired."""
    desired, records = fleet(12)
    seen = listings(*((record, observed(record, active=False)) for record in records[:6]))
    seen |= {record.key.group: Listing(()) for record in records[6:]}
    made = check(plan(desired, records, seen), LIMITS)
    assert guards(made) == []
    assert len(made.applicable) == 12


def test_a_move_of_the_base_url_counts_once() -> None:
    """One decision, however many webhooks follow it."""
    desired, records = fleet(12)
    made = check(plan(desired, records, base_url="https://new.example.com", base_urls=frozenset({BASE_URL})), LIMITS)
    assert guards(made) == []
    assert len(made.applicable) == 12


MOVED = {"base_url": "https://new.example.com", "base_urls": frozenset({BASE_URL})}


def test_a_move_counts_once_whatever_else_is_repaired() -> None:
    """The old host died, so the vendor switched the webhooks off: the move and the repair are one update each."""
    desired, records = fleet(12)
    seen = listings(*((record, observed(record, active=False)) for record in records))
    assert guards(check(plan(desired, records, seen, **MOVED), LIMITS)) == []


def test_a_move_by_replacement_counts_once_too() -> None:
    """A provider that cannot change a URL: one decision, twelve new webhooks."""
    desired, records = fleet(12, provider="fixed")
    seen = listings(*((record, observed(record)) for record in records))
    made = check(plan(desired, records, seen, **MOVED), LIMITS)
    assert guards(made) == []
    assert {step.action for step in made.applicable} == {Action.REPLACE}


def test_a_repair_by_replacement_is_never_refused() -> None:
    """All webhooks were switched off at a provider that cannot switch them on: made anew, protected ones too."""
    desired, records = fleet(12, provider="fixed")
    records = [replace(record, protect=True) for record in records]
    seen = listings(*((record, observed(record, active=False)) for record in records))
    made = check(plan(desired, records, seen), LIMITS)
    assert guards(made) == []
    assert len(made.applicable) == 12


def test_what_waits_for_a_slot_that_a_guard_keeps_is_blocked() -> None:
    """The owner of the slot is protected: its successor cannot be made, and the plan says so."""
    owner = recorded(wishes(trigger(provider="slotted"))[0], slot="slotted/bot", protect=True)
    rival = wishes(trigger(provider="slotted", user="bob"))[0]
    slots: Any = {"slot_of": {("slotted", "main"): "slotted/bot"}, "slots": {"slotted/bot": ("test", owner.id)}}
    made = check(plan([rival], [owner], **slots), LIMITS)
    assert [(step.action, step.key.user) for step in made.steps] == [(Action.PRUNE, "alice"), (Action.BLOCKED, "bob")]
    assert "--allow-protected" in made.steps[1].way_out
    assert made.applicable == ()


def test_protection_is_lifted_by_saying_so() -> None:
    """`protect: false` in the same pass as a replacement."""
    wish = wishes(trigger("issues", provider="fixed", protect=False))[0]
    record = recorded(wishes(trigger(provider="fixed"))[0], protect=True)
    assert guards(check(plan([wish], [record]), LIMITS)) == []


def test_a_protected_webhook_is_not_destroyed() -> None:
    """Protection is in the record: removing the trigger does not lift it; the flag names the address."""
    desired, records = fleet(2)
    protected = replace(records[0], protect=True)
    address = "acme/repo/acme/r000@main"
    made = check(plan(desired[1:], [protected, records[1]]), LIMITS)
    assert [(refusal.guard, refusal.flag) for refusal in made.refusals] == [("protect", f"--allow-protected {address}")]
    assert made.applicable == ()
    allowed = check(plan(desired[1:], [protected, records[1]], options=PlanOptions(allow_protected=(address,))), LIMITS)
    assert len(allowed.applicable) == 1


def test_manual_changes_count_too() -> None:
    """A manual webhook's events are changed for its people, without a provider call."""
    desired, records = [], []
    for index in range(10):
        (wish,) = wishes(trigger(manual=True, name=f"n{index}"))
        desired.append(replace(wish, events=frozenset({"issues"})))
        records.append(recorded(wish, index + 1))
    assert guards(check(plan(desired, records), LIMITS)) == ["max_change_percent"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3", Allowance(count=3)), ("40%", Allowance(percent=40)), ("12.5%", Allowance(percent=12.5))],
)
def test_allowances_are_numbers_or_shares(text: str, expected: Allowance) -> None:
    """`N` or `P%`."""
    assert parse_allowance(text) == expected


@pytest.mark.parametrize("text", ["", "all", "-1", "%", "1e9"])
def test_anything_else_is_told_so(text: str) -> None:
    """A sentence for the user."""
    with pytest.raises(ValueError, match="expected a number of webhooks or a share"):
        parse_allowance(text)


@pytest.mark.parametrize("text", ["101%", "200%", "100.5%"])
def test_a_share_is_of_all_there_is(text: str) -> None:
    """More than all is a slip."""
    with pytest.raises(ValueError, match="at most 100%"):
        parse_allowance(text)


def test_an_allowance_of_nothing_covers_nothing() -> None:
    """Neither number nor share."""
    assert not Allowance().covers(1, 10)
    assert not Allowance(count=100).everything


def two_providers(drop: int, **options: Any) -> Plan:
    """The checked plan after `drop` of 10 webhooks at one provider left the manifests, of 40 in all."""
    desired, records = fleet(30)
    others = [wishes(trigger(resource=f"acme/o{index:03d}", provider="once"))[0] for index in range(10)]
    records += [recorded(wish, index + 100) for index, wish in enumerate(others)]
    return check(plan([*desired, *others[drop:]], records, options=PlanOptions(**options)), LIMITS)


def test_shares_are_judged_for_each_provider_too() -> None:
    """4 of 40 is little, 4 of 10 at one provider is not."""
    (refusal,) = two_providers(4).refusals
    assert (refusal.guard, refusal.flag) == ("max_prune_percent", "--allow-destroy 4")
    assert refusal.message == "4 of 10 once webhooks (40%) would be destroyed, more than 30%"
    assert guards(two_providers(3)) == []
    assert guards(two_providers(4, allow_destroy="4")) == []


def test_what_others_found_is_added_to_the_guards() -> None:
    """A refusal that holds every action back leaves nothing of its addresses to apply."""
    desired, _ = fleet(2)
    made = plan(desired)
    address = made.address(made.steps[0])
    refusal = Refusal(
        guard="permission", message="", flag="", addresses=frozenset({address}), actions=frozenset(Action)
    )
    checked = check(made, LIMITS, (refusal,))
    assert checked.refusals == (refusal,)
    assert [checked.address(step) for step in checked.applicable] == [made.address(made.steps[1])]
