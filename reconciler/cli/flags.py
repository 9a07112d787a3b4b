"""What verbs take, as frozen values: the one description from which Typer parses and prints help.

Here is what all share, and what the pass and its plan take; what other verbs take, in the `flags_*` modules beside.

Annotations are evaluated here (no postponed evaluation): Typer reads them.
"""

import importlib
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import typer

from reconciler.core.guard import parse_allowance
from reconciler.core.plan import PlanOptions

_DISTRIBUTION = "webhook-reconciler"


class Format(StrEnum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"


class ReviewFormat(StrEnum):
    """How plans, reports and capabilities are printed; Markdown is made to be read in a pull request."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def allowance(value: str) -> str:
    """Refuse what is neither a number nor a share."""
    if value:
        try:
            parse_allowance(value)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    return value


def print_version(wanted: bool) -> None:
    """Print the version and nothing else, where that is asked for."""
    if wanted:
        # Loaded for those who ask alone: it is slow, and every command would pay for it.
        metadata = importlib.import_module("importlib.metadata")
        typer.echo(f"reconcile {metadata.version(_DISTRIBUTION)}")
        raise typer.Exit


@dataclass(frozen=True, kw_only=True)
class CommonFlags:
    """What may stand before or after every verb."""

    verb: ClassVar[str] = ""

    directory: Annotated[
        Path | None, typer.Option("-C", metavar="DIR", help="The project's folder.", show_default="the current one")
    ] = None
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "-f", metavar="FILE", help="Project file; later ones overlay earlier.", show_default="reconciler.yaml"
        ),
    ] = None
    log_format: Annotated[Format | None, typer.Option("--log-format", help="Logs on stderr.", show_default="text")] = (
        None
    )
    verbose: Annotated[
        int, typer.Option("-v", count=True, show_default=False, help="More logs; with a bug, its traceback.")
    ] = 0

    def within(self, outer: dict[str, Any]) -> Self:
        """These flags with what was said before the verb (`outer`, by field): the nearer one wins, files add up."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        values["directory"] = self.directory or outer.get("directory")
        values["files"] = [*(outer.get("files") or ()), *(self.files or ())]
        values["log_format"] = self.log_format or outer.get("log_format")
        values["verbose"] = self.verbose + (outer.get("verbose") or 0)
        return type(self)(**values)


COMMON = frozenset(item.name for item in fields(CommonFlags))
"""The fields that may be given before a verb."""


@dataclass(frozen=True, kw_only=True)
class FormatFlags(CommonFlags):
    """Of verbs that print results."""

    format: Annotated[Format, typer.Option("--format", help="Results on stdout.")] = Format.TEXT


Target = Annotated[
    list[str] | None,
    typer.Option("--target", metavar="GLOB", help="Only these: an address, graph:ID or preset:ID; repeatable."),
]
YEAR = 31_536_000
"""More seconds than anybody waits."""

MANY = 1_000_000_000
"""More of anything than anybody lists."""

LockTimeout = Annotated[
    float, typer.Option("--lock-timeout", metavar="SECONDS", min=0, max=YEAR, help="Wait so long for another pass.")
]


@dataclass(frozen=True, kw_only=True)
class ShapingFlags(CommonFlags):
    """What shapes a pass."""

    refresh: Annotated[bool, typer.Option("--refresh/--no-refresh", help="Ask the providers what exists.")] = True
    prune: Annotated[bool, typer.Option("--prune/--no-prune", help="Deregister what no trigger wants.")] = True
    target: Target = None
    allow_destroy: Annotated[
        str,
        typer.Option("--allow-destroy", metavar="N|P%", callback=allowance, help="Let so many be pruned or replaced."),
    ] = ""
    allow_change: Annotated[
        str, typer.Option("--allow-change", metavar="N|P%", callback=allowance, help="Let so many be changed.")
    ] = ""
    allow_protected: Annotated[
        list[str] | None,
        typer.Option("--allow-protected", metavar="ADDRESS", help="Let this protected one go; repeatable."),
    ] = None
    lock_timeout: LockTimeout = 60.0

    def options(self) -> PlanOptions:
        """The choices that belong to the plan."""
        return PlanOptions(
            refresh=self.refresh,
            prune=self.prune,
            targets=tuple(self.target or ()),
            allow_destroy=self.allow_destroy,
            allow_change=self.allow_change,
            allow_protected=tuple(self.allow_protected or ()),
        )


DetailedExitcode = Annotated[bool, typer.Option("--detailed-exitcode", help="Exit 2 when changes are pending.")]


@dataclass(frozen=True, kw_only=True)
class ReviewFlags(CommonFlags):
    """Of verbs whose results are read in a pull request."""

    format: Annotated[ReviewFormat, typer.Option("--format", help="Results on stdout.")] = ReviewFormat.TEXT


@dataclass(frozen=True, kw_only=True)
class PlanFlags(ShapingFlags, ReviewFlags):
    """Of `plan`: a dry run by name."""

    verb: ClassVar[str] = "plan"

    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the plan there too, for `apply`.")
    ] = None
    detailed_exitcode: DetailedExitcode = False


@dataclass(frozen=True, kw_only=True)
class PassFlags(PlanFlags):
    """Of the pass itself, which has no verb."""

    verb: ClassVar[str] = "pass"

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Stop after the plan; change nothing.")] = False
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; passes no guard.")] = False
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=print_version, help="Show the version and exit."),
    ] = False
