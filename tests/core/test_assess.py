"""The verdict on one webhook, shape by shape: the planner's tables."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.diff import Change
from reconciler.core.model import ListFailed, Listing, Observation, OptionTraits, Orphan, Phase, SecretOrigin
from reconciler.core.plan import Action, PlanOptions, Reason
from tests.support.builders import (
    BASE_URL,
    NOW,
    graph,
    listings,
    observed,
    only,
    plan,
    recorded,
    relation,
    trigger,
    webhook_id,
    wishes,
)
from tests.support.catalogue import CATALOGUE

WISH = wishes(trigger())[0]
RECORD = recorded(WISH)
EMPTY: dict[Any, Observation] = {WISH.key.group: Listing(())}


def verdict(made: Any) -> tuple[Action, Reason]:
    """Action and reason of the only step."""
    step = only(made)
    return step.action, step.reason


def fields(step: Any) -> list[str]:
    """The names of what a step changes."""
    return [change.field for change in step.changes]


def test_a_wish_without_record_is_created() -> None:
    """New: create, with what it brings."""
    step = only(plan([WISH], seen=EMPTY))
    assert (step.action, step.reason) == (Action.CREATE, Reason.DECLARED)
    assert step.changes == (
        Change("events", None, ["push"]),
        Change("options.level", None, "low"),
        Change("triggers", None, [{"graph": "triage", "events": ["push"]}]),
    )
    assert step.calls_provider


def test_what_is_recorded_and_observed_as_desired_needs_nothing() -> None:
    """All three states agree: in sync, refreshed or not."""
    seen = listings((RECORD, observed(RECORD)))
    assert plan([WISH], [RECORD], seen).is_empty
    assert plan([WISH], [RECORD]).is_empty
    assert plan([WISH], [RECORD], seen).in_sync == 1


def test_an_added_event_updates_in_place() -> None:
    """Events grow by an update of the same object."""
    more = wishes(trigger("push", "issues"))[0]
    step = only(plan([more], [RECORD], listings((RECORD, observed(RECORD)))))
    assert (step.action, step.reason) == (Action.UPDATE, Reason.MANIFEST_CHANGED)
    assert step.changes[0] == Change("events", ["push"], ["issues", "push"])
    assert step.remote_ids == ("r1",)


def test_a_finer_event_of_the_same_kind_only_changes_the_routing() -> None:
    """`push.main` beside `push` subscribes nothing new: no provider call."""
    finer = wishes(trigger("push"), trigger("push.main", subscriber=graph("notify")))[0]
    step = only(plan([finer], [RECORD], listings((RECORD, observed(RECORD)))))
    assert (step.action, step.reason) == (Action.UPDATE, Reason.ROUTING_CHANGED)
    assert fields(step) == ["triggers"]
    assert not step.calls_provider


def test_silence_about_protection_changes_nothing() -> None:
    """Only `protect: false` lifts it: removing the trigger that protected does not."""
    assert plan([WISH], [replace(RECORD, protect=True)]).is_empty
    step = only(plan([replace(WISH, protect=False)], [replace(RECORD, protect=True)]))
    assert step.changes == (Change("protect", True, False),)


def test_protecting_changes_our_record_alone() -> None:
    """`protect: true` needs no provider call."""
    step = only(plan([replace(WISH, protect=True)], [RECORD]))
    assert (step.action, step.reason, fields(step)) == (Action.UPDATE, Reason.MANIFEST_CHANGED, ["protect"])
    assert not step.calls_provider


@pytest.mark.parametrize(
    ("edit", "field", "before", "reason"),
    [
        ({"events": frozenset({"push", "release"})}, "events", ["push", "release"], Reason.DRIFTED),
        ({"url": "https://elsewhere.example.com"}, "url", "https://elsewhere.example.com", Reason.DRIFTED),
        ({"active": False}, "active", False, Reason.DISABLED_AT_PROVIDER),
        ({"active": False, "health": "disabled"}, "active", "disabled", Reason.DISABLED_AT_PROVIDER),
        ({"options": {"level": "high"}}, "options.level", "high", Reason.DRIFTED),
    ],
)
def test_an_edit_at_the_provider_is_drift(edit: dict[str, Any], field: str, before: Any, reason: Reason) -> None:
    """What differs from the record though the manifests are unchanged is repaired, and its cause is told."""
    step = only(plan([WISH], [RECORD], listings((RECORD, observed(RECORD, **edit)))))
    assert (step.action, step.reason) == (Action.UPDATE, reason)
    assert [(change.field, change.before) for change in step.changes] == [(field, before)]


def test_what_a_provider_does_not_tell_is_no_drift() -> None:
    """Unknown events, an unknown state and an option that is not listed count as recorded."""
    silent = observed(RECORD, events=None, active=None, options={})
    assert plan([WISH], [RECORD], listings((RECORD, silent))).is_empty


def test_wildcards_are_compared_by_meaning() -> None:
    """A provider that lists the wildcard beside others means the wildcard."""
    wish = wishes(trigger("*"))[0]
    record = recorded(wish)
    seen = listings((record, observed(record, events=frozenset({"*", "push"}))))
    assert plan([wish], [record], seen).is_empty


def test_an_object_that_is_gone_is_registered_again() -> None:
    """Deleted at the provider: the record keeps its id, URL and secret."""
    step = only(plan([WISH], [RECORD], EMPTY))
    assert (step.action, step.reason) == (Action.REGISTER, Reason.DELETED_AT_PROVIDER)
    assert step.recorded == RECORD


def test_an_interrupted_create_is_completed_or_done_again() -> None:
    """An intent whose object is found by its URL is adopted; one whose object is not there is registered."""
    pending = replace(RECORD, phase=Phase.PENDING, remote_id="")
    found = observed(pending, remote_id="r9")
    step = only(plan([WISH], [pending], listings((pending, found))))
    assert (step.action, step.reason, step.remote_ids) == (Action.ADOPT, Reason.INTERRUPTED, ("r9",))
    assert step.changes == ()
    assert verdict(plan([WISH], [pending], EMPTY)) == (Action.REGISTER, Reason.INTERRUPTED)


def test_a_secret_that_was_returned_once_and_lost_is_made_anew() -> None:
    """Where the provider mints the secret, an object without a stored secret is removed and registered again."""
    wish = wishes(trigger(provider="once"))[0]
    pending = recorded(wish, phase=Phase.PENDING, remote_id="", secret="")
    step = only(plan([wish], [pending], listings((pending, observed(pending, remote_id="r9")))))
    assert (step.action, step.reason, step.surplus) == (Action.REGISTER, Reason.SECRET_LOST, ("r9",))


def test_a_doubtful_object_of_a_provider_without_list_becomes_an_orphan() -> None:
    """Nobody can tell whether the interrupted create took place: a new webhook, and the doubt stays visible."""
    wish = wishes(trigger(provider="blind"))[0]
    step = only(plan([wish], [recorded(wish, phase=Phase.PENDING, remote_id="")]))
    assert (step.action, step.reason, step.doubtful) == (Action.REPLACE, Reason.UNCERTAIN, True)


def test_a_provider_without_update_gets_a_replacement() -> None:
    """Where nothing can be changed in place, the plan says replace."""
    wish, more = wishes(trigger(provider="fixed"))[0], wishes(trigger("issues", provider="fixed"))[0]
    record = recorded(wish)
    step = only(plan([more], [record], listings((record, observed(record)))))
    assert (step.action, step.reason, step.remote_ids) == (Action.REPLACE, Reason.NOT_UPDATABLE, ("r1",))
    routed = wishes(trigger(provider="fixed"), trigger(provider="fixed", subscriber=graph("other")))[0]
    assert verdict(plan([routed], [record])) == (Action.UPDATE, Reason.ROUTING_CHANGED)


def test_an_option_that_is_said_no_more_is_unset() -> None:
    """Taken back in place where the vendor can, else by a replacement; never forgotten silently."""
    noted = wishes(trigger(options={"note": "x"}))[0]
    record = recorded(noted)
    step = only(plan([WISH], [record], listings((record, observed(record)))))
    assert (step.action, step.changes) == (Action.REPLACE, (Change("options.note", "x", None),))
    can = CATALOGUE["acme"].types["repo"].options | {"note": OptionTraits(can_unset=True)}
    assert verdict(plan([WISH], [record], catalogue=_catalogue(options=can)))[0] is Action.UPDATE


def test_an_option_that_counts_at_creation_alone_is_never_compared() -> None:
    """What was done once, when the webhook was made, is no state to restore."""
    noted = wishes(trigger(options={"note": "x"}))[0]
    once = CATALOGUE["acme"].types["repo"].options | {"note": OptionTraits(at_creation=True)}
    assert plan([noted], [RECORD], catalogue=_catalogue(options=once)).is_empty
    assert plan([WISH], [recorded(noted)], catalogue=_catalogue(options=once)).is_empty


def test_an_option_that_cannot_change_in_place_needs_a_replacement() -> None:
    """`mode` is not updatable at this provider; a changed `level` is."""
    odd = replace(WISH, options={"level": "low", "unknown": 1})
    assert verdict(plan([odd], [RECORD]))[0] is Action.REPLACE
    assert verdict(plan([replace(WISH, options={"level": "high"})], [RECORD]))[0] is Action.UPDATE


def test_a_repair_by_replacement_is_still_a_repair() -> None:
    """A provider that switched our webhook off and cannot switch it on again: replaced, and no guard counts it."""
    seen = listings((RECORD, observed(RECORD, active=False)))
    step = only(plan([WISH], [RECORD], seen, catalogue=_catalogue(updatable=frozenset({"events"}))))
    assert (step.action, step.reason) == (Action.REPLACE, Reason.DISABLED_AT_PROVIDER)


def test_a_secret_that_was_removed_there_is_set_again() -> None:
    """What its deliveries prove is nothing then: an update sends the recorded secret, or a replacement a new one."""
    seen = listings((RECORD, observed(RECORD, has_secret=False)))
    step = only(plan([WISH], [RECORD], seen))
    assert (step.action, step.reason, step.changes) == (Action.UPDATE, Reason.DRIFTED, (Change("secret", None, "set"),))
    step = only(plan([WISH], [RECORD], seen, catalogue=_catalogue(updatable=frozenset({"events"}))))
    assert (step.action, step.reason) == (Action.REPLACE, Reason.DRIFTED)


def test_twins_of_ours_collapse_to_the_healthy_one() -> None:
    """Two objects with our URL: the active one stays, the other goes."""
    twin = observed(RECORD, remote_id="r2")
    sick = observed(RECORD, active=False)
    step = only(plan([WISH], [RECORD], listings((RECORD, sick), (RECORD, twin))))
    assert (step.action, step.reason) == (Action.UPDATE, Reason.DUPLICATED)
    assert (step.remote_ids, step.surplus) == (("r2",), ("r1",))
    assert step.calls_provider


def test_an_object_that_is_listed_twice_is_no_twin() -> None:
    """A list that grew while it was read shows it on two pages: nothing is removed."""
    twice = observed(RECORD)
    assert plan([WISH], [RECORD], listings((RECORD, twice), (RECORD, twice))).is_empty


def test_a_record_without_wish_is_pruned() -> None:
    """Dangling: what the listing shows of it is deregistered."""
    step = only(plan([], [RECORD], listings((RECORD, observed(RECORD)))))
    assert (step.action, step.reason, step.remote_ids) == (Action.PRUNE, Reason.DANGLING, ("r1",))
    assert only(plan([], [RECORD])).remote_ids == ("r1",)
    assert only(plan([], [RECORD], EMPTY)).remote_ids == ("r1",)


def test_pruning_what_nobody_can_find_is_doubtful() -> None:
    """An interrupted record without an id, at a provider that was not asked, may have left something."""
    assert only(plan([], [replace(RECORD, phase=Phase.PENDING, remote_id="")])).doubtful


def test_without_prune_the_dangling_stay() -> None:
    """`--no-prune` plans no prune, and does not call what nobody wants in sync."""
    made = plan([], [RECORD], options=PlanOptions(prune=False))
    assert (made.steps, made.in_sync, made.kept) == ((), 0, 1)


def test_without_prune_the_only_living_webhook_stays() -> None:
    """Its successor was never made and is dangling by now: the old one is not removed either."""
    old = replace(RECORD, phase=Phase.RETIRING, replaced=True)
    successor = recorded(WISH, 2, phase=Phase.PENDING, remote_id="")
    made = plan([], [old, successor], options=PlanOptions(prune=False))
    assert (made.steps, made.kept) == ((), 2)


def test_what_an_earlier_pass_began_to_remove_is_finished() -> None:
    """A retiring record is pruned, even without prune; its reason tells what it was."""
    retiring = replace(RECORD, phase=Phase.RETIRING)
    options = PlanOptions(prune=False)
    assert verdict(plan([], [retiring], options=options)) == (Action.PRUNE, Reason.INTERRUPTED)
    successor = recorded(WISH, 2)
    made = plan([WISH], [replace(retiring, replaced=True), successor])
    assert verdict(made) == (Action.PRUNE, Reason.REPLACED)


def test_a_retiring_record_that_is_wanted_again_is_taken_back() -> None:
    """The trigger came back before the interrupted prune was finished: the object that is still there is adopted."""
    retiring = replace(RECORD, phase=Phase.RETIRING)
    seen = listings((RECORD, observed(RECORD)))
    assert verdict(plan([WISH], [retiring], seen)) == (Action.ADOPT, Reason.INTERRUPTED)


def test_a_moved_base_url_is_an_update_in_place() -> None:
    """The id stays in the path; the old URL is still recognised as ours."""
    seen = listings((RECORD, observed(RECORD)))
    made = plan([WISH], [RECORD], seen, base_url="https://new.example.com", base_urls=frozenset({BASE_URL}))
    step = only(made)
    assert (step.action, step.reason) == (Action.UPDATE, Reason.BASE_URL_MOVED)
    assert step.changes[0].after == f"https://new.example.com/webhooks/acme/{RECORD.id}"


def test_changed_credentials_are_an_update_of_the_same_object() -> None:
    """Only the credentials differ: our record changes, the object stays."""
    moved = wishes(trigger(credentials="other"))[0]
    seen = {moved.key.group: Listing((observed(RECORD),))}
    step = only(plan([moved], [RECORD], seen))
    assert (step.action, step.reason) == (Action.UPDATE, Reason.CREDENTIALS_CHANGED)
    assert step.changes == (Change("credentials", "main", "other"),)
    assert not step.calls_provider


@pytest.mark.parametrize("seen", [Listing(()), ListFailed("403 forbidden")])
def test_credentials_that_cannot_see_the_object_are_blocked(seen: Observation) -> None:
    """Nothing is made beside an object that the new credentials merely do not see."""
    moved = wishes(trigger(credentials="other"))[0]
    assert verdict(plan([moved], [RECORD], {moved.key.group: seen})) == (
        Action.BLOCKED,
        Reason.CREDENTIALS_CANNOT_SEE,
    )


def test_one_record_follows_one_change_of_credentials() -> None:
    """Two wishes differ from it in credentials alone: the first takes it over, the second is new."""
    wanted = [wishes(trigger(credentials=name))[0] for name in ("other", "third")]
    made = plan(wanted, [RECORD])
    assert [(step.action, step.reason) for step in made.steps] == [
        (Action.UPDATE, Reason.CREDENTIALS_CHANGED),
        (Action.CREATE, Reason.DECLARED),
    ]


def test_an_interrupted_record_is_made_with_the_new_credentials() -> None:
    """There never was an object to see: switching credentials is the way out of a create that was refused."""
    moved = wishes(trigger(credentials="other"))[0]
    pending = replace(RECORD, phase=Phase.PENDING, remote_id="")
    made = plan([moved], [pending], {moved.key.group: Listing(())})
    assert verdict(made) == (Action.REGISTER, Reason.INTERRUPTED)
    made = plan([moved], [pending], {moved.key.group: ListFailed("403")})
    assert verdict(made) == (Action.BLOCKED, Reason.CREDENTIALS_CANNOT_SEE)


def test_changed_credentials_are_believed_when_nobody_was_asked() -> None:
    """Without a refresh there is nothing to see."""
    moved = wishes(trigger(credentials="other"))[0]
    assert verdict(plan([moved], [RECORD])) == (Action.UPDATE, Reason.CREDENTIALS_CHANGED)


def test_a_failed_list_freezes_its_webhooks_and_no_others() -> None:
    """No create, update or prune where the list failed; the rest goes on, and the problem says why."""
    other = wishes(trigger(resource="acme/web"))[0]
    gone = recorded(wishes(trigger(user="bob"))[0], 2)
    seen: dict[Any, Observation] = {WISH.key.group: ListFailed("404 not found"), other.key.group: Listing(())}
    made = plan([replace(WISH, events=frozenset({"issues"})), other], [RECORD, gone], seen)
    assert only(made).key == other.key
    assert made.held == {"acme/repo/acme/api@main", "bob:acme/repo/acme/api@main"}
    (problem,) = made.problems
    assert problem.code == "list_failed"
    assert "404 not found" in problem.message
    assert "2 webhooks are left alone" in problem.hint


def test_a_failed_list_counts_also_where_only_orphans_are_looked_for() -> None:
    """Whether they are gone is not known: that is a problem of the plan, unless it is about something else."""
    left = Orphan(
        id="left",
        webhook_id=webhook_id(3),
        address="acme/repo/acme/api@main",
        group=WISH.key.group,
        remote_id="r3",
        url="",
        reason="refused",
        created_at=0.0,
    )
    seen: dict[Any, Observation] = {WISH.key.group: ListFailed("404 not found")}
    (problem,) = plan([], seen=seen, orphans=(left,)).problems
    assert (problem.code, "404 not found" in problem.message) == ("list_failed", True)
    assert "1 orphan is gone cannot be seen" in problem.hint
    assert "2 orphans are gone" in plan([], seen=seen, orphans=(left, left)).problems[0].hint
    other = wishes(trigger(resource="acme/web"))
    elsewhere = PlanOptions(targets=("*web*",))
    assert plan(other, seen=seen, orphans=(left,), options=elsewhere).problems == ()


def test_an_object_of_ours_that_no_record_explains_blocks_a_create() -> None:
    """A lost store is not "nothing exists": nothing is made beside."""
    lost = observed(recorded(WISH, 7))
    made = plan([WISH], seen={WISH.key.group: Listing((lost,))})
    step = only(made)
    assert (step.action, step.reason) == (Action.BLOCKED, Reason.UNRECORDED)
    assert webhook_id(7) in step.way_out
    assert made.foreign == 0


def test_nothing_is_made_beside_an_unrecorded_object_by_any_action() -> None:
    """Not by a create, nor by registering again, nor by a replacement."""
    lost = observed(recorded(WISH, 7))
    seen = {WISH.key.group: Listing((lost,))}
    manual = recorded(wishes(trigger(manual=True))[0])
    for record in (RECORD, manual, replace(RECORD, phase=Phase.PENDING, remote_id="")):
        assert verdict(plan([WISH], [record], seen)) == (Action.BLOCKED, Reason.UNRECORDED)


def test_an_orphan_of_ours_explains_itself() -> None:
    """Its trigger returned while the object is still there: the way out is the orphan's own."""
    orphan = Orphan(
        id="o",
        webhook_id=webhook_id(7),
        address="",
        group=WISH.key.group,
        remote_id="r7",
        url="",
        reason="must be an owner",
        created_at=0,
    )
    made = plan([WISH], seen={WISH.key.group: Listing((observed(recorded(WISH, 7)),))}, orphans=(orphan,))
    assert "must be an owner" in only(made).way_out
    assert "reconcile orphans" in only(made).way_out


