"""The one place where failures of the file system and the database become `StateError`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from reconciler.core.errors import StateError


class SlotTakenError(StateError):
    """A webhook claims a slot that another one has, in this scope or another."""


class ConflictError(StateError):
    """A write contradicts what is recorded: two live records of one address."""


class WrongKeyError(StateError):
    """The encryption keys at hand are not those of the store, or not any more."""


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


@contextmanager
def translated(path: Path, noun: str = "state file") -> Iterator[None]:
    """Let no exception but ours pass: what the user can mend is told in words that name the file."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise StateError(f"the {noun} {path} {_meaning(error)}") from error
    except OSError as error:
        where = error.filename or path
        raise StateError(f"the {noun} {path} cannot be used: {where}: {error.strerror or error}") from error
    except UnicodeError as error:
        raise StateError(f"the {noun} {path} cannot hold a text that is no valid Unicode") from error


def _meaning(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    name = str(getattr(cause, "sqlite_errorname", "")).removeprefix("SQLITE_")
    return _MEANINGS.get(name) or _MEANINGS.get(name.partition("_")[0], f"cannot be used: {cause}")
