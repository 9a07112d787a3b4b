"""Schemas: new ones are refused, old ones migrated, and the packaged migrations build what the tables say."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from reconciler.core.errors import StateError
from reconciler.store import sqlite
from reconciler.store.migrating import migrate_lazily
from reconciler.store.opening import open_for_reading, open_for_writing
from reconciler.store.schema import HEAD, PACKAGED, Schema
from reconciler.store.tables import METADATA
from tests.store.samples import KEY, SCOPE, listing, open_and_look_for_alembic, put, recorded, source, url

_NEXT = "0005"
_MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade():
    with op.batch_alter_table("webhooks", recreate="always") as batch:
        batch.add_column(sa.Column("note", sa.Text, nullable=False, server_default="none"))
"""
_FAILING = _MIGRATION + "    raise ValueError('half way')\n"


def _next_schema(folder: Path, migration: str = _MIGRATION) -> Schema:
    """A later version of the program, with one migration more; its folder has a name that needs care."""
    versions = folder / "100% next: versions"
    versions.mkdir(parents=True)
    (versions / "0005_note.py").write_text(migration)
    return Schema(head=_NEXT, folders=(versions,))


def _rows(path: Path, statement: str) -> list[Any]:
    connection = sqlite3.connect(path)
    rows = connection.execute(statement).fetchall()
    connection.close()
    return rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of the packaged schema with one record."""
    file = tmp_path / "store" / "state.db"
    with open_for_writing(url(file), source(KEY)) as store:
        put(store, recorded())
    return file


def test_an_old_schema_is_migrated_by_a_writer(path: Path, tmp_path: Path) -> None:
    """Opening to write brings the store to the newer schema and loses nothing, rows that point elsewhere included."""
    with open_for_writing(url(path), source(KEY), _next_schema(tmp_path)) as store:
        assert store.records(SCOPE) == [recorded()]

    assert _rows(path, "SELECT version_num FROM alembic_version") == [(_NEXT,)]
    assert _rows(path, "SELECT note FROM webhooks") == [("none",)]


def test_an_old_schema_is_refused_to_a_reader(path: Path, tmp_path: Path) -> None:
    """A dry run migrates nothing: it says what to run."""
    schema = _next_schema(tmp_path)
    before = listing(path.parent)

    with pytest.raises(StateError, match=f"{HEAD} and this version needs {_NEXT}: run `reconcile` once"):
        open_for_reading(url(path), source(KEY), schema)

    assert listing(path.parent) == before


@pytest.mark.parametrize("opener", [open_for_reading, open_for_writing])
def test_a_newer_schema_is_refused(path: Path, tmp_path: Path, opener: Any) -> None:
    """An older program does not touch what a newer one wrote, and names both schemas."""
    open_for_writing(url(path), source(KEY), _next_schema(tmp_path)).close()

    with pytest.raises(StateError, match=f"the schema {_NEXT}, newer than {HEAD}"):
        opener(url(path), source(KEY))


def test_a_failing_migration_changes_nothing(path: Path, tmp_path: Path) -> None:
    """A migration that breaks off half-way leaves the store as it was, for the older program."""
    with pytest.raises(ValueError, match="half way"):
        open_for_writing(url(path), source(KEY), _next_schema(tmp_path, _FAILING))

    with open_for_writing(url(path), source(KEY)) as store:
        assert store.records(SCOPE) == [recorded()]
    assert _rows(path, "SELECT name FROM pragma_table_info('webhooks') WHERE name = 'note'") == []


def test_a_migration_that_breaks_references_is_refused(path: Path, tmp_path: Path) -> None:
    """Rows that would point to nothing stop a migration before it is committed."""
    careless = _MIGRATION + "    op.execute(sa.delete(sa.table('webhooks')))\n"

    with pytest.raises(StateError, match="not migrated"):
        open_for_writing(url(path), source(KEY), _next_schema(tmp_path, careless))

    assert _rows(path, "SELECT count(*) FROM webhooks") == [(1,)]


def test_a_schema_that_is_not_packaged_is_told(path: Path) -> None:
    """A revision without a migration is a clear refusal."""
    with pytest.raises(StateError, match="cannot be migrated to the schema 0009"):
        open_for_writing(url(path), source(KEY), Schema(head="0009"))


def test_openings_that_migrate_at_once_all_succeed(path: Path, tmp_path: Path) -> None:
    """One of them migrates, the others wait for it."""
    schema = _next_schema(tmp_path)

    def count(_: int) -> int:
        with open_for_writing(url(path), source(KEY), schema) as store:
            return len(store.records(SCOPE))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(count, range(4))) == [1, 1, 1, 1]


def _migrated(path: Path) -> Path:
    path.touch(mode=0o600)
    with sqlite.migrating(path) as connection:
        migrate_lazily(connection, PACKAGED)
    return path


def test_migrations_build_what_new_stores_are_created_with(path: Path, tmp_path: Path) -> None:
    """A store that came through every migration and a new one have the same tables and indexes, word for word."""
    statement = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"

    assert _rows(_migrated(tmp_path / "migrated.db"), statement) == _rows(path, statement)


def test_the_tables_hold_nothing_that_no_migration_brings(tmp_path: Path) -> None:
    """Alembic finds no difference between the migrations and the tables."""
    with sqlite.migrating(_migrated(tmp_path / "migrated.db")) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_opening_a_current_store_does_not_load_alembic(tmp_path: Path) -> None:
    """Neither creating nor opening a store pays for the migration library."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(open_and_look_for_alembic, url(tmp_path / "state.db")).result() is False
