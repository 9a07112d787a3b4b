"""A pass that is shown, asked about where somebody is there to answer, carried out and told of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reconciler.cli import exits
from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import ReviewFormat
from reconciler.cli.output import Output
from reconciler.cli.question import ask
from reconciler.cli.reviewing import Looked, serial_of, show_report
from reconciler.cli.showing import require_matched, save
from reconciler.core.plan import Plan, PlanOptions
from reconciler.daemon.draining import Drain, drained
from reconciler.engine.context import Secrets
from reconciler.engine.reconciler import Approve, Report
from reconciler.engine.unit import Result
from reconciler.render.painter import counted
from reconciler.render.plan_text import plan_text
from reconciler.wiring.progress import ListTally
from reconciler.wiring.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What somebody asked for: the choices of the plan, how it is shown, and whether to ask before it is applied.

    `secrets` were supplied for this pass alone, by their fingerprints; `out` is where the plan is saved, if at all.
    """

    options: PlanOptions
    format: ReviewFormat
    yes: bool
    out: Path | None = None
    secrets: Secrets = field(default_factory=dict, repr=False)


async def carry_through(session: Session, errand: Errand, tally: ListTally, output: Output, drain: Drain) -> ExitCode:
    """Plan, show, ask, apply, report. Returns the exit code; raises what `Reconciler.run` raises."""
    approval = _Approval(errand, output, await serial_of(session))

    async def begin(approve: Approve) -> Report:
        supplied = {**session.supplied, **errand.secrets}
        return await session.reconciler.run(session.desired, errand.options, supplied, approve, drain.stop)

    report = await drained(begin, approval.approve, drain)
    if report is None:
        return ExitCode.DONE
    approval.show(report.plan)
    show_report(report, errand.format, Looked(session.scope.catalogue, tally.listed), output)
    if approval.declined:
        output("declined", level="warning", message="nothing was applied")
        return exits.of_declined(report.plan)
    complete = len(report.applied.having(Result.DONE)) == len(report.applied.outcomes)
    return exits.of_applied(report.plan, complete=complete)


class _Approval:
    """Shows the plan before it is applied, and asks where somebody is there to answer."""

    def __init__(self, errand: Errand, output: Output, serial: int) -> None:
        self.declined = False
        self._errand = errand
        self._output = output
        self._serial = serial
        self._shown = False

    async def approve(self, plan: Plan) -> bool:
        """Whether to apply the plan."""
        self.show(plan)
        streams = self._output.streams
        if self._errand.yes or not streams.interactive:
            return self._begin(plan)
        if self._errand.format is not ReviewFormat.TEXT:
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
        require_matched(plan)
        if self._errand.format is ReviewFormat.TEXT:
            self._output.result(plan_text(plan, self._output.painter))
        save(plan, self._errand.out, self._serial, self._output)
        self._shown = True
