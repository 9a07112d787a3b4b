"""One turn of the daemon's loop."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.core.errors import ConfigError, LockedError, Problem, ReconcilerError
from reconciler.daemon.keeper import Keeper


class Log:
    """A `Progress` that remembers."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.messages: list[str] = []

    def __call__(self, event: str, /, **details: object) -> None:
        self.events.append(event)
        self.messages.append(str(details.get("message")))


class Files:
    """Files whose content a test sets: a wish, or what is wrong with it."""

    def __init__(self, content: str | ConfigError) -> None:
        self.content = content

    def read(self) -> str:
        if isinstance(self.content, ConfigError):
            raise self.content
        return self.content


BROKEN = ConfigError((Problem("unknown_key", "no such key 'evnts'"), Problem("missing", "no provider")))


def keeper(files: Files, log: Log, act: Callable[[str], None]) -> Keeper[str]:
    """A keeper whose pass is `act`."""

    async def run(wish: str) -> None:
        act(wish)

    return Keeper(files.read, run, log)


async def test_files_are_read_at_each_turn() -> None:
    """An edit between two turns counts in the second."""
    seen: list[str] = []
    files, log = Files("one"), Log()
    turns = keeper(files, log, seen.append)
    await turns.turn()
    files.content = "two"
    await turns.turn()
    assert seen == ["one", "two"]
    assert log.events == []


async def test_invalid_files_leave_the_last_good_wish_in_force() -> None:
    """Every problem is told, and the pass goes on with what was valid before."""
    seen: list[str] = []
    files, log = Files("good"), Log()
    turns = keeper(files, log, seen.append)
    await turns.turn()
    files.content = BROKEN
    await turns.turn()
    assert seen == ["good", "good"]
    assert log.events == ["missing", "unknown_key", "last_good"]


async def test_without_any_valid_files_nothing_is_done() -> None:
    """A daemon that starts on broken files waits for good ones."""
    seen: list[str] = []
    log = Log()
    await keeper(Files(BROKEN), log, seen.append).turn()
    assert seen == []
    assert log.events[-1] == "pass_skipped"


@pytest.mark.parametrize("error", [LockedError("locked by another"), ReconcilerError("the provider is down")])
async def test_a_pass_that_fails_is_told_and_the_daemon_goes_on(error: ReconcilerError) -> None:
    """What a pass raises ends that turn only."""
    log = Log()

    def act(wish: str) -> None:
        raise error

    turns = keeper(Files("wish"), log, act)
    await turns.turn()
    await turns.turn()
    assert log.events == ["pass_failed", "pass_failed"]
    assert str(error) in log.messages[0]


async def test_a_target_that_matches_nothing_by_now_is_told() -> None:
    """Problems that only a pass finds are told one by one, and the daemon goes on."""
    log = Log()

    def act(wish: str) -> None:
        raise BROKEN

    await keeper(Files("wish"), log, act).turn()
    assert log.events == ["missing", "unknown_key"]
