"""Orphans are settled: looked up again, deleted where they are still there, and forgotten only once they are gone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.errors import ErrorKind, LeaseLostError, RetryableError, TerminalError
from reconciler.core.model import Orphan
from reconciler.core.ports import Outcome
from reconciler.engine.leasing import Holding
from reconciler.engine.points import Side
from reconciler.engine.resolving import Settlement, Verdict, declare, settle
from tests.support.builders import trigger
from tests.support.catalogue import ALL, CATALOGUE, traits
from tests.support.crashing import Life, at, living
from tests.support.world import World


def refuse(kind: ErrorKind, *verbs: str) -> Any:
    """A provider that refuses these verbs."""

    def before(verb: str, _target: object) -> None:
        if verb in verbs:
            raise TerminalError(f"no {verb} for you", kind=kind)

    return before


async def orphaned(provider: str = "acme", world: World | None = None) -> World:
    """A world in which a webhook could not be removed: its object is still there, and an orphan tells of it."""
    world = world or World()
    await world.run(trigger(provider=provider))
    world.provider(provider).before = refuse(ErrorKind.FORBIDDEN, "delete")
    await world.run(allow_destroy="100%")
    world.provider(provider).before = None
    assert len(world.store.orphans("test")) == 1
    return world


async def doubtful() -> World:
    """A world in which the answer to a create was lost, at a provider that cannot list."""
    world = World()
    world.provider("blind").after = lambda verb, target: lose(verb)
    await world.run(trigger(provider="blind"))
    world.provider("blind").after = None
    await world.run(allow_destroy="100%")
    return world


def lose(verb: str) -> None:
    """The answer to a create is lost."""
    if verb == "create":
        raise RetryableError("lost", uncertain=True)


async def settled(world: World, what: Any = settle) -> Settlement:
    """What becomes of the only orphan."""
    (orphan,) = world.store.orphans("test")
    reconciler = world.reconciler(actor="ann", host="desk", commit="abc")
    async with reconciler.holding() as holding:
        result: Settlement = await what(reconciler.unit(holding, {}), orphan)
    return result


def told(world: World) -> list[tuple[str, str, Outcome, str]]:
    """What the audit log has of settling, newest first."""
    log = world.store.history("test")
    return [(item.action, item.reason, item.outcome, item.message) for item in log if item.action == "resolve"]


async def test_what_is_gone_is_forgotten() -> None:
    """Removed by hand at the provider: nothing is deleted, and the log tells who settled it."""
    world = await orphaned()
    world.provider().objects.clear()
    world.provider().calls.clear()

    result = await settled(world)

    assert (result.verdict, result.settled) == (Verdict.GONE, True)
    assert [verb for verb, _ in world.provider().calls] == ["list"]
    assert world.store.orphans("test") == []
    assert told(world) == [("resolve", "asked_for", Outcome.DONE, "gone")]
    entry = next(world.store.history("test"))
    assert (entry.user, entry.host, entry.commit, entry.webhook_id) == (
        *("ann", "desk", "abc"),
        result.orphan.webhook_id,
    )
    assert entry.address == result.orphan.address


async def test_what_is_still_there_is_deleted() -> None:
    """Today's credentials may: the object goes, then the orphan."""
    world = await orphaned()

    result = await settled(world)

    assert result.verdict is Verdict.DELETED
    assert world.provider().everything() == []
    assert world.store.orphans("test") == []
    assert told(world) == [("resolve", "asked_for", Outcome.DONE, "deleted")]


async def test_what_cannot_be_deleted_stays_an_orphan() -> None:
    """Still refused: nothing is forgotten, no word of a person can settle it, and the log tells of the attempt."""
    world = await orphaned()
    world.provider().before = refuse(ErrorKind.FORBIDDEN, "delete")

    result = await settled(world)

    assert (result.verdict, result.message) == (Verdict.LEFT, "no delete for you")
    assert not result.settled
    assert not result.declarable
    assert len(world.store.orphans("test")) == 1
    assert told(world) == [("resolve", "asked_for", Outcome.FAILED, "no delete for you")]


