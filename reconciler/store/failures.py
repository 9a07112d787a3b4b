"""The one place where failures of the file system and the database become `StateError`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from reconciler.core.errors import ConfigError, Problem, StateError

_NO_ROOM = "cannot be written: the disk is full, over a quota, or failing (nothing was lost)"
_MEANINGS = {
    "BUSY": "is busy: another process has been writing for more than five seconds; try again",
    "LOCKED": "is busy: another process has been writing for more than five seconds; try again",
    "FULL": "cannot be written: the disk is full; make room and try again (nothing was lost)",
    "READONLY": "cannot be written: the file or its folder is read-only",
    "PERM": "cannot be used: the operating system denies access",
    "AUTH": "cannot be used: the operating system denies access",
    "CORRUPT": "is damaged: put back a backup of it",
    "NOTADB": "is no SQLite database (damaged, or another file): put back a backup, or name another one with `state:`",
    "CANTOPEN": "cannot be opened: the file and its folder must be accessible, and while a writer's `-wal` file lies"
    " beside it, the folder must be writable",
    "IOERR_WRITE": _NO_ROOM,
    "IOERR_SHMSIZE": _NO_ROOM,
    "IOERR": "cannot be read or written: the disk reports an error",
    "TOOBIG": "cannot hold a value this large",
}
_BUSY = "is busy: another process has been writing for too long; try again"
_MEANINGS_ON_SERVER = {
    "25006": "cannot be written: the server only reads, as a standby does; name the primary one",
    "3F": "has no schema to use: create the one that `search_path` names",
    "40": _BUSY,
    "42501": "cannot be used: its user lacks a right",
    "42": "is damaged or another program's: put back a dump of it, or name another database with `state:`",
    "53100": "cannot be written: the server's disk is full; make room and try again; nothing was lost",
    "53": "cannot be used: the server has reached a limit; try again",
    "55P03": _BUSY,
    "57014": "did not answer in time; try again",
}
"""By SQLSTATE, or its class. PostgreSQL documents: "PostgreSQL Error Codes"."""


def bad_url(message: str) -> ConfigError:
    """A state URL that no store can be at: a setting that is wrong, whatever is there."""
    return ConfigError((Problem("state_url", message),))


@contextmanager
def translated(called: str) -> Iterator[None]:
    """Let no exception but ours pass: what the user can mend is told in words.

    `called` is what they name: `state file PATH`, `state URL`, `backup PATH`.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise StateError(f"the {called} {_meaning(error)}") from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename and str(error.filename) not in called else ""
        raise StateError(f"the {called} cannot be used: {where}{error.strerror or error}") from error
    except UnicodeError as error:
        raise StateError(f"the {called} cannot hold a text that is no valid Unicode") from error


def _meaning(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(error, DBAPIError) and hasattr(cause, "sqlstate"):
        return _meaning_on_server(error)
    name = str(getattr(cause, "sqlite_errorname", "")).removeprefix("SQLITE_")
    return _MEANINGS.get(name) or _MEANINGS.get(name.partition("_")[0], f"cannot be used: {cause}")


def _meaning_on_server(error: DBAPIError) -> str:
    """What a failure of PostgreSQL means; its own words are one line, without the values of a row."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    told = getattr(getattr(error.orig, "diag", None), "message_primary", None) or " ".join(str(error.orig).split())
    if error.connection_invalidated:
        return f"lost its connection ({told}): run it again; what was begun is completed then"
    meaning = _MEANINGS_ON_SERVER.get(state) or _MEANINGS_ON_SERVER.get(state[:2], "cannot be used")
    return f"{meaning} ({told})"
