"""From arguments to flags: Typer does the parsing and the help; nothing is run here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer
from typer.completion import completion_init  # type: ignore[attr-defined] # where Typer itself takes it from
from typer.core import TyperGroup
from typer.main import get_command

from reconciler.cli import flags, flags_review, flags_state, project_flags
from reconciler.cli.entries import Entry as _Entry
from reconciler.cli.entries import Family
from reconciler.cli.entries_state import FAMILIES, STATE_VERBS
from reconciler.cli.flags import COMMON, CommonFlags

PROGRAM = "reconcile"

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
        name="renew",
        flags=flags_state.RenewFlags,
        help="Renew leases now. Of the webhooks at the addresses, or of all whose lease ends soon.",
        example="reconcile renew --all-due",
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

_REVIEW_VERBS = (
    _Entry(
        name="apply",
        flags=flags_review.ApplyFlags,
        help="Apply a plan that was saved with --out. Once, and only if a plan made now is the same. Does not ask.",
        example="reconcile apply plan.json",
    ),
    _Entry(
        name="explain",
        flags=flags_review.ExplainFlags,
        help="Tell why a webhook exists. Who asks for what, what is recorded, what would change now.",
        example="reconcile explain github/repo/acme/api@acme-github",
    ),
    _Entry(
        name="diagram",
        flags=flags_review.DiagramFlags,
        help="Draw who asks for which webhooks. Graphs and presets, webhooks and providers, from the manifests alone.",
        example="reconcile diagram --format svg > webhooks.svg",
    ),
)

_PROVIDERS_TEST = _Entry(
    name="test",
    flags=flags_review.ProvidersTestFlags,
    help="Check a definition of your own. Then run the contract suite on it: against a stand-in made from the "
    "definition, or one that you run (whose webhooks of the resource are deleted).",
    example="reconcile providers test providers.d/forge.yaml",
)

_PROJECT_VERBS = (
    _Entry(
        name="init",
        flags=project_flags.InitFlags,
        help="Start a project: its file, a manifest, schemas for editors. Asks on a terminal; writes over nothing.",
        example="reconcile init -C hooks --provider github --resource acme/api --event issues.opened",
    ),
    _Entry(
        name="fmt",
        flags=project_flags.FmtFlags,
        help="Rewrite the project's files in canonical form; comments stay.",
        example="reconcile fmt --check",
    ),
    _Entry(
        name="completion",
        flags=project_flags.CompletionFlags,
        help="Print what teaches a shell to complete. Verbs, flags, addresses and providers.",
        example="reconcile completion bash > reconcile.bash",
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


class NameGroup(FlagGroup):
    """A command that takes a name or a verb, whichever the first word is."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """What is left for the verb. A name may have flags before and behind it; in front of a verb there is none."""
        if self._first_word(args) in self.commands:
            self.params = [parameter for parameter in self.params if parameter.param_type_name == "option"]
        else:
            ctx.allow_interspersed_args = True
        return list(super().parse_args(ctx, args))

    def _first_word(self, args: Sequence[str]) -> str:
        """The first argument that is neither a flag nor the value of one."""
        valued = {name for item in self.params if not getattr(item, "is_flag", True) for name in item.opts}
        valued -= {name for item in self.params if getattr(item, "count", False) for name in item.opts}
        words = iter(args)
        for word in words:
            if not word.startswith("-"):
                return word
            if word in valued:
                next(words, None)
        return ""


def parse(arguments: Sequence[str]) -> CommonFlags | int:
    """The flags that the arguments spell, or an exit code where help was asked for and printed.

    Raises `typer.TyperException` for a usage error.
    """
    completion_init()
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
    for entry in (*_VERBS, *_REVIEW_VERBS, *_PROJECT_VERBS):
        _add(app, entry)
    providers = _group(
        _Entry(
            name="providers",
            flags=flags_review.ProvidersFlags,
            help="Show what each provider can do. With a NAME, one in full with its events and options.",
            example="reconcile providers github",
        ),
        NameGroup,
    )
    _add(providers, _PROVIDERS_TEST)
    app.add_typer(providers)
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
    for entry in STATE_VERBS:
        _add(app, entry)
    for family in FAMILIES:
        app.add_typer(_family(family))
    return app


def _group(entry: _Entry, cls: type[FlagGroup] = FlagGroup) -> typer.Typer:
    app = typer.Typer(
        name=entry.name,
        cls=cls,
        help=entry.help,
        epilog=f"Example: {entry.example}",
        invoke_without_command=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(entry.flags)
    return app


def _family(family: Family) -> typer.Typer:
    app = typer.Typer(
        name=family.name,
        cls=FlagGroup,
        help=family.help,
        epilog=f"Example: {family.verbs[0].example}",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(CommonFlags)
    for entry in family.verbs:
        _add(app, entry)
    return app


def _add(app: typer.Typer, entry: _Entry) -> None:
    app.command(entry.name, help=entry.help, epilog=f"Example: {entry.example}")(entry.flags)
