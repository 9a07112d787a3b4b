"""The ingress is killed under load: whatever it acknowledged is stored, and handed on to somebody."""

from __future__ import annotations

import asyncio
import itertools
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.core.inbox import Filter
from reconciler.store.inboxes import inbox_of
from tests.support.ingress_process import delivery, project, running, sent, store_of

CONNECTIONS = 16


async def load(port: int, numbers: Iterator[int], acknowledged: list[int]) -> None:
    """Deliver over one connection until it breaks; what was acknowledged is noted."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return
    try:
        while True:
            number = next(numbers)
            writer.write(delivery(number))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.split()[1] == b"200"
            acknowledged.append(number)
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()


async def killed(root: Path, numbers: Iterator[int], after: int, later: float) -> list[int]:
    """Start it, load it, and kill it a moment after so many acknowledgements; those that there were."""
    acknowledged: list[int] = []
    with running(root, "--rate", "1000000") as ingress:
        loading = [asyncio.create_task(load(ingress.port, numbers, acknowledged)) for _ in range(CONNECTIONS)]
        while len(acknowledged) < after:  # noqa: ASYNC110 - the moment is one of many
            await asyncio.sleep(0)
        await asyncio.sleep(later)
        ingress.process.send_signal(signal.SIGKILL)
        await asyncio.gather(*loading)
    return acknowledged


async def assert_nothing_is_lost(root: Path, rounds: int) -> None:
    """Kill it so often, each time at another moment, and look at what is stored."""
    numbers = itertools.count()
    acknowledged: set[int] = set()
    for turn in range(rounds):
        acknowledged |= {*await killed(root, numbers, 1 + turn * 37 % 200, turn % 7 / 1000)}
        with store_of(root) as store:
            stored = [*inbox_of(store).deliveries("acme", Filter(), 1_000_000)]
        ids = [kept.provider_delivery_id for kept, _ in stored]
        assert {f"d{number}" for number in acknowledged} <= {*ids}
        assert len(ids) == len({*ids})
        assert all(len(handed) == 1 for _, handed in stored), "dispatched to nobody"


@pytest.mark.crash
@pytest.mark.timeout(300)
async def test_killed_twenty_times_it_loses_nothing(tmp_path: Path) -> None:
    """At twenty moments, under load, each time over what the last one left."""
    await assert_nothing_is_lost(project(tmp_path / "project"), 20)


@pytest.mark.processes
async def test_killed_under_load_it_loses_nothing(tmp_path: Path) -> None:
    """The same, twice."""
    await assert_nothing_is_lost(project(tmp_path / "project"), 2)


def offered(root: Path) -> Path:
    """A distribution with a target that takes no push number 1: it ends the process, as a crash would."""
    folder = root / "plugins"
    told = folder / "poisoned-1.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: poisoned\nVersion: 1\n")
    (told / "entry_points.txt").write_text("[reconciler.targets]\npoisoned = poisoned:take\n")
    (folder / "poisoned.py").write_text(
        "import os\n\n\ndef take(event):\n    if event.payload['number'] == 1:\n        os._exit(9)\n"
    )
    return folder


def outcomes(root: Path) -> dict[str, str]:
    """What came of each delivery, and of those that are dead why; claims that nobody holds any more end at once."""
    with sqlite3.connect(root / ".reconciler" / "state.db") as database:
        database.execute("UPDATE dispatches SET due_at = 0 WHERE state = 'pending'")
    with store_of(root) as store:
        stored = [*inbox_of(store).deliveries("acme", Filter(), 100)]
    return {kept.provider_delivery_id: f"{handed[0].state} {handed[0].error}".strip() for kept, handed in stored}


@pytest.mark.processes
async def test_a_delivery_that_ends_the_process_is_a_dead_letter_in_the_end(tmp_path: Path) -> None:
    """A target that takes the whole process down with it has so many tries, and the others come through."""
    root = project(tmp_path / "project", "targets:\n  - {python: poisoned, timeout: 5, retry: {attempts: 2}}\n")
    plugins = {"PYTHONPATH": str(offered(tmp_path))}
    with running(root, "--no-dispatch") as ingress:
        assert [await sent(ingress.port, delivery(number)) for number in range(4)] == [200] * 4
    for _ in range(2):
        with running(root, environment=plugins) as ingress:
            assert await asyncio.to_thread(ingress.process.wait) == 9
        outcomes(root)
    with running(root, environment=plugins):
        while any(outcome.startswith("pending") for outcome in outcomes(root).values()):  # noqa: ASYNC110 - a process
            await asyncio.sleep(0.1)

    died = "dead try 2, the last, never ended: the process died meanwhile, or was killed"
    assert outcomes(root) == {"d0": "done", "d1": died, "d2": "done", "d3": "done"}
