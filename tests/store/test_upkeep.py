"""Backups, upgrades by command, renamed scopes, and the lease as it is shown."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from reconciler.core.errors import BlockedError, LeaseLostError, LockedError, StateError
from reconciler.core.model import Secret
from reconciler.core.ports import Lease, Write
from reconciler.store.keys import KeySource
from reconciler.store.opening import open_existing, open_for_reading, open_for_writing
from reconciler.store.schema import HEAD, Schema
from reconciler.store.sql import SqlStore
from reconciler.store.upgrading import upgrade
from reconciler.store.upkeep import back_up, rename_scope, rotate
from tests.store.samples import BASE_URL, KEY, OTHER_KEY, SCOPE, lease, listing, orphan, put, recorded, source, url
from tests.store.test_migrations import _FAILING, _NEXT, _next_schema

_SECRET = Secret("f" * 64)


def _created(path: Path) -> Path:
    with open_for_writing(url(path), source(KEY)) as store:
        store.write(lease(store), [Write(record=recorded(), secret=_SECRET)])
        store.add_orphan(lease(store), orphan())
    return path


def _rows(path: Path, statement: str) -> list[Any]:
    connection = sqlite3.connect(path)
    rows = connection.execute(statement).fetchall()
    connection.close()
    return rows


# -- backup ------------------------------------------------------------------------------------------------------------


def test_a_backup_holds_what_the_state_holds(tmp_path: Path) -> None:
    """The copy has mode 0600, opens with the same key, and making it leaves nothing else behind."""
    path = _created(tmp_path / "state.db")
    with open_for_reading(url(path), source(KEY)) as store:
        assert isinstance(store, SqlStore)
        key = back_up(store, tmp_path / "copy.db")

    assert sorted(listing(tmp_path)) == ["copy.db", "state.db"]
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    assert key in _rows(path, "SELECT value FROM meta WHERE name = 'fingerprint_key'")[0][0]
    with open_for_writing(url(tmp_path / "copy.db"), source(KEY)) as copy:
        assert copy.records(SCOPE) == [recorded()]
        assert copy.secrets(recorded().id) == (_SECRET,)
        assert copy.orphans(SCOPE) == [orphan()]


def test_a_backup_is_consistent_while_others_write(tmp_path: Path) -> None:
    """What was committed is in it, though it still stands in the write-ahead log; what is not, is not."""
    path = _created(tmp_path / "state.db")
    with open_for_writing(url(path), source(KEY)) as writer:
        put(writer, recorded(2))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM webhooks")
        back_up(writer, tmp_path / "copy.db")
        other.execute("ROLLBACK")
        other.close()

    with open_for_reading(url(tmp_path / "copy.db"), source(KEY)) as copy:
        assert copy.records(SCOPE) == [recorded(1), recorded(2)]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_backup_replaces_nothing(tmp_path: Path, kind: str) -> None:
    """Whatever has the name already stays as it is."""
    path, target = _created(tmp_path / "state.db"), tmp_path / "copy.db"
    if kind == "file":
        target.write_text("precious")
    else:
        target.symlink_to(tmp_path / "nowhere")
    with open_for_writing(url(path), source(KEY)) as store, pytest.raises(StateError, match="exists already"):
        back_up(store, target)

    assert target.is_symlink() if kind == "link" else target.read_text() == "precious"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["copy.db", "state.db"]


def test_a_damaged_state_is_not_passed_off_as_a_backup(tmp_path: Path) -> None:
    """Damage inside the file is found before the copy gets its name."""
    path = tmp_path / "state.db"
    with open_for_writing(url(path), source(KEY)) as store:
        put(store, *(recorded(number) for number in range(200)))
    content = bytearray(path.read_bytes())
    content[-4096:] = b"\xff" * 4096
    path.write_bytes(content)

    with open_for_writing(url(path), source(KEY)) as broken, pytest.raises(StateError, match="damaged"):
        back_up(broken, tmp_path / "copy.db")

    assert sorted(listing(tmp_path)) == ["state.db"]


def test_a_backup_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A folder that is not there is named, and the state is untouched."""
    path = _created(tmp_path / "state.db")
    with open_for_writing(url(path), source(KEY)) as store:
        with pytest.raises(StateError, match=r"the backup .*none/copy\.db cannot be used"):
            back_up(store, tmp_path / "none" / "copy.db")
        assert store.records(SCOPE) == [recorded()]


# -- upgrade -----------------------------------------------------------------------------------------------------------


