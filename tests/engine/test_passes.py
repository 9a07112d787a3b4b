"""Passes over a world in memory: what exists at the provider, and in the store, after each."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from reconciler.core.errors import (
    ConfigError,
    ErrorKind,
    MissingConfigError,
    RetryableError,
    ScopeBoundError,
    TerminalError,
)
from reconciler.core.model import Listing, OptionTraits, Phase, Secret, Trigger
from reconciler.core.plan import Action, Plan, PlanOptions, Reason
from reconciler.core.ports import Credentials, Target
from reconciler.engine.context import Stop
from reconciler.engine.unit import Result
from reconciler.testing.memory_provider import MemoryProvider
from tests.support.builders import graph, trigger, wishes
from tests.support.catalogue import CATALOGUE
from tests.support.crashing import MONTH, shaped_world
from tests.support.world import World


def fail(verb: str, error: Exception, times: int = 99) -> Callable[[str, Target], None]:
    """A fault that answers `verb` with `error`, that many times."""
    left = [times]

    def fault(called: str, target: Target) -> None:
        if called == verb and left[0] > 0:
            left[0] -= 1
            raise error

    return fault


async def assert_settled(world: World, *triggers: Trigger) -> None:
    """The second pass plans nothing."""
    assert (await world.plan(*triggers)).is_empty


async def test_a_wanted_webhook_is_registered_once() -> None:
    """One object at the provider, with our URL and the recorded secret; the next plan is empty."""
    world = World()
    report = await world.run(trigger())
    record, held = world.record(), world.object()
    assert [outcome.result for outcome in report.applied.outcomes] == [Result.DONE]
    assert (record.phase, record.remote_id) == (Phase.REGISTERED, held.observed.remote_id)
    assert held.observed.url == record.url
    assert held.secret == world.store.secrets(record.id)[0]
    assert record.secret == world.store.fingerprint(held.secret)
    await assert_settled(world, trigger())


async def test_planning_writes_nothing_and_calls_only_list() -> None:
    """A plan is a look."""
    world = World()
    assert (await world.plan(trigger())).steps[0].action is Action.CREATE
    assert world.records() == []
    assert [verb for verb, _ in world.provider().calls] == ["list"]


async def test_without_refresh_a_plan_asks_nobody() -> None:
    """`--no-refresh` compares with the record alone; a pass still looks where it makes something."""
    world = World()
    await world.plan(trigger(), refresh=False)
    assert world.provider().calls == []
    await world.run(trigger(), refresh=False)
    assert [verb for verb, _ in world.provider().calls] == ["list", "create"]
    await world.run(trigger(), refresh=False)
    assert len(world.provider().calls) == 2


async def test_one_list_serves_all_webhooks_of_a_resource() -> None:
    """Two users on one repository: one list call per group, not per webhook."""
    world = World()
    await world.run(trigger(), trigger(user="bob"))
    world.provider().calls.clear()
    await world.plan(trigger(), trigger(user="bob"))
    assert world.provider().calls == [("list", "acme/api")]


async def test_groups_are_listed_alone() -> None:
    """What an export asks for: every object of a resource, whoever made it, and nothing is written."""
    world = World()
    await world.run(trigger())
    record = world.record()
    observed = await world.reconciler().listed({record.key.group: "acme/api"})
    (listing,) = observed.values()
    assert isinstance(listing, Listing)
    assert [item.remote_id for item in listing.objects] == [record.remote_id]
    assert world.records() == [record]


async def test_events_are_widened_and_shrunk_in_place() -> None:
    """The same object follows the union of what is asked."""
    world = World()
    await world.run(trigger())
    first = world.record()
    await world.run(trigger(), trigger("issues.opened", subscriber=graph("notify")))
    assert world.object().observed.events == {"push", "issues"}
    await world.run(trigger("issues"))
    record = world.record()
    assert (record.id, record.url, record.remote_id) == (first.id, first.url, first.remote_id)
    assert world.object().observed.events == {"issues"}
    await assert_settled(world, trigger("issues"))


async def test_who_wants_an_event_is_known_before_it_is_subscribed_to() -> None:
    """The provider may deliver at once: at its call the new event is routed already, though not yet recorded as had."""
    world = World()
    await world.run(trigger("push"))
    seen: list[tuple[frozenset[str], set[str]]] = []

    def look(verb: str, target: Target) -> None:
        if verb == "update":
            record = world.record()
            seen.append((record.events, {event for relation in record.relations for event in relation.events}))

    world.provider().before = look
    await world.run(trigger("push", "issues"))
    assert seen == [(frozenset({"push"}), {"push", "issues"})]
    assert world.record().events == {"push", "issues"}


async def test_a_routing_change_calls_no_provider() -> None:
    """Another graph for the same events: only our record learns of it."""
    world = World()
    await world.run(trigger())
    world.provider().calls.clear()
    await world.run(trigger(), trigger(subscriber=graph("notify")))
    assert [verb for verb, _ in world.provider().calls] == ["list"]
    assert [relation.subscriber.id for relation in world.record().relations] == ["notify", "triage"]


async def test_a_dangling_webhook_is_deregistered_and_forgotten() -> None:
    """Prune: gone at the provider, gone from the store, its secret too."""
    world = World()
    await world.run(trigger(), trigger(resource="acme/web"))
    (gone,) = [record for record in world.records() if record.key.resource == "acme/web"]
    report = await world.run(trigger())
    assert report.plan.steps[0].action is Action.PRUNE
    assert world.record().key.resource == "acme/api"
    assert world.object().observed.url == world.record().url
    assert world.store.secrets(gone.id) == ()


async def test_foreign_objects_are_never_touched() -> None:
    """Create, update and prune beside somebody else's webhook leave it as it is."""
    world = World()
    await world.run(trigger())
    target = (("main", "repo", "acme/api"), "foreign")
    foreign = world.object()
    place = world.provider().objects[target[0]]
    other = replace(foreign.observed, remote_id="foreign", url="https://ci.example.com/hook")
    place["foreign"] = type(foreign)(other, None)
    report = await world.run(trigger("issues"))
    assert report.plan.foreign == 1
    await world.run(allow_destroy="100%")
    assert [held.observed for held in world.provider().everything()] == [other]