def test_an_object_that_another_scope_recorded_blocks_nothing() -> None:
    """Its record explains it."""
    other = observed(recorded(WISH, 7))
    made = plan([WISH], seen={WISH.key.group: Listing((other,))}, known_ids=frozenset({webhook_id(7)}))
    assert verdict(made) == (Action.CREATE, Reason.DECLARED)


def test_foreign_objects_are_counted_and_left_alone() -> None:
    """Somebody else's webhook on the same resource is none of our business."""
    foreign = observed(RECORD, remote_id="x", url="https://ci.example.com/hook")
    made = plan([WISH], [RECORD], listings((RECORD, observed(RECORD)), (RECORD, foreign)))
    assert made.is_empty
    assert made.foreign == 1


def test_a_manual_webhook_lives_in_our_store_alone() -> None:
    """Created, updated and pruned without any provider call; its URL stays."""
    wish = wishes(trigger(manual=True))[0]
    record = recorded(wish)
    created, changed, pruned = (
        only(plan([wish])),
        only(plan([wishes(trigger("issues", manual=True))[0]], [record])),
        only(plan([], [record])),
    )
    assert (created.action, changed.action, pruned.action) == (Action.CREATE, Action.UPDATE, Action.PRUNE)
    assert fields(changed) == ["events", "triggers"]
    assert not any(step.calls_provider for step in (created, changed, pruned))
    assert plan([wish], [record]).is_empty


