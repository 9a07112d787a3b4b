"""`reconcile`: one pass."""

from __future__ import annotations

from reconciler.cli import exits
from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import Format, PassFlags
from reconciler.cli.output import Output, ask
from reconciler.cli.running import carry_out, inputs_of
from reconciler.cli.verbs import planning
from reconciler.core.plan import Plan
from reconciler.daemon.draining import Drain, drained
from reconciler.engine.reconciler import Approve, Report
from reconciler.engine.unit import Result
from reconciler.render.plan_text import plan_text
from reconciler.render.report import report_json, report_text
from reconciler.wiring.loading import load
from reconciler.wiring.session import writing


def run(flags: PassFlags, output: Output) -> ExitCode:
    """Load, observe, plan, guard, apply, report; after a dry run only the plan is shown."""
    if flags.dry_run:
        return planning.run(flags, output)
    return carry_out(lambda drain: _pass(flags, output, drain), output)


async def _pass(flags: PassFlags, output: Output, drain: Drain) -> ExitCode:
    loaded = load(inputs_of(flags, output))
    approval = _Approval(flags, output)
    async with writing(loaded, output, flags.lock_timeout) as session:

        async def begin(approve: Approve) -> Report:
            options, supplied = flags.options(), session.supplied
            return await session.reconciler.run(session.desired, options, supplied, approve, drain.stop)

        report = await drained(begin, approval.approve, drain)
    if report is None:
        return ExitCode.DONE
    approval.show(report.plan)
    if flags.format is Format.JSON:
        output.document(report_json(report))
    elif report.applied.outcomes:
        output.result(report_text(report, output.painter))
    if approval.declined:
        output("declined", level="warning", message="nothing was applied")
        return exits.of_declined(report.plan)
    complete = len(report.applied.having(Result.DONE)) == len(report.applied.outcomes)
    return exits.of_applied(report.plan, complete=complete)


class _Approval:
    """Shows the plan before it is applied, and asks where somebody is there to answer."""

    def __init__(self, flags: PassFlags, output: Output) -> None:
        self.declined = False
        self._flags = flags
        self._output = output
        self._shown = False

    async def approve(self, plan: Plan) -> bool:
        """Whether to apply the plan."""
        self.show(plan)
        streams = self._output.streams
        if self._flags.yes or not streams.interactive:
            return True
        if self._flags.format is Format.JSON:
            self._output.notice(plan_text(plan, streams.painter(streams.stderr)))
        self.declined = not await ask("Apply these changes?", streams)
        return not self.declined

    def show(self, plan: Plan) -> None:
        """Print the plan, once; in JSON it is a part of the report."""
        if not self._shown and self._flags.format is Format.TEXT:
            self._output.result(plan_text(plan, self._output.painter))
        self._shown = True
