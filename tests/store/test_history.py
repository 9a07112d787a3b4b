"""The audit log of every `core.ports.Store`, and how the SQL store keeps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update

from reconciler.core.diff import Change
from reconciler.core.errors import LeaseLostError, StateError
from reconciler.core.ports import Entry, Lease, Outcome, Store, Write
from reconciler.store.opening import open_for_reading, open_for_writing
from reconciler.store.tables import history
from reconciler.store.upkeep import back_up, rename_scope
from tests.store.samples import KEY, SCOPE, entry, lease, put, recorded, source, url


def test_an_entry_is_read_back_as_it_was_written(store: Store) -> None:
    """Every field survives, changes of any JSON shape included."""
    written = entry(
        changes=(Change("events", None, ["push"]), Change("options.labels", {"ä": [1, None]}, True)),
        outcome=Outcome.FAILED,
        message="502 Bad Gateway",
    )

    store.write(lease(store), [], [written])

    assert list(store.history(SCOPE)) == [written]


def test_the_log_is_told_newest_first(store: Store) -> None:
    """By time, whatever the order of writing; entries of one moment keep one order."""
    held = lease(store)
    store.write(held, [], [entry(2), entry(1)])
    store.write(held, [], [entry(3), entry(4, at=3.0)])

    assert [each.id for each in store.history(SCOPE)] == ["entry-00004", "entry-00003", "entry-00002", "entry-00001"]


def test_an_entry_takes_the_place_of_the_one_it_ends(store: Store) -> None:
    """What was begun is one row when it is done, also where both come in one write."""
    held = lease(store)
    store.write(held, [Write(record=recorded())], [entry(1), entry(2), entry(2, outcome=Outcome.DONE)])
    store.write(held, [Write(record=recorded())], [entry(1, outcome=Outcome.DONE, message="made")])

    assert [(each.outcome, each.message) for each in store.history(SCOPE)] == [("done", ""), ("done", "made")]


def test_an_entry_comes_with_the_end_of_a_record(store: Store) -> None:
    """Deleting leaves its entry behind: the log outlives the webhook."""
    put(store, recorded())

    store.delete(lease(store), recorded().id, (), [entry(webhook_id=recorded().id)])

    assert store.records(SCOPE) == []
    assert [each.webhook_id for each in store.history(SCOPE)] == [recorded().id]


def test_the_log_is_one_scopes_and_may_be_one_webhooks(store: Store) -> None:
    """Nothing of another scope or webhook shows."""
    store.write(lease(store), [], [entry(1, webhook_id="a"), entry(2, webhook_id="b"), entry(3, webhook_id="a")])
    store.write(lease(store, "other"), [], [entry(4, webhook_id="a")])

    assert [each.id for each in store.history(SCOPE, "a")] == ["entry-00003", "entry-00001"]
    assert [each.id for each in store.history("other")] == ["entry-00004"]
    assert list(store.history("unheard-of")) == []


_WRITES: dict[str, Callable[[Store, Lease], object]] = {
    "write": lambda store, held: store.write(held, [], [entry()]),
    "delete": lambda store, held: store.delete(held, "id", (), [entry()]),
}


@pytest.mark.parametrize("verb", _WRITES)
def test_a_lost_lease_logs_nothing(store: Store, verb: str) -> None:
    """An entry is part of its transaction: whoever was overtaken leaves none."""
    lost = lease(store)
    store.acquire(SCOPE, "pass-2", now=20.0, seconds=15.0)

    with pytest.raises(LeaseLostError):
        _WRITES[verb](store, lost)

    assert list(store.history(SCOPE)) == []


def test_a_refused_write_logs_nothing(store: Store) -> None:
    """Records and entries come together or not at all."""
    put(store, recorded(1, slot="telegram:1"))

    with pytest.raises(StateError):
        store.write(lease(store), [Write(record=recorded(2, slot="telegram:1"))], [entry()])

    assert list(store.history(SCOPE)) == []


@pytest.mark.parametrize("together", [True, False])
def test_a_long_log_is_read_in_pages(tmp_path: Path, *, together: bool) -> None:
    """Nothing is told twice or left out, also where many entries have one time, and no page is read before its time."""
    with open_for_writing(url(tmp_path / "state.db"), source(KEY)) as store:
        store.write(lease(store), [], [entry(n, **({"at": 5.0} if together else {})) for n in range(1, 1201)])
    reads: list[str] = []
    with open_for_reading(url(tmp_path / "state.db"), source(KEY)) as store:
        _count(store, reads)
        log = store.history(SCOPE)
        assert next(log).id == "entry-01200"
        assert len(reads) == 1
        assert [each.id for each in log] == [f"entry-{number:05d}" for number in range(1199, 0, -1)]
        assert len(reads) == 3


def _count(store: Any, reads: list[str]) -> None:
    @event.listens_for(store._database._still, "before_cursor_execute")
    def note(*args: Any) -> None:
        if "history" in args[2]:
            reads.append(args[2])


def test_what_no_database_takes_is_left_out_of_a_message(tmp_path: Path) -> None:
    """A provider's odd words do not undo the write that tells of them."""
    odd = "no\0 \ud800 such"
    with open_for_writing(url(tmp_path / "state.db"), source(KEY)) as store:
        store.write(lease(store), [], [entry(message=odd, changes=(Change("note", odd, None),))])
        (kept,) = store.history(SCOPE)

    assert kept.message == "no ? such"
    assert "\ud800" not in str(kept.changes)


@pytest.mark.parametrize(("column", "value"), [("outcome", "lost"), ("changes", "[[1]]"), ("changes", "{")])
def test_a_log_that_makes_no_sense_is_told(tmp_path: Path, column: str, value: str) -> None:
    """A damaged row is told in words."""
    with open_for_writing(url(tmp_path / "state.db"), source(KEY)) as store:
        store.write(lease(store), [], [entry()])
        damage = update(history).values({column: value})
        store._database.write(lambda connection: connection.execute(damage))
        with pytest.raises(StateError, match="its history cannot be read"):
            list(store.history(SCOPE))


def test_where_there_is_no_store_there_is_no_log(tmp_path: Path) -> None:
    """A project without a pass has an empty log."""
    with open_for_reading(url(tmp_path / "state.db"), source(KEY)) as store:
        assert list(store.history(SCOPE)) == []


def _entries(store: Store, scope: str) -> list[Entry]:
    return list(store.history(scope))


def test_the_log_moves_along_with_its_scope(tmp_path: Path) -> None:
    """A renamed scope keeps its past."""
    with open_for_writing(url(tmp_path / "state.db"), source(KEY)) as store:
        store.write(lease(store), [], [entry(1), entry(2)])
        before = _entries(store, SCOPE)
        rename_scope(store, lease(store), lease(store, "new"), "project")

        assert _entries(store, "new") == before
        assert _entries(store, SCOPE) == []


def test_a_backup_holds_the_log(tmp_path: Path) -> None:
    """The copy tells the same past."""
    with open_for_writing(url(tmp_path / "state.db"), source(KEY)) as store:
        store.write(lease(store), [], [replace(entry(), message="made")])
        back_up(store, tmp_path / "copy.db")

    with open_for_reading(url(tmp_path / "copy.db"), source(KEY)) as copy:
        assert [each.message for each in copy.history(SCOPE)] == ["made"]
