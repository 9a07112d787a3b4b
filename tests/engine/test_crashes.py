"""A process may die between any two effects: whatever it was doing, the next pass ends with exactly what is wanted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from reconciler.core.model import Phase, SecretOrigin
from reconciler.core.ports import Entry, Outcome
from reconciler.engine.points import Point, Side
from reconciler.engine.reconciler import Report
from reconciler.testing.memory_provider import Held
from tests.support.catalogue import CATALOGUE
from tests.support.crashing import Life, at, just, living, never, shaped_world
from tests.support.scenarios import FOREIGN, LISTABLE, Scenario, blind_scenarios, scenarios
from tests.support.world import World

BLIND = ("blind", "sticky")
CASES = [(shape, name) for shape in LISTABLE for name in scenarios(shape)]
BLIND_CASES = [(shape, name) for shape in BLIND for name in blind_scenarios(shape)]


async def prepared(scenario: Scenario) -> World:
    """A world in which everything has happened that came before."""
    world = shaped_world()
    for earlier in scenario.before:
        await earlier(world)
    return world


async def died(scenario: Scenario, number: int) -> World:
    """A world whose process died at the n-th point of the scenario's pass."""
    world = await prepared(scenario)
    assert (await living(world, at(number), scenario.passing)).dead
    return world


async def lived(scenario: Scenario) -> Life:
    """A process that nobody kills."""
    return await living(await prepared(scenario), never, scenario.passing)


async def surviving(scenario: Scenario) -> set[str]:
    """The ids of the webhooks that outlive the scenario's pass when nobody dies."""
    world = await prepared(scenario)
    before = ids(world)
    await living(world, never, scenario.passing)
    return before & ids(world)


def ids(world: World) -> set[str]:
    """The ids that are recorded, or stand in a URL of ours."""
    urls = [held.observed.url for provider in world.providers.values() for held in provider.everything()]
    return {record.id for record in world.store.records("test")} | {url.rpartition("/")[2] for url in urls}


@pytest.mark.parametrize(("shape", "name"), CASES)
async def test_the_next_pass_ends_with_exactly_what_is_wanted(shape: str, name: str) -> None:
    """Killed at each point in turn: then one pass, no twin, no leak, the right secret and id, and an empty plan."""
    scenario = scenarios(shape)[name]
    life, lasting = await lived(scenario), await surviving(scenario)
    assert len(life.reached) >= 2, "a pass without any effect proves nothing"
    for number, _ in enumerate(life.reached, start=1):
        world = await died(scenario, number)
        left = history(world)
        reports = [await later(world) for later in scenario.recovery]
        assert_converged(world, shape)
        assert (await scenario.recovery[-1](world)).plan.is_empty
        assert lasting <= ids(world)
        assert_logged(world, left, reports)


def assert_converged(world: World, shape: str) -> None:
    """One object for each auto record, with its URL, events and secret; and nothing else of ours."""
    records = {record.url: record for record in world.records() if not record.key.manual}
    held = {item.observed.url: item for item in ours(world, shape)}
    assert held.keys() == records.keys()
    assert len(held) == len(ours(world, shape))
    for url, record in records.items():
        assert record.phase is Phase.REGISTERED
        assert held[url].observed.events == record.events
        assert held[url].observed.active
        assert held[url].observed.remote_id == record.remote_id
        (newest, *_) = world.store.secrets(record.id)
        assert held[url].secret == newest
        assert record.secret == world.store.fingerprint(newest)
    assert world.store.orphans("test") == []


def ours(world: World, shape: str) -> list[Held]:
    """The objects at a provider that are not foreign; what is foreign is as it was."""
    found = world.provider(shape).everything()
    foreign = [item for item in found if item.observed.url == FOREIGN]
    assert all(item.observed.events == frozenset({"release"}) and item.secret is None for item in foreign)
    return [item for item in found if item not in foreign]


def history(world: World) -> dict[str, Entry]:
    """The audit log, by the ids of its entries."""
    return {entry.id: entry for entry in world.store.history("test")}


def assert_logged(world: World, left: dict[str, Entry], reports: Sequence[Report]) -> None:
    """What the dead left begun stays begun; the passes after it logged each of their actions, and ended it."""
    after = history(world)
    assert {entry_id: after[entry_id] for entry_id in left} == left
    new = [entry for entry_id, entry in after.items() if entry_id not in left]
    assert {entry.outcome for entry in new} <= {Outcome.DONE}
    planned = [entry for entry in new if entry.action != "forget"]
    assert sorted(entry.webhook_id for entry in planned) == sorted(
        outcome.webhook_id for report in reports for outcome in report.applied.outcomes
    )
    forgotten = [entry.webhook_id for entry in after.values() if entry.action == "forget"]
    assert len(forgotten) == len(set(forgotten))


@pytest.mark.parametrize(("shape", "name"), BLIND_CASES)
async def test_where_nobody_can_list_every_doubt_is_an_orphan(shape: str, name: str) -> None:
    """A provider without list: no more objects than records and orphans, and an empty plan at last."""
    scenario = blind_scenarios(shape)[name]
    life = await lived(scenario)
    for number, _ in enumerate(life.reached, start=1):
        world = await died(scenario, number)
        await scenario.passing(world)
        urls = {item.observed.url for item in world.provider(shape).everything()}
        known = {record.url for record in world.store.records("test")}
        assert urls <= known | {orphan.url for orphan in world.store.orphans("test")}
        live = [record for record in world.records() if record.phase is Phase.REGISTERED]
        assert live == world.records()
        assert {record.url for record in live} <= urls
        assert (await scenario.passing(world)).plan.is_empty


async def test_every_point_is_reached_and_every_effect_has_a_name() -> None:
    """No write and no call goes by unnamed, and there is no name for what never happens."""
    reached: set[tuple[Point, Side]] = set()
    everything = [scenarios(shape)[name] for shape, name in CASES]
    everything += [blind_scenarios(shape)[name] for shape, name in BLIND_CASES]
    for scenario in everything:
        life = await lived(scenario)
        assert life.unnamed == []
        reached |= set(life.reached)
    assert reached == {(point, side) for point in Point for side in Side}


async def test_what_the_dead_had_begun_stays_begun_in_the_audit_log() -> None:
    """The log tells of an action that nobody lived to end; the next pass's own entry is done."""
    scenario = scenarios("acme")["create"]
    world = await prepared(scenario)
    await living(world, just(Side.AFTER, Point.CREATE), scenario.passing)
    (begun,) = history(world).values()
    assert (begun.action, begun.outcome) == ("create", Outcome.BEGUN)
    await scenario.passing(world)
    actions = [(entry.action, entry.outcome) for entry in world.store.history("test")]
    assert actions == [("adopt", Outcome.DONE), ("create", Outcome.BEGUN)]


def test_every_shape_of_secret_is_covered() -> None:
    """Every secret that is not a person's to copy is among the shapes above."""
    origins = {CATALOGUE[shape].secret_origin for shape in LISTABLE}
    assert origins == set(SecretOrigin) - {SecretOrigin.VENDOR, SecretOrigin.NONE}


def test_every_shape_has_every_action() -> None:
    """A scenario that vanishes for a shape is missed here."""
    assert {shape: len(scenarios(shape)) for shape in LISTABLE} == {
        "acme": 28,
        "once": 25,
        "handed": 25,
        "keyed": 28,
        "slotted": 23,
        "fixed": 24,
        "tagged": 24,
        "leased": 30,
        "ending": 30,
    }
