"""How often garbage is looked for."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from reconciler.cli import garbage


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave the process as it was."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_what_goes_on_looks_more_often_than_what_is_soon_over() -> None:
    """In a daemon garbage would become much; a pass of a thousand webhooks makes too little to be looked through."""
    garbage.seldom()
    seldom = gc.get_threshold()[0]
    garbage.steadily()
    assert gc.get_threshold()[0] < seldom


def test_what_is_there_at_the_start_or_the_end_is_not_looked_through() -> None:
    """Modules stay as long as the process, and at its end everything goes."""
    for settle in (garbage.steadily, garbage.no_more):
        gc.unfreeze()
        settle()
        assert gc.get_freeze_count() > 0
