"""How the SQL store keeps its inbox: on disk before it answers, all or nothing, fast by its indexes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, select, update

from reconciler.core.errors import StateError
from reconciler.core.inbox import Arrival, Attempt, DispatchState, Filter, Inbox, Retention
from reconciler.store.inbox import StoredInbox
from reconciler.store.inboxes import inbox_of
from reconciler.store.opening import open_for_reading, open_for_writing
from reconciler.store.sql import SqlStore
from reconciler.store.sqlite import WritingDatabase
from reconciler.store.tables import deliveries, delivery_keys, dispatches
from reconciler.store.upkeep import back_up, rename_scope, rotate
from tests.store.inbox_samples import (
    LATER,
    WEBHOOK,
    arrival,
    claimed,
    delivery,
    dispatch,
    ended,
    handed,
    listed,
    numbers,
)
from tests.store.samples import KEY, OTHER_KEY, SCOPE, lease, listing, source, url


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the state file is."""
    return tmp_path / "state.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqlStore]:
    """A store in a file, which knows one scope."""
    with open_for_writing(url(path), source(KEY)) as opened:
        lease(opened)
        yield opened


@pytest.fixture
def inbox(store: SqlStore) -> Inbox:
    """The inbox of that store."""
    return inbox_of(store)


# -- on disk -----------------------------------------------------------------------------------------------------------


def _statements(store: SqlStore) -> list[str]:
    """What the database is told from now on."""
    told: list[str] = []

    store._database.write(
        lambda connection: connection.connection.driver_connection.set_trace_callback(told.append)  # type: ignore[union-attr]
    )
    told.clear()
    return told


def test_a_commit_is_on_disk(store: SqlStore) -> None:
    """The write-ahead log is synchronised with every commit: a power cut loses nothing that was acknowledged."""

    def look(connection: Connection) -> list[Any]:
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]

    assert store._database.write(look) == ["wal", 2]


def test_a_batch_is_one_transaction_of_few_statements(store: SqlStore, inbox: Inbox) -> None:
    """However many deliveries there are in it, one is told to begin, and rows go into a table many at a time."""
    told = _statements(store)

    inbox.accept([arrival(number, f"id {number}", f"digest {number}") for number in range(1, 65)])

    assert [statement.split(" (")[0] for statement in told] == [
        "BEGIN IMMEDIATE",
        *["INSERT OR IGNORE INTO delivery_keys"] * 2,  # two keys each, and 64 rows at a time
        "INSERT INTO deliveries",
        "INSERT OR IGNORE INTO delivery_keys",  # for the ids of dispatches
        "INSERT INTO dispatches",
        "COMMIT",
    ]


def test_another_process_sees_what_was_accepted(path: Path, inbox: Inbox) -> None:
    """A store that is open to read tells it while the writer goes on, and with the writer gone."""
    inbox.accept([arrival()])
    with open_for_reading(url(path), source(KEY)) as reader:
        assert listed(inbox_of(reader)) == [1]


def test_bodies_are_for_the_owners_eyes(path: Path, inbox: Inbox) -> None:
    """What a provider sent is somebody's: neither the file nor what stands beside it can be read by others."""
    inbox.accept([arrival()])

    beside = sorted(path.parent.glob("state.db*"))
    assert len(beside) > 1
    assert {file.stat().st_mode & 0o077 for file in beside} == {0}


def test_what_no_database_takes_is_left_out(state: str) -> None:
    """A vendor's odd words stop neither their batch nor the settling of a try; bodies and headers stay as they are."""
    odd = "guid\0-\ud800"
    with open_for_writing(state, source(KEY)) as store:
        lease(store)
        inbox = inbox_of(store)
        kept = delivery(provider_delivery_id=odd, query=odd, headers=(("x-odd", odd),), events=(odd,), body=b"\0\xff")
        inbox.accept([Arrival(delivery=kept, keys=(odd,), dispatches=(dispatch(kept, events=(odd,)),)), arrival(2)])
        (job, _) = claimed(inbox)
        inbox.settle("worker-1", [ended(job, error=odd)])

        told = inbox.delivery(SCOPE, kept.id)
        assert told is not None
        assert told[0] == replace(kept, provider_delivery_id="guid-?", query="guid-?")
        assert told[1][0].dispatch.events == (odd,)
        assert told[1][0].error == "guid-?"
        assert listed(inbox, event=odd) == [1]


# -- all or nothing ----------------------------------------------------------------------------------------------------