async def test_drift_is_repaired() -> None:
    """Edited at the provider: the next pass puts it right."""
    world = World()
    await world.run(trigger())
    world.provider().edit("1", events=frozenset({"release"}), active=True)
    report = await world.run(trigger())
    assert report.plan.steps[0].reason is Reason.DRIFTED
    assert (world.object().observed.events, world.object().observed.active) == ({"push"}, True)
    await assert_settled(world, trigger())


async def test_a_deleted_object_is_registered_with_the_same_id_url_and_secret() -> None:
    """Deleted at the provider behind our back."""
    world = World()
    await world.run(trigger())
    before, secret = world.record(), world.object().secret
    world.provider().objects.clear()
    await world.run(trigger())
    after = world.record()
    assert (after.id, after.url) == (before.id, before.url)
    assert world.object().secret == secret
    await assert_settled(world, trigger())


async def test_a_returned_secret_is_recorded() -> None:
    """Where the provider mints the secret, the store has it after the create."""
    world = World()
    await world.run(trigger(provider="once"))
    assert world.store.secrets(world.record().id) == (world.object("once").secret,)
    await assert_settled(world, trigger(provider="once"))


async def test_a_provider_without_update_gets_a_new_webhook_before_the_old_one_goes() -> None:
    """Replace: another id and URL, create first, delete after."""
    world = World()
    await world.run(trigger(provider="fixed"))
    before = world.record()
    await world.run(trigger("issues", provider="fixed"))
    after = world.record()
    assert after.id != before.id
    assert world.object("fixed").observed.url == after.url
    assert [verb for verb, _ in world.provider("fixed").calls if verb != "list"] == ["create", "create", "delete"]
    await assert_settled(world, trigger("issues", provider="fixed"))


async def test_manual_webhooks_call_nobody_and_keep_their_url() -> None:
    """Created, updated, pruned to a tombstone, revived: one id, one URL, one secret."""
    world = World()
    await world.run(trigger(manual=True))
    first = world.record()
    secret = world.store.secrets(first.id)
    assert (first.phase, len(secret)) == (Phase.MANUAL, 1)
    await world.run(trigger("issues", manual=True))
    assert (world.record().id, world.record().events) == (first.id, {"issues"})
    await world.run(allow_destroy="100%")
    assert world.records() == []
    await world.run(trigger(manual=True))
    revived = world.record()
    assert (revived.id, revived.url, world.store.secrets(revived.id)) == (first.id, first.url, secret)
    assert world.provider().calls == []


async def test_what_a_pass_forgets_by_itself_is_in_the_audit_log() -> None:
    """A tombstone whose time is over, and an orphan that is gone."""
    world = World()
    await world.run(trigger(manual=True), trigger(provider="once"))
    world.provider("once").before = fail("delete", TerminalError("no", kind=ErrorKind.FORBIDDEN), times=1)
    await world.run(allow_destroy="100%")
    world.provider("once").objects.clear()
    world.clock.time += 31 * 24 * 3600
    await world.run(allow_destroy="100%")
    told = [(entry.action, entry.reason) for entry in world.store.history("test")]
    assert {("forget", "expired"), ("forget", "gone")} <= set(told)


async def test_a_tombstone_is_forgotten_after_thirty_days() -> None:
    """Then the trigger's return mints a new URL."""
    world = World()
    await world.run(trigger(manual=True))
    first = world.record()
    await world.run(allow_destroy="100%")
    await world.clock.advance(31 * 24 * 3600.0)
    await world.run()
    assert world.store.record("test", first.id) is None