def test_a_tombstone_is_revived_with_its_id() -> None:
    """The trigger of a pruned manual webhook returned."""
    wish = wishes(trigger(manual=True))[0]
    grave = recorded(wish, phase=Phase.TOMBSTONE)
    step = only(plan([wish], [grave]))
    assert (step.action, step.reason, step.recorded) == (Action.CREATE, Reason.REVIVED, grave)
    assert plan([], [grave]).is_empty


def test_a_vendor_s_new_secret_is_an_update() -> None:
    """The fingerprint of a supplied secret changed; the plan shows the beginning of both."""
    wish = wishes(trigger(manual=True, secret="a" * 64))[0]
    record = recorded(wishes(trigger(manual=True, secret="b" * 64))[0])
    step = only(plan([wish], [record]))
    assert (step.reason, step.changes) == (Reason.SECRET_CHANGED, (Change("secret", "b" * 8, "a" * 8),))


def test_a_new_webhooks_supplied_secret_is_said_and_not_told() -> None:
    """Nor its fingerprint, which depends on the state: a plan may be made before there is one, and applied after."""
    plans = [plan(wishes(trigger(manual=True, secret=digit * 64))) for digit in "ab"]
    assert Change("secret", None, "supplied") in only(plans[0]).changes
    assert plans[0].digest == plans[1].digest


