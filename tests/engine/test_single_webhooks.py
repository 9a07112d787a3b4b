"""One webhook at a time, as a platform does it at run time; and the corners that a whole pass seldom reaches."""

import pytest

from reconciler.core.errors import BlockedError, ErrorKind, TerminalError
from reconciler.core.model import Phase
from reconciler.core.plan import Action, Reason, Step
from reconciler.engine.applying import carry_out
from reconciler.engine.unit import Result
from tests.support.builders import graph, trigger, wishes
from tests.support.world import World

WISH = wishes(trigger())[0]


async def ensured(world: World, *triggers: object) -> str:
    """Ensure the webhook of these triggers, with the records that there are."""
    (wish,) = wishes(*triggers)  # type: ignore[arg-type]  # triggers, passed on
    reconciler = world.reconciler()
    async with reconciler.holding() as holding:
        return await reconciler.ensure(wish, world.records(), {}, holding)


async def test_ensuring_registers_widens_and_leaves_alone() -> None:
    """Created once, updated in place, and nothing at all when it is in sync."""
    world = World()
    webhook_id = await ensured(world, trigger())
    assert webhook_id == world.record().id
    assert await ensured(world, trigger("push", "issues")) == webhook_id
    assert world.object().observed.events == {"push", "issues"}
    world.provider().calls.clear()
    assert await ensured(world, trigger("push", "issues")) == webhook_id
    assert [verb for verb, _ in world.provider().calls] == ["list"]
    assert world.store.binding("test") == "project"


async def test_ensuring_what_is_blocked_or_cannot_be_seen_is_an_error() -> None:
    """The caller learns the reason and the way out; nothing is written."""
    world = World()
    await world.run(trigger())
    lost = World(providers=world.providers)
    with pytest.raises(BlockedError, match="no record explains"):
        await ensured(lost, trigger())
    world.unresolved = frozenset({"main"})
    with pytest.raises(BlockedError, match="TOKEN is not set"):
        await ensured(world, trigger("issues"))


async def removed(world: World) -> None:
    """Remove the only webhook."""
    reconciler = world.reconciler()
    async with reconciler.holding() as holding:
        await reconciler.remove(world.record(), holding)


async def test_removing_deregisters_or_leaves_an_orphan() -> None:
    """Gone at the provider and in the store; without credentials an orphan stays."""
    for undeclared, left in ((frozenset[str](), 0), (frozenset({"main"}), 1)):
        world = World()
        await world.run(trigger())
        world.undeclared = undeclared
        await removed(world)
        assert world.records() == []
        assert len(world.store.orphans("test")) == len(world.provider().everything()) == left


async def test_removing_where_the_list_fails_goes_by_the_recorded_id() -> None:
    """The list is refused, the delete is not."""
    world = World()
    await world.run(trigger())
    world.provider().before = lambda verb, target: refuse() if verb == "list" else None
    await removed(world)
    assert world.provider().everything() == []


async def test_removing_never_empties_a_slot_blindly() -> None:
    """A slot whose content cannot be seen may hold somebody else's webhook by now: an orphan, and no call."""
    world = World()
    await world.run(trigger(provider="slotted"))
    world.provider("slotted").before = lambda verb, target: refuse() if verb == "list" else None
    await removed(world)
    assert "delete" not in {verb for verb, _ in world.provider("slotted").calls}
    assert len(world.store.orphans("test")) == 1


async def test_a_foreign_webhook_in_a_slot_survives_a_prune_without_refresh() -> None:
    """`--no-refresh` still looks into a slot before it is emptied."""
    world = World()
    await world.run(trigger(provider="slotted"))
    world.provider("slotted").edit("slot", url="https://bot.example.com/hook")
    await world.run(refresh=False, allow_destroy="100%")
    assert world.records() == []
    assert world.object("slotted").observed.url == "https://bot.example.com/hook"


async def test_removing_a_manual_webhook_buries_it() -> None:
    """A tombstone, so that its URL can come back."""
    world = World()
    await world.run(trigger(manual=True))
    record = world.record()
    await removed(world)
    assert world.store.record("test", record.id).phase is Phase.TOMBSTONE


