"""What the verbs around a project's files take: `init`, `fmt` and `completion`.

Annotations are evaluated here (no postponed evaluation): Typer reads them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar

import typer

from reconciler.cli.completing import provider_names
from reconciler.cli.flags import CommonFlags


@dataclass(frozen=True, kw_only=True)
class InitFlags(CommonFlags):
    """Of `init`. What is not said is asked for on a terminal."""

    verb: ClassVar[str] = "init"

    scope: Annotated[
        str | None, typer.Option("--scope", metavar="NAME", help="Ownership label.", show_default="the folder's name")
    ] = None
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", metavar="URL", help="Where deliveries arrive.", show_default="to be filled in"),
    ] = None
    provider: Annotated[
        str | None,
        typer.Option(
            "--provider", metavar="PROVIDER", help="The first provider.", autocompletion=provider_names,
            show_default="generic",
        ),
    ] = None  # fmt: skip
    type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Its type of resource.", show_default="its first")
    ] = None
    resource: Annotated[
        str | None, typer.Option("--resource", metavar="RESOURCE", help="The first resource.", show_default="none")
    ] = None
    event: Annotated[
        list[str] | None,
        typer.Option("--event", metavar="EVENT", help="Its events; repeatable.", show_default="the only one"),
    ] = None
    graph: Annotated[
        str | None, typer.Option("--graph", metavar="ID", help="What they start.", show_default="my-graph")
    ] = None
    variable: Annotated[
        str | None,
        typer.Option("--variable", metavar="NAME", help="Holds the secret.", show_default="PROVIDER_TOKEN"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class FmtFlags(CommonFlags):
    """Of `fmt`."""

    verb: ClassVar[str] = "fmt"

    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 where something would change.")] = False


class Shell(StrEnum):
    """The shells that can be taught."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@dataclass(frozen=True, kw_only=True)
class CompletionFlags(CommonFlags):
    """Of `completion`."""

    verb: ClassVar[str] = "completion"

    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]
