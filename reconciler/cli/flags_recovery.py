"""What `recover` takes.

Annotations are evaluated here (no postponed evaluation): Typer reads them.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from reconciler.cli.flags import DetailedExitcode, FormatFlags, LockTimeout, Target
from reconciler.cli.since import since


def a_time(value: str) -> str:
    """Refuse what is no time."""
    if value:
        try:
            since(value, 0.0)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    return value


@dataclass(frozen=True, kw_only=True)
class RecoverFlags(FormatFlags):
    """Of `recover`."""

    verb: ClassVar[str] = "recover"

    since: Annotated[
        str,
        typer.Option(
            "--since", metavar="T", callback=a_time, help="Since 30m, 2h, 3d ago, or an ISO time.",
            show_default="the last recovery",
        ),
    ] = ""  # fmt: skip
    target: Target = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what is missing.")] = False
    detailed_exitcode: DetailedExitcode = False
    lock_timeout: LockTimeout = 60.0
