"""The loop on time."""

from __future__ import annotations

import asyncio

from reconciler.daemon.schedule import repeat
from reconciler.system import SystemClock


async def test_the_first_turn_comes_at_once_and_others_follow() -> None:
    """Turns go on until the end is asked for."""
    ended = asyncio.Event()
    turns: list[int] = []

    async def job() -> None:
        turns.append(len(turns))
        if len(turns) == 3:
            ended.set()

    await repeat(job, 0.01, ended.wait, SystemClock(), lambda event, **details: None)
    assert turns == [0, 1, 2]


async def test_what_is_running_at_the_end_is_waited_for() -> None:
    """The end does not cut a turn short."""
    ended, running, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def job() -> None:
        running.set()
        await ended.wait()
        await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=0.01)
        finished.set()

    async def end() -> None:
        await running.wait()
        ended.set()

    await repeat(job, 3600, end, SystemClock(), lambda event, **details: None)
    assert finished.is_set()


async def test_a_bug_in_a_turn_does_not_end_the_loop() -> None:
    """An unexpected exception is told, and the next turn comes."""
    ended = asyncio.Event()
    told: list[str] = []
    turns: list[int] = []

    async def job() -> None:
        turns.append(1)
        if len(turns) == 2:
            ended.set()
            return
        raise ZeroDivisionError

    await repeat(job, 0.01, ended.wait, SystemClock(), lambda event, **details: told.append(event))
    assert told == ["bug"]