async def test_an_object_without_an_id_is_found_by_its_url() -> None:
    """An orphan of which the id was never learned."""
    world = await orphaned()
    (orphan,) = world.store.orphans("test")
    world.store._scopes["test"].orphans[orphan.id] = replace(orphan, remote_id="")

    assert (await settled(world)).verdict is Verdict.DELETED
    assert world.provider().everything() == []


@pytest.mark.parametrize("error", [TerminalError("no", kind=ErrorKind.FORBIDDEN), RetryableError("503")])
async def test_what_cannot_be_looked_up_stays_an_orphan(error: Exception) -> None:
    """A list that fails says nothing; a person's word can settle it, unless the provider may well answer later."""
    world = await orphaned()

    def before(verb: str, _target: object) -> None:
        raise error

    world.provider().before = before
    result = await settled(world)

    assert result.verdict is (Verdict.UNANSWERED if isinstance(error, RetryableError) else Verdict.UNKNOWN)
    assert result.declarable is (result.verdict is Verdict.UNKNOWN)
    assert len(world.store.orphans("test")) == 1
    assert told(world) == []


async def test_a_delete_that_is_not_answered_is_told() -> None:
    """The attempt has its line in the log, with what it ended in."""
    world = await orphaned()

    def before(verb: str, _target: object) -> None:
        if verb == "delete":
            raise RetryableError("503")

    world.provider().before = before

    assert (await settled(world)).verdict is Verdict.UNANSWERED
    assert told(world) == [("resolve", "asked_for", Outcome.FAILED, "503")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"undeclared": frozenset({"main"})}, "the credentials main are not declared any more"),
        ({"unresolved": frozenset({"main"})}, "TOKEN is not set"),
        ({"catalogue": {}}, "no definition tells of acme/repo any more"),
        ({"catalogue": {"acme": replace(CATALOGUE["acme"], types={})}}, "no definition tells of acme/repo any more"),
    ],
)
async def test_without_a_way_to_the_provider_nobody_can_tell(change: dict[str, Any], message: str) -> None:
    """Credentials or definition are gone: it stays, unless somebody says that it is gone."""
    world = await orphaned()
    for name, value in change.items():
        setattr(world, name, value)

    result = await settled(world)

    assert result.verdict is Verdict.UNKNOWN
    assert message in result.message
    assert len(world.store.orphans("test")) == 1


async def test_somebodys_word_settles_it() -> None:
    """No provider is asked; the log tells whose word it was."""
    world = await orphaned()
    world.provider().calls.clear()

    result = await settled(world, declare)

    assert (result.verdict, world.provider().calls) == (Verdict.DECLARED, [])
    assert world.store.orphans("test") == []
    assert told(world) == [("resolve", "asked_for", Outcome.DONE, "declared")]


async def test_doubt_where_nobody_can_look_stays_doubt() -> None:
    """The provider cannot list, and its id was never learned: nothing is called, nothing is forgotten."""
    world = await doubtful()
    world.provider("blind").calls.clear()

    result = await settled(world)

    assert (result.verdict, result.message) == (Verdict.UNKNOWN, "blind has no call to list what is there")
    assert world.provider("blind").calls == []
    assert len(world.store.orphans("test")) == 1


async def test_a_known_id_is_deleted_where_nobody_can_list() -> None:
    """A delete that is carried out is proof."""
    world = await orphaned("blind")

    assert (await settled(world)).verdict is Verdict.DELETED
    assert world.provider("blind").everything() == []


async def test_not_found_is_no_proof_where_nobody_can_list() -> None:
    """It is also what those are told who may not see."""
    world = await orphaned("blind")
    world.provider("blind").before = refuse(ErrorKind.NOT_FOUND, "delete", "list")

    result = await settled(world)

    assert result.verdict is Verdict.UNKNOWN
    assert "cannot be read to make sure" in result.message


