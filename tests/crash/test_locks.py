"""Real processes on one scope: one works, the other waits or gives up; what a killed one held lapses."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.engine.leasing import LEASE_SECONDS
from reconciler.testing.sandbox import Sandbox
from tests.cli.support import Project
from tests.crash.support import SHAPES, Place

pytestmark = pytest.mark.processes


@pytest.fixture
def place(tmp_path: Path, server: tuple[str, Sandbox]) -> Place:
    """A project that wants one webhook."""
    origin, sandbox = server
    root = tmp_path / "project"
    root.mkdir()
    made = Place(Project(root=root, origin=origin, sandbox=sandbox), SHAPES["listable"])
    made.renew()
    made.want(0)
    return made


@pytest.fixture
def halted(place: Place) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the scope: it was halted between its intent and its call."""
    process = place.begin("intent:after", 0.0, signal.SIGSTOP)
    assert process.stdout
    assert next(line for line in process.stdout if line == "intent:after\n")
    yield process
    process.kill()
    process.communicate()


def test_one_process_works_and_the_other_gives_up(place: Place, halted: subprocess.Popen[str]) -> None:
    """While a scope is held, another pass exits with 6 and has called nobody; the holder ends in order."""
    assert place.project.run("--yes", "--lock-timeout", "0").code == 6
    assert list(place.objects()) == []
    halted.send_signal(signal.SIGCONT)
    assert halted.wait(30) == 0
    assert len(place.objects()) == 1


def test_one_process_works_and_the_other_waits(place: Place, halted: subprocess.Popen[str]) -> None:
    """A pass that may wait goes on when the other is done, and finds nothing left to do."""
    waiting = place.project.spawn("--yes", "--lock-timeout", "60")
    halted.send_signal(signal.SIGCONT)
    assert halted.wait(30) == 0
    out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, err
    assert "In sync" in out
    assert len(place.objects()) == 1


def test_a_killed_holder_frees_the_scope_when_its_lease_lapses(place: Place) -> None:
    """Nobody gives the lease back: until it lapses, others are refused; then the next one takes it."""
    left = 3.0
    assert place.die("create:after", ago=LEASE_SECONDS - left) == "create:after"
    assert place.project.run("--yes", "--lock-timeout", "0").code == 6
    process = place.project.spawn("--yes", "--lock-timeout", "60")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "interrupted" in out
    assert len(place.objects()) == 1