async def test_a_trigger_that_returns_too_late_gets_a_new_url() -> None:
    """No pass ran between: the old tombstone is dropped, and the new webhook is kept."""
    world = World()
    await world.run(trigger(manual=True))
    first = world.record()
    await world.run(allow_destroy="100%")
    await world.clock.advance(31 * 24 * 3600.0)
    await world.run(trigger(manual=True))
    assert world.record().id != first.id
    assert world.store.record("test", first.id) is None
    await assert_settled(world, trigger(manual=True))


async def test_a_supplied_secret_is_stored_and_follows_its_change() -> None:
    """The vendor minted it; the manifest refers to it; deliveries may be signed with the new and the old one."""
    world = World()
    old, new = Secret("vendor-1"), Secret("vendor-2")
    prints = {world.store.fingerprint(secret): secret for secret in (old, new)}
    world.supplied = prints
    first, second = prints
    await world.run(trigger(manual=True, secret=first))
    assert world.store.secrets(world.record().id) == (old,)
    await world.run(trigger(manual=True, secret=second))
    assert world.store.secrets(world.record().id)[0] == new
    assert world.record().secret == second


async def test_manual_to_auto_registers_the_pasted_url() -> None:
    """Gained credentials: the same id, URL and secret, now registered by us."""
    world = World()
    await world.run(trigger(manual=True))
    manual = world.record()
    secret = world.store.secrets(manual.id)[0]
    await world.run(trigger())
    record = world.record()
    assert (record.id, record.url, record.phase) == (manual.id, manual.url, Phase.REGISTERED)
    assert world.object().secret == secret
    await assert_settled(world, trigger())


async def test_manual_to_auto_mints_a_secret_where_there_was_none() -> None:
    """A record without any secret gets one before it is registered."""
    world = World()
    await world.run(trigger(manual=True))
    world.store._secrets.clear()
    await world.run(trigger())
    assert world.object().secret == world.store.secrets(world.record().id)[0]


async def test_a_secret_that_was_removed_there_is_sent_again() -> None:
    """The recorded one, with the object's own id and URL; then all is in sync."""
    world = World()
    await world.run(trigger())
    known, held = world.object().secret, world.object()
    held.secret = None
    world.provider().edit(held.observed.remote_id, has_secret=False)
    report = await world.run(trigger())
    assert [(step.action, step.reason) for step in report.plan.steps] == [(Action.UPDATE, Reason.DRIFTED)]
    assert world.object().secret == known
    await assert_settled(world, trigger())


async def test_allowing_what_there_is_not_is_a_problem_that_stops_nothing() -> None:
    """A daemon's flag outlives the webhook that it let go; whoever types it is refused before this."""
    world = World()
    report = await world.run(trigger(), allow_protected=("acme/repo/acme/apo@main",))
    assert [problem.code for problem in report.plan.problems] == ["protected_unmatched"]
    assert "did you mean acme/repo/acme/api@main?" in report.plan.problems[0].hint
    assert len(world.records()) == 1


async def test_changed_credentials_keep_the_object() -> None:
    """The new token sees the same object: only the record changes."""
    world = World()
    world.provider().accounts = {"main": "org", "other": "org"}
    await world.run(trigger())
    await world.run(trigger(credentials="other"))
    assert world.record().key.credentials == "other"
    assert len(world.provider().everything()) == 1
    await assert_settled(world, trigger(credentials="other"))


async def test_a_failed_list_freezes_its_resource_and_the_rest_goes_on() -> None:
    """The frozen webhook is neither updated nor pruned; another provider's is made."""
    world = World()
    await world.run(trigger())
    world.provider().before = fail("list", TerminalError("no access", kind=ErrorKind.FORBIDDEN))
    report = await world.run(trigger("issues"), trigger(provider="once"))
    assert [problem.code for problem in report.plan.problems] == ["list_failed"]
    assert world.object().observed.events == {"push"}
    assert len(world.provider("once").everything()) == 1


@pytest.mark.parametrize(
    ("kind", "lacking", "told"),
    [
        (ErrorKind.NOT_FOUND, "admin:repo_hook", "main lack a permission that acme asks for: admin:repo_hook; give"),
        (ErrorKind.FORBIDDEN, "admin:repo_hook", "main lack a permission that acme asks for: admin:repo_hook; give"),
        (ErrorKind.NOT_FOUND, "", "no such thing: it does not exist, or the credentials main may not see it"),
        (ErrorKind.FORBIDDEN, "", "no such thing"),
        (ErrorKind.AUTH, "admin:repo_hook", "no such thing"),
    ],
)
async def test_a_refused_list_says_which_permission_is_missing(kind: ErrorKind, lacking: str, told: str) -> None:
    """Where the provider tells it; else, of what is not found, that it may be hidden."""
    world = World()
    world.provider().lacking["main"] = lacking
    world.provider().before = fail("list", TerminalError("no such thing", kind=kind))
    (problem,) = (await world.plan(trigger())).problems
    assert told in problem.message
    assert problem.message.endswith(told) or lacking