def test_a_secret_that_nobody_copied_is_missed_aloud() -> None:
    """The vendor makes it: until the manifest refers to it, every delivery is refused, and the plan says so."""
    vendor = replace(CATALOGUE["paper"], secret_origin=SecretOrigin.VENDOR)
    missing, given = (wishes(trigger(manual=True, provider="paper", secret=secret))[0] for secret in ("", "f" * 64))
    assert "secret:" in only(plan([missing], catalogue={"paper": vendor})).way_out
    assert only(plan([given], catalogue={"paper": vendor})).way_out == ""
    assert only(plan([missing])).way_out == ""


def test_a_manual_webhook_follows_its_graph_to_another_name() -> None:
    """`moved` names the old graph: the record, its id and so its URL stay."""
    record = recorded(wishes(trigger(manual=True, subscriber=graph("old")))[0])
    wish = wishes(trigger(manual=True, moved=("graph:older", "graph:old")))[0]
    step = only(plan([wish], [record]))
    assert (step.action, step.reason, step.recorded) == (Action.UPDATE, Reason.MOVED, record)
    assert Change("subscriber", "graph:old", "graph:triage") in step.changes
    assert not step.calls_provider
    assert plan([wish], [replace(record, key=wish.key, relations=wish.relations)]).is_empty


