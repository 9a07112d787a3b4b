"""The folder beside a state for what may be thrown away at any time. Whoever cannot be sure of it does without."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from reconciler.manifests.project import Project
from reconciler.settings.secrets import STATE_FOLDER

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_DRAFT = ".draft-"
_ABANDONED_SECONDS = 24 * 3600.0
_LARGEST = 16 * 1024 * 1024


def cache_folder(project: Project) -> Path:
    """Where it is: `cache` in `.reconciler`; beside a state elsewhere, or its key, `.reconciler-cache`."""
    beside = project.key_file.parent
    return beside / ("cache" if beside.name == STATE_FOLDER else ".reconciler-cache")


def made(folder: Path) -> bool:
    """Make the folder where there is none, for its owner only; False where that cannot be, or where it is not ours.

    The folder above must be there: nothing is cached for a state that does not exist.
    """
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return is_ours(folder)
    except OSError:
        return False
    return is_ours(folder)


def is_ours(folder: Path) -> bool:
    """Whether the folder is there, and nobody else can look into it or change it."""
    try:
        return _private(folder.lstat(), stat.S_ISDIR)
    except OSError:
        return False


def open_own(path: Path) -> BinaryIO | None:
    """Open a file of the folder to read; None where it is missing, or others might have written it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if _private(os.fstat(handle), stat.S_ISREG):
        return os.fdopen(handle, "rb")
    os.close(handle)
    return None


def read_own(path: Path) -> bytes:
    """The content of a file of the folder; empty where it is missing, too large, or others might have written it."""
    file = open_own(path)
    if file is None:
        return b""
    with file:
        data = file.read(_LARGEST + 1)
    return data if len(data) <= _LARGEST else b""


def write_own(path: Path, data: bytes) -> None:
    """Write a file of the folder, whole or not at all."""
    try:
        draft, name = draft_in(path.parent)
        try:
            with draft:
                draft.write(data)
            name.replace(path)
        except OSError:
            name.unlink(missing_ok=True)
    except OSError:  # a full disk, or a folder that was removed: nothing is kept then
        return


def draft_in(folder: Path) -> tuple[BinaryIO, Path]:
    """A new file, mode 0600, that is renamed when it is whole. Raises `OSError`."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=_DRAFT)
    return os.fdopen(handle, "wb"), Path(name)


def tidy(folder: Path, pattern: str, kept: int, now: float) -> None:
    """Keep the `kept` files of `pattern` that were used last; drafts of killed processes go too, at UNIX time `now`."""
    try:
        old = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)[kept:]
        limit = now - _ABANDONED_SECONDS
        old += [path for path in folder.glob(f"{_DRAFT}*") if path.stat().st_mtime < limit]
        for path in old:
            path.unlink(missing_ok=True)
    except OSError:  # another process tidies up as well
        return


def _private(status: os.stat_result, kind: Callable[[int], bool]) -> bool:
    return kind(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & _OTHERS