async def test_what_a_refused_list_comes_from_may_stay_unknown() -> None:
    """The question about permissions failed as well: the list's own words stand."""
    world = World()
    refused = fail("list", TerminalError("no such thing", kind=ErrorKind.FORBIDDEN))
    limited = fail("missing_permission", RetryableError("too many", throttled=True))

    def fault(verb: str, target: Target) -> None:
        refused(verb, target)
        limited(verb, target)

    world.provider().before = fault
    (problem,) = (await world.plan(trigger())).problems
    assert problem.message.endswith("no such thing")


async def test_unresolved_credentials_freeze_and_undeclared_ones_leave_orphans() -> None:
    """A missing environment variable may be there tomorrow; credentials that left the project file are gone."""
    world = World()
    await world.run(trigger())
    world.unresolved = frozenset({"main"})
    frozen = await world.run(allow_destroy="100%")
    assert "TOKEN is not set" in frozen.plan.problems[0].message
    assert len(world.records()) == 1
    world.unresolved, world.undeclared = frozenset(), frozenset({"main"})
    report = await world.run(allow_destroy="100%")
    assert [outcome.result for outcome in report.applied.outcomes] == [Result.ORPHANED]
    assert world.records() == []
    (orphan,) = report.orphans
    assert (orphan.remote_id, orphan.address) == ("1", "acme/repo/acme/api@main")
    assert "not declared" in orphan.reason


async def test_an_orphan_ends_when_it_is_gone() -> None:
    """Somebody removed what was left: the next full list shows it, and the orphan is forgotten."""
    world = World()
    await world.run(trigger())
    world.provider().before = fail("delete", TerminalError("must be an owner", kind=ErrorKind.FORBIDDEN))
    assert len((await world.run(allow_destroy="100%")).orphans) == 1
    world.provider().before = None
    assert len((await world.run()).orphans) == 1
    world.provider().edit("1", url="https://elsewhere.example.com")
    assert len((await world.run()).orphans) == 1
    world.provider().objects.clear()
    assert (await world.run()).orphans == ()


async def test_an_orphan_is_known_by_its_url() -> None:
    """In a slot the id says nothing: what is left is recognised by our id in its URL."""
    world = World()
    await world.run(trigger(provider="slotted"))
    world.provider("slotted").before = fail("delete", TerminalError("no", kind=ErrorKind.FORBIDDEN))
    assert len((await world.run(allow_destroy="100%")).orphans) == 1
    world.provider("slotted").before = None
    assert len((await world.run()).orphans) == 1
    world.provider("slotted").objects.clear()
    assert (await world.run()).orphans == ()


async def test_an_orphan_in_a_slot_is_gone_once_another_webhook_of_ours_is_there() -> None:
    """All that ever stand in a slot have one id at the provider: the URL tells whose it is."""
    world = World()
    await world.run(trigger(provider="slotted"))
    world.provider("slotted").before = fail("delete", TerminalError("no", kind=ErrorKind.FORBIDDEN))
    assert len((await world.run(allow_destroy="100%")).orphans) == 1
    world.provider("slotted").before = None
    held = world.object("slotted").observed
    world.provider("slotted").edit(held.remote_id, url=held.url[:-1] + ("0" if held.url[-1] != "0" else "1"))
    assert (await world.run()).orphans == ()


async def test_replacing_with_changed_credentials_removes_with_the_new_ones() -> None:
    """The old credentials are gone from the project file: the old object is still removed."""
    world = World()
    world.provider("fixed").accounts = {"main": "org", "other": "org"}
    await world.run(trigger(provider="fixed"))
    world.undeclared = frozenset({"main"})
    report = await world.run(trigger("issues", provider="fixed", credentials="other"))
    assert [outcome.result for outcome in report.applied.outcomes] == [Result.DONE]
    assert len(world.provider("fixed").everything()) == 1
    await assert_settled(world, trigger("issues", provider="fixed", credentials="other"))


async def test_revoked_credentials_that_nobody_uses_are_no_problem() -> None:
    """The webhook moved to other credentials; the list with the old ones fails, and holds nothing."""
    world = World()
    world.provider().accounts = {"main": "org", "other": "org"}
    await world.run(trigger())

    def fault(verb: str, target: Target) -> None:
        if target.credentials.name == "main":
            raise TerminalError("bad credentials", kind=ErrorKind.AUTH)

    world.provider().before = fault
    report = await world.run(trigger(credentials="other"))
    assert report.plan.problems == ()
    assert world.record().key.credentials == "other"