def test_a_manual_webhook_that_is_renamed_without_saying_so_is_told_the_way() -> None:
    """One goes and one like it comes: the plan names `moved`, for the URL would be another."""
    record = recorded(wishes(trigger(manual=True, subscriber=graph("old")))[0])
    created, pruned = sorted(plan(wishes(trigger(manual=True)), [record]).steps, key=lambda step: step.action)
    assert (created.action, pruned.action) == (Action.CREATE, Action.PRUNE)
    assert "moved: [graph:old]" in created.way_out
    other = recorded(wishes(trigger(manual=True, subscriber=graph("old"), name="another"))[0])
    assert all(not step.way_out for step in plan(wishes(trigger(manual=True)), [other]).steps)


def test_a_moved_webhook_is_revived_from_its_tombstone() -> None:
    """The old name was pruned in an earlier pass: the URL comes back under the new one."""
    record = recorded(wishes(trigger(manual=True, subscriber=graph("old")))[0], phase=Phase.TOMBSTONE)
    step = only(plan(wishes(trigger(manual=True, moved=("graph:a", "graph:old"))), [record]))
    assert (step.action, step.reason, step.recorded) == (Action.CREATE, Reason.REVIVED, record)


def test_manual_to_auto_registers_with_the_same_id() -> None:
    """Credentials were gained: the pasted URL becomes the registered one."""
    manual = recorded(wishes(trigger(manual=True))[0])
    step = only(plan([WISH], [manual], EMPTY))
    assert (step.action, step.reason, step.recorded) == (Action.REGISTER, Reason.CREDENTIALS_GAINED, manual)