def test_a_batch_is_kept_whole_or_not_at_all(state: str) -> None:
    """A scope that is not there, as after it was renamed, is told; its batch can be brought again."""
    with open_for_writing(state, source(KEY)) as store:
        lease(store)
        inbox = inbox_of(store)

        with pytest.raises(StateError, match="the scope acme, gone is not, or no longer, in this state"):
            inbox.accept([arrival(1), arrival(2, scope="gone")])

        assert listed(inbox) == []
        assert list(inbox.accept([arrival(3, "id guid-1")])) == [delivery(3).id]


def test_a_full_disk_keeps_nothing_and_says_so(path: Path, store: SqlStore, inbox: Inbox) -> None:
    """What finds no room is not acknowledged; with room, the same batch is kept."""
    pages = [1]

    @event.listens_for(store._database._reader, "begin")  # type: ignore[attr-defined]  # of a file
    def limit(connection: Any) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages[0]}")

    batch = [arrival(number, body=b"x" * 10_000) for number in range(1, 50)]
    with pytest.raises(StateError, match="the disk is full; make room and try again"):
        inbox.accept(batch)
    assert listed(inbox) == []

    pages[0] = 1_000_000
    inbox.accept(batch)
    assert len(listed(inbox)) == 49


_TRY = Attempt(dispatch_id=arrival(1).dispatches[0].id, state=DispatchState.DONE, at=LATER)
_WRITES: dict[str, Callable[[Inbox], object]] = {
    "accept": lambda inbox: inbox.accept([arrival(2)]),
    "claim": claimed,
    "settle": lambda inbox: inbox.settle("worker-1", [_TRY]),
    "revive": lambda inbox: inbox.revive(SCOPE, [arrival(1).dispatches[0].id], LATER),
    "expire": lambda inbox: inbox.expire(SCOPE, Retention(key_seconds=0.0), LATER),
}


@pytest.mark.parametrize("verb", _WRITES)
def test_a_busy_file_is_told(path: Path, inbox: Inbox, verb: str) -> None:
    """Whoever finds another process writing for too long is told so, and may try again."""
    inbox.accept([arrival(1)])
    impatient = StoredInbox(WritingDatabase(path, patience=0.01))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="is busy"):
            _WRITES[verb](impatient)
        assert listed(impatient) == [1]
        other.execute("ROLLBACK")
    _WRITES[verb](impatient)
    impatient._database.close()


@pytest.mark.parametrize("verb", _WRITES)
def test_a_store_open_to_read_changes_nothing(path: Path, verb: str) -> None:
    """Everything can be looked at, there or not there; whatever writes is refused."""
    for existing in (False, True):
        if existing:
            with open_for_writing(url(path), source(KEY)) as store:
                lease(store)
                inbox_of(store).accept([arrival(1)])
        before = listing(path.parent)
        with open_for_reading(url(path), source(KEY)) as reader:
            inbox = inbox_of(reader)
            assert listed(inbox) == [1] * existing
            assert (inbox.delivery(SCOPE, delivery(1).id) is not None) is existing
            assert inbox.next_due(SCOPE) == inbox.last_received(SCOPE, WEBHOOK) == (1.0 if existing else None)
            with pytest.raises(StateError, match="open for reading only"):
                _WRITES[verb](inbox)
        assert listing(path.parent) == before


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (deliveries, {"provenance": "found"}),
        (deliveries, {"headers": "[["}),
        (deliveries, {"headers": "[[1]]"}),
        (deliveries, {"events": "1"}),
        (dispatches, {"state": "lost"}),
        (dispatches, {"kind": "lost"}),
    ],
)
def test_a_row_that_makes_no_sense_is_told(store: SqlStore, inbox: Inbox, table: Any, values: Any) -> None:
    """A damaged row is told in words."""
    inbox.accept([arrival()])
    store._database.write(lambda connection: connection.execute(update(table).values(values)))

    with pytest.raises(StateError, match="the store is damaged: a delivery cannot be read"):
        list(inbox.deliveries(SCOPE, Filter(), 1))


# -- how rows are kept -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("x-empty", ""), ("", "")),
        (("x-github-event", "push"), ("x-github-event", "ping")),
        (("x-odd", "two\nlines"), ("x\ny", "\n")),
        (("x-odd", '\u00e9\ud800"\\'),),
    ],
)
def test_headers_come_back_as_they_were(inbox: Inbox, headers: tuple[tuple[str, str], ...]) -> None:
    """Whatever is in them, a line's end too."""
    inbox.accept([arrival(headers=headers)])

    told = inbox.delivery(SCOPE, delivery().id)
    assert told is not None
    assert told[0].headers == headers


