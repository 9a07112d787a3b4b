"""More than one object with our URL, or fewer than there are: lists that lag, and people who copy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.core.errors import RetryableError
from reconciler.core.model import SecretOrigin
from reconciler.core.plan import Action, Reason
from reconciler.core.ports import Target
from reconciler.engine.points import Point, Side
from reconciler.testing.memory_provider import Held
from tests.support.builders import trigger
from tests.support.catalogue import CATALOGUE
from tests.support.crashing import just, living
from tests.support.moody import MoodyProvider, doubled
from tests.support.scenarios import wants
from tests.support.world import World

LAG = 30.0


def lagging(shape: str) -> tuple[World, MoodyProvider]:
    """A world whose provider's list lacks for a while what was made just now."""
    world = World()
    provider = MoodyProvider(CATALOGUE[shape], time=world.clock.now, lag=LAG, handshake=world.hand_over)
    world.providers = {shape: provider}
    return world, provider


def losing_one_create() -> Callable[[str, Target], None]:
    """The answer to the first create is lost."""
    left = [1]

    def after(verb: str, _target: Target) -> None:
        if verb == "create" and left:
            left.clear()
            raise RetryableError("the answer was lost", uncertain=True)

    return after


def assert_one(world: World, shape: str) -> None:
    """One object, and it is the recorded one, with the recorded secret."""
    record, held = world.record(), world.object(shape)
    assert (record.url, record.remote_id) == (held.observed.url, held.observed.remote_id)
    assert held.secret == world.store.secrets(record.id)[0]
    assert record.secret == world.store.fingerprint(held.secret)


@pytest.mark.parametrize("shape", ["acme", "once", "handed", "keyed", "fixed"])
async def test_an_object_that_was_not_listed_yet_is_doubled_and_the_twins_collapse(shape: str) -> None:
    """The answer was lost and the list lagged: two objects for a while, and one as soon as both are listed."""
    world, provider = lagging(shape)
    provider.after = losing_one_create()
    await world.run(trigger(provider=shape))
    assert len(provider.everything()) == 2
    world.clock.time += LAG
    report = await world.run(trigger(provider=shape))
    assert [step.reason for step in report.plan.steps] == [Reason.DUPLICATED]
    assert_one(world, shape)
    world.clock.time += LAG
    assert (await world.plan(trigger(provider=shape))).is_empty


@pytest.mark.parametrize("shape", ["acme", "once", "handed", "keyed"])
async def test_what_is_pruned_is_removed_though_it_is_not_listed_yet(shape: str) -> None:
    """The recorded id is enough: nothing is left behind by a list that lags."""
    world, provider = lagging(shape)
    await world.run(trigger(provider=shape))
    await world.run(allow_destroy="100%")
    assert (provider.everything(), world.records(), world.store.orphans("test")) == ([], [], [])


async def test_without_a_refresh_a_prune_takes_the_twins_along() -> None:
    """What goes is looked up, so that a copy of it does not stay."""
    world = World()
    await world.run(trigger())
    (place,) = world.provider().objects.values()
    place["copy"] = doubled(world.object(), "copy")
    await world.run(refresh=False, allow_destroy="100%")
    assert world.provider().everything() == []


async def remade(world: World, shape: str) -> None:
    """Somebody deletes our object and makes one with the same URL by hand, whose secret nobody knows."""
    await world.run(trigger(provider=shape))
    held = world.object(shape)
    (place,) = world.provider(shape).objects.values()
    place.clear()
    place["by hand"] = doubled(held, "by hand")


async def test_an_object_made_by_hand_gets_our_secret() -> None:
    """It looks the same, and its deliveries would be refused: the secret is set."""
    world = World()
    await remade(world, "acme")
    report = await world.run(trigger())
    (step,) = report.plan.steps
    assert (step.action, [change.field for change in step.changes]) == (Action.UPDATE, ["secret"])
    assert world.object().observed.remote_id == "by hand"
    assert_one(world, "acme")
    assert (await world.plan(trigger())).is_empty


@pytest.mark.parametrize("shape", ["once", "handed", "fixed"])
async def test_an_object_made_by_hand_is_made_anew_where_no_secret_can_be_set(shape: str) -> None:
    """Its secret can be neither known nor changed: it is removed, and ours is registered with its own id and URL."""
    world = World()
    await remade(world, shape)
    before = world.record()
    report = await world.run(trigger(provider=shape))
    (step,) = report.plan.steps
    assert (step.action, step.reason, step.surplus) == (Action.REGISTER, Reason.SECRET_LOST, ("by hand",))
    assert (world.record().id, world.record().url) == (before.id, before.url)
    assert_one(world, shape)
    assert (await world.plan(trigger(provider=shape))).is_empty


@pytest.mark.parametrize("shape", ["acme", "once", "handed", "keyed", "fixed"])
async def test_a_copy_never_takes_the_place_of_ours_with_another_secret(shape: str) -> None:
    """Ours was switched off and a healthy copy stands beside it: whichever stays has our secret."""
    world = World()
    await world.run(trigger(provider=shape))
    held = world.object(shape)
    (place,) = world.provider(shape).objects.values()
    place["copy"] = doubled(held, "copy")
    world.provider(shape).edit(held.observed.remote_id, active=False)
    await world.run(trigger(provider=shape))
    assert_one(world, shape)
    assert world.object(shape).observed.active
    assert (await world.plan(trigger(provider=shape))).is_empty


@pytest.mark.parametrize("shape", ["acme", "once", "handed", "keyed", "fixed"])
async def test_a_copy_beside_an_interrupted_webhook_is_told_from_it(shape: str) -> None:
    """Two objects and no recorded id: the one that stays has our secret."""
    world = World()
    await living(world, just(Side.AFTER, Point.CREATE), wants(trigger(provider=shape)))
    held = world.object(shape)
    (place,) = world.provider(shape).objects.values()
    place["0"] = Held(doubled(held, "0").observed, None)
    await world.run(trigger(provider=shape))
    assert_one(world, shape)
    assert (await world.plan(trigger(provider=shape))).is_empty


def test_the_shapes_differ_in_who_makes_the_secret() -> None:
    """One returns it, one takes ours, and one takes ours only with a create."""
    assert CATALOGUE["once"].secret_origin is SecretOrigin.RESPONSE
    assert CATALOGUE["acme"].secret_origin is CATALOGUE["fixed"].secret_origin is SecretOrigin.CALLER
    assert "update" not in CATALOGUE["fixed"].types["repo"].operations