def test_a_pasted_url_is_given_to_one_auto_webhook_only() -> None:
    """Two auto wishes of the graph: the first takes over the manual record, the second is new."""
    manual = recorded(wishes(trigger(manual=True))[0])
    made = plan([WISH, wishes(trigger(resource="acme/web"))[0]], [manual])
    assert [step.action for step in made.steps] == [Action.REGISTER, Action.CREATE]


def test_a_pasted_url_stays_with_its_resource() -> None:
    """A manual webhook that was pasted at another resource is not the wanted one."""
    manual = recorded(wishes(trigger(manual=True))[0], resource="acme/old")
    made = plan([WISH], [manual])
    assert {step.action for step in made.steps} == {Action.CREATE, Action.PRUNE}


def test_auto_to_manual_is_a_destroy_and_a_create() -> None:
    """The registered object goes, and a URL is minted to be pasted."""
    made = plan([wishes(trigger(manual=True))[0]], [RECORD])
    assert {step.action for step in made.steps} == {Action.CREATE, Action.PRUNE}


def test_another_user_is_another_webhook() -> None:
    """Changing the user is create and prune."""
    made = plan([wishes(trigger(user="bob"))[0]], [RECORD])
    assert {step.action for step in made.steps} == {Action.CREATE, Action.PRUNE}


def test_a_url_that_the_provider_would_not_call_is_blocked() -> None:
    """The definition tells schemes and ports; the way out is the base URL."""
    for base_url in ("ftp://hooks.example.com", "https://hooks.example.com:8080"):
        catalogue = _catalogue(url_schemes=frozenset({"https"}), url_ports=frozenset({443}))
        step = only(plan([WISH], base_url=base_url, catalogue=catalogue))
        assert (step.action, step.reason) == (Action.BLOCKED, Reason.URL_REFUSED)
        assert "base_url" in step.way_out
    assert only(plan([WISH], catalogue=_catalogue(url_ports=frozenset({443})))).action is Action.CREATE


SLOT_WISH = wishes(trigger(provider="slotted"))[0]
SLOT_RECORD = recorded(SLOT_WISH, slot="slotted/bot", remote_id="slot")
SLOTS = {("slotted", "main"): "slotted/bot"}


def test_a_free_slot_is_taken() -> None:
    """The step carries the slot, so that it is claimed with the intent."""
    step = only(plan([SLOT_WISH], seen={SLOT_WISH.key.group: Listing(())}, slot_of=SLOTS))
    assert (step.action, step.slot) == (Action.CREATE, "slotted/bot")


def test_a_slot_has_one_owner_across_scopes() -> None:
    """A second claim is blocked, and names the owner."""
    step = only(plan([SLOT_WISH], slot_of=SLOTS, slots={"slotted/bot": ("other", webhook_id(5))}))
    assert (step.action, step.reason) == (Action.BLOCKED, Reason.SLOT_TAKEN)
    assert "of scope other" in step.way_out


