"""The ways into a store in PostgreSQL. Loaded by `backends` alone, for it needs the driver.

What differs from a state file: several machines share it, so an older schema is migrated by command alone, and no key
stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from reconciler.core.errors import StateError
from reconciler.store import keys, meta
from reconciler.store.empty import EmptyStore
from reconciler.store.failures import translated
from reconciler.store.keys import KeyRing, KeySource
from reconciler.store.migrating import migrate_lazily
from reconciler.store.postgres import Address, ReadingDatabase, WritingDatabase
from reconciler.store.readying import no_state, older, refuse_held, refuse_older, unlocked
from reconciler.store.schema import HEAD, Schema
from reconciler.store.sql import SqlStore
from reconciler.store.upgraded import Upgrade

D = TypeVar("D", ReadingDatabase, WritingDatabase)

_WAY_OUT = "`reconcile db upgrade`"


def open_for_writing(url: str, source: KeySource, schema: Schema) -> SqlStore:
    """Open the store in the database at `url`; tables are created where it is empty, and a key where `source` may."""
    made: Path | None = None
    with _kept_open(WritingDatabase(Address.of(url))) as database:
        revision = database.read(meta.revision)
        if revision is None:
            with translated(database.called):
                revision, made = database.prepare(lambda connection: _created(connection, source, database.called))
        refuse_older(database.called, revision, schema, _WAY_OUT)
        store = unlocked(database, source)
    store.made_key = made
    return store


def open_existing(url: str, source: KeySource, schema: Schema) -> SqlStore:
    """As `open_for_writing`; raises `StateError` where no store is."""
    with _kept_open(WritingDatabase(Address.of(url))) as database:
        refuse_older(database.called, _revision(database), schema, _WAY_OUT)
        return unlocked(database, source)


def open_for_reading(url: str, source: KeySource, schema: Schema) -> SqlStore | EmptyStore:
    """Open the store in the database at `url` to read only; an empty database is an `EmptyStore`."""
    with _kept_open(ReadingDatabase(Address.of(url))) as database:
        revision = database.read(meta.revision)
        if revision is not None:
            refuse_older(database.called, revision, schema, _WAY_OUT)
            return unlocked(database, source)
    database.close()
    return EmptyStore(database.location, database.called)


def upgrade(url: str, now: float, schema: Schema) -> Upgrade:
    """Migrate the store in the database at `url` in one transaction, alone."""
    with _kept_open(WritingDatabase(Address.of(url))) as database:
        before = _revision(database)
        if older(database.called, before, schema):
            before = database.prepare(lambda connection: _migrated(connection, now, schema, database.called))
    database.close()
    return Upgrade(state=database.location, before=before, after=schema.head)


@contextmanager
def _kept_open(database: D) -> Iterator[D]:
    """The database, closed where what is done with it fails."""
    try:
        yield database
    except BaseException:
        database.close()
        raise


def _revision(database: WritingDatabase) -> str:
    """The schema's revision; raises `StateError` where no store is."""
    revision = database.read(meta.revision)
    if revision is None:
        raise no_state(database.called)
    return revision


def _migrated(connection: Connection, now: float, schema: Schema, called: str) -> str:
    """Migrate what is still old now that the lock is had; tells what the schema was until then."""
    before = meta.revision(connection)
    if before is None:
        raise no_state(called)
    if older(called, before, schema):
        refuse_held(connection, now)
        migrate_lazily(connection, schema)
    return before


def _created(connection: Connection, source: KeySource, called: str) -> tuple[str, Path | None]:
    """Create tables and, where there is none, the key: tells the schema, and the key file if that was made.

    Another process may have been quicker; then nothing is done.
    """
    revision = meta.revision(connection)
    if revision is not None:
        return revision, None
    made = source.file if source.without_key else None
    meta.initialise(connection, _ring(source, called))
    return HEAD, made


def _ring(source: KeySource, called: str) -> KeyRing:
    if source.without_key and (source.file is None or source.passing):
        where = "on a machine of a pipeline (CI is set) a key file would be lost with it" if source.file else ""
        raise StateError(
            f"the {called} is new and needs an encryption key{': ' if where else ''}{where}: "
            "make one with `openssl rand -base64 32`, keep it safe, and give it in RECONCILER_KEY"
        )
    return keys.load_or_create(source)
