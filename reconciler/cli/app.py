"""From arguments to flags: Typer does the parsing and the help; nothing is run here."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import Any

import typer
from typer.completion import completion_init  # type: ignore[attr-defined] # where Typer itself takes it from
from typer.core import TyperGroup
from typer.main import get_command

from reconciler.cli import lazy
from reconciler.cli.entries import Entry, Family
from reconciler.cli.flags import COMMON, CommonFlags, PassFlags, PlanFlags

PROGRAM = "reconcile"
_COMPLETION = "_RECONCILE_COMPLETE"

_PASS = Entry(
    name=PROGRAM,
    flags=PassFlags,
    help="Declare in YAML which webhooks your workflows need; one pass makes it so. "
    "On a terminal the pass shows its plan and asks; elsewhere it applies it within the guards.",
    example="reconcile -C deploy/webhooks --dry-run",
)

_PLAN = Entry(
    name="plan",
    flags=PlanFlags,
    help="Show what a pass would change, and change nothing.",
    example="reconcile plan --format json --detailed-exitcode",
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
    if "--help" in arguments or _COMPLETION in os.environ:
        return _parse(build(), arguments)
    try:
        return _parse(_only(frozenset(arguments)), arguments)
    except typer.TyperException:
        return _parse(build(), arguments)  # whose message knows all verbs


def _parse(app: typer.Typer, arguments: Sequence[str]) -> CommonFlags | int:
    result = get_command(app).main(args=list(arguments), prog_name=PROGRAM, standalone_mode=False)
    return result if isinstance(result, CommonFlags) else int(result or 0)


def _only(words: Collection[str]) -> typer.Typer:
    """The command line without the verbs that are not spoken of: to prepare them all is half of a start."""
    app = _first() if lazy.NAMED.isdisjoint(words) else build()
    app.registered_commands = [command for command in app.registered_commands if command.name in words]
    app.registered_groups = [
        group for group in app.registered_groups if group.typer_instance and group.typer_instance.info.name in words
    ]
    return app


def build() -> typer.Typer:
    """The whole command line."""
    app, every = _first(), lazy.entries()
    for entry in every.VERBS:
        _add(app, entry)
    for group in every.GROUPS:
        inner = _group(group.entry, NameGroup if group.named else FlagGroup)
        for entry in group.verbs:
            _add(inner, entry)
        app.add_typer(inner)
    for family in every.FAMILIES:
        app.add_typer(_family(family))
    return app


def _first() -> typer.Typer:
    """The pass, and its plan."""
    app = _group(_PASS)
    _add(app, _PLAN)
    return app


def _group(entry: Entry, cls: type[FlagGroup] = FlagGroup) -> typer.Typer:
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


def _add(app: typer.Typer, entry: Entry) -> None:
    app.command(entry.name, help=entry.help, epilog=f"Example: {entry.example}")(entry.flags)
