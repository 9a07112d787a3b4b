"""The disk of a real ingress fails under load: what it acknowledges is stored and handed on, the rest is put off."""

from __future__ import annotations

import asyncio
import errno
import json
import resource
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from reconciler.core.deliveries import Delivery
from reconciler.core.inbox import DispatchState, Filter, Handed
from reconciler.ingress.limits import Limits
from reconciler.store.inboxes import inbox_of
from tests.support.faulty_disk import FaultyDisk
from tests.support.ingress_process import Running, project, running, sent, store_of
from tests.support.load import SLACK, Senders, until

TARGETS = "targets:\n  - log: {file: handed.jsonl}\n    retry: {first: 0.1, longest: 0.1}\n"
KEEP_SECONDS = Limits().keep_seconds
FAST = ("--rate", "1000000")
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
READY = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"

pytestmark = pytest.mark.processes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose deliveries are handed on to a file."""
    return project(tmp_path / "project", TARGETS)


@pytest.fixture
def disk(tmp_path: Path) -> FaultyDisk:
    """The disk of the processes that run with its environment."""
    return FaultyDisk(tmp_path / "disk")


def handed(root: Path) -> Counter[str]:
    """How often each delivery was handed on, by the provider's id; a line that was cut off counts for nothing."""
    lines = (root / ".reconciler/handed.jsonl").read_text().splitlines()
    return Counter(json.loads(line)["providerdeliveryid"] for line in lines if line.endswith("}"))


def assert_kept(root: Path, numbers: set[int]) -> None:
    """These, and whatever else is stored, are stored once, each for somebody."""
    stored = kept(root)
    ids = [each.provider_delivery_id for each, _ in stored]
    assert {f"d{number}" for number in numbers} <= {*ids}
    assert len(ids) == len({*ids}), "stored twice"
    assert all(len(dispatches) == 1 for _, dispatches in stored), "dispatched to nobody"


def assert_handed_on(root: Path, most: int = 1) -> None:
    """All of it was handed on, each so many times at most."""
    stored = kept(root)
    assert {each.state for _, dispatches in stored for each in dispatches} == {DispatchState.DONE}
    times = handed(root)
    assert {*times} == {each.provider_delivery_id for each, _ in stored}
    assert max(times.values()) <= most


def kept(root: Path) -> list[tuple[Delivery, Sequence[Handed]]]:
    """Everything that is stored."""
    with store_of(root) as store:
        return [*inbox_of(store).deliveries("acme", Filter(), 1_000_000)]


async def settled(root: Path) -> None:
    """Wait until nothing is left to be handed on."""

    def done() -> bool:
        with store_of(root) as store:
            return inbox_of(store).next_due("acme") is None

    await until(done)


async def assert_it_goes_on(root: Path, senders: Senders, ingress: Running) -> None:
    """Everything is acknowledged when it is sent again, nothing of it is lost, and nobody saw a bug."""
    await senders.again(ingress.port)
    assert senders.others == []
    assert (senders.put_off, senders.unanswered) == (set(), set())
    assert_kept(root, senders.acknowledged)
    assert ingress.told("ingress_bug") == ingress.told("bug") == []


async def test_what_the_system_refuses_to_write_is_not_acknowledged(root: Path) -> None:
    """The kernel's own limit on files stands for a quota: it is reached under load, and lifted."""
    senders = Senders()
    with running(root, *FAST) as ingress:
        async with senders.at_work(ingress.port):
            await senders.more(50)
            await asyncio.to_thread(limit_files, ingress.process, (root / ".reconciler/state.db-wal").stat().st_size)
            await senders.refused(200)
            assert await sent(ingress.port, HEALTH) == 200
            assert await sent(ingress.port, READY) == 503
            limit_files(ingress.process, resource.RLIM_INFINITY)
            await senders.more(200)
        await assert_it_goes_on(root, senders, ingress)
        await settled(root)
    assert_handed_on(root)
    said = [datetime.fromisoformat(line["time"]).timestamp() for line in ingress.told("ingress_unkept")]
    assert min((after - before for before, after in pairwise(said)), default=60) > 9, "not for every transaction"
    assert len(ingress.told("ingress_keeping")) == len(said) > 0


