"""Plans and reports in the formats that they are reviewed in."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping
from pathlib import Path

from reconciler.cli.flags import PlanFlags, ReviewFormat
from reconciler.cli.output import Output
from reconciler.core.plan import Plan
from reconciler.engine.reconciler import Report
from reconciler.render.markdown import plan_markdown, report_markdown
from reconciler.render.plan_file import plan_document
from reconciler.render.plan_text import plan_text
from reconciler.render.report import report_json, report_text
from reconciler.wiring.plan_files import write_plan
from reconciler.wiring.session import Session


def show_plan(plan: Plan, format_: ReviewFormat, serial: int, listed: Mapping[str, int], output: Output) -> None:
    """Print a plan that is not applied."""
    match format_:
        case ReviewFormat.JSON:
            output.document(plan_document(plan, serial))
        case ReviewFormat.MARKDOWN:
            output.result(plan_markdown(plan, listed))
        case ReviewFormat.TEXT:
            output.result(plan_text(plan, output.painter))


def show_report(report: Report, format_: ReviewFormat, listed: Mapping[str, int], output: Output) -> None:
    """Print what a pass did; in text the plan was shown before."""
    match format_:
        case ReviewFormat.JSON:
            output.document(report_json(report))
        case ReviewFormat.MARKDOWN:
            output.result(report_markdown(report, listed))
        case ReviewFormat.TEXT:
            if report.applied.outcomes:
                output.result(report_text(report, output.painter))


async def serial_of(session: Session) -> int:
    """The serial that a plan of the session's scope bears."""
    return await asyncio.to_thread(session.store.serial, session.scope.name)


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
