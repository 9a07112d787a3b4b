"""Hundreds of clients that never finish, at a real server: others are served, and memory stays where it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.ingress_process import PATH, project, running
from tests.support.load import SLACK, Senders

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory of a process is read in /proc"),
]

HELD_MIB = 64
"""What may be held of bodies in memory."""

ROOM_MIB = 32
"""For everything else that this many connections need, twice over."""


def memory(pid: int) -> float:
    """The resident memory of a process, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


@asynccontextmanager
async def slow_clients(port: int, count: int, body: int) -> AsyncIterator[None]:
    """So many, each of another address, that send `body` bytes of a longer body at once and then hardly any."""
    writers = []
    for number in range(count):  # each is a connection that stays
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.0.{number // 250}.{number % 250}\r\n"
        writer.write(f"{head}Content-Length: 1000000\r\n\r\n".encode() + b"x" * body)
        writers.append(writer)

    async def drip() -> None:
        while True:
            for writer in writers:
                if not writer.is_closing():
                    writer.write(b"x")
            await asyncio.sleep(0.5)

    dripping = asyncio.create_task(drip())
    try:
        yield
    finally:
        dripping.cancel()
        for writer in writers:
            writer.close()


@pytest.mark.parametrize(("count", "body", "room"), [(64, 100_000, ROOM_MIB), (500, 500_000, HELD_MIB + ROOM_MIB)])
async def test_slow_clients_delay_nobody_and_cost_no_more_than_is_allowed(
    tmp_path: Path, count: int, body: int, room: float
) -> None:
    """64 hold what they sent; of 500 that want to send 250 MB at once, those beyond 64 MiB are told to come again."""
    root = project(tmp_path / "project")
    senders = Senders()
    with running(root, "--rate", "1000000", "--trusted-hops", "1") as ingress:
        async with senders.at_work(ingress.port, 8):
            await senders.more(500)
            before = memory(ingress.process.pid)
            async with slow_clients(ingress.port, count, body):
                await senders.more(500)
                grown = memory(ingress.process.pid) - before
        assert senders.others == []
        assert senders.slowest < SLACK
        assert grown < room