def test_an_upgrade_keeps_a_copy_of_what_was(tmp_path: Path) -> None:
    """The store has the newer schema and loses nothing; the copy beside it is the older program's."""
    path, schema = _created(tmp_path / "store" / "state.db"), _next_schema(tmp_path)

    done = upgrade(url(path), 1000.0, schema)

    assert (done.before, done.after, done.backup) == (HEAD, _NEXT, path.with_name(f"state.db.{HEAD}.backup"))
    with open_for_reading(url(path), source(KEY), schema) as store:
        assert store.records(SCOPE) == [recorded()]
    assert done.backup is not None
    assert done.backup.stat().st_mode & 0o777 == 0o600
    with open_for_reading(url(done.backup), source(KEY)) as store:
        assert store.records(SCOPE) == [recorded()]


def test_an_upgrade_of_what_is_up_to_date_does_nothing(tmp_path: Path) -> None:
    """No copy and no change, twice in a row."""
    path = _created(tmp_path / "state.db")
    before = path.read_bytes()

    for _ in range(2):
        done = upgrade(url(path), 1000.0)
        assert (done.before, done.after, done.backup) == (HEAD, HEAD, None)

    assert path.read_bytes() == before
    assert sorted(listing(tmp_path)) == ["state.db"]


def test_a_failed_upgrade_leaves_the_store_and_its_copy(tmp_path: Path) -> None:
    """The older program goes on with it, and the next attempt makes a copy of its own."""
    path = _created(tmp_path / "store" / "state.db")
    for number in (1, 2):
        with pytest.raises(ValueError, match="half way"):
            upgrade(url(path), 1000.0, _next_schema(tmp_path / str(number), _FAILING))

    assert sorted(listing(path.parent)) == ["state.db", f"state.db.{HEAD}.backup", f"state.db.{HEAD}.backup-2"]
    with open_for_writing(url(path), source(KEY)) as store:
        assert store.records(SCOPE) == [recorded()]


def test_nothing_is_upgraded_under_a_pass(tmp_path: Path) -> None:
    """While anybody holds a scope of the store, it is left alone; a lapsed lease holds nothing."""
    path, schema = _created(tmp_path / "store" / "state.db"), _next_schema(tmp_path)
    with open_for_writing(url(path), source(KEY)) as store:
        assert store.acquire("other", "somebody", now=990.0, seconds=15.0)

    with pytest.raises(LockedError, match="the scope other is held by somebody"):
        upgrade(url(path), 1000.0, schema)

    assert sorted(listing(path.parent)) == ["state.db"]
    assert upgrade(url(path), 1010.0, schema).after == _NEXT


@pytest.mark.parametrize("content", [None, b""])
def test_an_upgrade_makes_no_store(tmp_path: Path, content: bytes | None) -> None:
    """Where none is, that is told, and none appears."""
    path = tmp_path / "state.db"
    if content is not None:
        path.touch(mode=0o600)

    with pytest.raises(StateError, match="there is no state file"):
        upgrade(url(path), 1000.0)
    with pytest.raises(StateError, match="there is no state file"):
        open_existing(url(path), source(KEY))

    assert sorted(listing(tmp_path)) == ([] if content is None else ["state.db"])


def test_a_newer_store_is_not_upgraded(tmp_path: Path) -> None:
    """An older program says which schema it is and leaves it alone."""
    path = _created(tmp_path / "store" / "state.db")
    upgrade(url(path), 1000.0, _next_schema(tmp_path))

    with pytest.raises(StateError, match=f"the schema {_NEXT}, newer than {HEAD}"):
        upgrade(url(path), 1000.0, Schema())


# -- leases and scopes -------------------------------------------------------------------------------------------------


def test_a_lease_is_shown_as_it_was_taken(tmp_path: Path) -> None:
    """Holder and end, lapsed or not; nothing once it was given back, and nothing of a scope that is unheard of."""
    with open_for_writing(url(tmp_path / "state.db"), source(KEY)) as store:
        held = lease(store)
        assert store.lease(SCOPE) == held
        store.release(held)
        assert store.lease(SCOPE) is None
        assert store.lease("unheard-of") is None


def _leases(store: SqlStore, old: str, new: str) -> tuple[Lease, Lease]:
    return lease(store, old), lease(store, new)


def test_a_renamed_scope_takes_everything_along(tmp_path: Path) -> None:
    """Records, secrets, orphans and former base URLs; the old name is gone, and its old holder cannot write."""
    with open_for_writing(url(_created(tmp_path / "state.db")), source(KEY)) as store:
        store.bind(SCOPE, "old project")
        before = lease(store)
        rename_scope(store, *_leases(store, SCOPE, "new"), "new project")

        assert store.scopes() == ("new",)
        assert store.records("new") == [recorded()]
        assert store.secrets(recorded().id) == (_SECRET,)
        assert store.orphans("new") == [orphan()]
        assert store.base_urls("new") == {BASE_URL}
        assert store.binding("new") == "new project"
        assert store.lease("new") is None
        with pytest.raises(LeaseLostError):
            store.write(before, [Write(record=recorded(2))])


