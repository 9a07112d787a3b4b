"""What finds completions, loaded by its name: flags refer to it, and help must not cost what it needs."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast


@dataclass(frozen=True, slots=True)
class Place:
    """Where a project is, as far as a line that is still being typed says."""

    directory: Path | None
    files: tuple[Path, ...]


class Completions(Protocol):
    """The module that finds what a shell may complete."""

    def addresses(self, place: Place) -> list[str]: ...

    def provider_names(self, place: Place) -> list[str]: ...


def completions() -> Completions:
    """What finds completions."""
    return cast("Completions", importlib.import_module("reconciler.cli.completions"))
