"""Opening a store to write and to read, and how each failure is told."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from reconciler.core.errors import ConfigError, StateError
from reconciler.core.model import Secret
from reconciler.core.ports import Lease, Write
from reconciler.store.empty import EmptyStore
from reconciler.store.failures import translated
from reconciler.store.keys import KeySource
from reconciler.store.opening import open_existing, open_for_reading, open_for_writing
from reconciler.store.sqlite import ReadingDatabase, WritingDatabase
from tests.store.samples import KEY, SCOPE, lease, listing, orphan, put, recorded, source, url


def _created(path: Path) -> Path:
    with open_for_writing(url(path), source(KEY)) as store:
        put(store, recorded())
    return path


@pytest.mark.parametrize(
    "state",
    ["mysql://u:hunter2@db/x", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///a?b=c", "sqlite:////"],
)
def test_a_state_that_is_no_sqlite_file_is_refused(state: str) -> None:
    """The refusal says what to write, and shows no password."""
    with pytest.raises(ConfigError, match="sqlite:///PATH") as refusal:
        open_for_writing(state, source(KEY))

    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("opener", [open_for_writing, open_existing, open_for_reading])
def test_a_truncated_state_is_not_taken_for_a_new_one(tmp_path: Path, opener: Callable[..., Any]) -> None:
    """Its key lies beside it, so it was used; without the file, or with an empty one and no key, it is new."""
    path = tmp_path / "state.db"
    open_for_writing(url(path), KeySource()).close()
    path.write_bytes(b"")
    with pytest.raises(StateError, match="it was truncated; put back a backup, or, if nothing was ever recorded"):
        opener(url(path), KeySource())
    path.with_name("key").unlink()
    open_for_reading(url(path), KeySource()).close()
    with open_for_writing(url(path), KeySource()) as store:
        assert store.scopes() == ()


def test_what_one_opening_wrote_the_next_one_reads(tmp_path: Path) -> None:
    """Records outlive the process that wrote them, for writers and for readers."""
    path = _created(tmp_path / "stäte 100%#1.db")

    for opener in (open_for_writing, open_for_reading):
        with opener(url(path), source(KEY)) as store:
            assert store.exists
            assert store.location == str(path)
            assert store.scopes() == (SCOPE,)
            assert store.records(SCOPE) == [recorded()]


def test_reading_where_nothing_is_creates_nothing(tmp_path: Path) -> None:
    """No store is an empty one that says so; no file, folder or key appears."""
    path = tmp_path / "none" / "state.db"

    with open_for_reading(url(path), KeySource()) as store:
        assert not store.exists
        assert store.location == str(path)
        assert (store.scopes(), store.records(SCOPE), store.orphans(SCOPE)) == ((), (), ())
        assert store.record(SCOPE, "id") is None
        assert (store.known_ids(["id"]), store.base_urls(SCOPE)) == (frozenset(), frozenset())
        assert store.slots() == {}
        assert store.binding(SCOPE) == ""
        assert store.secrets("id") == ()
        assert store.fingerprint(Secret("a")) == store.fingerprint(Secret("a")) != store.fingerprint(Secret("b"))

    assert list(tmp_path.iterdir()) == []


_HELD = Lease(scope=SCOPE, holder="pass-1", fence=1, expires_at=15.0)
_WRITES = {
    "write": (_HELD, [Write(record=recorded())]),
    "delete": (_HELD, "id"),
    "add_orphan": (_HELD, orphan()),
    "remove_orphan": (_HELD, "id"),
    "bind": (SCOPE, "project"),
    "acquire": (SCOPE, "pass-1", 0.0, 15.0),
    "renew": (_HELD, 0.0, 15.0),
    "release": (_HELD,),
}


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("verb", _WRITES)
def test_a_store_opened_to_read_refuses_to_write(tmp_path: Path, verb: str, *, existing: bool) -> None:
    """No verb that writes does anything on a store that was opened to read, whether it exists or not."""
    path = tmp_path / "state.db"
    if existing:
        _created(path)
    before = listing(tmp_path)

    with open_for_reading(url(path), source(KEY)) as store, pytest.raises(StateError, match="for reading only"):
        getattr(store, verb)(*_WRITES[verb])

    assert listing(tmp_path) == before


def test_reading_a_store_leaves_no_trace(tmp_path: Path) -> None:
    """Nothing is created or touched beside a store that is only read, not even SQLite's own files."""
    path = _created(tmp_path / "state.db")
    before = listing(tmp_path)

    with open_for_reading(url(path), source(KEY)) as store:
        assert store.records(SCOPE) == [recorded()]
        assert listing(tmp_path) == before

    assert listing(tmp_path) == before


