"""The only way to the migrations: Alembic costs a third of a second to import, and nearly no run migrates."""

from __future__ import annotations

import importlib

from sqlalchemy import Connection

from reconciler.store.schema import Schema


def migrate_lazily(connection: Connection, schema: Schema) -> None:
    """Bring the store behind `connection` to `schema`, in the caller's transaction; loads Alembic only now."""
    runner = importlib.import_module("reconciler.store.migrations.runner")
    runner.upgrade(connection, schema)
