"""Runs the migrations on a connection that is given, inside its transaction."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from reconciler.core.errors import StateError
from reconciler.store.schema import Schema


def upgrade(connection: Connection, schema: Schema) -> None:
    """Migrate to `schema.head`; all of it or nothing, since the caller's transaction holds it."""
    try:
        command.upgrade(configuration(connection, schema), schema.head)
    except CommandError as error:
        raise StateError(f"the store cannot be migrated to the schema {schema.head}: {error}") from error


def configuration(connection: Connection, schema: Schema) -> Config:
    """Alembic's configuration in memory; `env.py` takes the connection from its attributes."""
    here = Path(__file__).parent
    folders = (here / "versions", *schema.folders)
    config = Config()
    config.set_main_option("script_location", _escaped(str(here)))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", _escaped("\n".join(str(folder) for folder in folders)))
    config.attributes["connection"] = connection
    return config


def _escaped(text: str) -> str:
    return text.replace("%", "%%")  # the configuration interpolates
