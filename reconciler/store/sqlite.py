"""What only SQLite needs: the URL, pragmas, who may begin which transaction, and reading without a trace.

SQLite documents: "Write-Ahead Logging", "URI Filenames" (`mode`, `immutable`), "PRAGMA Statements".
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from reconciler.core.errors import StateError
from reconciler.store import files
from reconciler.store.database import Work
from reconciler.store.failures import bad_url, translated

T = TypeVar("T")

_SCHEME = "sqlite:///"
_BUSY_SECONDS = 5.0
_NOUN = "state file"
_CACHE_KIB = 512
"""Pages that a connection keeps in memory. The system keeps the file as well, and a pass has several connections."""
_WRITING_KIB = 4096
"""The same of the one that writes: keys of deliveries are all over the file."""
_LOG_PAGES = 2000
"""After so many, what is in the write-ahead log goes into the file: a page that was written often, once."""

_BEGIN = "begin_statement"


def path_of(url: str) -> Path:
    """The file of a state URL `sqlite:///PATH`; raises `ConfigError` for anything else."""
    path = url.removeprefix(_SCHEME)
    if path == url:
        scheme = url.partition(":")[0]
        raise bad_url(
            f"the state `{scheme}:...` is not supported: write `state: sqlite:///PATH`, or `postgresql+psycopg://...`"
        )
    if not Path(path).name or path == ":memory:" or "?" in path:
        raise bad_url(f"the state `{url}` names no file: write `state: sqlite:///PATH`, without parameters")
    return Path(path).absolute()


def called(path: Path) -> str:
    """What messages call a state file."""
    return f"{_NOUN} {path}"


def check_private(path: Path) -> None:
    """Raise `StateError` when others can touch the state file or what SQLite keeps beside it."""
    for each in (path, _beside(path, "-wal"), _beside(path, "-shm")):
        files.check_private(each, _NOUN)


def check_writable(path: Path) -> None:
    """Raise `StateError` for a file or folder that is read-only.

    SQLite itself would fall back to reading, and leave read-only files of its own beside the state.
    """
    files.check_writable(path, _NOUN)


class WritingDatabase:
    """A database file opened to write.

    A read begins plainly and sees one state. A write begins with the write lock in hand (`BEGIN IMMEDIATE`): a lock
    asked for later fails at once when another process wrote in between. Threads of this process queue at a lock of our
    own, which unlike SQLite's is not a matter of luck. `patience` is how many seconds another process is waited for.

    SQLite goes on writing to a file that was deleted or replaced below it, and all of that would be gone with the
    process. So each transaction looks, before its commit, whether the file is the one that was opened; and no further
    connection is made to another, which would be given what the write-ahead log of the first one holds.
    """

    writable = True

    def __init__(self, path: Path, patience: float = _BUSY_SECONDS) -> None:
        self._path = path
        self._opened = _identity(path)
        self._patience = patience
        self._reader = _engine(self._connected, QueuePool)
        self._writer = self._reader.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        self._queue = threading.Lock()
        self._held: Connection | None = None

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def location(self) -> str:
        return str(self._path)

    @property
    def called(self) -> str:
        return called(self._path)

    def keys_kept(self, key_file: Path | None) -> AbstractContextManager[None]:
        return files.folder_lock(self._path.parent)

    def read(self, work: Work[T]) -> T:
        with translated(self.called), self._reader.connect() as connection:
            result = work(connection)
            self._check_in_place()
            return result

    def write(self, work: Work[T]) -> T:
        with translated(self.called), self._queue:
            connection = self._held or self._writing()
            try:
                with connection.begin():
                    result = work(connection)
                    self._check_in_place()
                    return result
            except BaseException:
                self._let_go()  # whatever it is that failed, the next write begins with a new one
                raise

    def close(self) -> None:
        with self._queue:
            self._let_go()
        self._reader.dispose()

    def _writing(self) -> Connection:
        """The connection that all writes share: it keeps its pages as long as nobody else writes."""
        connection = self._held = self._writer.connect()
        driver: Any = connection.connection.driver_connection  # no transaction is begun for this
        driver.execute(f"PRAGMA cache_size = -{_WRITING_KIB}")
        driver.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        return connection

    def _let_go(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.invalidate()
            held.close()

    def _connected(self) -> sqlite3.Connection:
        self._check_in_place()
        return _connect_to_write(self._path, "ON", self._patience)

    def _check_in_place(self) -> None:
        if _identity(self._path) != self._opened:
            raise StateError(f"the {self.called} is another file now than was opened: start anew, or put back that one")


class ReadingDatabase:
    """A database file opened strictly to read.

    While a writer is about (its `-wal` file exists) the file is read with `mode=ro`. Otherwise with `immutable=1` too:
    `mode=ro` alone would leave a `-wal` and a `-shm` file behind, and fail in a folder that is read-only. An answer is
    taken only if the file stood still while it was read.
    """

    writable = False
    _ATTEMPTS = 5

    def __init__(self, path: Path) -> None:
        self._path = path
        self._live = _engine(partial(_connect_to_read, path, "mode=ro"), NullPool)
        self._still = _engine(partial(_connect_to_read, path, "mode=ro&immutable=1"), NullPool)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def location(self) -> str:
        return str(self._path)

    @property
    def called(self) -> str:
        return called(self._path)

    def keys_kept(self, key_file: Path | None) -> AbstractContextManager[None]:
        return files.folder_lock(self._path.parent)

    def read(self, work: Work[T]) -> T:
        with translated(self.called):
            for _ in range(self._ATTEMPTS):
                before = _look(self._path)
                if before.written:
                    break
                try:
                    result = _run(self._still, work)
                except (SQLAlchemyError, StateError):
                    if before == _look(self._path):
                        raise
                    continue
                if before == _look(self._path):
                    return result
            return _run(self._live, work)

    def write(self, work: Work[T]) -> T:
        raise StateError(f"the {self.called} is open for reading only")

    def close(self) -> None:
        self._live.dispose()
        self._still.dispose()


@contextmanager
def migrating(path: Path) -> Iterator[Connection]:
    """One write transaction for a migration.

    Foreign keys are off in it (SQLite changes a table by copying it, and dropping the old one would empty the tables
    that point to it), and checked before it is committed.
    """
    engine = _engine(partial(_connect_to_write, path, "OFF", _BUSY_SECONDS), NullPool)
    with translated(called(path)), engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}).begin() as connection:
        yield connection
        if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            raise StateError(f"the state file {path} was not migrated: rows would point to rows that are gone")


class _Look(NamedTuple):
    """What changes about a file when somebody writes to it."""

    written: bool
    inode: int
    size: int
    modified: int


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _look(path: Path) -> _Look:
    status = path.stat()
    written = _beside(path, "-wal").exists() or _beside(path, "-journal").exists()
    return _Look(written, status.st_ino, status.st_size, status.st_mtime_ns)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _run(engine: Engine, work: Work[T]) -> T:
    with engine.connect() as connection:
        return work(connection)


def _engine(connect: Callable[[], sqlite3.Connection], pool: type[QueuePool | NullPool]) -> Engine:
    limits = {"max_overflow": -1} if pool is QueuePool else {}
    engine = create_engine("sqlite+pysqlite://", creator=connect, poolclass=pool, hide_parameters=True, **limits)
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _connect(path: Path, parameters: str, patience: float) -> sqlite3.Connection:
    # No isolation level: the driver begins no transaction of its own, `_begin` does.
    return sqlite3.connect(
        f"{path.as_uri()}?{parameters}",
        uri=True,
        timeout=patience,
        isolation_level=None,
        check_same_thread=False,
    )


def _connect_to_write(path: Path, foreign_keys: str, patience: float) -> sqlite3.Connection:
    connection = _connect(path, "mode=rw", patience)  # never `rwc`: the file is created by us, with its mode
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute(f"PRAGMA foreign_keys = {foreign_keys}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _connect_to_read(path: Path, parameters: str) -> sqlite3.Connection:
    connection = _connect(path, parameters, _BUSY_SECONDS)
    connection.execute("PRAGMA query_only = ON")
    return connection
