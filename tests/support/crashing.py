"""A process that dies at a chosen point: no handler softens it, and nothing that it would still do takes place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from reconciler.core.ports import Registration, Target
from reconciler.engine.points import Point, Side
from reconciler.testing.memory_provider import MemoryProvider
from tests.support.catalogue import CATALOGUE
from tests.support.world import World

MONTH = 30 * 24 * 3600.0
CALLS = {
    "create": {Point.CREATE},
    "update": {Point.UPDATE, Point.CREATE},
    "delete": {Point.DELETE},
    "renew": {Point.RENEW},
}
"""Verbs of a provider that have an effect, and the points that may stand for it."""

WRITES = {
    "write": {Point.INTENT, Point.CONFIRM, Point.RETIRE, Point.LOCAL, Point.LOG},
    "delete": {Point.DROP, Point.TIDY},
    "bind": {Point.BIND},
    "add_orphan": {Point.TIDY},
    "remove_orphan": {Point.TIDY},
}
"""Methods of a store that have an effect, and the points that may stand for it."""

LEASING = frozenset({"acquire", "renew", "release"})


class Death(BaseException):
    """The process is killed: no handler may soften it."""


Moment = Callable[[int, Point, Side], bool]
"""Whether to die now, at the n-th point that was reached."""


def never(_number: int, _point: Point, _side: Side) -> bool:
    """A process that lives."""
    return False


def at(number: int) -> Moment:
    """Die at the n-th point that is reached, whichever it is."""
    return lambda reached, _point, _side: reached == number


def just(side: Side, point: Point) -> Moment:
    """Die when this point is first reached."""
    return lambda _number, reached, reached_side: (reached, reached_side) == (point, side)


@dataclass
class Life:
    """One process: a `Probe` that ends it, and what it did. Once it is dead, it has no effect any more."""

    moment: Moment = never
    dead: bool = False
    reached: list[tuple[Point, Side]] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    _open: list[Point] = field(default_factory=list)

    def __call__(self, point: Point, side: Side) -> None:
        """Told by the engine of each point."""
        self.strike()
        self.reached.append((point, side))
        if side is Side.BEFORE:
            self._open.append(point)
        else:
            self._open.remove(point)
        self.dead = self.moment(len(self.reached), point, side)
        self.strike()

    def strike(self) -> None:
        """The dead do nothing."""
        if self.dead:
            raise Death

    def effect(self, name: str, points: set[Point]) -> None:
        """An effect takes place; it must be a named one."""
        self.strike()
        if not points & set(self._open):
            self.unnamed.append(name)


class MortalStore:
    """A store as the process has it: whatever it writes is an effect, and the dead write nothing."""

    def __init__(self, store: Any, life: Life) -> None:
        self._store = store
        self._life = life

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in WRITES and name not in LEASING:
            return found

        def mortal(*args: Any) -> Any:
            if name in LEASING:
                self._life.strike()
            else:
                self._life.effect(f"store.{name}", WRITES[name])
            return found(*args)

        return mortal


async def living(world: World, moment: Moment, passing: Callable[[World], Any]) -> Life:
    """Run a pass as a process of its own, which may die; afterwards its lease has lapsed, if it has one still."""
    life = Life(moment)
    store = world.store

    def strike(verb: str, _target: Target) -> None:
        if verb in CALLS:
            life.effect(f"provider.{verb}", CALLS[verb])

    providers = [item for item in world.providers.values() if isinstance(item, MemoryProvider)]
    faults = [item.before for item in providers]
    for provider, fault in zip(providers, faults, strict=True):
        provider.before = partial(_both, strike, fault)
    world.store, world.probe = MortalStore(store, life), life
    try:
        await passing(world)
    except Death:
        world.clock.time += 60
    finally:
        world.store = store
        world.probe = Life()
        for provider, fault in zip(providers, faults, strict=True):
            provider.before = fault
    return life


def _both(first: Callable[[str, Target], None], second: Any, verb: str, target: Target) -> None:
    first(verb, target)
    if second:
        second(verb, target)


def shaped_world() -> World:
    """A world with a provider of each shape: leases last a month there, and ids are chosen by the caller at one."""
    world = World()
    for name in ("leased", "ending"):
        world.providers[name] = MemoryProvider(CATALOGUE[name], lease_end=lambda: world.clock.time + MONTH)
    world.providers["tagged"] = MemoryProvider(CATALOGUE["tagged"], naming=_own_id)
    return world


def _own_id(registration: Registration) -> str:
    return registration.webhook_id
