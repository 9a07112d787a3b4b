"""Copies of a state file: consistent while others write, verified, and never over another file.

SQLite documents: "SQLite Backup API", "PRAGMA integrity_check".
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import cast

from sqlalchemy import Connection

from reconciler.core.errors import StateError
from reconciler.documents.saving import sync_folder
from reconciler.store import files, sqlite
from reconciler.store.database import Database
from reconciler.store.failures import translated

_NOUN = "backup"
_OF_THE_COPY = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN")


def copy(database: Database, target: Path, verify: Callable[[Connection], object]) -> None:
    """Copy the whole database to the new file `target`, with mode 0600 from its first moment.

    `verify` is run on the copy, opened to read, before it gets its name; it raises what is wrong with it. Raises
    `StateError` when `target` exists, cannot be written, or the copy is not whole. What fails leaves no file behind.
    """
    if not isinstance(database, sqlite.WritingDatabase | sqlite.ReadingDatabase):
        raise StateError(
            f"the {database.called} is in PostgreSQL, and only state files are copied here: dump that database with "
            "`pg_dump`, and keep RECONCILER_KEY, or the key file, apart from the dump: without the key it opens nothing"
        )
    target = target.absolute()
    draft = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}")
    with translated(f"{_NOUN} {target}"):
        if os.path.lexists(target):
            raise _exists(target)
        try:
            files.create_new(draft)
        except OSError as error:
            raise _unwritable(target, error) from error
        try:
            database.read(lambda connection: _fill(connection, draft, target))
            _check(draft, target, verify)
            try:
                os.link(draft, target)
            except FileExistsError:
                raise _exists(target) from None
        except OSError as error:
            raise _unwritable(target, error) from error
        finally:
            for ending in ("", "-journal", "-wal", "-shm"):
                draft.with_name(draft.name + ending).unlink(missing_ok=True)
        sync_folder(target.parent)


def _exists(target: Path) -> StateError:
    return StateError(f"{target} exists already, and a backup never replaces a file: name another one")


def _unwritable(target: Path, error: OSError) -> StateError:
    return StateError(f"the backup {target} cannot be used: {error.strerror or error}")


def _fill(connection: Connection, draft: Path, target: Path) -> None:
    source = cast("sqlite3.Connection", connection.connection.driver_connection)
    try:
        with closing(sqlite3.connect(f"{draft.as_uri()}?mode=rw", uri=True)) as copied:
            source.backup(copied)
    except sqlite3.Error as error:
        if str(getattr(error, "sqlite_errorname", "")).startswith(_OF_THE_COPY):
            with translated(f"{_NOUN} {target}"):
                raise
        raise


def _check(draft: Path, target: Path, verify: Callable[[Connection], object]) -> None:
    copied = sqlite.ReadingDatabase(draft)
    try:
        copied.read(_require_whole)
        copied.read(verify)
    except StateError as error:
        if str(draft) not in str(error):
            raise
        raise StateError(str(error).replace(str(draft), str(target))) from error
    finally:
        copied.close()


def _require_whole(connection: Connection) -> None:
    found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
    if found != "ok":
        raise StateError(f"the state is damaged ({found}), so that no backup was made: put back an earlier one")
