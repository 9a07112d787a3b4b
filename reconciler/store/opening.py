"""The ways to open a store: to write, which creates and migrates, and to read, which leaves no trace."""

from __future__ import annotations

from pathlib import Path

from reconciler.core.errors import StateError
from reconciler.store import files, keys, meta, sqlite
from reconciler.store.backends import server_of
from reconciler.store.empty import EmptyStore
from reconciler.store.failures import translated
from reconciler.store.keys import KeyRing, KeySource
from reconciler.store.migrating import migrate_lazily
from reconciler.store.readying import no_state, older, refuse_older, unlocked
from reconciler.store.schema import PACKAGED, Schema
from reconciler.store.sql import SqlStore

_WAY_OUT = "`reconcile` once to migrate it, or `reconcile db upgrade` for a backup first"


def open_for_writing(url: str, source: KeySource, schema: Schema = PACKAGED) -> SqlStore:
    """Open the store at `url`: `sqlite:///PATH` or `postgresql+psycopg://USER@HOST/DATABASE`.

    A relative path is relative to the working directory. Where nothing is there, the file, its tables and (unless
    `source` has one) the key are created; an older schema of a file is migrated. One process at a time does that. In
    PostgreSQL the database must be there, and an older schema is refused. Raises `StateError` when the key is missing,
    others can read or write the file, it was truncated, its schema is newer than `schema`, or it cannot be used.
    """
    if server := server_of(url):
        return server.open_for_writing(url, source, schema)
    path = sqlite.path_of(url)
    source = source.beside(path)
    with translated(sqlite.called(path)):
        files.make_folder(path.parent)
        with files.folder_lock(path.parent):
            ring = keys.load(source)
            _refuse_truncated(path, source)
            files.create_empty(path)
            sqlite.check_private(path)
            sqlite.check_writable(path)
            database = sqlite.WritingDatabase(path)
            try:
                ring = _prepare(database, ring, schema)
                return SqlStore(database, ring, database.read(lambda connection: meta.unlock(connection, ring)))
            except BaseException:
                database.close()
                raise


def open_existing(url: str, source: KeySource, schema: Schema = PACKAGED) -> SqlStore:
    """As `open_for_writing`, for work that makes sense on a store that is there: raises `StateError` where none is."""
    if server := server_of(url):
        return server.open_existing(url, source, schema)
    path = sqlite.path_of(url)
    with translated(sqlite.called(path)):
        _refuse_truncated(path, source.beside(path))
        if not path.exists() or not path.stat().st_size:
            raise no_state(sqlite.called(path))
    return open_for_writing(url, source, schema)


def open_for_reading(url: str, source: KeySource, schema: Schema = PACKAGED) -> SqlStore | EmptyStore:
    """Open the store at `url` to read only: no file, key, table or lock is made, and nothing is migrated.

    Where there is no store, the answer is an `EmptyStore`, whose `exists` is False. Raises `StateError` as
    `open_for_writing` does, and for an older schema.
    """
    if server := server_of(url):
        return server.open_for_reading(url, source, schema)
    path = sqlite.path_of(url)
    nothing = EmptyStore(str(path), sqlite.called(path))
    with translated(sqlite.called(path)):
        _refuse_truncated(path, source.beside(path))
        if not path.exists() or not path.stat().st_size:
            return nothing
        sqlite.check_private(path)
        database = sqlite.ReadingDatabase(path)
        try:
            revision = database.read(meta.revision)
            if revision is None:  # its creation was interrupted
                database.close()
                return nothing
            refuse_older(database.called, revision, schema, _WAY_OUT)
            return unlocked(database, source.beside(path))
        except BaseException:
            database.close()
            raise


def _refuse_truncated(path: Path, source: KeySource) -> None:
    """Raise `StateError` for an empty file whose key file is there: when we make a key, the file holds a page already.

    So it held records once. To take it for a new one would mint other URLs for what people pasted.
    """
    if path.exists() and not path.stat().st_size and source.file is not None and source.file.exists():
        raise StateError(
            f"the state file {path} is empty, yet its key {source.file} is there: it was truncated; put back a backup, "
            "or, if nothing was ever recorded in it, remove the empty file"
        )


def _prepare(database: sqlite.WritingDatabase, ring: KeyRing, schema: Schema) -> KeyRing:
    """Create what is missing and migrate what is old; the caller holds the folder's lock."""
    revision = database.read(meta.revision)
    if revision is None:
        ring = keys.load_or_create(ring.source)
        database.write(lambda connection: meta.initialise(connection, ring))
        revision = database.read(meta.revision) or ""
    if older(database.called, revision, schema):
        with sqlite.migrating(database.path) as connection:
            migrate_lazily(connection, schema)
    return ring
