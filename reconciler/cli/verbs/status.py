"""`reconcile status`: health of what is recorded."""

from __future__ import annotations

import asyncio

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import Format
from reconciler.cli.flags_verbs import StatusFlags
from reconciler.cli.output import Output
from reconciler.cli.running import inputs_of, look_up
from reconciler.core.plan import PlanOptions
from reconciler.render.listings import Health, status_json, status_text
from reconciler.wiring.loading import load
from reconciler.wiring.session import Session, reading


def run(flags: StatusFlags, output: Output) -> ExitCode:
    """Show it; no provider is asked."""

    async def work() -> ExitCode:
        async with reading(load(inputs_of(flags, output)), output) as session:
            health = await _health(session)
        if flags.format is Format.JSON:
            output.document(status_json(health))
        else:
            output.result(status_text(health, output.painter))
        return ExitCode.PENDING if flags.detailed_exitcode and health.pending else ExitCode.DONE

    return look_up(work, output)


async def _health(session: Session) -> Health:
    scope = session.scope
    recorded = await asyncio.to_thread(session.store.records, scope.name)
    used = {record.key.provider for record in recorded} | {wish.key.provider for wish in session.desired}
    return Health(
        scope=scope.name,
        state=session.store.location,
        plan=await session.reconciler.plan(session.desired, PlanOptions(refresh=False)),
        recorded=recorded,
        orphans=await asyncio.to_thread(session.store.orphans, scope.name),
        unverified=sorted(name for name in used & scope.catalogue.keys() if not scope.catalogue[name].verified),
    )