def test_a_dispatch_that_moves_leaves_nothing_behind(state: str) -> None:
    """One that is known goes to the delivery that came last, within a batch too, and is there once."""
    with open_for_writing(state, source(KEY)) as store:
        lease(store)
        inbox = inbox_of(store)
        first, second, third = (delivery(number) for number in (1, 2, 3))
        same = [Arrival(delivery=each, keys=(), dispatches=(dispatch(each, id="0" * 32),)) for each in (first, second)]
        inbox.accept([same[0], arrival(5)])
        inbox.accept([same[1], Arrival(delivery=third, keys=(), dispatches=(dispatch(third, id="0" * 32),))])

        assert [len(handed) for _, handed in inbox.deliveries(SCOPE, Filter(after=" "), 9)] == [0, 0, 1, 1]
        assert sorted(numbers(claimed(inbox))) == [3, 5]


def test_keys_stand_in_the_order_of_their_ages(store: SqlStore, inbox: Inbox) -> None:
    """Also one whose time was over: the old ones are looked for from the beginning, up to the first that is young."""
    again = [replace(arrival(number, "often", received_at=float(number)), fleeting={"often": 2.0}) for number in (1, 5)]
    inbox.accept(again[:1])
    inbox.accept([arrival(number, f"once {number}", received_at=float(number)) for number in (2, 3, 4)])
    inbox.accept(again[1:])
    inbox.expire(SCOPE, Retention(key_seconds=1.5), 5.0)

    kept = select(delivery_keys.c.at).where(delivery_keys.c.at.is_not(None)).order_by(delivery_keys.c.serial)
    assert store._database.read(lambda connection: [*connection.execute(kept).scalars()]) == [4.0, 5.0]


def test_what_a_dispatch_was_known_by_goes_with_it(store: SqlStore, inbox: Inbox) -> None:
    """With a delivery that is dropped; keys are old on their own account."""
    inbox.accept([arrival(1), arrival(2)])
    inbox.settle("worker-1", [ended(job) for job in claimed(inbox)])

    inbox.expire(SCOPE, Retention(bytes=0), now=LATER)

    kept = store._database.read(lambda connection: connection.execute(select(delivery_keys)).all())
    assert [row.delivery_id for row in kept if row.at is None] == []
    assert len(kept) == 2


# -- by its indexes ----------------------------------------------------------------------------------------------------


_READS: dict[str, tuple[Callable[[Inbox], object], set[str]]] = {
    "claim": (
        lambda inbox: inbox.claim(SCOPE, "worker-1", 2 * LATER, 60.0, 9),
        {"dispatches USING PRIMARY KEY (delivery_id=? AND id=?)"},
    ),
    "claim nothing": (claimed, {"ix_dispatches_due", "ix_dispatches_line", "ix_dispatches_held"}),
    "next_due": (
        lambda inbox: inbox.next_due(SCOPE),
        {"ix_dispatches_due", "ix_dispatches_line", "ix_dispatches_held"},
    ),
    "settle": (
        lambda inbox: inbox.settle("worker-1", [_TRY]),
        {"delivery_keys USING INDEX", "dispatches USING PRIMARY KEY (delivery_id=? AND id=?)"},
    ),
    "revive": (
        lambda inbox: inbox.revive(SCOPE, [_TRY.dispatch_id], LATER),
        {"delivery_keys USING INDEX", "dispatches USING PRIMARY KEY (delivery_id=? AND id=?)"},
    ),
    "newest": (listed, {"ix_deliveries_scope_id", "dispatches USING PRIMARY KEY (delivery_id=?)"}),
    "of a webhook": (lambda inbox: listed(inbox, webhook_id=WEBHOOK), {"ix_deliveries_scope_webhook_id"}),
    "last received": (lambda inbox: inbox.last_received(SCOPE, WEBHOOK), {"ix_deliveries_scope_webhook_id"}),
    "dead": (lambda inbox: listed(inbox, dead=True), {"ix_dispatches_dead"}),
    "expire": (
        lambda inbox: inbox.expire(SCOPE, Retention(seconds=0.0, bytes=0, key_seconds=0.0), LATER),
        {
            "ix_deliveries_scope_id",
            "delivery_keys USING INTEGER PRIMARY KEY",
            "delivery_keys USING INDEX sqlite_autoindex_delivery_keys_1 (digest=?)",
            "dispatches USING PRIMARY KEY (delivery_id=?)",
        },
    ),
}


