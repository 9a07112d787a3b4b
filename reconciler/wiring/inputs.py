"""What a command was told about where its project is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The project's folder, its project files (later ones overlay earlier; none: `reconciler.yaml` there)."""

    directory: Path
    files: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
