"""What only PostgreSQL needs: the URL, connections, and who may begin which transaction.

PostgreSQL documents: "Connection Strings", "SET TRANSACTION", "Advisory Lock Functions", "Client Connection Defaults".
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from reconciler.core.errors import ConfigError, StateError
from reconciler.store import files
from reconciler.store.database import Work
from reconciler.store.failures import bad_url, translated

T = TypeVar("T")

_SCHEME = re.compile(r"postgresql(?:\+psycopg)?://")
_PORTS = re.compile(r"[0-9,]*")
_SHOWN = ("host", "hostaddr", "service", "options")
"""Parameters after `?` that tell where the state is; none of them holds a secret."""
_DEFAULTS: Mapping[str, str | int] = {
    "connect_timeout": 10,
    "fallback_application_name": "webhook-reconciler",
    # A server that vanished is noticed within half a minute, not after two hours.
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_BEGIN = "begin_statement"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('webhook-reconciler/' || current_schema(), 0))"
_BUSY_SECONDS = 5.0
_PREPARING_SECONDS = 60.0
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '60s'"
_POOL = 5

# What the driver says of a connection beside an exception is in the exception, which is told in our words; without a
# handler Python would print it on stderr as it is. An application's own handlers get it all the same.
logging.getLogger("psycopg").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Address:
    """A state URL, understood: `location` shows it without its password, `parameters` are libpq's."""

    location: str
    parameters: Mapping[str, str | int] = field(repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """Read a URL; raises `ConfigError`, which repeats nothing of it: any part may turn out to be the password."""
        rest = _SCHEME.sub("", url, count=1)
        before, _, _ = rest.partition("?")
        authority, _, path = before.partition("/")
        try:
            given = {name: str(value) for name, value in conninfo_to_dict(f"postgresql://{rest}").items()}
        except psycopg.Error:
            raise _illegible() from None
        if authority.count("@") > 1 or "@" in path or not _PORTS.fullmatch(given.get("port", "")):
            raise _illegible()
        return cls(_shown(given), {**_DEFAULTS, **given, "client_encoding": "UTF8"})

    def connect(self) -> psycopg.Connection:
        """A new connection that begins no transaction of its own; raises `StateError`."""
        try:
            return psycopg.connect(
                **self.parameters,  # type: ignore[arg-type]  # libpq's, none of those that psycopg names itself
                autocommit=True,
                prepare_threshold=None,  # prepared statements do not survive a pooler between us and the server
            )
        except (psycopg.Error, OSError) as error:
            told = self._without_password(" ".join(str(error).split()))
            raise StateError(f"the state {self.location} cannot be reached: {told}") from None

    def _without_password(self, text: str) -> str:
        for name in ("password", "sslpassword"):
            if secret := str(self.parameters.get(name, "")):
                text = text.replace(secret, "****")
        return text


class ReadingDatabase:
    """A database opened strictly to read: each transaction is read-only and sees one state."""

    writable = False

    def __init__(self, address: Address) -> None:
        self._address = address
        self._engine = _engine(address)
        self._reader = self._engine.execution_options(**{_BEGIN: _READ})

    @property
    def location(self) -> str:
        return self._address.location

    @property
    def called(self) -> str:
        return f"state {self._address.location}"

    def read(self, work: Work[T]) -> T:
        return self._run(self._reader, work)

    def write(self, work: Work[T]) -> T:
        raise StateError(f"the {self.called} is open for reading only")

    def keys_kept(self, key_file: Path | None) -> AbstractContextManager[None]:
        return files.folder_lock(key_file.parent) if key_file else nullcontext()

    def close(self) -> None:
        self._engine.dispose()

    def _run(self, engine: Engine, work: Work[T]) -> T:
        with translated(self.called), closing(_begun(engine)) as connection:
            result = work(connection)
            connection.commit()
            return result


class WritingDatabase(ReadingDatabase):
    """A database opened to write.

    A write begins with an advisory lock in hand, which all writers of this schema share: what SQLite does by itself.
    Each statement after it sees whatever was committed before the lock was had. Threads of this process queue at a lock
    of our own, so that one connection is enough for them. `patience` is how many seconds another process is waited for.
    """

    writable = True

    def __init__(self, address: Address, patience: float = _BUSY_SECONDS) -> None:
        super().__init__(address)
        self._writer = self._engine.execution_options(**{_BEGIN: _begin_writing(patience, "30s")})
        self._preparer = self._engine.execution_options(**{_BEGIN: _begin_writing(_PREPARING_SECONDS, "10min")})
        self._queue = threading.Lock()

    def write(self, work: Work[T]) -> T:
        with self._queue:
            return self._run(self._writer, work)

    def prepare(self, work: Work[T]) -> T:
        """As `write`, with patience for what creates and migrates."""
        with self._queue:
            return self._run(self._preparer, work)


def _begin_writing(patience: float, longest: str) -> str:
    """One text, one round trip. A writer that is stopped in its transaction is thrown out, not waited for.

    What is told to be kept is on the disk, whatever the server's default is.
    """
    settings = {
        "synchronous_commit": "on",
        "lock_timeout": f"{int(patience * 1000)}ms",
        "statement_timeout": longest,
        "idle_in_transaction_session_timeout": "15s",
    }
    local = "; ".join(f"SET LOCAL {name} = '{value}'" for name, value in settings.items())
    return f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {local}; {_LOCK}"


def _begun(engine: Engine) -> Connection:
    """A connection inside a transaction. One that broke while it lay idle is replaced: nothing was done on it yet."""
    try:
        return _begun_once(engine)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    return _begun_once(engine)


def _begun_once(engine: Engine) -> Connection:
    connection = engine.connect()
    try:
        connection.begin()
    except BaseException:
        connection.close()
        raise
    return connection


def _engine(address: Address) -> Engine:
    engine = create_engine(
        "postgresql+psycopg://",
        creator=address.connect,
        hide_parameters=True,
        use_native_hstore=False,
        pool_size=_POOL,
        max_overflow=0,
    )
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options()[_BEGIN])


def _illegible() -> ConfigError:
    return bad_url(
        "the state is no URL that PostgreSQL understands: write postgresql+psycopg://USER@HOST:PORT/DATABASE, with "
        "every special character of user and password percent-encoded (`@` is %40, `/` is %2F), and parameters of "
        "libpq after `?`"
    )


def _shown(given: Mapping[str, str]) -> str:
    """The URL as people may see it: user, host, port, database, and where else it tells the place."""
    user = f"{quote(given['user'], safe='')}@" if "user" in given else ""
    host = given.get("host", "")
    place = "" if host.startswith("/") else f"[{host}]" if ":" in host else host
    port = f":{given['port']}" if given.get("port", "").strip(",") else ""
    shown = {name: given[name] for name in _SHOWN if name in given and not (name == "host" and place)}
    query = urlencode(shown, safe="/,", quote_via=quote)
    base = f"postgresql://{user}{place}{port}/{quote(given.get('dbname', ''), safe='')}"
    return f"{base}?{query}" if query else base
