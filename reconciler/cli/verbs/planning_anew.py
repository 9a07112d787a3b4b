"""`reconcile plan` where no plan is remembered that is sure to hold: load, observe, plan, guard."""

from __future__ import annotations

import asyncio

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import PlanFlags
from reconciler.cli.output import Output
from reconciler.cli.reviewing import serial_of
from reconciler.cli.running import inputs_of, look_up
from reconciler.cli.showing import Planned, require_matched, tell
from reconciler.wiring.content_cache import known_content
from reconciler.wiring.loading import load
from reconciler.wiring.progress import ListTally
from reconciler.wiring.remembering import remember_plan, witness_of
from reconciler.wiring.session import reading


def run(flags: PlanFlags, output: Output) -> ExitCode:
    """Show the plan. Nothing is locked, made or migrated; what was learnt of files is kept beside the state."""

    async def work() -> ExitCode:
        loaded, tally = load(inputs_of(flags, output), known_content), ListTally(output)
        seen = None if flags.refresh else witness_of(loaded)
        async with reading(loaded, tally) as session:
            plan, serial = await session.reconciler.plan(session.desired, flags.options()), await serial_of(session)
            require_matched(plan)
            orphans = len(await asyncio.to_thread(session.store.orphans, session.scope.name))
            await asyncio.to_thread(remember_plan, seen, plan, serial, session, output.streams.now())
        planned = Planned(plan=plan, serial=serial, orphans=orphans, listed=tally.listed)
        return tell(planned, flags, output)

    return look_up(work, output)