def limit_files(process: subprocess.Popen[str], most: int) -> None:
    """Let no file of the process grow beyond so many bytes."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


async def test_a_disk_without_room_puts_deliveries_off_until_there_is_some(tmp_path: Path) -> None:
    """A small disk of its own, which deliveries and another file fill to the last byte."""
    senders = Senders()
    with small_disk(tmp_path / "disk") as folder:
        root = project(folder / "project", TARGETS)
        with running(root, *FAST) as ingress:
            async with senders.at_work(ingress.port):
                await senders.more(50)
                fill(folder / "other")
                await senders.refused(200)
                assert await sent(ingress.port, READY) == 503
                (folder / "other").unlink()
                await senders.more(50)
            await assert_it_goes_on(root, senders, ingress)
            await settled(root)
        assert_handed_on(root, most=2)  # of a line, too, the disk may have had no room for the last byte


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of 16 MiB in memory; skips where that cannot be had."""
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("there is no mount")
    mounting = [mount, "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    made = subprocess.run(mounting, capture_output=True, check=False)  # noqa: S603 - a folder of our own
    if made.returncode:
        pytest.skip(f"mounting needs root: {made.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run([umount, "-l", str(folder)], check=True)  # noqa: S603 - the same folder


def fill(path: Path) -> None:
    """Write until there is no room at all."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


@pytest.mark.parametrize(
    ("writes", "syncs"), [(errno.ENOSPC, 0), (errno.EROFS, 0), (0, errno.EIO)], ids=["full", "read-only", "failing"]
)
async def test_a_disk_that_fails_puts_deliveries_off_until_it_works(
    root: Path, disk: FaultyDisk, writes: int, syncs: int
) -> None:
    """Half a page is written, then nothing; later there is room again."""
    senders = Senders()
    with running(root, *FAST, environment=disk.environment) as ingress:
        async with senders.at_work(ingress.port):
            await senders.more(50)
            disk.fail(writes=writes, syncs=syncs)
            await until(lambda: disk.refused > 0)
            before = len(senders.acknowledged)
            await senders.refused(100)
            assert len(senders.acknowledged) - before <= 16, "what was under way when it began, at most"
            assert await sent(ingress.port, HEALTH) == 200
            assert await sent(ingress.port, READY) == 503
            disk.heal()
            await senders.more(100)
        await assert_it_goes_on(root, senders, ingress)
        await settled(root)
    assert_handed_on(root)


async def test_a_stalled_disk_acknowledges_nothing_and_takes_no_more_than_it_can_hold(
    root: Path, disk: FaultyDisk
) -> None:
    """Senders wait, and are put off in time; nobody is acknowledged before the disk has answered."""
    senders = Senders()
    with running(root, *FAST, environment=disk.environment) as ingress:
        async with senders.at_work(ingress.port, 64):
            await senders.more(200)
            disk.stall()
            await until(lambda: disk.stalled > 0)
            before = len(senders.acknowledged)
            await senders.refused(500)
            assert len(senders.acknowledged) - before <= 64, "what was under way when it began, at most"
            assert await sent(ingress.port, HEALTH) == 200
            assert await sent(ingress.port, READY) == 503
            disk.heal()
            await senders.more(200)
        assert senders.slowest < KEEP_SECONDS + SLACK
        await assert_it_goes_on(root, senders, ingress)
        await settled(root)
    assert_handed_on(root)


@pytest.mark.parametrize("how", ["full", "stalled"])
async def test_killed_while_the_disk_fails_it_loses_nothing(root: Path, disk: FaultyDisk, how: str) -> None:
    """The next process goes on from what there is."""
    senders = Senders()
    with running(root, *FAST, environment=disk.environment) as ingress:
        async with senders.at_work(ingress.port):
            await senders.more(50)
            if how == "full":
                disk.fail(writes=errno.ENOSPC)
                await senders.refused(50)
            else:
                disk.stall()
                await until(lambda: disk.stalled > 0)
            ingress.process.send_signal(signal.SIGKILL)
    disk.heal()
    with running(root, *FAST, environment=disk.environment) as ingress:
        await assert_it_goes_on(root, senders, ingress)