async def test_an_option_that_is_said_no_more_is_sent_as_unset() -> None:
    """What the definition names for taking it back goes out once; then the plan is empty."""
    world = World()
    kind = CATALOGUE["acme"].types["repo"]
    options = {**kind.options, "note": OptionTraits(can_unset=True, unset="")}
    provider = replace(CATALOGUE["acme"], types={"repo": replace(kind, options=options)})
    world.catalogue = CATALOGUE | {"acme": provider}
    world.providers["acme"] = MemoryProvider(provider)
    await world.run(trigger(options={"note": "x"}))
    await world.run(trigger())
    assert world.object().observed.options["note"] == ""
    await assert_settled(world, trigger())


async def test_a_record_whose_definition_is_gone_stops_nobody_else() -> None:
    """It is blocked with its way out; the rest of the pass goes on."""
    world = World()
    await world.run(trigger(provider="once"))
    world.catalogue = {name: traits for name, traits in CATALOGUE.items() if name != "once"}
    report = await world.run(trigger())
    assert [step.reason for step in report.plan.steps] == [Reason.DECLARED, Reason.NO_DEFINITION]
    assert len(world.provider().everything()) == 1


async def test_a_refused_delete_leaves_an_orphan() -> None:
    """Never silently dropped: the orphan keeps id and reason."""
    world = World()
    await world.run(trigger())
    world.provider().before = fail("delete", TerminalError("must be an owner", kind=ErrorKind.FORBIDDEN))
    report = await world.run(allow_destroy="100%")
    assert report.applied.outcomes[0].result is Result.ORPHANED
    assert report.orphans[0].reason == "must be an owner"


async def test_not_found_counts_as_gone_only_where_the_resource_can_be_read() -> None:
    """404 on delete: believed while the list answers, else an orphan."""
    for readable, expected in ((True, Result.DONE), (False, Result.ORPHANED)):
        world = World()
        await world.run(trigger())
        gone = fail("delete", TerminalError("not found", kind=ErrorKind.NOT_FOUND))
        listed = fail("list", TerminalError("not found", kind=ErrorKind.NOT_FOUND))

        def fault(verb, target, gone=gone, listed=listed, world=world, readable=readable):
            if verb == "delete":
                world.provider().objects.clear()
            gone(verb, target)
            if ("delete", "acme/api") in world.provider().calls and not readable:
                listed(verb, target)

        world.provider().before = fault
        report = await world.run(allow_destroy="100%")
        assert report.applied.outcomes[0].result is expected


async def test_an_object_that_is_listed_yet_not_found_is_an_orphan() -> None:
    """A provider that contradicts itself is not believed."""
    world = World()
    await world.run(trigger())
    world.provider().before = fail("delete", TerminalError("not found", kind=ErrorKind.NOT_FOUND))
    report = await world.run(allow_destroy="100%")
    assert "lists it" in report.orphans[0].reason


async def test_a_provider_that_is_down_leaves_a_prune_to_the_next_pass() -> None:
    """Retryable to the end: the record stays marked, nothing is orphaned, the next pass finishes."""
    world = World()
    await world.run(trigger())
    world.provider().before = fail("delete", RetryableError("503"))
    report = await world.run(allow_destroy="100%")
    assert report.applied.outcomes[0].result is Result.FAILED
    assert world.record().phase is Phase.RETIRING
    world.provider().before = None
    await world.run()
    assert world.records() == []
    assert world.provider().everything() == []


async def test_one_failure_stops_no_other() -> None:
    """Each webhook is its own unit."""
    world = World()

    def fault(verb: str, target: Target) -> None:
        if verb == "create" and target.resource == "acme/bad":
            raise TerminalError("no such repository", kind=ErrorKind.NOT_FOUND)

    world.provider().before = fault
    report = await world.run(*(trigger(resource=f"acme/{name}") for name in ("a", "bad", "c")))
    results = {outcome.step.key.resource: outcome.result for outcome in report.applied.outcomes}
    assert results == {"acme/a": Result.DONE, "acme/bad": Result.FAILED, "acme/c": Result.DONE}
    assert len(world.provider().everything()) == 2


async def test_a_lost_answer_makes_no_twin() -> None:
    """The create took effect but its answer was lost: it is found by its URL in the same pass."""
    world = World()
    world.provider().after = fail("create", RetryableError("connection reset", uncertain=True), times=1)
    report = await world.run(trigger())
    assert report.applied.outcomes[0].result is Result.DONE
    assert world.record().remote_id == world.object().observed.remote_id
    await assert_settled(world, trigger())


async def test_a_request_that_never_arrived_is_sent_again() -> None:
    """Uncertain, and not found: created at the second attempt."""
    world = World()
    world.provider().before = fail("create", RetryableError("timed out", uncertain=True), times=1)
    await world.run(trigger())
    assert len(world.provider().everything()) == 1
    await assert_settled(world, trigger())


