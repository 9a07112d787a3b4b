"""A process may die between any two effects: whatever it was doing, the next pass ends with exactly what is wanted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from reconciler.core.model import Phase, SecretOrigin, Trigger
from reconciler.core.ports import Target
from tests.support.builders import graph, trigger
from tests.support.catalogue import CATALOGUE
from tests.support.world import World


class Death(BaseException):
    """The process is killed: no handler may soften it."""


class Fate:
    """Counts effects, and kills at the chosen one: just before it takes place, or just after."""

    def __init__(self, moment: int) -> None:
        self.moment = moment
        self.passed = 0

    def strike(self) -> None:
        """One more moment at which the process could die."""
        self.passed += 1
        if self.passed == self.moment:
            raise Death


class MortalStore:
    """A store whose every write is a moment to die at, before and after its transaction."""

    def __init__(self, store: Any, fate: Fate) -> None:
        self._store = store
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in {"write", "delete", "bind", "add_orphan"}:
            return found

        def mortal(*args: Any) -> Any:
            self._fate.strike()
            result = found(*args)
            self._fate.strike()
            return result

        return mortal


def mortal(world: World, moment: int) -> tuple[World, Fate]:
    """The same world, in a process that dies at that moment."""
    fate = Fate(moment)

    def strike(verb: str, target: Target) -> None:
        if verb in {"create", "update", "delete"}:
            fate.strike()

    for provider in world.providers.values():
        provider.before = provider.after = strike
    return World(
        store=MortalStore(world.store, fate),
        providers=world.providers,
        clock=world.clock,
        entropy=world.entropy,
        base_url=world.base_url,
    ), fate


def revive(world: World) -> None:
    """The machine is back: nothing kills any more, and the dead process's lease has lapsed."""
    for provider in world.providers.values():
        provider.before = provider.after = None
    world.clock.time += 60


Passing = Callable[[World], Awaitable[Any]]


def wants(*triggers: Trigger, **options: Any) -> Passing:
    """A pass for these triggers."""
    return lambda world: world.run(*triggers, **options)


def scenarios(provider: str) -> dict[str, tuple[list[Passing], Passing]]:
    """What was done before, and the pass that is killed, by the action it is about."""
    one = trigger(provider=provider)
    more = trigger("push", "issues", provider=provider)
    manual = trigger(provider=provider, manual=True)
    return {
        "create": ([], wants(one)),
        "update": ([wants(one)], wants(more)),
        "routing": ([wants(one)], wants(one, trigger(provider=provider, subscriber=graph("notify")))),
        "prune": ([wants(one)], wants(allow_destroy="100%")),
        "handover": ([wants(one)], wants(trigger(provider=provider, user="bob"))),
        "register a manual one": ([wants(manual)], wants(one)),
        "create a manual one": ([], wants(manual)),
        "prune a manual one": ([wants(manual)], wants(allow_destroy="100%")),
    }


SHAPES = ["acme", "once", "slotted", "fixed"]
CASES = [(shape, action) for shape in SHAPES for action in scenarios("acme")]


@pytest.mark.parametrize(("shape", "action"), CASES)
async def test_the_next_pass_ends_with_exactly_what_is_wanted(shape: str, action: str) -> None:
    """Killed at each moment in turn: then one pass, no twin, no leak, the right secret, and an empty plan."""
    before, passing = scenarios(shape)[action]
    moment = 0
    while True:
        moment += 1
        world = World()
        for earlier in before:
            await earlier(world)
        dying, fate = mortal(world, moment)
        try:
            await passing(dying)
        except Death:
            revive(world)
            await passing(world)
            await assert_converged(world, shape, passing)
        else:
            break
    assert fate.passed >= 2, "a pass without any effect proves nothing"


async def assert_converged(world: World, shape: str, passing: Passing) -> None:
    """One object for each auto record, with its URL, events and secret; nothing else; nothing left to do."""
    records = {record.url: record for record in world.records() if not record.key.manual}
    held = {item.observed.url: item for item in world.provider(shape).everything()}
    assert held.keys() == records.keys()
    assert len(held) == len(world.provider(shape).everything())
    for url, record in records.items():
        assert record.phase is Phase.REGISTERED
        assert held[url].observed.events == record.events
        assert held[url].secret == world.store.secrets(record.id)[0]
    assert world.store.orphans("test") == []
    assert (await passing(world)).plan.is_empty


@pytest.mark.parametrize("action", ["create", "update", "prune"])
async def test_where_nobody_can_list_every_doubt_is_an_orphan(action: str) -> None:
    """A provider without list: no more objects than records and orphans, and an empty plan at last."""
    before, passing = scenarios("blind")[action]
    moment = 0
    while True:
        moment += 1
        world = World()
        for earlier in before:
            await earlier(world)
        dying, _ = mortal(world, moment)
        try:
            await passing(dying)
        except Death:
            revive(world)
            await passing(world)
        else:
            break
        urls = {item.observed.url for item in world.provider("blind").everything()}
        known = {record.url for record in world.records()} | {orphan.url for orphan in world.store.orphans("test")}
        assert urls <= known
        assert (await passing(world)).plan.is_empty


def test_every_shape_of_secret_is_covered() -> None:
    """Both a minted and a returned secret are among the shapes above."""
    origins = {CATALOGUE[shape].secret_origin for shape in SHAPES}
    assert origins == {SecretOrigin.CALLER, SecretOrigin.RESPONSE}
