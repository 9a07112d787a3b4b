"""`reconcile daemon`: the pass, again and again."""

from __future__ import annotations

from reconciler.cli import garbage
from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_verbs import DaemonFlags
from reconciler.cli.output import Output
from reconciler.cli.running import carry_out, inputs_of
from reconciler.cli.showing import warn_of_orphans
from reconciler.core.plan import Plan
from reconciler.daemon.downtime import Downtime
from reconciler.daemon.draining import Drain, drained
from reconciler.daemon.keeper import Keeper
from reconciler.daemon.schedule import repeat
from reconciler.engine.reconciler import Approve, Report
from reconciler.render.painter import PLAIN
from reconciler.render.plan_text import plan_text
from reconciler.render.recovered import recovered_text
from reconciler.render.report import report_text
from reconciler.system import SystemClock
from reconciler.wiring.content_cache import known_content
from reconciler.wiring.loading import Loaded, load
from reconciler.wiring.recovering import Span, ingress_is_used, recover
from reconciler.wiring.session import amending, writing


def run(flags: DaemonFlags, output: Output) -> ExitCode:
    """Go on until SIGINT or SIGTERM, then finish what is in flight."""

    async def keep(drain: Drain) -> ExitCode:
        async def act(loaded: Loaded) -> None:
            await _pass(loaded, flags, output, drain)
            if flags.recover and downtime.due and not drain.stop.requested:
                await _recover(loaded, flags, output, drain)
                downtime.over()

        clock = SystemClock()
        downtime = Downtime(clock.now)
        keeper = Keeper(lambda: load(inputs_of(flags, output), known_content), act, output)
        await repeat(keeper.turn, flags.interval, drain.wait, clock, output)
        return ExitCode.DONE

    garbage.steadily()
    return carry_out(keep, output)


async def _recover(loaded: Loaded, flags: DaemonFlags, output: Output, drain: Drain) -> None:
    """Get back what was missed, where it is our ingress that takes deliveries; told only where something was."""
    async with amending(loaded, output, flags.lock_timeout) as session:
        if not await ingress_is_used(session):
            return
        recovered = await recover(session, loaded, Span(), drain.stop)
    if any(item.backlog.missing or not item.complete for item in recovered):
        level = "info" if all(item.complete for item in recovered) else "warning"
        for line in recovered_text(recovered, PLAIN).splitlines():
            output("recover", level=level, message=line)


async def _pass(loaded: Loaded, flags: DaemonFlags, output: Output, drain: Drain) -> None:
    async def approve(plan: Plan) -> bool:
        return True

    async with writing(loaded, output, flags.lock_timeout) as session:

        async def begin(approve: Approve) -> Report:
            options, supplied = flags.options(), session.supplied
            return await session.reconciler.run(session.desired, options, supplied, approve, drain.stop)

        report = await drained(begin, approve, drain)
    if report is not None:
        _tell(report, output)


def _tell(report: Report, output: Output) -> None:
    """The plan and what became of it, as log lines; the plan only where there was one."""
    troubled = bool(report.plan.refusals or report.plan.problems)
    words = plan_text(report.plan, PLAIN)
    if report.applied.outcomes:
        words += "\n" + report_text(report, PLAIN)
    for line in words.splitlines():
        output("pass", level="warning" if troubled else "info", message=line)
    warn_of_orphans(len(report.orphans), output)
