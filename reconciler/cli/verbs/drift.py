"""`reconcile drift`: what providers have otherwise than it was recorded."""

from __future__ import annotations

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import ReviewFormat
from reconciler.cli.flags_adoption import DriftFlags
from reconciler.cli.output import Output
from reconciler.cli.running import inputs_of, look_up
from reconciler.core.drift import DriftReport
from reconciler.engine.drifting import drift
from reconciler.render.drift import drift_json, drift_markdown, drift_text
from reconciler.wiring.loading import load_recorded
from reconciler.wiring.session import reading


def run(flags: DriftFlags, output: Output) -> ExitCode:
    """Ask the providers of everything recorded, and show what differs. Nothing is written, locked, made or migrated."""

    async def work() -> ExitCode:
        async with reading(load_recorded(inputs_of(flags, output)), output) as session:
            report = await drift(session.ports, session.scope, tuple(flags.target or ()))
        _show(report, flags.format, output)
        if report.problems:
            return ExitCode.ERROR
        return ExitCode.PENDING if report.drifted and flags.detailed_exitcode else ExitCode.DONE

    return look_up(work, output)


def _show(report: DriftReport, format_: ReviewFormat, output: Output) -> None:
    match format_:
        case ReviewFormat.JSON:
            output.document(drift_json(report))
        case ReviewFormat.MARKDOWN:
            output.result(drift_markdown(report))
        case ReviewFormat.TEXT:
            output.result(drift_text(report, output.painter))
