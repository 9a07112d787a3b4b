"""The only way to PostgreSQL: its driver comes with an extra, and whoever has an SQLite state never loads it."""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from reconciler.core.errors import StateError
from reconciler.store.empty import EmptyStore
from reconciler.store.keys import KeySource
from reconciler.store.schema import Schema
from reconciler.store.sql import SqlStore
from reconciler.store.upgraded import Upgrade

SCHEMES = ("postgresql://", "postgresql+psycopg://")


class Server(Protocol):
    """The ways into a store on a database server; `postgres_opening` has them."""

    def open_for_writing(self, url: str, source: KeySource, schema: Schema) -> SqlStore: ...

    def open_existing(self, url: str, source: KeySource, schema: Schema) -> SqlStore: ...

    def open_for_reading(self, url: str, source: KeySource, schema: Schema) -> SqlStore | EmptyStore: ...

    def upgrade(self, url: str, now: float, schema: Schema) -> Upgrade: ...


def server_of(url: str) -> Server | None:
    """What opens a state URL of PostgreSQL; None for any other.

    Raises `StateError` where the driver is not installed.
    """
    if not url.startswith(SCHEMES):
        return None
    try:
        return cast("Server", importlib.import_module("reconciler.store.postgres_opening"))
    except ImportError as error:  # also psycopg's own, where there is no libpq
        raise StateError(
            "a PostgreSQL state needs the driver psycopg: pip install 'webhook-reconciler[postgres]'"
        ) from error