def test_two_wishes_for_one_slot_cannot_both_be_granted() -> None:
    """The first by address gets it, or the one that has it."""
    rival = wishes(trigger(provider="slotted", user="bob"))[0]
    slot_of = SLOTS
    made = plan([SLOT_WISH, rival], slot_of=slot_of)
    assert [(step.key.user, step.action) for step in made.steps] == [
        ("alice", Action.CREATE),
        ("bob", Action.BLOCKED),
    ]
    owner = recorded(rival, 3, slot="slotted/bot")
    made = plan([SLOT_WISH, rival], [owner], slot_of=slot_of, slots={"slotted/bot": ("test", owner.id)})
    assert (only(made).key.user, only(made).reason) == ("alice", Reason.SLOT_TAKEN)
    assert "bob:slotted/repo/acme/api@main" in only(made).way_out


def test_a_slot_is_handed_on_within_one_plan() -> None:
    """Who leaves in this very plan makes room."""
    rival = wishes(trigger(provider="slotted", user="bob"))[0]
    made = plan([rival], [SLOT_RECORD], slot_of=SLOTS, slots={"slotted/bot": ("test", SLOT_RECORD.id)})
    assert {(step.action, step.slot) for step in made.steps} == {
        (Action.CREATE, "slotted/bot"),
        (Action.PRUNE, "slotted/bot"),
    }


def test_a_foreign_url_in_a_slot_is_blocked() -> None:
    """Somebody uses the bot for something else: it is never overwritten, whether we are recorded or not."""
    foreign = observed(SLOT_RECORD, url="https://bot.example.com/hook")
    seen = {SLOT_WISH.key.group: Listing((foreign,))}
    assert verdict(plan([SLOT_WISH], [SLOT_RECORD], seen, slot_of=SLOTS))[1] is Reason.FOREIGN_URL
    assert verdict(plan([SLOT_WISH], [], seen, slot_of=SLOTS))[1] is Reason.FOREIGN_URL


def test_a_lost_record_of_ours_in_a_slot_is_unrecorded() -> None:
    """The slot holds a URL of ours that no record explains."""
    lost = observed(SLOT_RECORD, url=f"{BASE_URL}/webhooks/slotted/{webhook_id(9)}")
    seen = {SLOT_WISH.key.group: Listing((lost,))}
    assert verdict(plan([SLOT_WISH], [SLOT_RECORD], seen, slot_of=SLOTS))[1] is Reason.UNRECORDED


def test_another_slot_is_another_webhook() -> None:
    """Another bot's token cannot see this bot's webhook: not changed credentials, but create and prune."""
    other = wishes(trigger(provider="slotted", credentials="other"))[0]
    made = plan([other], [SLOT_RECORD], slot_of={("slotted", "other"): "slotted/second"})
    assert {step.action for step in made.steps} == {Action.CREATE, Action.PRUNE}
    same = plan([other], [SLOT_RECORD], slot_of={("slotted", "other"): "slotted/bot"})
    assert verdict(same) == (Action.UPDATE, Reason.CREDENTIALS_CHANGED)


def test_a_slot_whose_owner_stays_is_taken() -> None:
    """Dangling, but kept: by `--no-prune`, or because the target leaves it out."""
    rival = wishes(trigger(provider="slotted", user="bob"))[0]
    slots = {"slotted/bot": ("test", SLOT_RECORD.id)}
    for options in (PlanOptions(prune=False), PlanOptions(targets=("bob:*",))):
        made = plan([rival], [SLOT_RECORD], slot_of=SLOTS, slots=slots, options=options)
        assert verdict(made) == (Action.BLOCKED, Reason.SLOT_TAKEN)


def test_a_record_whose_definition_is_gone_is_blocked_alone() -> None:
    """The provider's file, or its type, left the project: its webhook cannot be reached, the others go on."""
    gone = replace(RECORD, key=RECORD.key._replace(provider="mine"))
    other_type = replace(RECORD, id=webhook_id(2), key=RECORD.key._replace(type="org"))
    made = plan([wishes(trigger(resource="acme/web"))[0]], [gone, other_type])
    reasons = {step.key.provider + "/" + step.key.type: step.reason for step in made.steps}
    assert reasons == {
        "mine/repo": Reason.NO_DEFINITION,
        "acme/org": Reason.NO_DEFINITION,
        "acme/repo": Reason.DECLARED,
    }
    assert "put the definition of mine (type repo) back" in [step.way_out for step in made.steps][2]


