"""What each verb takes, as frozen values: the one description from which Typer parses and prints help.

Annotations are evaluated here (no postponed evaluation): Typer reads them.
"""

import importlib
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import typer

from reconciler.cli.completing import addresses, provider_names
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
LockTimeout = Annotated[
    float, typer.Option("--lock-timeout", metavar="SECONDS", min=0, help="Wait so long for another pass.")
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
Address = Annotated[
    str,
    typer.Argument(
        metavar="ADDRESS", help="As in a plan: provider/type/resource@credentials.", autocompletion=addresses
    ),
]


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


@dataclass(frozen=True, kw_only=True)
class DaemonFlags(ShapingFlags):
    """Of `daemon`."""

    verb: ClassVar[str] = "daemon"

    interval: Annotated[
        float, typer.Option("--interval", metavar="SECONDS", min=1, help="From the start of a pass to the next.")
    ]
    recover: Annotated[
        bool, typer.Option("--recover/--no-recover", help="Get missed deliveries back, at the start and every hour.")
    ] = True


@dataclass(frozen=True, kw_only=True)
class ValidateFlags(FormatFlags):
    """Of `validate`."""

    verb: ClassVar[str] = "validate"


@dataclass(frozen=True, kw_only=True)
class StatusFlags(FormatFlags):
    """Of `status`."""

    verb: ClassVar[str] = "status"

    detailed_exitcode: DetailedExitcode = False


@dataclass(frozen=True, kw_only=True)
class OrphansFlags(FormatFlags):
    """Of `orphans`."""

    verb: ClassVar[str] = "orphans"

    detailed_exitcode: DetailedExitcode = False


@dataclass(frozen=True, kw_only=True)
class ShowFlags(FormatFlags):
    """Of `show`."""

    verb: ClassVar[str] = "show"

    address: Address


@dataclass(frozen=True, kw_only=True)
class PingFlags(FormatFlags):
    """Of `ping`."""

    verb: ClassVar[str] = "ping"

    address: Address


@dataclass(frozen=True, kw_only=True)
class UrlsFlags(FormatFlags):
    """Of `urls`."""

    verb: ClassVar[str] = "urls"

    show_secrets: Annotated[bool, typer.Option("--show-secrets", help="Print the secrets to paste, in the clear.")] = (
        False
    )


class SchemaName(StrEnum):
    """The packaged JSON Schemas."""

    PROJECT = "project"
    MANIFEST = "manifest"
    PROVIDER = "provider"
    PLAN = "plan"


@dataclass(frozen=True, kw_only=True)
class SchemaFlags(CommonFlags):
    """Of `schema`."""

    verb: ClassVar[str] = "schema"

    name: Annotated[SchemaName, typer.Argument(metavar="NAME", help="project, manifest, provider or plan.")]


Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port on loopback; 0 takes a free one.")]
SandboxUrl = Annotated[str, typer.Option("--url", metavar="URL", help="Where the sandbox listens.")]


@dataclass(frozen=True, kw_only=True)
class SandboxFlags(CommonFlags):
    """Of `sandbox`, which serves."""

    verb: ClassVar[str] = "sandbox"

    port: Port = 8787
    forward_to: Annotated[
        str, typer.Option("--forward-to", metavar="URL", help="Send deliveries to this loopback origin instead.")
    ] = ""


@dataclass(frozen=True, kw_only=True)
class FireFlags(FormatFlags):
    """Of `sandbox fire`."""

    verb: ClassVar[str] = "sandbox fire"

    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="Whose event.", autocompletion=provider_names)]
    event: Annotated[str, typer.Argument(metavar="EVENT", help="In the vendor's words.")]
    resource: Annotated[
        str | None, typer.Option("--resource", metavar="RESOURCE", help="Only of this one.", show_default="all")
    ] = None
    url: SandboxUrl = "http://127.0.0.1:8787"


@dataclass(frozen=True, kw_only=True)
class RequestsFlags(FormatFlags):
    """Of `sandbox requests`."""

    verb: ClassVar[str] = "sandbox requests"

    provider: Annotated[
        str | None, typer.Option("--provider", metavar="PROVIDER", help="Only to this one.", show_default="all")
    ] = None
    url: SandboxUrl = "http://127.0.0.1:8787"
