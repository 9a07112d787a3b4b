"""The stores that the contract runs over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.store.opening import open_for_writing
from reconciler.store.sql import SqlStore
from reconciler.testing.memory_store import MemoryStore
from tests.store.samples import KEY, source, url

Opened = SqlStore | MemoryStore


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """A fresh, empty store."""
    if request.param == "memory":
        memory = MemoryStore()
        yield memory
        memory.close()
        return
    state = request.getfixturevalue("postgres") if request.param == "postgres" else url(tmp_path / "state.db")
    with open_for_writing(state, source(KEY)) as opened:
        yield opened
