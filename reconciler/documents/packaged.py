"""What travels with the package: `providers.d`, `schemas`, and its version."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from pathlib import Path

from reconciler.core.errors import ReconcilerError

DISTRIBUTION = "webhook-reconciler"

_PACKAGE = Path(__file__).resolve().parent.parent


def packaged(folder: str) -> Path:
    """The packaged folder of that name.

    An installed wheel holds it as `reconciler/data/FOLDER`, a source checkout beside the package. Raises
    `ReconcilerError` where neither has it: the installation is broken.
    """
    for candidate in (_PACKAGE / "data" / folder, _PACKAGE.parent / folder):
        if candidate.is_dir():
            return candidate
    raise ReconcilerError(f"the folder {folder!r} that comes with this package is missing: install the package again")


def providers_folder() -> Path:
    """Where the built-in provider definitions are."""
    return packaged("providers.d")


def schemas_folder() -> Path:
    """Where the JSON Schemas are."""
    return packaged("schemas")


@cache
def program_version() -> str:
    """The version of this program, as it is installed; read once, for it stands at the head of a long text."""
    return version(DISTRIBUTION)
