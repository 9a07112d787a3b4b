"""`reconcile plan` and `reconcile --dry-run`: what a pass would change."""

from __future__ import annotations

from reconciler.cli import exits
from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import PlanFlags
from reconciler.cli.output import Output
from reconciler.cli.reviewing import apply_command, save, serial_of, show_plan
from reconciler.cli.running import inputs_of, look_up
from reconciler.wiring.loading import load
from reconciler.wiring.progress import ListTally
from reconciler.wiring.session import reading


def run(flags: PlanFlags, output: Output) -> ExitCode:
    """Show the plan. Nothing is written but the file that was asked for; nothing is locked, made or migrated."""

    async def work() -> ExitCode:
        loaded, tally = load(inputs_of(flags, output)), ListTally(output)
        async with reading(loaded, tally) as session:
            plan = await session.reconciler.plan(session.desired, flags.options())
            serial = await serial_of(session)
        show_plan(plan, flags.format, serial, tally.listed, output)
        save(plan, flags.out, serial, output, apply_command(flags))
        code = exits.of_plan(plan)
        return code if flags.detailed_exitcode else exits.plain(code)

    return look_up(work, output)
