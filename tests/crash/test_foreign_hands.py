"""Somebody locks, deletes, replaces or damages the state below a real ingress: what it acknowledges it has."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from reconciler.ingress.limits import Limits
from tests.crash.test_faulty_disk import FAST, HEALTH, READY, TARGETS, assert_handed_on, assert_it_goes_on, settled
from tests.support.ingress_process import project, running, sent
from tests.support.load import SLACK, Senders

pytestmark = pytest.mark.processes

STATE = ".reconciler/state.db"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose deliveries are handed on to a file."""
    return project(tmp_path / "project", TARGETS)


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Another process's write transaction, which takes as long as the block."""
    with closing(sqlite3.connect(root / STATE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def test_a_state_that_another_process_holds_puts_deliveries_off(root: Path) -> None:
    """Senders wait for as long as SQLite does, and are put off; then it goes on."""
    senders = Senders()
    with running(root, *FAST) as ingress:
        async with senders.at_work(ingress.port):
            await senders.more(50)
            with locked(root):
                await senders.refused(16)
                assert await sent(ingress.port, HEALTH) == 200
                assert await sent(ingress.port, READY) == 503
            await senders.more(50)
        assert senders.slowest < Limits().keep_seconds + SLACK
        await assert_it_goes_on(root, senders, ingress)
        await settled(root)
    assert_handed_on(root)


@pytest.mark.parametrize("how", ["deleted", "replaced"])
async def test_a_state_that_is_gone_acknowledges_nothing(root: Path, how: str) -> None:
    """SQLite would go on writing to a file that nobody can find; once it is back, everything is."""
    senders = Senders()
    state, away = root / STATE, root / "away.db"
    with running(root, *FAST) as ingress:
        async with senders.at_work(ingress.port):
            await senders.more(50)
            os.link(state, away)
            if how == "deleted":
                state.unlink()
            else:
                shutil.copy(state, root / "other.db")
                (root / "other.db").replace(state)
            before = len(senders.acknowledged)
            await senders.refused(100)
            assert len(senders.acknowledged) - before <= 16, "what was under way when it went, at most"
            assert await sent(ingress.port, READY) == 503
            away.replace(state)
            await senders.more(50)
        await assert_it_goes_on(root, senders, ingress)


async def test_a_damaged_state_acknowledges_nothing(root: Path) -> None:
    """What is written over the tables is no reason to say that a delivery is kept, nor for a refusal."""
    senders = Senders()
    with running(root, *FAST) as ingress:
        async with senders.at_work(ingress.port):
            await senders.more(50)
            await asyncio.to_thread(damage, root / STATE)
            await senders.refused(100)
            assert await sent(ingress.port, HEALTH) == 200
        assert senders.others == []
        assert ingress.process.poll() is None


def damage(state: Path) -> None:
    """Empty the write-ahead log into the file, and write noise over all pages."""
    with closing(sqlite3.connect(state, timeout=20)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = state.stat().st_size
    with state.open("r+b") as file:
        file.write(os.urandom(size))
