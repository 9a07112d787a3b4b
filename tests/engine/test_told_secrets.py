"""Secrets that the provider makes: told to the receiver while create is in flight, or to whoever asks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.errors import RetryableError
from reconciler.core.model import Phase, Secret
from reconciler.core.plan import Action, Reason
from reconciler.core.ports import Target
from reconciler.engine.points import Point, Side
from reconciler.engine.unit import Result
from tests.support.builders import trigger
from tests.support.catalogue import CATALOGUE
from tests.support.crashing import just, living
from tests.support.scenarios import wants
from tests.support.world import World

HANDED = trigger(provider="handed")
KEYED = trigger(provider="keyed")


async def deaf(_webhook_id: str, _secret: Secret) -> bool:
    """A receiver that acknowledges what it is told, and keeps nothing: not ours, or on another store."""
    return True


async def absent(_webhook_id: str, _secret: Secret) -> bool:
    """No receiver at all."""
    return False


async def test_what_the_receiver_was_told_is_recorded() -> None:
    """The secret is in the store before create returns, and its fingerprint in the record after."""
    world = World()
    await world.run(HANDED)
    record = world.record()
    assert world.store.secrets(record.id) == (world.object("handed").secret,)
    assert record.secret == world.store.fingerprint(Secret("minted-1"))
    assert (record.phase, (await world.plan(HANDED)).is_empty) == (Phase.REGISTERED, True)


async def test_a_webhook_whose_secret_reached_nobody_is_not_called_healthy() -> None:
    """The step fails and says why; the next pass removes the object, and makes it anew with the same id and URL."""
    world = World()
    world.provider("handed").handshake = deaf
    (outcome,) = (await world.run(HANDED)).applied.outcomes
    assert outcome.result is Result.FAILED
    assert "an ingress on this state must be reached" in outcome.message
    before = world.record()
    assert (before.phase, before.secret) == (Phase.PENDING, "")

    world.provider("handed").handshake = world.hand_over
    report = await world.run(HANDED)
    assert [(step.action, step.reason) for step in report.plan.steps] == [(Action.REGISTER, Reason.SECRET_LOST)]
    assert (world.record().id, world.record().url) == (before.id, before.url)
    assert world.object("handed").secret == world.store.secrets(before.id)[0] == Secret("minted-2")
    assert (await world.plan(HANDED)).is_empty


async def test_a_provider_whose_receiver_is_not_there_makes_nothing() -> None:
    """Its refusal is told; nothing is there, and the next pass registers it."""
    world = World()
    world.provider("handed").handshake = absent
    (outcome,) = (await world.run(HANDED)).applied.outcomes
    assert (outcome.result, world.provider("handed").everything()) == (Result.FAILED, [])
    world.provider("handed").handshake = world.hand_over
    report = await world.run(HANDED)
    assert [(step.action, step.reason) for step in report.plan.steps] == [(Action.REGISTER, Reason.INTERRUPTED)]
    assert (await world.plan(HANDED)).is_empty


async def test_every_attempt_may_tell_another_secret() -> None:
    """What a first attempt told is forgotten before the second: else the receiver would refuse the second."""
    world = World()
    left = [1]

    def broken(verb: str, _target: Target) -> None:
        if verb == "create" and left:
            left.clear()
            world.store.capture("test", world.record().id, Secret("of an object that was never made"))
            raise RetryableError("no answer", uncertain=True)

    world.provider("handed").before = broken
    await world.run(HANDED)
    assert world.store.secrets(world.record().id) == (Secret("minted-1"),)
    assert (await world.plan(HANDED)).is_empty


async def test_the_window_opens_anew_with_every_attempt() -> None:
    """However long the vendor had us wait between two: the intent is as young as the attempt."""
    world = World()
    left = [1]

    def broken(verb: str, _target: Target) -> None:
        if verb == "create" and left:
            left.clear()
            raise RetryableError("slow down", after=4.0)

    ages: list[float] = []

    async def told(webhook_id: str, secret: Secret) -> bool:
        ages.append(world.clock.now() - world.record().updated_at)
        return await world.hand_over(webhook_id, secret)

    world.provider("handed").before, world.provider("handed").handshake = broken, told
    await world.run(HANDED)
    assert world.clock.now() - world.record().created_at >= 4
    assert ages == [0.0]


async def test_the_secret_of_a_deleted_object_is_forgotten_when_it_is_made_anew() -> None:
    """Deliveries that the old one signed are not taken any more, and the new secret is the only one."""
    world = World()
    await world.run(HANDED)
    for place in world.provider("handed").objects.values():
        place.clear()
    await world.run(HANDED)
    assert world.store.secrets(world.record().id) == (Secret("minted-2"),)


async def test_a_key_that_can_be_asked_for_is_read_with_the_answer() -> None:
    """No secret of ours is sent; the provider's own is recorded, and every update reads it again."""
    world = World()
    await world.run(KEYED)
    assert world.store.secrets(world.record().id) == (Secret("minted-1"),)
    world.object("keyed").secret = Secret("another")
    await world.run(trigger("push", "issues", provider="keyed"))
    assert world.store.secrets(world.record().id)[0] == Secret("another")
    assert (await world.plan(trigger("push", "issues", provider="keyed"))).is_empty


async def test_an_interrupted_webhook_is_completed_by_asking_again() -> None:
    """Nothing is removed: an update tells the key that the lost answer held."""
    world = World()
    await living(world, just(Side.AFTER, Point.CREATE), wants(KEYED))
    report = await world.run(KEYED)
    assert [(step.action, step.reason) for step in report.plan.steps] == [(Action.ADOPT, Reason.INTERRUPTED)]
    assert world.object("keyed").observed.remote_id == "1"
    assert world.store.secrets(world.record().id) == (Secret("minted-1"),)


@pytest.mark.parametrize(("shape", "remote_id"), [("keyed", "1"), ("handed", "2")])
async def test_a_lost_answer_is_made_good_in_the_same_pass(shape: str, remote_id: str) -> None:
    """A key is asked for again; what only the receiver was told belongs to an object that is removed first."""
    world = World()
    left = [1]

    def lost(verb: str, _target: Target) -> None:
        if verb == "create" and left:
            left.clear()
            raise RetryableError("the answer was lost", uncertain=True)

    world.provider(shape).after = lost
    await world.run(trigger(provider=shape))
    assert world.object(shape).observed.remote_id == remote_id
    assert world.store.secrets(world.record().id) == (Secret(f"minted-{remote_id}"),)
    assert (await world.plan(trigger(provider=shape))).is_empty


async def test_a_key_at_a_provider_that_cannot_update_is_got_by_making_the_object_anew() -> None:
    """A lost answer leaves no way to ask again, so the object goes."""
    world = World()
    traits = CATALOGUE["keyed"]
    fixed = replace(traits.types["repo"], operations=CATALOGUE["fixed"].types["repo"].operations)
    world.provider("keyed").traits = replace(traits, types={"repo": fixed})
    world.catalogue = {**world.catalogue, "keyed": world.provider("keyed").traits}
    left = [1]

    def lost(verb: str, _target: Target) -> None:
        if verb == "create" and left:
            left.clear()
            raise RetryableError("the answer was lost", uncertain=True)

    world.provider("keyed").after = lost
    await world.run(KEYED)
    assert world.object("keyed").observed.remote_id == "2"
    assert (await world.plan(KEYED)).is_empty