@pytest.mark.parametrize("name", _READS)
def test_nothing_is_found_by_reading_a_whole_table(store: SqlStore, inbox: Inbox, name: str) -> None:
    """Each statement looks its rows up, so that neither a long line nor a long past slows down who hands on."""
    inbox.accept([arrival(1), arrival(2, ordered=True), arrival(3, ordered=True)])
    inbox.settle("worker-1", [ended(job, DispatchState.DEAD) for job in claimed(inbox)])
    plans: list[str] = []

    @event.listens_for(store._database._reader, "before_cursor_execute")  # type: ignore[attr-defined]  # of a file
    def explain(_: Any, cursor: Any, statement: str, parameters: Any, *__: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH", "DELETE", "UPDATE")):
            values = parameters[0] if isinstance(parameters, list) else parameters
            plan = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
            plans.extend(row[3] for row in plan)

    work, indexes = _READS[name]
    work(inbox)

    assert [step for step in plans if step.startswith("SCAN") and step not in {"SCAN lines", "SCAN CONSTANT ROW"}] == []
    assert {index for index in indexes if not any(index in step for step in plans)} == set()


# -- with the rest of the store ----------------------------------------------------------------------------------------


def test_the_inbox_moves_along_with_its_scope(state: str) -> None:
    """Deliveries, what they are known by, and dispatches, claimed ones too."""
    with open_for_writing(state, source(KEY)) as store:
        lease(store)
        inbox = inbox_of(store)
        inbox.accept([arrival(1), arrival(2, ordered=True)])
        (job, _) = claimed(inbox)

        rename_scope(store, lease(store), lease(store, "new"), "project")

        assert listed(inbox) == []
        assert [kept.id for kept, _ in inbox.deliveries("new", Filter(), 9)] == [delivery(2).id, delivery(1).id]
        assert list(inbox.accept([arrival(3, "id guid-1", scope="new")])) == [delivery(1).id]
        inbox.settle("worker-1", [ended(job)])
        assert numbers(inbox.claim("new", "worker-1", LATER + 60, 60.0, 9)) == [2]
        with pytest.raises(StateError, match="was it renamed"):
            inbox.accept([arrival(4)])


def test_a_backup_holds_the_inbox(path: Path, store: SqlStore, inbox: Inbox) -> None:
    """The copy knows every delivery, and what is still to be dispatched."""
    inbox.accept([arrival()])
    back_up(store, path.with_name("copy.db"))

    with open_for_writing(url(path.with_name("copy.db")), source(KEY)) as copy:
        assert numbers(claimed(inbox_of(copy))) == [1]
        assert list(inbox_of(copy).accept([arrival(2, "id guid-1")])) == [delivery(1).id]


def test_the_inbox_goes_on_while_keys_are_rotated(path: Path) -> None:
    """Nothing in it depends on the encryption key."""
    with open_for_writing(url(path), source(KEY)) as store:
        lease(store)
        inbox_of(store).accept([arrival(1)])
    with open_for_writing(url(path), source(OTHER_KEY, KEY)) as store:
        inbox = inbox_of(store)
        for number, _ in enumerate(rotate(store, lease(store)), start=2):
            inbox.accept([arrival(number), arrival(99, "id guid-1")])
    with open_for_writing(url(path), source(OTHER_KEY)) as store:
        assert listed(inbox_of(store))[-1] == 1
        assert handed(inbox_of(store), 1).state == "pending"


def test_processes_share_one_inbox(state: str) -> None:
    """Several that accept the same and claim the same: each delivery is kept once, and handed on by one."""
    with ExitStack() as stack:
        stores = [stack.enter_context(open_for_writing(state, source(KEY))) for _ in range(3)]
        lease(stores[0])

        def work(place: int) -> list[int]:
            inbox, name = inbox_of(stores[place]), f"worker-{place}"
            found: list[int] = []
            for number in range(1, 16):
                inbox.accept([arrival(100 * place + number, f"id {number}", ordered=True)])
                jobs = inbox.claim(SCOPE, name, LATER, 1e6, 2)
                inbox.settle(name, [ended(job) for job in jobs])
                found += [int(job.delivery.provider_delivery_id.rpartition("-")[2]) % 100 for job in jobs]
            return found

        with ThreadPoolExecutor(3) as pool:
            handed_on = list(chain.from_iterable(pool.map(work, range(3))))
        while jobs := claimed(inbox_of(stores[0])):
            inbox_of(stores[0]).settle("worker-1", [ended(job) for job in jobs])
            handed_on += [int(job.delivery.provider_delivery_id.rpartition("-")[2]) % 100 for job in jobs]

    assert sorted(handed_on) == list(range(1, 16))
