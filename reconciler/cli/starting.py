"""The places that the first files of a project go to, looked at before the first of them is written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from reconciler.core.errors import ConfigError, Problem, ReconcilerError


def refuse_existing(path: Path) -> None:
    """Raise `ConfigError` where something is there already."""
    if os.path.lexists(path):
        hint = "`reconcile validate` checks what is there"
        raise ConfigError((Problem("exists", f"{path} is there already: nothing was written", hint=hint),))


def require_writable(paths: Iterable[Path]) -> None:
    """Raise `ReconcilerError` where a new file could not be written: something in the way, or a right missing."""
    for path in paths:
        nearest = next(each for each in path.absolute().parents if os.path.lexists(each))
        if not nearest.is_dir():
            raise ReconcilerError(f"{path} cannot be written: {nearest} is no folder; nothing was written")
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise ReconcilerError(
                f"{path} cannot be written: no right to write in the folder {nearest}; nothing was written"
            )


def kept_bytes(path: Path) -> bytes | None:
    """What a file holds that stays as it is; None where there is none. Raises `ReconcilerError`."""
    if not os.path.lexists(path):
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReconcilerError(f"{path} cannot be read: {error.strerror}; nothing was written") from error
