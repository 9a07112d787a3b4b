"""What the verbs take that look back and clean up: `history` and `orphans`.

Annotations are evaluated here (no postponed evaluation): Typer reads them.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from reconciler.cli.completing import addresses as known_addresses
from reconciler.cli.flags import MANY, FormatFlags
from reconciler.cli.flags_state import KeepingFlags, Yes


@dataclass(frozen=True, kw_only=True)
class HistoryFlags(FormatFlags):
    """Of `history`."""

    verb: ClassVar[str] = "history"

    webhook: Annotated[
        str,
        typer.Option(
            "--webhook", metavar="ID", help="Only of this one: its id, the beginning of that, or its address.",
            autocompletion=known_addresses,
        ),
    ] = ""  # fmt: skip
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, max=MANY, help="So many at most.", show_default="all")
    ] = None


@dataclass(frozen=True, kw_only=True)
class ResolveFlags(KeepingFlags):
    """Of `orphans resolve`."""

    verb: ClassVar[str] = "orphans resolve"

    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Of the orphan, or the beginning of it.", show_default=False),
    ] = None
    all: Annotated[bool, typer.Option("--all", help="Every orphan of the scope.")] = False
    gone: Annotated[
        bool, typer.Option("--gone", help="I say it is removed at the provider, where nobody can look it up.")
    ] = False
    yes: Yes = False
