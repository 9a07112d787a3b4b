"""Saved plans in the store: which were applied, and the serial that tells two of one digest apart."""

from __future__ import annotations

from pathlib import Path

from reconciler.store.opening import open_for_reading, open_for_writing
from tests.store.samples import KEY, source, url

DIGEST = "ab" * 32


def test_a_plan_is_marked_once(tmp_path: Path) -> None:
    """The first mark counts, and stays with its time; another serial or scope is another plan."""
    path = url(tmp_path / "store" / "state.db")
    with open_for_writing(path, source(KEY)) as store:
        for scope in ("acme", "other"):
            store.bind(scope, "project")
        assert store.mark_applied("acme", DIGEST, 1, 100.0) is True
        assert store.mark_applied("acme", DIGEST, 1, 200.0) is False
        assert store.mark_applied("acme", DIGEST, 2, 300.0) is True
        assert store.mark_applied("other", DIGEST, 1, 400.0) is True
    with open_for_reading(path, source(KEY)) as store:
        assert store.applied_at("acme", DIGEST, 1) == 100.0
        assert store.applied_at("acme", DIGEST, 3) is None


def test_the_serial_grows_with_every_lease(tmp_path: Path) -> None:
    """It is 0 before the first pass, and higher after each."""
    path = url(tmp_path / "store" / "state.db")
    with open_for_reading(path, source(KEY)) as empty:
        assert (empty.serial("acme"), empty.applied_at("acme", DIGEST, 0)) == (0, None)
    with open_for_writing(path, source(KEY)) as store:
        assert store.serial("acme") == 0
        for expected in (1, 2):
            lease = store.acquire("acme", "me", 0.0, 15.0)
            assert lease is not None
            store.release(lease)
            assert store.serial("acme") == expected
