"""Real processes, killed with SIGKILL at each point that they reach: the next pass ends with exactly what is wanted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.core.model import Phase
from reconciler.core.ports import Outcome
from reconciler.testing.sandbox import Sandbox
from tests.cli.support import Project
from tests.crash.support import SHAPES, Place, State

Preparing = Callable[[Place], None]


def create(place: Place) -> None:
    """A new webhook."""
    place.want(0)


def create_manual(place: Place) -> None:
    """A new manual webhook."""
    place.want(0, manual=True)


def register_deleted(place: Place) -> None:
    """Somebody deleted the webhook at the provider."""
    place.want(0)
    place.apply()
    place.vendor.reset()


def register_manual(place: Place) -> None:
    """A manual webhook gains credentials."""
    place.want(0, manual=True)
    place.apply()
    place.want(0)


def update(place: Place) -> None:
    """Another event is wanted: in place, or by a replacement where there is no update."""
    place.want(0)
    place.apply()
    place.want(0, 1)


def route(place: Place) -> None:
    """Another graph wants the same."""
    place.want(0)
    place.apply()
    place.want(0, graph="notify")


def move(place: Place) -> None:
    """The base URL is another."""
    place.want(0)
    place.apply()
    place.move("https://new.example.com")


def prune(place: Place) -> None:
    """Nothing is wanted any more."""
    place.want(0)
    place.apply()
    place.want_nothing()


def prune_manual(place: Place) -> None:
    """A manual webhook is wanted no more."""
    place.want(0, manual=True)
    place.apply()
    place.want_nothing()


def revive_manual(place: Place) -> None:
    """A pruned manual webhook is wanted again."""
    prune_manual(place)
    place.apply()
    place.want(0, manual=True)


def hand_over(place: Place) -> None:
    """Another user wants it: one leaves, another comes."""
    place.want(0)
    place.apply()
    place.want(0, user="bob")


def complete_intent(place: Place) -> None:
    """An earlier pass died when its intent was written."""
    place.want(0)
    assert place.die("intent:after", ago=120.0)


def complete_created(place: Place) -> None:
    """An earlier pass died when the provider had answered."""
    place.want(0)
    assert place.die("create:after", ago=120.0)


def take_back(place: Place) -> None:
    """An earlier pass died while it pruned what is wanted again."""
    prune(place)
    assert place.die("retire:after", ago=120.0)
    place.want(0)


def renew(place: Place) -> None:
    """The lease ends within a day."""
    place.want(0)
    place.apply()
    place.shorten_lease(hours=24)


ACTIONS = [
    create,
    create_manual,
    register_deleted,
    register_manual,
    update,
    route,
    move,
    prune,
    prune_manual,
    revive_manual,
    hand_over,
    complete_intent,
    complete_created,
    take_back,
]
BLIND = [create, route, complete_intent, complete_created]
SLICE: dict[tuple[str, Preparing], str] = {
    ("listable", create): "create:after",
    ("listable", prune): "delete:after",
    ("secret returned once", create): "create:after",
    ("single slot", hand_over): "delete:after",
    ("id chosen by the caller", update): "update:after",
    ("no update", update): "confirm:after",
    ("no list", create): "create:after",
}
"""One telling moment for each shape, for the default run."""


def cases() -> list[tuple[str, Preparing]]:
    """Every shape with every action that makes sense there."""
    found = [(shape, action) for shape in SHAPES for action in (BLIND if shape == "no list" else ACTIONS)]
    return [*found, ("lease", renew)]


@pytest.fixture
def place(shape: str, tmp_path: Path, server: tuple[str, Sandbox]) -> Place:
    """A project at a provider of the shape."""
    origin, sandbox = server
    root = tmp_path / "project"
    root.mkdir()
    return Place(Project(root=root, origin=origin, sandbox=sandbox), SHAPES[shape])


@pytest.mark.crash
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("shape", "action"), cases())
def test_killed_anywhere_the_next_pass_puts_it_right(
    place: Place, shape: str, action: Preparing, record_property: Callable[[str, object], None]
) -> None:
    """Point after point, until a process comes to its end."""
    number = 0
    while True:
        number += 1
        place.renew()
        action(place)
        if not place.die(str(number)):
            break
        recovers(place, shape)
    assert number > 2, "a pass without any effect proves nothing"
    record_property("kills", number - 1)


@pytest.mark.processes
@pytest.mark.parametrize(("shape", "action"), SLICE)
def test_killed_at_the_worst_moment_the_next_pass_puts_it_right(place: Place, shape: str, action: Preparing) -> None:
    """One process for each shape, killed where the most is at stake."""
    place.renew()
    action(place)
    assert place.die(SLICE[shape, action]) == SLICE[shape, action]
    recovers(place, shape)


def recovers(place: Place, shape: str) -> None:
    """One more pass: no twin, no leak, the right secret, an empty plan, and an honest audit log."""
    left = place.state().history
    place.recover()
    state = place.state()
    if shape == "no list":
        assert_owned_up(place, state)
    else:
        assert_converged(place, state)
    settled = place.project.run("--dry-run", "--detailed-exitcode")
    assert settled.code == 0, settled.out + settled.err
    assert {entry_id: state.history[entry_id] for entry_id in left} == left
    new = [entry for entry_id, entry in state.history.items() if entry_id not in left]
    assert {entry.outcome for entry in new} <= {Outcome.DONE, Outcome.ORPHANED}


def assert_converged(place: Place, state: State) -> None:
    """One object for each auto record, with its URL; nothing else; and deliveries that the stored secret proves."""
    live = [record for record in state.records if record.phase is not Phase.TOMBSTONE and not record.key.manual]
    assert all(record.phase is Phase.REGISTERED for record in live)
    assert sorted(item.url for item in place.objects()) == sorted(record.url for record in live)
    assert all(item.active for item in place.objects())
    assert list(state.orphans) == []
    place.assert_secrets(state)


def assert_owned_up(place: Place, state: State) -> None:
    """Where nobody can list: no object that is neither recorded nor an orphan, and one that is recorded."""
    known = {record.url for record in state.records} | {orphan.url for orphan in state.orphans}
    urls = {item.url for item in place.objects()}
    assert urls <= known
    (live,) = [record for record in state.records if record.phase is Phase.REGISTERED]
    assert live.url in urls