async def test_a_lost_secret_is_made_anew_in_the_same_pass() -> None:
    """Returned once and lost with the answer: the object is removed, and another one's secret recorded."""
    world = World()
    world.provider("once").after = fail("create", RetryableError("connection reset", uncertain=True), times=1)
    await world.run(trigger(provider="once"))
    assert world.store.secrets(world.record().id) == (world.object("once").secret,)
    await assert_settled(world, trigger(provider="once"))


async def test_where_nobody_can_look_a_lost_answer_becomes_an_orphan() -> None:
    """A provider without list: the create is not repeated; the next pass makes another and owns up to the doubt."""
    world = World()
    world.provider("blind").after = fail("create", RetryableError("connection reset", uncertain=True), times=1)
    first = await world.run(trigger(provider="blind"))
    assert first.applied.outcomes[0].result is Result.FAILED
    second = await world.run(trigger(provider="blind"))
    assert [outcome.result for outcome in second.applied.outcomes] == [Result.ORPHANED]
    (orphan,) = second.orphans
    assert orphan.webhook_id not in {record.id for record in world.records()}
    assert [verb for verb, _ in world.provider("blind").calls] == ["create", "create"]
    await assert_settled(world, trigger(provider="blind"))


async def test_a_twin_that_the_provider_refuses_is_found_and_brought_up_to_date() -> None:
    """A twin is ours by its URL, updated instead of created."""
    world = World()
    provider = world.provider()
    refused = fail("create", TerminalError("exists already", kind=ErrorKind.EXISTS))

    def fault(verb: str, target: Target) -> None:
        if verb == "create" and provider.everything():
            refused(verb, target)

    provider.before = fault
    provider.after = fail("create", RetryableError("bad gateway"), times=1)
    await world.run(trigger())
    assert len(provider.everything()) == 1
    assert ("update", "acme/api") in provider.calls
    await assert_settled(world, trigger())


async def test_somebody_else_s_twin_is_an_error() -> None:
    """A twin without our URL: the provider's own words are passed on."""
    world = World()
    world.provider().before = fail("create", TerminalError("exists already", kind=ErrorKind.EXISTS))
    report = await world.run(trigger())
    assert (report.applied.outcomes[0].result, report.applied.outcomes[0].message) == (
        Result.FAILED,
        "exists already",
    )


async def test_guards_hold_prunes_back_while_creates_run() -> None:
    """An empty wish prunes nothing; the flag passes it."""
    world = World()
    await world.run(trigger())
    refused = await world.run()
    assert refused.plan.refusals[0].guard == "empty_wish"
    assert refused.applied.outcomes == ()
    assert len(world.provider().everything()) == 1
    await world.run(allow_destroy="100%")
    assert world.provider().everything() == []


async def test_what_is_not_approved_is_not_applied() -> None:
    """The answer "no" leaves everything as it is, the scope unbound as well."""
    world = World()
    asked: list[Plan] = []

    async def no(plan: Plan) -> bool:
        asked.append(plan)
        return False

    report = await world.reconciler().run(wishes(trigger()), PlanOptions(), {}, no, Stop())
    assert asked == [report.plan]
    assert world.records() == []
    assert world.store.binding("test") == ""


async def test_the_log_of_a_create_that_failed_tells_the_webhook() -> None:
    """Its record is there, with its id, and is registered later; a replacement that failed is the old one's affair."""
    world = World()

    def refusing(verb: str, target: Target) -> None:
        if verb == "create":
            raise TerminalError("no", kind=ErrorKind.INVALID)

    world.provider("fixed").before = refusing
    await world.run(trigger(provider="fixed"))
    first = world.record().id
    assert [(entry.action, entry.webhook_id) for entry in world.store.history("test")] == [("create", first)]
    world.provider("fixed").before = None
    await world.run(trigger(provider="fixed"))
    world.provider("fixed").before = refusing
    await world.run(trigger("issues", provider="fixed"))
    assert {(entry.action, entry.webhook_id) for entry in world.store.history("test")} == {
        (action, first) for action in ("create", "register", "replace")
    }
    assert all(change.field != "id" for entry in world.store.history("test") for change in entry.changes)


async def test_a_stopped_pass_begins_nothing_more() -> None:
    """Asked to stop, the steps that have not begun are skipped, and told so."""
    world, stop = World(), Stop()

    async def stopping(plan: Plan) -> bool:
        stop.request()
        return True

    report = await world.reconciler().run(wishes(trigger()), PlanOptions(), {}, stopping, stop)
    assert [outcome.result for outcome in report.applied.outcomes] == [Result.SKIPPED]
    assert world.records() == []


async def test_a_pass_that_is_stopped_while_it_looks_asks_nothing_more() -> None:
    """The lists in flight are read to their end; of what was not asked for nobody knows, so nothing is changed."""
    world, stop = World(), Stop()
    provider = world.provider()

    def stopping(verb: str, target: Target) -> None:
        stop.request()

    provider.before = stopping
    report = await world.run(*(trigger(resource=f"acme/r{number}") for number in range(500)), stop=stop)
    assert provider.calls.count(("list", "acme/r0")) == 1
    assert len(provider.calls) <= 64
    assert "asked to stop" in str(report.plan.problems)
    assert world.records() == []


