"""`reconcile`: one pass."""

from __future__ import annotations

from reconciler.cli import exits
from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import PassFlags, ReviewFormat
from reconciler.cli.output import Output
from reconciler.cli.question import ask
from reconciler.cli.reviewing import save, serial_of, show_report
from reconciler.cli.running import carry_out, inputs_of
from reconciler.cli.verbs import planning
from reconciler.core.plan import Plan
from reconciler.daemon.draining import Drain, drained
from reconciler.engine.reconciler import Approve, Report
from reconciler.engine.unit import Result
from reconciler.render.painter import counted
from reconciler.render.plan_text import plan_text
from reconciler.wiring.loading import load
from reconciler.wiring.progress import ListTally
from reconciler.wiring.session import writing


def run(flags: PassFlags, output: Output) -> ExitCode:
    """Load, observe, plan, guard, apply, report; after a dry run only the plan is shown."""
    if flags.dry_run:
        return planning.run(flags, output)
    return carry_out(lambda drain: _pass(flags, output, drain), output)


async def _pass(flags: PassFlags, output: Output, drain: Drain) -> ExitCode:
    loaded, tally = load(inputs_of(flags, output)), ListTally(output)
    async with writing(loaded, tally, flags.lock_timeout) as session:
        approval = _Approval(flags, output, await serial_of(session))

        async def begin(approve: Approve) -> Report:
            options, supplied = flags.options(), session.supplied
            return await session.reconciler.run(session.desired, options, supplied, approve, drain.stop)

        report = await drained(begin, approval.approve, drain)
    if report is None:
        return ExitCode.DONE
    approval.show(report.plan)
    show_report(report, flags.format, tally.listed, output)
    if approval.declined:
        output("declined", level="warning", message="nothing was applied")
        return exits.of_declined(report.plan)
    complete = len(report.applied.having(Result.DONE)) == len(report.applied.outcomes)
    return exits.of_applied(report.plan, complete=complete)


class _Approval:
    """Shows the plan before it is applied, and asks where somebody is there to answer."""

    def __init__(self, flags: PassFlags, output: Output, serial: int) -> None:
        self.declined = False
        self._flags = flags
        self._output = output
        self._serial = serial
        self._shown = False

    async def approve(self, plan: Plan) -> bool:
        """Whether to apply the plan."""
        self.show(plan)
        streams = self._output.streams
        if self._flags.yes or not streams.interactive:
            return self._begin(plan)
        if self._flags.format is not ReviewFormat.TEXT:
            self._output.notice(plan_text(plan, streams.painter(streams.stderr)))
        self._output.settle()
        self.declined = not await ask("Apply these changes?", self._output)
        return not self.declined and self._begin(plan)

    def _begin(self, plan: Plan) -> bool:
        number = len(plan.applicable)
        self._output("applying", level="debug", message=f"applying {counted(number, 'action')}", number=number)
        return True

    def show(self, plan: Plan) -> None:
        """Print the plan, once, and save it where that was asked for; else than in text it is a part of the report."""
        if self._shown:
            return
        if self._flags.format is ReviewFormat.TEXT:
            self._output.result(plan_text(plan, self._output.painter))
        save(plan, self._flags.out, self._serial, self._output)
        self._shown = True
