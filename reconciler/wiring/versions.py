"""Digests of what results depend on beside a project's own files: this very program, and provider definitions."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from reconciler.core.errors import Problem
from reconciler.core.model import canonical_json
from reconciler.documents.packaged import program_version, providers_folder
from reconciler.documents.reading import read

_PACKAGE = Path(__file__).resolve().parent.parent


def digest_of_program(package: Path = _PACKAGE) -> str:
    """Differs between versions of this program and of Python, and after every edit of an installation from source."""
    files = sorted(_modules(str(package)))
    return _digest([program_version(), sys.version, files])


def digest_of_definitions(own: Iterable[Path], builtin: Path | None = None) -> str:
    """Differs when a definition, built-in or in a project's folders, is changed, added or removed."""
    found = []
    for folder in (builtin or providers_folder(), *own):
        for path in sorted(folder.glob("*.yaml")):
            data = read(path, path.name)
            told = "" if isinstance(data, Problem) else hashlib.sha256(data).hexdigest()
            found.append([str(folder), path.name, told])
    return _digest(found)


def _modules(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                status = entry.stat()
                yield entry.path, status.st_size, status.st_mtime_ns
            elif entry.is_dir() and not entry.name.startswith(("_", ".")):
                yield from _modules(entry.path)


def _digest(value: object) -> str:
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()