async def test_a_lease_is_renewed_in_time_and_recorded() -> None:
    """An hour before its end; what lapsed meanwhile is registered again with its own id."""
    world = World()
    provider = world.provider("leased")
    provider.lease_end = lambda: world.clock.now() + 7200
    await world.run(trigger(provider="leased"))
    first = world.record()
    assert first.lease_expires_at == world.clock.now() + 7200
    await assert_settled(world, trigger(provider="leased"))
    world.clock.time += 5000
    await world.run(trigger(provider="leased"))
    assert world.record().lease_expires_at == world.clock.now() + 7200
    assert ("renew", "acme/api") in provider.calls
    world.clock.time += 7000
    provider.objects.clear()
    await world.run(trigger(provider="leased"), refresh=False)
    assert (world.record().id, world.record().url) == (first.id, first.url)
    assert world.object("leased").observed.url == first.url


async def test_what_is_found_again_brings_its_lease_along() -> None:
    """The answer was lost, or the process died: the end of the lease is known all the same."""
    for fault in (RetryableError("reset", uncertain=True), TerminalError("odd", kind=ErrorKind.BAD_ANSWER)):
        world = World()
        end = world.clock.now() + 7200
        world.provider("leased").lease_end = lambda end=end: end
        world.provider("leased").after = fail("create", fault, times=1)
        await world.run(trigger(provider="leased"))
        await world.run(trigger(provider="leased"))
        assert (world.record().phase, world.record().lease_expires_at) == (Phase.REGISTERED, end)


async def test_a_refused_renewal_fails_loudly() -> None:
    """The provider's words are passed on; the record stays."""
    world = World()
    world.provider("leased").lease_end = lambda: world.clock.now() + 10
    await world.run(trigger(provider="leased"))
    world.provider("leased").before = fail("renew", TerminalError("no", kind=ErrorKind.FORBIDDEN))
    report = await world.run(trigger(provider="leased"))
    assert report.applied.outcomes[0].result is Result.FAILED
    assert len(world.records()) == 1


async def test_a_webhook_that_cannot_be_deleted_becomes_a_tombstone_and_then_an_orphan() -> None:
    """Its trigger's return revives it without a call; after thirty days what is left is an orphan."""
    world = World()
    await world.run(trigger(provider="sticky"))
    first = world.record()
    await world.run(allow_destroy="100%")
    assert world.store.record("test", first.id).phase is Phase.TOMBSTONE
    await world.run(trigger(provider="sticky"))
    assert (world.record().id, world.record().phase) == (first.id, Phase.REGISTERED)
    await world.run(allow_destroy="100%")
    assert [verb for verb, _ in world.provider("sticky").calls] == ["create"]
    await world.clock.advance(31 * 24 * 3600.0)
    report = await world.run()
    assert [(orphan.webhook_id, orphan.remote_id) for orphan in report.orphans] == [(first.id, first.remote_id)]


async def test_a_slot_is_handed_on_by_removing_first() -> None:
    """A single slot: the old webhook goes before the new one comes, in one pass."""
    world = World()
    await world.run(trigger(provider="slotted"))
    await world.run(trigger(provider="slotted", user="bob"))
    assert world.record().key.user == "bob"
    assert world.object("slotted").observed.url == world.record().url
    await assert_settled(world, trigger(provider="slotted", user="bob"))


async def test_a_token_that_leads_to_no_slot_freezes_its_group() -> None:
    """Malformed: the provider's own words are told, and nothing is claimed."""
    world = World()
    refusal = TerminalError("the token does not have the vendor's form", kind=ErrorKind.AUTH)

    class Malformed(MemoryProvider):
        def slot(self, credentials: Credentials) -> str:
            raise refusal

    world.providers["slotted"] = Malformed(CATALOGUE["slotted"], before=fail("list", refusal))
    report = await world.run(trigger(provider="slotted"))
    assert "vendor's form" in report.plan.problems[0].message
    assert world.records() == []


async def test_when_the_slot_is_not_freed_its_successor_waits() -> None:
    """The old webhook could not be removed: the new one is not begun."""
    world = World()
    await world.run(trigger(provider="slotted"))
    world.provider("slotted").before = fail("delete", RetryableError("503"))
    report = await world.run(trigger(provider="slotted", user="bob"))
    assert {outcome.result for outcome in report.applied.outcomes} == {Result.FAILED, Result.SKIPPED}
    world.provider("slotted").before = None
    await world.run(trigger(provider="slotted", user="bob"))
    assert world.object("slotted").observed.url == world.record().url


async def test_a_slot_has_one_owner_over_all_scopes() -> None:
    """Another scope of the same store cannot take it."""
    world = World()
    await world.run(trigger(provider="slotted"))
    world.scope = "another"
    report = await world.run(trigger(provider="slotted", user="bob"))
    assert report.plan.steps[0].reason is Reason.SLOT_TAKEN


