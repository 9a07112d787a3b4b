"""`reconcile plan` and `reconcile --dry-run`: what a pass would change."""

from __future__ import annotations

from reconciler.cli import exits
from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import Format, PlanFlags
from reconciler.cli.output import Output
from reconciler.cli.running import inputs_of, look_up
from reconciler.core.plan import document
from reconciler.render.plan_text import plan_text
from reconciler.wiring.loading import load
from reconciler.wiring.session import reading


def run(flags: PlanFlags, output: Output) -> ExitCode:
    """Show the plan. Nothing is written, locked, made or migrated."""

    async def work() -> ExitCode:
        loaded = load(inputs_of(flags, output))
        async with reading(loaded, output) as session:
            plan = await session.reconciler.plan(session.desired, flags.options())
        if flags.format is Format.JSON:
            output.document(document(plan))
        else:
            output.result(plan_text(plan, output.painter))
        code = exits.of_plan(plan)
        return code if flags.detailed_exitcode else exits.plain(code)

    return look_up(work, output)