def test_serials_go_on_growing_in_a_renamed_scope(tmp_path: Path) -> None:
    """A plan that was made before is never mistaken for one that is made afterwards."""
    with open_for_writing(url(_created(tmp_path / "state.db")), source(KEY)) as store:
        for _ in range(5):
            lease(store)
        serial = store.serial(SCOPE)
        rename_scope(store, *_leases(store, SCOPE, "new"), "project")
        assert store.serial("new") > serial


def test_the_same_name_twice_only_binds(tmp_path: Path) -> None:
    """A project that moved takes its own scope over."""
    with open_for_writing(url(_created(tmp_path / "state.db")), source(KEY)) as store:
        store.bind(SCOPE, "old place")
        held = lease(store)
        rename_scope(store, held, held, "new place")
        assert store.binding(SCOPE) == "new place"
        assert store.records(SCOPE) == [recorded()]


def test_two_scopes_are_never_merged(tmp_path: Path) -> None:
    """A name that holds a record already is refused, and nothing moves."""
    with open_for_writing(url(_created(tmp_path / "state.db")), source(KEY)) as store:
        put(store, recorded(2), scope="new")
        with pytest.raises(BlockedError, match="never merged"):
            rename_scope(store, *_leases(store, SCOPE, "new"), "project")
        assert (store.records(SCOPE), store.records("new")) == ([recorded(1)], [recorded(2)])


def test_a_scope_is_renamed_back(tmp_path: Path) -> None:
    """Former base URLs that both names know are no hindrance."""
    with open_for_writing(url(_created(tmp_path / "state.db")), source(KEY)) as store:
        for old, new in ((SCOPE, "new"), ("new", SCOPE)):
            rename_scope(store, *_leases(store, old, new), "project")
        put(store, recorded(2), scope="third")
        store.delete(lease(store, "third"), recorded(2).id)
        rename_scope(store, *_leases(store, SCOPE, "third"), "project")
        assert store.base_urls("third") == {BASE_URL}


# -- a full disk -------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    """The write that finds no room fails as a whole, what was there can be read, and with room it succeeds."""
    path = _created(tmp_path / "state.db")
    many = [Write(record=recorded(number)) for number in range(10, 400)]
    with open_for_writing(url(path), source(KEY)) as store:
        pages = [1]

        @event.listens_for(store._database._reader, "begin")  # type: ignore[attr-defined]  # of the real database
        def limit(connection: Any) -> None:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages[0]}")

        held = lease(store)
        with pytest.raises(StateError, match="the disk is full; make room and try again"):
            store.write(held, many)
        assert store.records(SCOPE) == [recorded()]
        assert store.secrets(recorded().id) == (_SECRET,)
        pages[0] = 1_000_000
        store.write(held, many)
        assert len(store.records(SCOPE)) == 391


def test_a_full_disk_stops_a_rotation_and_loses_nothing(tmp_path: Path) -> None:
    """The batch that finds no room is rolled back; the next run goes on."""
    path = tmp_path / "state.db"
    with open_for_writing(url(path), source(KEY)) as store:
        store.write(lease(store), [Write(record=recorded(), secret=_SECRET)])
        store.close()
    with open_for_writing(url(path), source(OTHER_KEY, KEY)) as store:
        steps = rotate(store, lease(store))
        next(steps)
        path.chmod(0o600)
        _fail_writes(store)
        with pytest.raises(StateError, match="the disk is full"):
            list(steps)
    with open_for_writing(url(path), source(OTHER_KEY, KEY)) as store:
        assert store.secrets(recorded().id) == (_SECRET,)
        assert list(rotate(store, lease(store)))[-1].done


def _fail_writes(store: SqlStore) -> None:
    """Let every later write meet a full disk."""

    @event.listens_for(store._database._reader, "before_cursor_execute")  # type: ignore[attr-defined]
    def fail(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        if statement.startswith(("UPDATE", "INSERT")):
            cursor.execute("PRAGMA max_page_count = 1")
            cursor.execute("CREATE TABLE filler (content)")
            cursor.execute("INSERT INTO filler VALUES (zeroblob(10000000))")


def test_a_key_file_that_cannot_be_replaced_stops_the_rotation(tmp_path: Path) -> None:
    """A read-only folder of the key is told before anything is sealed anew."""
    folder = tmp_path / "vault"
    folder.mkdir(mode=0o700)
    given = KeySource(file=folder / "key")
    with open_for_writing(url(tmp_path / "state.db"), given) as store:
        before = (folder / "key").read_text()
        folder.chmod(0o500)
        if os.access(folder, os.W_OK):
            pytest.skip("this user may write to read-only folders")
        with pytest.raises(StateError, match="key"):
            list(rotate(store, lease(store)))
        folder.chmod(0o700)
    assert (folder / "key").read_text() == before
