"""Saved plans in the store: which were applied, and the serial that tells two of one digest apart."""

from __future__ import annotations

from reconciler.store.opening import open_for_reading, open_for_writing
from tests.store.samples import KEY, source

DIGEST = "ab" * 32


def test_a_plan_is_marked_once(state: str) -> None:
    """The first mark counts, and stays with its time; another serial or scope is another plan."""
    with open_for_writing(state, source(KEY)) as store:
        for scope in ("acme", "other"):
            store.bind(scope, "project")
        assert store.mark_applied("acme", DIGEST, 1, 100.0) is True
        assert store.mark_applied("acme", DIGEST, 1, 200.0) is False
        assert store.mark_applied("acme", DIGEST, 2, 300.0) is True
        assert store.mark_applied("other", DIGEST, 1, 400.0) is True
    with open_for_reading(state, source(KEY)) as store:
        assert store.applied_at("acme", DIGEST, 1) == 100.0
        assert store.applied_at("acme", DIGEST, 3) is None


def test_the_serial_grows_with_every_lease(state: str) -> None:
    """It is 0 before the first pass, and higher after each."""
    with open_for_reading(state, source(KEY)) as empty:
        assert (empty.serial("acme"), empty.applied_at("acme", DIGEST, 0)) == (0, None)
    with open_for_writing(state, source(KEY)) as store:
        assert store.serial("acme") == 0
        for expected in (1, 2):
            lease = store.acquire("acme", "me", 0.0, 15.0)
            assert lease is not None
            store.release(lease)
            assert store.serial("acme") == expected
