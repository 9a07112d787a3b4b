"""The daemon as a process."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator

import pytest

from reconciler.store.keys import KeySource
from reconciler.store.opening import open_for_writing
from reconciler.system import SystemClock
from tests.cli.support import CANARIES, Project

pytestmark = pytest.mark.processes


@pytest.fixture
def daemon(project: Project) -> Iterator[subprocess.Popen[str]]:
    """A daemon with an hour between its passes."""
    project.manifest("push")
    process = project.spawn("daemon", "--interval", "3600", "--log-format", "json")
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def events(process: subprocess.Popen[str], until: str) -> list[str]:
    """The events that the process logs, up to the first one of a kind."""
    seen: list[str] = []
    assert process.stderr is not None
    for line in process.stderr:
        seen.append(json.loads(line)["event"])
        if seen[-1] == until:
            break
    return seen


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_daemon_in_order(
    project: Project, daemon: subprocess.Popen[str], number: signal.Signals, code: int
) -> None:
    """The first pass comes at once; a signal ends the daemon, which gives its lock back and says what its code is."""
    assert "applied" in events(daemon, "pass")
    daemon.send_signal(number)
    out, err = daemon.communicate(timeout=20)
    assert daemon.returncode == code
    assert out == ""
    assert "draining" in err
    assert f"exit {code}" in err
    assert not any(canary in err for canary in CANARIES.values())
    assert len(project.sandbox.github.webhooks()) == 1
    assert project.run("--lock-timeout", "0").code == 0


def test_a_daemon_on_broken_files_waits_for_good_ones(project: Project) -> None:
    """It tells every problem and stays."""
    project.manifest("isues")
    process = project.spawn("daemon", "--interval", "3600", "--log-format", "json")
    try:
        assert events(process, "pass_skipped")[-1] == "pass_skipped"
        assert process.poll() is None
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 143
    assert not (project.root / ".reconciler").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_pass_that_waits_for_the_lock_ends_at_once(project: Project, number: signal.Signals, code: int) -> None:
    """What has not begun to write need not be waited for."""
    project.manifest("push")
    with open_for_writing(f"sqlite:///{project.root}/.reconciler/state.db", KeySource()) as store:
        assert store.acquire("acme", "somebody", SystemClock().now(), 3600)
        process = project.spawn("--log-format", "json")
        events(process, "state")
        process.send_signal(number)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == code
    assert out == ""