async def test_removing_an_interrupted_record_looks_first() -> None:
    """Not there: nothing is left. Where nobody can look, the doubt is an orphan with its URL."""
    for provider, left in (("acme", 0), ("blind", 1)):
        world = World()
        world.provider(provider).before = lambda verb, target: refuse() if verb == "create" else None
        await world.run(trigger(provider=provider))
        record = world.record()
        await removed(world)
        assert [orphan.url for orphan in world.store.orphans("test")] == [record.url] * left


def refuse() -> None:
    """A provider that refuses for good."""
    raise TerminalError("no", kind=ErrorKind.INVALID)


async def test_a_replacement_in_a_slot_removes_first() -> None:
    """One slot and no update: the old webhook goes before the new one comes."""
    world = World()
    await world.run(trigger(provider="slotted"))
    step = Step(
        action=Action.REPLACE,
        reason=Reason.NOT_UPDATABLE,
        key=world.record().key,
        desired=wishes(trigger("issues", provider="slotted"))[0],
        recorded=world.record(),
        remote_ids=("slot",),
        slot="slotted/main",
    )
    reconciler = world.reconciler()
    async with reconciler.holding() as holding:
        outcome = await carry_out(step, reconciler.unit(holding, {}))
    assert outcome.result is Result.DONE
    assert world.object("slotted").observed.url == world.record().url
    assert [verb for verb, _ in world.provider("slotted").calls if verb != "list"] == ["create", "delete", "create"]


async def test_a_step_that_no_pass_makes_is_refused() -> None:
    """A plan that was tampered with is not interpreted."""
    world = World()
    reconciler = world.reconciler()
    step = Step(action=Action.FORGET, reason=Reason.DANGLING, key=WISH.key)
    async with reconciler.holding() as holding:
        with pytest.raises(ValueError, match="cannot be applied: forget"):
            await carry_out(step, reconciler.unit(holding, {}))


async def test_a_replacement_needs_credentials_before_it_writes() -> None:
    """A secret that does not resolve without a refresh: the step fails, the record is as it was."""
    world = World()
    await world.run(trigger())
    before = world.record()
    world.unresolved = frozenset({"main"})
    report = await world.run(trigger("issues"), refresh=False)
    assert "TOKEN is not set" in report.applied.outcomes[0].message
    assert world.record() == before


async def test_routing_in_a_slot_needs_no_secret() -> None:
    """Where the credentials of a slot do not resolve, the slot is not known, and the routing still changes."""
    world = World()
    await world.run(trigger(provider="slotted"))
    world.unresolved = frozenset({"main"})
    await world.run(trigger(provider="slotted"), trigger(provider="slotted", subscriber=graph("two")), refresh=False)
    assert len(world.record().relations) == 2


async def test_an_interrupted_record_is_completed_without_a_refresh_too() -> None:
    """`--no-refresh` still looks where something was interrupted."""
    world = World()
    world.provider().before = lambda verb, target: refuse() if verb == "create" else None
    await world.run(trigger(), trigger(manual=True))
    world.provider().before = None
    await world.run(trigger(), trigger(manual=True), refresh=False)
    assert {record.phase for record in world.records()} == {Phase.REGISTERED, Phase.MANUAL}


async def test_a_lease_can_be_renewed_at_any_time() -> None:
    """By command; where the provider has no such call, it is told."""
    world = World()
    world.provider("leased").lease_end = lambda: world.clock.now() + 7200
    await world.run(trigger(provider="leased"), trigger())
    world.clock.time += 100
    reconciler = world.reconciler()
    async with reconciler.holding() as holding:
        records = {record.key.provider: record for record in world.records()}
        await reconciler.renew(records["leased"], holding)
        with pytest.raises(TerminalError, match="no call to renew"):
            await reconciler.renew(records["acme"], holding)
    ends = {record.key.provider: record.lease_expires_at for record in world.records()}
    assert ends == {"leased": world.clock.now() + 7200, "acme": None}


async def test_forgetting_leaves_the_object_alone() -> None:
    """The record goes, the provider is not asked."""
    world = World()
    await world.run(trigger())
    world.provider().calls.clear()
    reconciler = world.reconciler()
    async with reconciler.holding() as holding:
        await reconciler.forget(world.record(), holding)
    assert world.records() == []
    assert len(world.provider().everything()) == 1
    assert world.provider().calls == []
