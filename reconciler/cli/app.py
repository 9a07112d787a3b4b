"""From arguments to flags: Typer does the parsing and the help; nothing is run here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from reconciler.cli import flags
from reconciler.cli.flags import COMMON, CommonFlags

PROGRAM = "reconcile"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A verb as help shows it."""

    name: str
    flags: type[CommonFlags]
    help: str
    example: str


_VERBS = (
    _Entry(
        name="plan",
        flags=flags.PlanFlags,
        help="Show what a pass would change, and change nothing.",
        example="reconcile plan --format json --detailed-exitcode",
    ),
    _Entry(
        name="validate",
        flags=flags.ValidateFlags,
        help="Check every file, offline; all problems at once.",
        example="reconcile validate -C deploy/webhooks",
    ),
    _Entry(
        name="status",
        flags=flags.StatusFlags,
        help="Health of what is recorded, and what is pending.",
        example="reconcile status --detailed-exitcode",
    ),
    _Entry(
        name="show",
        flags=flags.ShowFlags,
        help="Show one webhook in full.",
        example="reconcile show github/repo/acme/api@acme-github",
    ),
    _Entry(
        name="urls",
        flags=flags.UrlsFlags,
        help="List manual webhooks with the URL to paste.",
        example="reconcile urls --show-secrets",
    ),
    _Entry(
        name="schema",
        flags=flags.SchemaFlags,
        help="Print a JSON Schema, for editors and checks.",
        example="reconcile schema manifest > manifest.schema.json",
    ),
    _Entry(
        name="ping",
        flags=flags.PingFlags,
        help="Have the provider send a test delivery.",
        example="reconcile ping github/repo/acme/api@acme-github",
    ),
    _Entry(
        name="orphans",
        flags=flags.OrphansFlags,
        help="List what was left at providers and could not be removed.",
        example="reconcile orphans --format json",
    ),
    _Entry(
        name="daemon",
        flags=flags.DaemonFlags,
        help="Run the pass again and again, until a signal ends it.",
        example="reconcile daemon --interval 300 --log-format json",
    ),
)

_SANDBOX_VERBS = (
    _Entry(
        name="fire",
        flags=flags.FireFlags,
        help="Have the sandbox send signed deliveries of an event.",
        example="reconcile sandbox fire github push --resource acme/api",
    ),
    _Entry(
        name="requests",
        flags=flags.RequestsFlags,
        help="List the requests that the sandbox was sent.",
        example="reconcile sandbox requests --provider github",
    ),
)


class FlagGroup(TyperGroup):
    """A command with verbs: hands the common flags that stand before a verb to it, and refuses all others there."""

    def invoke(self, ctx: Any) -> Any:
        """The flags of whatever was asked for; a usage error where a flag stands before a verb that is not its own."""
        result = super().invoke(ctx)
        if ctx.invoked_subcommand is None or not isinstance(result, CommonFlags):
            return result
        for parameter in self.params:
            source = ctx.get_parameter_source(parameter.name)
            if parameter.name not in COMMON and source is not None and source.name == "COMMANDLINE":
                ctx.fail(f"{parameter.opts[0]} belongs after the verb that takes it, not before it")
        return result.within(ctx.params)


def parse(arguments: Sequence[str]) -> CommonFlags | int:
    """The flags that the arguments spell, or an exit code where help was asked for and printed.

    Raises `typer.TyperException` for a usage error.
    """
    result = get_command(build()).main(args=list(arguments), prog_name=PROGRAM, standalone_mode=False)
    return result if isinstance(result, CommonFlags) else int(result or 0)


def build() -> typer.Typer:
    """The whole command line."""
    app = _group(
        _Entry(
            name=PROGRAM,
            flags=flags.PassFlags,
            help="Declare in YAML which webhooks your workflows need; one pass makes it so. "
            "On a terminal the pass shows its plan and asks; elsewhere it applies it within the guards.",
            example="reconcile -C deploy/webhooks --dry-run",
        )
    )
    for entry in _VERBS:
        _add(app, entry)
    sandbox = _group(
        _Entry(
            name="sandbox",
            flags=flags.SandboxFlags,
            help="Serve loopback stand-ins of the providers.",
            example="reconcile sandbox --port 8787",
        )
    )
    for entry in _SANDBOX_VERBS:
        _add(sandbox, entry)
    app.add_typer(sandbox)
    return app


def _group(entry: _Entry) -> typer.Typer:
    app = typer.Typer(
        name=entry.name,
        cls=FlagGroup,
        help=entry.help,
        epilog=f"Example: {entry.example}",
        invoke_without_command=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(entry.flags)
    return app


def _add(app: typer.Typer, entry: _Entry) -> None:
    app.command(entry.name, help=entry.help, epilog=f"Example: {entry.example}")(entry.flags)