async def test_where_nothing_can_be_deleted_a_person_must() -> None:
    """Listed and without a call to delete: it stays until the list has it no more."""
    catalogue = {**CATALOGUE, "acme": traits("acme", operations=ALL - {"delete"})}
    world = await orphaned()
    world.catalogue = catalogue

    result = await settled(world)
    assert result.verdict is Verdict.LEFT
    assert "no call to delete it" in result.message

    world.provider().objects.clear()
    assert (await settled(world)).verdict is Verdict.GONE


async def test_what_was_adopted_since_is_left_alone() -> None:
    """The object belongs to a record again, by its id or by its URL: the orphan is none."""
    for change in ({"id": "00000000-0000-4000-8000-0000000000ff"}, {"remote_id": "other"}):
        world = await orphaned()
        (orphan,) = world.store.orphans("test")
        fresh = World()
        await fresh.run(trigger())
        record = replace(fresh.record(), **({"remote_id": orphan.remote_id, "id": orphan.webhook_id} | change))
        bind(world, record)

        assert (await settled(world)).verdict is Verdict.RECORDED
        assert len(world.provider().everything()) == 1
        assert world.store.orphans("test") == []


def bind(world: World, record: Any) -> None:
    """Record something."""
    world.store._list("test", record)


async def test_a_slot_that_another_webhook_of_ours_has_is_left_alone() -> None:
    """In a slot only the URL tells whose webhook it is."""
    world = await orphaned("slotted")
    world.provider("slotted").objects.clear()
    await world.run(trigger(provider="slotted"))
    (orphan, *_) = world.store.orphans("test") or (None,)
    world.store._scopes["test"].orphans = {"o": left_in_slot(world)}

    assert orphan is None
    assert (await settled(world)).verdict is Verdict.GONE
    assert len(world.provider("slotted").everything()) == 1


def left_in_slot(world: World) -> Orphan:
    """An orphan of a webhook that was in the slot before."""
    record = world.record()
    return Orphan(
        id="o",
        webhook_id="00000000-0000-4000-8000-0000000000ff",
        address="slotted/repo/acme/api@main",
        group=record.key.group,
        remote_id=record.remote_id,
        url="https://hooks.example.com/webhooks/slotted/00000000-0000-4000-8000-0000000000ff",
        reason="refused",
        created_at=1.0,
    )


async def test_a_slot_is_emptied_of_what_is_still_in_it() -> None:
    """Its URL says that it is ours, and no record knows it."""
    world = await orphaned("slotted")

    assert (await settled(world)).verdict is Verdict.DELETED
    assert world.provider("slotted").everything() == []


async def test_whoever_lost_the_scope_settles_nothing() -> None:
    """The lease is looked at before each effect."""
    world = await orphaned()

    async def late(unit: Any, orphan: Orphan) -> Settlement:
        holding: Holding = unit.holding
        holding.lost = True
        return await settle(unit, orphan)

    with pytest.raises(LeaseLostError):
        await settled(world, late)
    assert len(world.provider().everything()) == 1
    assert len(world.store.orphans("test")) == 1


async def test_a_death_at_any_point_is_made_good_by_the_next_run() -> None:
    """Killed just before or after each effect in turn: the next time it is deleted, or found to be gone."""
    whole = await living(await orphaned(), lambda *_: False, settled)
    assert {side for _, side in whole.reached} == {Side.BEFORE, Side.AFTER}
    assert whole.unnamed == []
    for number in range(1, len(whole.reached) + 1):
        world = await orphaned()
        life: Life = await living(world, at(number), settled)
        assert life.dead
        if world.store.orphans("test"):
            assert (await settled(world)).settled
        assert world.provider().everything() == []
        assert world.store.orphans("test") == []
