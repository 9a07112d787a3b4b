"""The ways to open a store: to write, which creates and migrates, and to read, which leaves no trace."""

from __future__ import annotations

from pathlib import Path

from reconciler.core.errors import StateError
from reconciler.store import files, keys, meta, sqlite
from reconciler.store.empty import EmptyStore
from reconciler.store.failures import WrongKeyError, translated
from reconciler.store.keys import KeyRing, KeySource
from reconciler.store.migrating import migrate_lazily
from reconciler.store.schema import PACKAGED, Schema
from reconciler.store.sql import SqlStore


def open_for_writing(url: str, source: KeySource, schema: Schema = PACKAGED) -> SqlStore:
    """Open the store at `url` (`sqlite:///PATH`; a relative path is relative to the working directory).

    Where nothing is there, the file, its tables and (unless `source` has one) the key are created; an older schema is
    migrated. One process at a time does that. Raises `StateError` when the key is missing, others can read or write
    the file, its schema is newer than `schema`, or it cannot be used.
    """
    path = sqlite.path_of(url)
    source = source.beside(path)
    with translated(path):
        files.make_folder(path.parent)
        with files.folder_lock(path.parent):
            ring = keys.load(source)
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
    path = sqlite.path_of(url)
    with translated(path):
        if not path.exists() or not path.stat().st_size:
            raise no_state(path)
    return open_for_writing(url, source, schema)


def no_state(path: Path) -> StateError:
    """The refusal where a store is needed and none is."""
    return StateError(f"there is no state file {path}: `reconcile` makes it with the first pass; is `state:` right?")


def open_for_reading(url: str, source: KeySource, schema: Schema = PACKAGED) -> SqlStore | EmptyStore:
    """Open the store at `url` to read only: no file, key, table or lock is made, and nothing is migrated.

    Where there is no store, the answer is an `EmptyStore`, whose `exists` is False. Raises `StateError` as
    `open_for_writing` does, and for an older schema.
    """
    path = sqlite.path_of(url)
    with translated(path):
        if not path.exists() or not path.stat().st_size:
            return EmptyStore(path)
        sqlite.check_private(path)
        database = sqlite.ReadingDatabase(path)
        try:
            revision = database.read(meta.revision)
            if revision is None:  # its creation was interrupted
                return EmptyStore(path)
            _refuse_older(path, revision, schema)
            return _unlocked(database, source.beside(path))
        except BaseException:
            database.close()
            raise


def _unlocked(database: sqlite.Database, source: KeySource) -> SqlStore:
    """The store with the keys of now: no lock keeps them from being rotated between the two looks, so look again."""
    ring = keys.load(source)
    try:
        return SqlStore(database, ring, database.read(lambda connection: meta.unlock(connection, ring)))
    except WrongKeyError:
        newer = keys.load(source)
        if newer.ids == ring.ids:
            raise
        return SqlStore(database, newer, database.read(lambda connection: meta.unlock(connection, newer)))


def _prepare(database: sqlite.Database, ring: KeyRing, schema: Schema) -> KeyRing:
    """Create what is missing and migrate what is old; the caller holds the folder's lock."""
    revision = database.read(meta.revision)
    if revision is None:
        ring = keys.load_or_create(ring.source)
        database.write(lambda connection: meta.initialise(connection, ring))
        revision = database.read(meta.revision) or ""
    if older(database.path, revision, schema):
        with sqlite.migrating(database.path) as connection:
            migrate_lazily(connection, schema)
    return ring


def _refuse_older(path: Path, revision: str, schema: Schema) -> None:
    if older(path, revision, schema):
        raise StateError(
            f"the state file {path} has the schema {revision} and this version needs {schema.head}: "
            "run `reconcile` once to migrate it, or `reconcile db upgrade` for a backup first"
        )


def older(path: Path, revision: str, schema: Schema) -> bool:
    """Whether a store must be migrated; raises `StateError` for one that is newer than `schema`."""
    if revision > schema.head:
        raise StateError(
            f"the state file {path} has the schema {revision}, newer than {schema.head} of this version: "
            "use the version of webhook-reconciler that wrote it, or a newer one"
        )
    return revision < schema.head
