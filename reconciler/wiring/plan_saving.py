"""Plans put into files: whole or not at all, and over nothing but another plan."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from reconciler.core.errors import ReconcilerError
from reconciler.core.model import Json
from reconciler.documents.saving import swap

_HEAD_BYTES = 1024


def write_plan(path: Path, document: Mapping[str, Json]) -> None:
    """Write a plan's document, replacing what is there at once. Raises `ReconcilerError` where that is impossible.

    There is no secret in it, and a later step of a pipeline may run as another user: so it gets the mode that the
    umask leaves, as a redirected output does. Applying trusts no file: it plans again and compares.
    """
    target = path.resolve()
    text = json.dumps(document, indent=2, ensure_ascii=False)
    data = f"{text}\n".encode("utf-8", "backslashreplace")
    try:
        if target.exists() and not target.is_file():
            raise ReconcilerError(f"cannot write the plan to {path}: it is there, and no regular file")
        if target.exists() and not _may_be_a_plan(target):
            raise ReconcilerError(f"cannot write the plan to {path}: it is there, and no plan; name another file")
        swap(target, data)
    except OSError as error:
        raise ReconcilerError(f"cannot write the plan to {path}: {error.strerror}") from error


def _may_be_a_plan(path: Path) -> bool:
    """Whether nothing is lost by writing a plan over a file: it is empty, or begins as a plan does."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return not head or re.match(rb'\s*\{\s*"version"\s*:', head) is not None