def test_targets_select_actions_by_address_or_subscriber() -> None:
    """Everything is folded and diffed; only what matches is acted on; a glob without match is a problem."""
    other = wishes(trigger(resource="acme/web", subscriber=graph("notify")))[0]
    gone = recorded(wishes(trigger(resource="acme/old"))[0], 4)
    assert plan([WISH], options=PlanOptions(targets=("acme/repo/acme/api@main",))).problems == ()
    for target, expected in [
        ("acme/repo/acme/api@*", {"acme/api"}),
        ("graph:notify", {"acme/web"}),
        ("*", {"acme/api", "acme/web", "acme/old"}),
        ("graph:triage", {"acme/api", "acme/old"}),
    ]:
        made = plan([WISH, other], [gone], options=PlanOptions(targets=(target,)))
        assert {step.key.resource for step in made.steps} == expected
        assert made.problems == ()
    made = plan([WISH], options=PlanOptions(targets=("graph:nobody",)))
    assert [problem.code for problem in made.problems] == ["target_unmatched"]


def test_relations_are_shown_by_kind_and_node() -> None:
    """A routing change lists who came, with the node where a platform tells them apart."""
    before = replace(RECORD, relations=(replace_node(),))
    step = only(plan([WISH], [before]))
    assert step.changes == (
        Change(
            "triggers",
            [{"graph": "triage", "events": ["push"], "node": "n1"}],
            [{"graph": "triage", "events": ["push"]}],
        ),
    )


def replace_node() -> Any:
    """The relation of one node."""
    return relation("triage", "push")._replace(node_id="n1")


def _catalogue(**changes: Any) -> dict[str, Any]:
    provider = CATALOGUE["acme"]
    return CATALOGUE | {"acme": replace(provider, types={"repo": replace(provider.types["repo"], **changes)})}


LEASE_WISH = wishes(trigger(provider="leased"))[0]


def leased(seconds: float, provider: str = "leased") -> Any:
    """A record whose lease ends so many seconds from now."""
    return recorded(wishes(trigger(provider=provider))[0], lease_expires_at=NOW + seconds)


def test_a_lease_is_renewed_before_it_ends() -> None:
    """Within the definition's time before the end, listed or not; earlier, and without a lease, nothing is due."""
    for seconds, due in ((3601, False), (3599, True), (-5, True)):
        record = leased(seconds)
        seen = listings((record, observed(record, lease_expires_at=record.lease_expires_at)))
        for made in (plan([LEASE_WISH], [record], seen), plan([LEASE_WISH], [record])):
            assert [(step.action, step.reason) for step in made.steps] == (
                [(Action.RENEW, Reason.LEASE_EXPIRING)] if due else []
            )
    assert plan([LEASE_WISH], [recorded(LEASE_WISH)]).is_empty


def test_what_the_provider_says_of_a_lease_counts() -> None:
    """Our record is old: somebody renewed it there."""
    record = leased(10)
    assert plan([LEASE_WISH], [record], listings((record, observed(record, lease_expires_at=NOW + 9999)))).is_empty


def test_a_change_comes_before_a_renewal() -> None:
    """One step for a webhook: the renewal is due in the next pass."""
    record = leased(10)
    more = wishes(trigger("push", "issues", provider="leased"))[0]
    assert verdict(plan([more], [record], listings((record, observed(record)))))[0] is Action.UPDATE


def test_a_lease_that_cannot_be_renewed_is_made_anew_in_time() -> None:
    """No call to renew: another webhook before the old one lapses; the guard does not count it."""
    record = leased(10, "ending")
    wish = wishes(trigger(provider="ending"))[0]
    assert verdict(plan([wish], [record], listings((record, observed(record))))) == (
        Action.REPLACE,
        Reason.LEASE_EXPIRING,
    )


def test_a_lapsed_lease_is_told_from_a_deletion() -> None:
    """Gone after its end, it lapsed; gone before, somebody deleted it."""
    gone = {LEASE_WISH.key.group: Listing(())}
    assert verdict(plan([LEASE_WISH], [leased(-1)], gone)) == (Action.REGISTER, Reason.LEASE_LAPSED)
    assert verdict(plan([LEASE_WISH], [leased(1)], gone)) == (Action.REGISTER, Reason.DELETED_AT_PROVIDER)


def test_a_webhook_that_cannot_be_deleted_says_so() -> None:
    """The plan tells that it stays at the provider; its trigger's return puts it in force again, if nothing changed."""
    wish = wishes(trigger(provider="sticky"))[0]
    record = recorded(wish)
    step = only(plan([], [record]))
    assert (step.action, "no call to delete" in step.way_out) == (Action.PRUNE, True)
    grave = replace(record, phase=Phase.TOMBSTONE)
    step = only(plan([wish], [grave]))
    assert (step.action, step.reason, step.recorded) == (Action.CREATE, Reason.REVIVED, grave)
    assert not step.calls_provider
    step = only(plan(wishes(trigger("issues", provider="sticky")), [grave]))
    assert (step.action, step.reason, step.recorded) == (Action.CREATE, Reason.DECLARED, None)
