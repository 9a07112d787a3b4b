"""Files that only their owner may touch: folders, modes, atomic creation, and a lock on a folder."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.core.errors import StateError
from reconciler.documents.saving import swap, sync_folder

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MODE = 0o600


def make_folder(folder: Path) -> None:
    """Create the missing folders down to `folder`, for their owner only; existing ones keep their mode."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        try:
            each.mkdir(mode=0o700)
        except FileExistsError:  # another process was quicker
            continue
        each.chmod(0o700)  # mkdir's mode is cut by the umask


def check_private(path: Path, noun: str) -> None:
    """Raise `StateError` when group or others can do anything with `path`; a missing file is fine."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise StateError(f"the {noun} {path} is no regular file")
    if mode & _OTHERS:
        raise StateError(f"the {noun} {path} can be read or written by other users: chmod 600 {path}")


def check_writable(path: Path, noun: str) -> None:
    """Raise `StateError` when we may not write `path` or create files beside it."""
    for each, what in ((path, noun), (path.parent, "folder")):
        if not os.access(each, os.W_OK):
            raise StateError(f"the {noun} {path} cannot be written: the {what} is read-only for this user")


def create_empty(path: Path) -> None:
    """Create `path` with mode 0600 from its first moment; one that exists is left alone."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    except FileExistsError:
        return
    try:
        os.fchmod(handle, _MODE)
        os.fsync(handle)
    finally:
        os.close(handle)
    sync_folder(path.parent)


def create_new(path: Path) -> None:
    """Create an empty `path` with mode 0600; raises `FileExistsError`."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        os.fchmod(handle, _MODE)
    finally:
        os.close(handle)


def create_with(path: Path, text: str) -> bool:
    """Create `path` with mode 0600 and its whole content at once, durably; False when it exists already.

    A link, unlike a rename, never replaces what another process created a moment earlier.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), _MODE)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
    finally:
        draft.unlink()
    sync_folder(path.parent)
    return True


def replace_with(path: Path, text: str) -> None:
    """Give the existing `path` a new content with mode 0600, durably: a reader sees the old one or the new one, whole.

    A link is followed. The draft has a fixed name, so that one left by a killed process is not left for ever; the
    caller holds the folder's lock.
    """
    path = path.resolve()
    swap(path, text.encode("ascii"), _MODE, path.with_name(f".{path.name}.draft"))


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold an exclusive lock on `folder` against other threads and processes; waits for it.

    The folder and not the database file: closing a second handle of a database file would drop the locks that SQLite
    holds on it in this process (POSIX `fcntl` locks belong to the process).
    """
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
