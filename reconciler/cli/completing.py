"""What a shell may complete beyond flags and verbs; silent about whatever is wrong.

Annotations are evaluated here (no postponed evaluation): Typer reads them.
"""

from collections.abc import Callable
from pathlib import Path

import typer

from reconciler.cli.finding import Place, completions
from reconciler.core.errors import ReconcilerError


def addresses(ctx: typer.Context, incomplete: str) -> list[str]:
    """The addresses of what is recorded."""
    return _found(lambda: completions().addresses(_flags(ctx)), incomplete)


def provider_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The names of the providers that the project knows."""
    return _found(lambda: completions().provider_names(_flags(ctx)), incomplete)


def _flags(ctx: typer.Context) -> Place:
    """Where the project is, as far as the line says; what stands nearer to the verb wins."""
    directory: Path | None = None
    files: list[Path] = []
    current: typer.Context | None = ctx
    while current is not None:
        directory = directory or current.params.get("directory")
        files = [*(current.params.get("files") or ()), *files]
        current = current.parent  # type: ignore[assignment] # the parent of a context is a context of the same kind
    return Place(directory, tuple(files))


def _found(find: Callable[[], list[str]], incomplete: str) -> list[str]:
    try:
        return [name for name in find() if name.startswith(incomplete)]
    except (ReconcilerError, OSError):
        return []
