"""Plans as they are shown, by whoever made them: at length, or from memory."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.cli import exits, lazy
from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import PlanFlags, ReviewFormat
from reconciler.cli.output import Output
from reconciler.core.errors import ConfigError
from reconciler.core.plan import Plan
from reconciler.core.targets import PROTECTED_UNMATCHED
from reconciler.render.painter import counted
from reconciler.render.plan_file import plan_document
from reconciler.render.plan_text import plan_text
from reconciler.wiring.plan_saving import write_plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan that is not applied: with its scope's serial, the orphans of its scope, and the lists by provider."""

    plan: Plan
    serial: int
    orphans: int
    listed: Mapping[str, int]


def require_matched(plan: Plan) -> None:
    """Raise `ConfigError` where somebody allows a webhook to go that there is not.

    For whoever typed it: a daemon goes on, where what was allowed to go is gone after its first pass.
    """
    if unmatched := tuple(problem for problem in plan.problems if problem.code == PROTECTED_UNMATCHED):
        raise ConfigError(unmatched)


def tell(planned: Planned, flags: PlanFlags, output: Output) -> ExitCode:
    """Print the plan, warn, save it where that was asked for; returns the exit code."""
    plan, serial = planned.plan, planned.serial
    show_plan(plan, flags.format, serial, planned.listed, output)
    warn_of_orphans(planned.orphans, output)
    save(plan, flags.out, serial, output, apply_command(flags))
    code = exits.of_plan(plan)
    return code if flags.detailed_exitcode else exits.plain(code)


def show_plan(plan: Plan, format_: ReviewFormat, serial: int, listed: Mapping[str, int], output: Output) -> None:
    """Print a plan that is not applied."""
    match format_:
        case ReviewFormat.JSON:
            output.document(plan_document(plan, serial))
        case ReviewFormat.MARKDOWN:
            output.result(lazy.plan_markdown(plan, listed))
        case ReviewFormat.TEXT:
            output.result(plan_text(plan, output.painter))


def warn_of_orphans(number: int, output: Output) -> None:
    """Say on stderr that something is left at providers, until it is settled."""
    if number:
        message = f"{counted(number, 'orphan')} at the providers: see `reconcile orphans`"
        output("orphans", level="warning", message=message, orphans=number)


def save(plan: Plan, path: Path | None, serial: int, output: Output, then: str = "") -> None:
    """Write the plan where `--out` says, if it was given; `then` is the command to run with it, if there is one."""
    if path is not None:
        write_plan(path, plan_document(plan, serial))
        hint = f": apply it with `{then}`" if then else ""
        output("saved", message=f"the plan is in {path}{hint}", file=str(path))


def apply_command(flags: PlanFlags) -> str:
    """The command that applies what `--out` saved, of the same project: to be pasted into a shell."""
    words = ["reconcile", "apply", str(flags.out)]
    if flags.directory:
        words += ["-C", str(flags.directory)]
    for file in flags.files or ():
        words += ["-f", str(file)]
    return shlex.join(words)
