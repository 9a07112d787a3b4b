"""Writing files: whole or not at all, and never over what somebody else has written."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def replace(path: Path, before: bytes, after: bytes) -> bool:
    """Put `after` in the place of a file that holds `before`, all or nothing, with the same mode.

    Returns False where the file holds something else by now: then it stays. Raises `OSError`.
    """
    if path.read_bytes() != before:
        return False
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(after)
            os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True


def create(path: Path, text: str) -> None:
    """Write a new file, with its folders. Raises `FileExistsError` where something is there already, or `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
