"""What the verbs take that show and apply what was reviewed.

Annotations are evaluated here (no postponed evaluation): Typer reads them.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from reconciler.cli.flags import CommonFlags, FormatFlags, LockTimeout, ReviewFlags, Target
from reconciler.cli.flags_verbs import Address


@dataclass(frozen=True, kw_only=True)
class ApplyFlags(ReviewFlags):
    """Of `apply`."""

    verb: ClassVar[str] = "apply"

    plan: Annotated[Path, typer.Argument(metavar="PLAN.json", help="A plan that was written with --out.")]
    lock_timeout: LockTimeout = 60.0


@dataclass(frozen=True, kw_only=True)
class ExplainFlags(FormatFlags):
    """Of `explain`."""

    verb: ClassVar[str] = "explain"

    address: Address
    refresh: Annotated[bool, typer.Option("--refresh/--no-refresh", help="Ask the providers what exists.")] = False


class DiagramFormat(StrEnum):
    """The languages of a diagram."""

    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"


@dataclass(frozen=True, kw_only=True)
class DiagramFlags(CommonFlags):
    """Of `diagram`."""

    verb: ClassVar[str] = "diagram"

    format: Annotated[DiagramFormat, typer.Option("--format", help="Language of the diagram.")] = DiagramFormat.MERMAID
    target: Target = None


@dataclass(frozen=True, kw_only=True)
class ProvidersFlags(ReviewFlags):
    """Of `providers`."""

    verb: ClassVar[str] = "providers"

    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this one.", show_default="all")] = None


@dataclass(frozen=True, kw_only=True)
class ProvidersTestFlags(FormatFlags):
    """Of `providers test`."""

    verb: ClassVar[str] = "providers test"

    file: Annotated[Path, typer.Argument(metavar="FILE", help="The definition, named NAME.yaml.")]
    api_url: Annotated[
        str,
        typer.Option("--api-url", metavar="URL", help="A stand-in of your own on loopback, whose webhooks may go."),
    ] = ""
    token: Annotated[
        str, typer.Option("--token", metavar="REFERENCE", help="What the stand-in takes: env/NAME or file/PATH.")
    ] = ""
    resource: Annotated[
        list[str] | None,
        typer.Option("--resource", metavar="TYPE=RESOURCE", help="The resource to try a type on; repeatable."),
    ] = None
