"""`reconcile apply PLAN.json`: a plan that was reviewed, once, and only if it is the plan of now."""

from __future__ import annotations

import asyncio

from reconciler.cli import exits
from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import ReviewFormat
from reconciler.cli.flags_review import ApplyFlags
from reconciler.cli.output import Output
from reconciler.cli.reviewing import Looked, show_report
from reconciler.cli.running import carry_out, inputs_of
from reconciler.core.plan import Plan
from reconciler.daemon.draining import Drain, drained
from reconciler.engine.reconciler import Approve, Report
from reconciler.engine.unit import Result
from reconciler.render.plan_text import plan_text
from reconciler.wiring.content_cache import known_content
from reconciler.wiring.loading import load
from reconciler.wiring.progress import ListTally
from reconciler.wiring.saved_plans import SavedPlan, read_plan
from reconciler.wiring.session import Session, writing


def run(flags: ApplyFlags, output: Output) -> ExitCode:
    """Plan again with the plan's own options, refuse whatever differs, and apply."""
    return carry_out(lambda drain: _apply(flags, output, drain), output)


async def _apply(flags: ApplyFlags, output: Output, drain: Drain) -> ExitCode:
    saved = read_plan(flags.plan)
    loaded, tally = load(inputs_of(flags, output), known_content), ListTally(output)
    saved.require_scope(loaded.project.scope)
    async with writing(loaded, tally, flags.lock_timeout) as session:
        approval = _Approval(saved, session, flags, output)
        await approval.require_unapplied()

        async def begin(approve: Approve) -> Report:
            desired, supplied = session.desired, session.supplied
            return await session.reconciler.run(desired, saved.options, supplied, approve, drain.stop)

        report = await drained(begin, approval.approve, drain)
    if report is None:
        return ExitCode.DONE
    saved.require_same(report.plan)
    approval.show(report.plan)
    show_report(report, flags.format, Looked(session.scope.catalogue, tally.listed), output)
    complete = len(report.applied.having(Result.DONE)) == len(report.applied.outcomes)
    return exits.of_applied(report.plan, complete=complete)


class _Approval:
    """Approves the plan that was reviewed, the first time that it is asked for, and no other."""

    def __init__(self, saved: SavedPlan, session: Session, flags: ApplyFlags, output: Output) -> None:
        self._saved = saved
        self._session = session
        self._flags = flags
        self._output = output
        self._shown = False

    async def require_unapplied(self) -> None:
        """Raise `StalePlanError` where the plan was applied before."""
        saved = self._saved
        store, scope = self._session.store, self._session.scope.name
        saved.require_unapplied(await asyncio.to_thread(store.applied_at, scope, saved.digest, saved.serial))

    async def approve(self, plan: Plan) -> bool:
        """Whether to apply the plan; raises `StalePlanError` where it is another one, or was applied before.

        It is recorded before its first call: a plan whose application died half-way is not begun anew.
        """
        saved = self._saved
        saved.require_same(plan)
        self.show(plan)
        store, scope, now = self._session.store, self._session.scope.name, self._output.streams.now()
        if not await asyncio.to_thread(store.mark_applied, scope, saved.digest, saved.serial, now):
            await self.require_unapplied()
        return True

    def show(self, plan: Plan) -> None:
        """Print the plan, once; else than in text it is a part of the report."""
        if not self._shown and self._flags.format is ReviewFormat.TEXT:
            self._output.result(plan_text(plan, self._output.painter))
        self._shown = True
