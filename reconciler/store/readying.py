"""What every way into a store looks at: whether one is there, its schema, and its keys."""

from __future__ import annotations

from sqlalchemy import Connection

from reconciler.core.errors import LockedError, StateError
from reconciler.store import keys, leases, meta
from reconciler.store.database import Database
from reconciler.store.errors import WrongKeyError
from reconciler.store.failures import translated
from reconciler.store.keys import KeySource
from reconciler.store.schema import Schema
from reconciler.store.sql import SqlStore


def no_state(called: str) -> StateError:
    """The refusal where a store is needed and none is."""
    return StateError(f"there is no {called}: `reconcile` makes it with the first pass; is `state:` right?")


def older(called: str, revision: str, schema: Schema) -> bool:
    """Whether a store must be migrated; raises `StateError` for one that is newer than `schema`."""
    if revision > schema.head:
        raise StateError(
            f"the {called} has the schema {revision}, newer than {schema.head} of this version: "
            "use the version of webhook-reconciler that wrote it, or a newer one"
        )
    return revision < schema.head


def refuse_older(called: str, revision: str, schema: Schema, way_out: str) -> None:
    """Raise `StateError` for a store that must be migrated first, and for a newer one."""
    if older(called, revision, schema):
        raise StateError(f"the {called} has the schema {revision} and this version needs {schema.head}: run {way_out}")


def refuse_held(connection: Connection, now: float) -> None:
    """Raise `LockedError` while anybody holds a scope of the store."""
    for lease in leases.holders(connection, now):
        raise LockedError(f"the scope {lease.scope} is held by {lease.holder}: try again when its pass has ended")


def unlocked(database: Database, source: KeySource) -> SqlStore:
    """The store with the keys of now: no lock keeps them from being rotated between the two looks, so look again."""
    with translated(database.called):
        ring = keys.load(source)
        try:
            return SqlStore(database, ring, database.read(lambda connection: meta.unlock(connection, ring)))
        except WrongKeyError:
            newer = keys.load(source)
            if newer.ids == ring.ids:
                raise
            return SqlStore(database, newer, database.read(lambda connection: meta.unlock(connection, newer)))
