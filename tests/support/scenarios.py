"""What a pass may be about when its process dies: what came before, the pass itself, and at which providers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from reconciler.core.model import Observed, Orphan, Trigger
from reconciler.core.plan import Adoption
from reconciler.engine.points import Point, Side
from reconciler.testing.memory_provider import Held
from reconciler.testing.memory_store import MemoryStore
from tests.support.builders import graph, trigger
from tests.support.crashing import MONTH, just, living
from tests.support.world import World

LISTABLE = ("acme", "once", "handed", "keyed", "slotted", "fixed", "tagged", "leased", "ending")
"""Providers where the next pass can find out what the last one did."""

UPDATABLE = ("acme", "once", "handed", "keyed", "slotted", "tagged", "leased", "ending")
"""Those that update in place."""

MANY = ("acme", "once", "handed", "keyed", "fixed", "tagged", "leased", "ending")
"""Those with room for more than one webhook on a resource."""

FOREIGN = "https://ci.example.net/incoming"

Passing = Callable[[World], Awaitable[Any]]


@dataclass(frozen=True)
class Scenario:
    """`before` is done first; `passing` is the pass that is killed, and then run once more.

    A person's command that died is given again and followed by an ordinary pass, or the other way round: then `after`
    says what is run after the death.
    """

    before: tuple[Passing, ...]
    passing: Passing
    shapes: tuple[str, ...] = LISTABLE
    after: tuple[Passing, ...] = ()

    @property
    def recovery(self) -> tuple[Passing, ...]:
        """What is run after the death; the last of it must find nothing left to do when it is run again."""
        return self.after or (self.passing,)


def wants(*triggers: Trigger, **options: Any) -> Passing:
    """A pass for these triggers."""
    return lambda world: world.run(*triggers, **options)


def scenarios(shape: str) -> dict[str, Scenario]:
    """Everything that a pass may do at a provider of this shape, by name."""
    found = {**_making(shape), **_changing(shape), **_leaving(shape), **_adopting(shape)}
    return {name: scenario for name, scenario in found.items() if shape in scenario.shapes}


def blind_scenarios(shape: str) -> dict[str, Scenario]:
    """What a pass may do where nobody can list, by name."""
    one, more = trigger(provider=shape), trigger("push", "issues", provider=shape)
    nothing = wants(allow_destroy="100%")
    return {
        "create": Scenario((), wants(one)),
        "own up to a doubt": Scenario((_died(wants(one), Point.CREATE),), wants(one)),
        "change": Scenario((wants(one),), wants(more)),
        "prune": Scenario((wants(one),), nothing),
        "prune what is in doubt": Scenario((_died(wants(one), Point.CREATE),), nothing),
        "revive": Scenario((wants(one), nothing), wants(one)),
        "give up a tombstone": Scenario((wants(one), nothing, _a_month_later, _a_month_later), nothing),
    }


def _making(shape: str) -> dict[str, Scenario]:
    one, manual = trigger(provider=shape), trigger(provider=shape, manual=True)
    several = [trigger(provider=shape, resource=f"acme/{name}") for name in ("api", "web", "docs")]
    return {
        "create": Scenario((), wants(one)),
        "create a manual one": Scenario((), wants(manual)),
        "create several": Scenario((), wants(*several), MANY),
        "register what was deleted there": Scenario((wants(one), _deleted(shape)), wants(one)),
        "register a manual one": Scenario((wants(manual),), wants(one)),
        "register what was interrupted": Scenario((_died(wants(one), Point.INTENT),), wants(one)),
        "complete what was interrupted": Scenario((_died(wants(one), Point.CREATE),), wants(one)),
        "revive a manual one": Scenario((wants(manual), wants(allow_destroy="100%")), wants(manual)),
    }


def _changing(shape: str) -> dict[str, Scenario]:
    one, more = trigger(provider=shape), trigger("push", "issues", provider=shape)
    noted = trigger(provider=shape, options={"note": "x"})
    elsewhere = trigger(provider=shape, credentials="other")
    return {
        "update": Scenario((wants(one),), wants(more)),
        "routing": Scenario((wants(one),), wants(one, trigger(provider=shape, subscriber=graph("notify")))),
        "replace": Scenario((wants(noted),), wants(one)),
        "move": Scenario((wants(one), _moved), wants(one)),
        "move on with what was interrupted": Scenario(
            (_died(wants(one), Point.CREATE), _moved, _died(wants(one), Point.UPDATE), _moved_on),
            wants(one),
            ("acme", "keyed", "leased", "ending"),
        ),
        "move on": Scenario((wants(one), _moved, _died(wants(one), Point.UPDATE), _moved_on), wants(one), UPDATABLE),
        "other credentials": Scenario((_one_account, wants(one)), wants(elsewhere)),
        "renew": Scenario((wants(one), _a_month_later), wants(one), ("leased", "ending")),
        "renew what lapsed": Scenario((wants(one), _a_month_later, _deleted(shape)), wants(one), ("leased", "ending")),
        "repair": Scenario((wants(one), _edited(shape)), wants(one)),
        "collapse twins": Scenario((wants(one), _doubled(shape)), wants(one), tuple(set(MANY) - {"tagged"})),
    }


def _leaving(shape: str) -> dict[str, Scenario]:
    one, manual = trigger(provider=shape), trigger(provider=shape, manual=True)
    nothing = wants(allow_destroy="100%")
    return {
        "prune": Scenario((wants(one),), nothing),
        "prune what was interrupted": Scenario((_died(wants(one), Point.CREATE),), nothing),
        "take back what was being pruned": Scenario((wants(one), _died(nothing, Point.RETIRE)), wants(one)),
        "prune a manual one": Scenario((wants(manual),), nothing),
        "forget a tombstone": Scenario((wants(manual), nothing, _a_month_later, _a_month_later), nothing),
        "forget an orphan that is gone": Scenario((wants(one), _orphaned, _deleted(shape)), wants(one)),
        "handover": Scenario((wants(one),), wants(trigger(provider=shape, user="bob"))),
    }


def _adopting(shape: str) -> dict[str, Scenario]:
    one = trigger(provider=shape)
    anything = wants(one)
    unrecorded = wants(one, adopt=(Adoption(unrecorded=True),))
    lost = (wants(one), _lost_store)
    by_id = wants(one, adopt=(Adoption(address=f"{shape}/repo/acme/api@main", remote_id="77"),))
    foreign = (_foreign_object(shape),)
    updatable = ("acme", "keyed", "leased", "ending")
    return {
        "adopt what no record explains": Scenario(lost, unrecorded, after=(unrecorded, anything)),
        "adopt it, after another pass": Scenario(lost, unrecorded, after=(anything, unrecorded, anything)),
        "give up adopting what others made": Scenario(foreign, by_id, updatable, after=(anything,)),
        "adopt what others made": Scenario(foreign, by_id, updatable, after=(by_id, anything)),
    }


def _died(passing: Passing, point: Point) -> Passing:
    """An earlier pass that died just after this."""

    async def run(world: World) -> None:
        assert (await living(world, just(Side.AFTER, point), passing)).dead

    return run


def _deleted(shape: str) -> Passing:
    async def run(world: World) -> None:
        for place in world.provider(shape).objects.values():
            place.clear()

    return run


def _edited(shape: str) -> Passing:
    async def run(world: World) -> None:
        held = world.object(shape)
        held.observed = replace(held.observed, events=frozenset({"release"}), active=False)

    return run


def _doubled(shape: str) -> Passing:
    """Somebody made another one with our URL, whose secret nobody knows, and switched ours off."""

    async def run(world: World) -> None:
        held = world.object(shape)
        (place,) = world.provider(shape).objects.values()
        place["0"] = Held(replace(held.observed, remote_id="0"), None)
        held.observed = replace(held.observed, active=False)

    return run


def _foreign_object(shape: str) -> Passing:
    async def run(world: World) -> None:
        events = frozenset({"release"})
        held = Held(Observed(remote_id="77", url=FOREIGN, events=events, active=True), None)
        world.provider(shape).objects["main", "repo", "acme/api"] = {"77": held}

    return run


async def _orphaned(world: World) -> None:
    """Something that an earlier pass could not remove."""
    record = world.record()
    orphan = Orphan(
        id=world.entropy.webhook_id(),
        webhook_id=world.entropy.webhook_id(),
        address=record.key.address(),
        group=record.key.group,
        remote_id="404",
        url="",
        reason="refused",
        created_at=world.clock.now(),
    )
    lease = world.store.acquire("test", "somebody", world.clock.now(), 1)
    world.store.add_orphan(lease, orphan)
    world.store.release(lease)


async def _moved(world: World) -> None:
    world.base_url = "https://new.example.com"


async def _moved_on(world: World) -> None:
    world.base_url = "https://newest.example.com"


async def _one_account(world: World) -> None:
    for provider in world.providers.values():
        provider.accounts = {"main": "account", "other": "account"}


async def _a_month_later(world: World) -> None:
    world.clock.time += MONTH - 60


async def _lost_store(world: World) -> None:
    world.store = MemoryStore()
