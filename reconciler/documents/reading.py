"""Reading files: only regular ones, only so much, and every failure is a problem."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from reconciler.core.errors import Location, Problem
from reconciler.documents.compose import Composition, compose
from reconciler.documents.syntax import MAX_BYTES, too_large


def read(path: Path, shown: str) -> bytes | Problem:
    """The bytes of the file, or why it cannot be read; `shown` is the name in problems.

    Never waits: a FIFO or a device is refused, not opened to its end.
    """
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return Problem("not_a_file", "not a regular file", Location(shown))
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Problem("missing_file", "the file does not exist", Location(shown))
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a valid path"
        return Problem("unreadable", f"the file cannot be read: {reason}", Location(shown))
    return too_large(shown) if len(data) > MAX_BYTES else data


def read_documents(path: Path, shown: str) -> Composition:
    """Read and compose a file."""
    data = read(path, shown)
    return Composition((), (data,)) if isinstance(data, Problem) else compose(data, shown)


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
