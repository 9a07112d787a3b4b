"""Writing files: whole or not at all, and never over what somebody else has written."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path


def swap(path: Path, data: bytes, mode: int | None = None, draft: Path | None = None) -> None:
    """Put `data` in the place of what is at `path`, if anything: at once and durably. Raises `OSError`.

    A reader sees the old content or the new one, whole. A link is followed. The file gets the `mode`, or, without one,
    what the umask leaves. It is written as `draft`, in the same folder, first: under a new name, unless one is given,
    whose leftover of a killed process is then removed.
    """
    path = path.resolve()
    if draft is None:
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    else:
        draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666 if mode is None else mode)
    try:
        with os.fdopen(handle, "wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)  # the umask took some of it
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make new names in `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace(path: Path, before: bytes, after: bytes) -> bool:
    """Put `after` in the place of a file that holds `before`, all or nothing, with the same mode.

    Returns False where the file holds something else by now: then it stays. Raises `OSError`.
    """
    if path.read_bytes() != before:
        return False
    swap(path, after, stat.S_IMODE(path.stat().st_mode))
    return True


def create(path: Path, text: str) -> None:
    """Write a new file, with its folders. Raises `FileExistsError` where something is there already, or `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
