"""Which schema this version of the program works with; light, so that a check costs no import of Alembic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HEAD = "0004"
"""The newest packaged migration. Revisions are four digits, so that their order is the order of their text."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The revision that a store is to have, and folders with migrations beside the packaged ones."""

    head: str = HEAD
    folders: tuple[Path, ...] = ()


PACKAGED = Schema()
"""What the installed program works with."""