async def test_a_lost_store_doubles_nothing() -> None:
    """An empty store against a provider that holds our webhook: blocked, with the way out."""
    world = World()
    await world.run(trigger())
    lost = World(providers=world.providers)
    report = await lost.run(trigger())
    assert report.plan.steps[0].reason is Reason.UNRECORDED
    assert len(world.provider().everything()) == 1


async def test_twins_collapse_to_one() -> None:
    """Two objects with our URL: one is removed."""
    world = World()
    await world.run(trigger())
    place = world.provider().objects["main", "repo", "acme/api"]
    held = world.object()
    place["9"] = type(held)(replace(held.observed, remote_id="9"), held.secret)
    await world.run(trigger())
    assert world.object().observed.remote_id == world.record().remote_id
    assert [verb for verb, _ in world.provider().calls if verb == "update"] == []


@pytest.mark.parametrize("shape", ["acme", "fixed", "ending"])
async def test_what_is_replaced_goes_with_its_twins_even_without_a_refresh(shape: str) -> None:
    """A create was done twice, its first answer being lost: a replacement that looks at nothing else removes both."""
    world = shaped_world()
    await world.run(trigger(provider=shape, options={"note": "x"}))
    place = world.provider(shape).objects["main", "repo", "acme/api"]
    held = world.object(shape)
    place["9"] = type(held)(replace(held.observed, remote_id="9"), held.secret)
    if shape == "ending":
        world.clock.time += MONTH - 60
    await world.run(trigger(provider=shape, options={"note": "x"} if shape == "ending" else {}), refresh=False)
    assert world.object(shape).observed.remote_id == world.record().remote_id
    assert world.object(shape).observed.url == world.record().url


async def test_a_surplus_that_cannot_be_removed_fails_loudly() -> None:
    """The twin stays, and the outcome says so."""
    world = World()
    await world.run(trigger())
    place = world.provider().objects["main", "repo", "acme/api"]
    held = world.object()
    place["9"] = type(held)(replace(held.observed, remote_id="9"), held.secret)
    world.provider().before = fail("delete", TerminalError("no", kind=ErrorKind.FORBIDDEN))
    report = await world.run(trigger())
    assert "surplus webhook 9" in report.applied.outcomes[0].message


async def test_a_missing_base_url_stops_before_anything() -> None:
    """No call, no write."""
    world = World(base_url="")
    for attempt in (world.run, world.plan):
        with pytest.raises(MissingConfigError, match="RECONCILER_BASE_URL"):
            await attempt(trigger())
    assert world.provider().calls == []


async def test_a_scope_belongs_to_one_project() -> None:
    """Bound at its first write; another project is refused, in a plan too."""
    world = World()
    await world.run(trigger())
    world.binding = "another project"
    for attempt in (world.run, world.plan):
        with pytest.raises(ScopeBoundError, match="another project"):
            await attempt(trigger())


async def test_a_target_without_match_is_a_usage_error() -> None:
    """Nothing is applied for a target that names nothing."""
    world = World()
    with pytest.raises(ConfigError, match="matches no webhook"):
        await world.run(trigger(), targets=("graph:nobody",))


async def test_a_moved_base_url_updates_all_in_place() -> None:
    """Same objects, new URLs."""
    world = World()
    await world.run(trigger(), trigger(resource="acme/web"))
    world.base_url = "https://new.example.com"
    report = await world.run(trigger(), trigger(resource="acme/web"))
    assert {step.reason for step in report.plan.steps} == {Reason.BASE_URL_MOVED}
    urls = {held.observed.url for held in world.provider().everything()}
    assert urls == {record.url for record in world.records()}
    assert all(url.startswith("https://new.example.com/") for url in urls)
    await assert_settled(world, trigger(), trigger(resource="acme/web"))


async def test_ping_asks_the_provider() -> None:
    """A test delivery for a recorded webhook; refused without credentials."""
    world = World()
    await world.run(trigger())
    await world.reconciler().ping(world.record())
    assert world.provider().calls[-1] == ("ping", "acme/api")
    with pytest.raises(ScopeBoundError):
        await World(store=world.store, binding="another").reconciler().ping(world.record())
    for change in ({"undeclared": frozenset({"main"})}, {"unresolved": frozenset({"main"})}):
        broken = World(store=world.store, providers=world.providers, **change)
        with pytest.raises(TerminalError):
            await broken.reconciler().ping(world.record())


async def test_progress_is_told_without_secrets() -> None:
    """Every list and every outcome is told; nothing that is told holds a secret."""
    world = World()
    await world.run(trigger())
    assert [event for event, _ in world.events] == ["listing", "listed", "applied"]
    secret = world.object().secret
    assert secret is not None
    assert secret.reveal() not in repr(world.events)