def test_a_reader_sees_what_a_writer_writes_meanwhile(tmp_path: Path) -> None:
    """A store that stays open to read follows a writer that comes, writes and goes."""
    path = _created(tmp_path / "state.db")
    with open_for_reading(url(path), source(KEY)) as reader:
        assert len(reader.records(SCOPE)) == 1
        with open_for_writing(url(path), source(KEY)) as writer:
            put(writer, recorded(2))
            assert len(reader.records(SCOPE)) == 2
            put(writer, recorded(3))
        assert len(reader.records(SCOPE)) == 3


def test_an_answer_from_a_file_that_changed_meanwhile_is_read_again(tmp_path: Path) -> None:
    """A read that a writer came across is repeated, whether it failed or gave an answer."""
    path = _created(tmp_path / "state.db")
    database = ReadingDatabase(path)
    seen: list[int] = []

    def count_while_somebody_writes(connection: Connection) -> int:
        found = int(connection.execute(text("SELECT count(*) FROM webhooks")).scalar_one())
        seen.append(found)
        if len(seen) < 3:
            with open_for_writing(url(path), source(KEY)) as writer:
                put(writer, recorded(10 + len(seen)))
        if len(seen) == 2:
            connection.execute(text("SELECT nonsense"))
        return found

    assert database.read(count_while_somebody_writes) == 3
    assert seen == [1, 2, 3]
    database.close()


def test_what_a_killed_writer_left_is_read_in_full(tmp_path: Path) -> None:
    """A write-ahead log that was not folded in counts: a reader sees the last committed state."""
    path = tmp_path / "state.db"
    with open_for_writing(url(path), source(KEY)) as store:
        put(store, recorded())
        crashed = tmp_path / "crashed"
        crashed.mkdir(mode=0o700)
        for file in tmp_path.glob("state.db*"):
            shutil.copy2(file, crashed / file.name)

    with open_for_reading(url(crashed / "state.db"), source(KEY)) as store:
        assert store.records(SCOPE) == [recorded()]


@pytest.mark.parametrize("content", [b"", None])
def test_an_interrupted_creation_counts_as_no_store(tmp_path: Path, content: bytes | None) -> None:
    """A file without tables is empty to a reader, and completed by the next writer."""
    path = tmp_path / "state.db"
    path.touch(mode=0o600)
    if content is None:
        WritingDatabase(path).read(lambda connection: connection.execute(text("SELECT 1")).all())

    with open_for_reading(url(path), KeySource()) as store:
        assert isinstance(store, EmptyStore)
    with open_for_writing(url(path), KeySource()) as store:
        assert store.records(SCOPE) == []


@pytest.mark.parametrize("opener", [open_for_reading, open_for_writing])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, opener: Any) -> None:
    """Garbage in the state file is told as such, with the file and a way out, and left as it is."""
    path = tmp_path / "state.db"
    path.touch(mode=0o600)
    path.write_bytes(b"not a database at all, " * 100)

    with pytest.raises(StateError, match=r"state\.db is no SQLite database"):
        opener(url(path), source(KEY))

    assert path.read_bytes().startswith(b"not a database")


@pytest.mark.parametrize("opener", [open_for_reading, open_for_writing])
def test_a_damaged_page_is_told(tmp_path: Path, opener: Any) -> None:
    """Damage inside the file surfaces as a message about the file, whenever it is met."""
    path = tmp_path / "state.db"
    with open_for_writing(url(path), source(KEY)) as store:
        put(store, *(recorded(number) for number in range(200)))
    content = bytearray(path.read_bytes())
    content[4096 * 20 :] = b"\xff" * (len(content) - 4096 * 20)
    path.write_bytes(content)

    with pytest.raises(StateError, match=r"state\.db is damaged"), opener(url(path), source(KEY)) as store:
        store.records(SCOPE)


@pytest.mark.parametrize("column", ["phase", "events", "options"])
def test_a_record_that_makes_no_sense_is_told(tmp_path: Path, column: str) -> None:
    """A value that no version of ours wrote is a damaged store, not a traceback."""
    path = _created(tmp_path / "state.db")
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(f"UPDATE webhooks SET {column} = 'nonsense'")  # noqa: S608 a name from the list above
    connection.close()

    with open_for_reading(url(path), source(KEY)) as store, pytest.raises(StateError, match="store is damaged"):
        store.records(SCOPE)


