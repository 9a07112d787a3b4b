"""What the verbs take that compare with, bind and write down what exists at providers.

Annotations are evaluated here (no postponed evaluation): Typer reads them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from reconciler.cli.completing import addresses, provider_names
from reconciler.cli.flags import CommonFlags, DetailedExitcode, LockTimeout, ReviewFlags, Target


@dataclass(frozen=True, kw_only=True)
class DriftFlags(ReviewFlags):
    """Of `drift`."""

    verb: ClassVar[str] = "drift"

    target: Target = None
    detailed_exitcode: DetailedExitcode = False


@dataclass(frozen=True, kw_only=True)
class AdoptFlags(ReviewFlags):
    """Of `adopt`."""

    verb: ClassVar[str] = "adopt"

    address: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS",
            help="What it is to become, as in a plan.",
            autocompletion=addresses,
            show_default=False,
        ),
    ] = ""
    remote_id: Annotated[
        str, typer.Option("--id", metavar="REMOTE_ID", help="The object with this id at the provider.")
    ] = ""
    url: Annotated[str, typer.Option("--url", metavar="GLOB", help="Objects whose URL matches.")] = ""
    unrecorded: Annotated[
        bool, typer.Option("--unrecorded", help="What has a URL of ours, and no record: after a state was lost.")
    ] = False
    target: Target = None
    secret: Annotated[
        str,
        typer.Option("--secret", metavar="REFERENCE", help="The secret that the object has: env/NAME or file/PATH."),
    ] = ""
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Stop after the plan; leave no trace.")] = False
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; passes no guard.")] = False
    lock_timeout: LockTimeout = 60.0


@dataclass(frozen=True, kw_only=True)
class ExportFlags(CommonFlags):
    """Of `export`."""

    verb: ClassVar[str] = "export"

    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="Whose webhooks.", autocompletion=provider_names)]
    credentials: Annotated[
        str,
        typer.Option("--credentials", metavar="NAME", help="Seen with these.", show_default="the provider's default"),
    ] = ""
    type: Annotated[str, typer.Option("--type", metavar="TYPE", help="Only of this type.", show_default="all")] = ""
    resource: Annotated[
        list[str] | None,
        typer.Option(
            "--resource",
            metavar="RESOURCE",
            help="Only on this one; repeatable.",
            show_default="all that manifests or records name",
        ),
    ] = None
    graph: Annotated[str, typer.Option("--graph", metavar="ID", help="What they start.", show_default="exported")] = ""
    preset: Annotated[str, typer.Option("--preset", metavar="ID", help="What they start, instead of a graph.")] = ""
    user: Annotated[
        str, typer.Option("--user", metavar="USER", help="Whose they are.", show_default="the project's default")
    ] = ""
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write a new file instead of stdout.")] = (
        None
    )
