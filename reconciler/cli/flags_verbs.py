"""What verbs take that look at what is there, and those that serve.

Annotations are evaluated here (no postponed evaluation): Typer reads them.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar

import typer

from reconciler.cli.completing import addresses, provider_names
from reconciler.cli.flags import YEAR, CommonFlags, DetailedExitcode, FormatFlags, ShapingFlags

Address = Annotated[
    str,
    typer.Argument(
        metavar="ADDRESS", help="As in a plan: provider/type/resource@credentials.", autocompletion=addresses
    ),
]


@dataclass(frozen=True, kw_only=True)
class DaemonFlags(ShapingFlags):
    """Of `daemon`."""

    verb: ClassVar[str] = "daemon"

    interval: Annotated[
        float,
        typer.Option("--interval", metavar="SECONDS", min=1, max=YEAR, help="From the start of a pass to the next."),
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


def an_origin(value: str) -> str:
    """Refuse what is no origin of a server."""
    if not re.fullmatch(r"https?://[^/?#@\s]+/?", value):
        raise typer.BadParameter(f"expected an origin such as http://127.0.0.1:8787, not {value!r}")
    return value


Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port on loopback; 0 takes a free one.")]
SandboxUrl = Annotated[str, typer.Option("--url", metavar="URL", callback=an_origin, help="Where the sandbox listens.")]


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
