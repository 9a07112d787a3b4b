"""Adopting through the engine: what exists is bound, its secret is ours from then on, and the next plan is empty."""

from dataclasses import replace

import pytest

from reconciler.core.drift import Cause
from reconciler.core.errors import ConfigError, ScopeBoundError, TerminalError
from reconciler.core.model import Catalogue, Observed, Phase, Secret
from reconciler.core.plan import Action, Adoption
from reconciler.core.ports import Outcome, Write
from reconciler.engine.unit import Result
from reconciler.testing.memory_provider import Held
from reconciler.testing.memory_store import MemoryStore
from tests.support.builders import BASE_URL, trigger, wishes
from tests.support.catalogue import CATALOGUE
from tests.support.world import World

FOREIGN = Observed(remote_id="f1", url="https://old.example.com/hook", events=frozenset({"issues"}), active=True)


def put(world: World, provider: str = "acme") -> None:
    """Somebody made a webhook there."""
    place = world.provider(provider).objects.setdefault(("main", "repo", "acme/api"), {})
    place[FOREIGN.remote_id] = Held(FOREIGN, Secret("theirs"))


async def test_a_foreign_object_is_adopted_with_its_id_and_the_plan_is_empty() -> None:
    """Same object, our URL, events as declared, a secret of ours; the audit log tells it."""
    world = World()
    put(world)
    wish = trigger("push")
    address = wishes(wish)[0].key.address("alice")
    report = await world.run(wish, adopt=(Adoption(address=address, remote_id="f1"),))
    assert [outcome.result for outcome in report.applied.outcomes] == [Result.DONE]
    record, held = world.record(), world.object()
    assert (record.phase, record.remote_id, held.observed.remote_id) == (Phase.REGISTERED, "f1", "f1")
    assert held.observed.url == record.url == f"{BASE_URL}/webhooks/acme/{record.id}"
    assert held.observed.events == frozenset({"push"})
    assert held.secret == world.store.secrets(record.id)[0] != Secret("theirs")
    assert (await world.plan(wish)).is_empty
    (entry,) = world.store.history("test")
    assert (entry.action, entry.reason, entry.outcome, entry.webhook_id) == (
        "adopt",
        "adopted",
        Outcome.DONE,
        record.id,
    )


@pytest.mark.parametrize("provider", ["acme", "once", "handed", "keyed", "slotted", "fixed"])
async def test_a_lost_store_is_brought_back(provider: str) -> None:
    """Nothing is doubled, and adopting what no record explains leads to the same ids and URLs, in sync."""
    world = World()
    wish = trigger("push", provider=provider)
    await world.run(wish)
    before = world.record()
    world.store = MemoryStore()
    blocked = await world.run(wish)
    assert [step.action for step in blocked.plan.steps] == [Action.BLOCKED]
    await world.run(wish, adopt=(Adoption(unrecorded=True),))
    after = world.record()
    assert (after.id, after.url, after.phase) == (before.id, before.url, Phase.REGISTERED)
    assert world.object(provider).secret == world.store.secrets(after.id)[0]
    assert (await world.plan(wish)).is_empty


async def test_a_supplied_secret_is_not_rotated() -> None:
    """What the provider told its owner once goes on verifying."""
    world = World()
    put(world, "once")
    secret = Secret("whsec")
    world.supplied = {world.store.fingerprint(secret): secret}
    wish = trigger("push", provider="once")
    adoption = Adoption(url="https://old.*", secret=world.store.fingerprint(secret))
    await world.run(wish, adopt=(adoption,))
    assert world.store.secrets(world.record().id) == (secret,)
    assert (await world.plan(wish)).is_empty


async def test_a_supplied_secret_beats_that_of_an_interrupted_record() -> None:
    """The object was made by somebody, who knows its secret; ours was for another object, which never came about."""
    world = World()
    wish = trigger("push", provider="once")
    await world.run(wish)
    interrupted = replace(world.record(), phase=Phase.PENDING, remote_id="", secret="")
    world.provider("once").objects.clear()
    lease = world.store.acquire("test", "a process that died", world.clock.now(), 1.0)
    assert lease
    world.store.write(lease, (Write(record=interrupted),))
    world.store.release(lease)
    put(world, "once")
    secret = Secret("whsec")
    world.supplied = {world.store.fingerprint(secret): secret}
    adoption = Adoption(url="https://old.*", secret=world.store.fingerprint(secret))
    await world.run(wish, adopt=(adoption,))
    record = world.record()
    assert (record.id, record.secret) == (interrupted.id, world.store.fingerprint(secret))
    assert world.store.secrets(record.id)[0] == secret
    assert (await world.plan(wish)).is_empty


async def test_drift_is_told_without_manifests() -> None:
    """Edited, deleted and unrecorded objects, by asking the providers alone; nothing is written."""
    world = World()
    await world.run(trigger(), trigger(resource="acme/web"))
    world.provider().edit("1", active=False)
    report = await world.drift()
    assert [(drift.cause, drift.recorded.resource) for drift in report.drifted] == [(Cause.DISABLED, "acme/api")]
    assert report.in_sync == 1
    assert (await world.drift("*web*")).drifted == ()
    with pytest.raises(ConfigError):
        await world.drift("nobody")
    with pytest.raises(ScopeBoundError):
        await world.drift(binding="another")


async def test_drift_says_what_nobody_describes_any_more() -> None:
    """A record whose definition is gone cannot be looked at; manual ones have nothing to look at."""
    world = World()
    await world.run(trigger(), trigger(manual=True))
    world.catalogue = {}
    report = await world.drift()
    assert (report.drifted, report.in_sync) == ((), 0)
    assert [problem.code for problem in report.problems] == ["not_looked_at"]


@pytest.mark.parametrize("catalogue", [{}, {"acme": replace(CATALOGUE["acme"], types={})}], ids=["provider", "type"])
async def test_what_nobody_describes_any_more_is_neither_pinged_nor_renewed(catalogue: Catalogue) -> None:
    """It is told what is missing."""
    world = World()
    await world.run(trigger())
    world.catalogue = catalogue
    reconciler = world.reconciler()
    with pytest.raises(TerminalError, match=r"no definition tells of acme \(type repo\)"):
        await reconciler.ping(world.record())
    async with reconciler.holding() as holding:
        with pytest.raises(TerminalError, match="no definition"):
            await reconciler.renew(world.record(), holding)


async def test_a_lacking_permission_refuses_before_the_first_write() -> None:
    """The provider says so: nothing is written with that credential, everything else goes on; one question each."""
    world = World()
    world.provider().lacking["main"] = "admin:repo_hook"
    wanted = (trigger(), trigger(resource="acme/web"), trigger(provider="once"))
    report = await world.run(*wanted)
    (refusal,) = report.plan.refusals
    assert (refusal.guard, refusal.flag) == ("permission", "")
    assert "admin:repo_hook" in refusal.message
    assert "main" in refusal.message
    assert world.provider().everything() == []
    assert [record.key.provider for record in world.records()] == ["once"]
    assert world.provider().checked == ["main"]
    world.provider().lacking.clear()
    await world.run(*wanted)
    assert (await world.run(*wanted)).plan.is_empty
    assert len(world.provider().checked) == 2, "what is in sync needs no permission"


async def test_a_permission_that_cannot_be_found_out_refuses_nothing() -> None:
    """Credentials that do not resolve fail at the call, as always."""
    world = World(unresolved=frozenset({"main"}))
    report = await world.run(trigger(manual=True), trigger(provider="blind"), refresh=False)
    assert report.plan.refusals == ()
    assert replace(report.plan, steps=()).refusals == ()