@pytest.mark.parametrize("opener", [open_for_reading, open_for_writing])
def test_a_database_of_another_program_is_refused(tmp_path: Path, opener: Any) -> None:
    """Tables that are not ours are not added to."""
    path = tmp_path / "state.db"
    path.touch(mode=0o600)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE music (title)")
    connection.close()

    with pytest.raises(StateError, match="another program"):
        opener(url(path), source(KEY))


def test_a_busy_state_file_is_told(tmp_path: Path) -> None:
    """Another process in the middle of a write is waited for with patience, then named as the reason."""
    path = _created(tmp_path / "state.db")
    database = WritingDatabase(path, patience=0.01)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StateError, match=r"state\.db is busy: another process"):
        database.write(lambda connection: connection.execute(text("DELETE FROM orphans")))

    other.close()
    database.close()


def test_reading_goes_on_while_another_process_writes(tmp_path: Path) -> None:
    """A writer in the middle of its transaction hinders no reader."""
    path = _created(tmp_path / "state.db")
    with open_for_writing(url(path), source(KEY)) as writer, open_for_reading(url(path), source(KEY)) as reader:
        lease(writer)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        assert reader.records(SCOPE) == writer.records(SCOPE) == [recorded()]

        other.close()


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """Running out of room rolls back and says that nothing was lost."""
    database = WritingDatabase(_created(tmp_path / "state.db"))

    def fill(connection: Connection) -> None:
        connection.execute(text("PRAGMA max_page_count = 1"))
        connection.execute(text("INSERT INTO meta VALUES ('big', zeroblob(10000000))"))

    with pytest.raises(StateError, match="the disk is full"):
        database.write(fill)

    assert database.read(lambda connection: connection.execute(text("SELECT count(*) FROM meta")).scalar()) == 1
    database.close()


def test_a_file_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    """SQLite's refusal to write becomes a sentence about the file."""
    database = ReadingDatabase(_created(tmp_path / "state.db"))

    with pytest.raises(StateError, match="read-only"):
        database.read(lambda connection: connection.execute(text("DELETE FROM meta")))

    database.close()


def test_a_file_that_vanished_is_told(tmp_path: Path) -> None:
    """A state file that was removed under a reader is no traceback either."""
    path = _created(tmp_path / "state.db")
    with open_for_reading(url(path), source(KEY)) as store:
        path.unlink()
        with pytest.raises(StateError, match=r"state\.db"):
            store.records(SCOPE)


@pytest.mark.parametrize("replaced", [False, True])
def test_nothing_is_written_to_a_file_that_is_not_there_any_more(tmp_path: Path, *, replaced: bool) -> None:
    """SQLite would write on to what nobody can find; once the file is back where it was, so is everything."""
    path = _created(tmp_path / "state.db")
    other = _created(tmp_path / "other.db")
    with open_for_writing(url(path), source(KEY)) as store:
        path.rename(tmp_path / "away.db")
        if replaced:
            shutil.copy(other, path)
        message = "another file now" if replaced else "No such file"
        with pytest.raises(StateError, match=message):
            put(store, recorded(2))
        with pytest.raises(StateError, match=message):
            store.records(SCOPE)

        (tmp_path / "away.db").rename(path)
        assert store.records(SCOPE) == [recorded()]


def test_a_text_that_is_no_unicode_is_told(tmp_path: Path) -> None:
    """A lone surrogate cannot be stored, and the refusal is ours."""
    with (
        open_for_writing(url(tmp_path / "state.db"), source(KEY)) as store,
        pytest.raises(StateError, match="no valid Unicode"),
    ):
        put(store, recorded(resource="\ud800"))


@pytest.mark.parametrize(
    ("blamed", "told"),
    [
        ("/srv/state.db", "the state file /srv/state.db cannot be used: Permission denied"),
        ("/srv/key", "the state file /srv/state.db cannot be used: /srv/key: Permission denied"),
        (None, "the state file /srv/state.db cannot be used: Permission denied"),
    ],
)
def test_a_file_that_is_to_blame_is_named_once(blamed: str | None, told: str) -> None:
    """The state's own path is in the message already; another file is named beside it."""
    with pytest.raises(StateError) as refusal, translated("state file /srv/state.db"):
        raise PermissionError(errno.EACCES, "Permission denied", blamed)

    assert str(refusal.value) == told
