"""`reconcile state mv ADDRESS NEW`: another address for a record."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_state import StateMvFlags
from reconciler.cli.keeping import Approve, always, keep, tell
from reconciler.cli.output import Output
from reconciler.core.diff import Change
from reconciler.core.model import Phase
from reconciler.core.ports import Write
from reconciler.daemon.draining import Drain
from reconciler.wiring.finding import the_record
from reconciler.wiring.keeping import Kept
from reconciler.wiring.moving import moved


def run(flags: StateMvFlags, output: Output) -> ExitCode:
    """Move it; no provider is called."""

    async def work(kept: Kept, approve: Approve, _: Drain) -> ExitCode:
        opened, records = kept.opened, kept.opened.records
        record = await asyncio.to_thread(the_record, records, flags.address)
        after = await asyncio.to_thread(moved, record, flags.new, opened.project, records)
        if record.phase is not Phase.TOMBSTONE:  # whose time runs from its last change
            after = replace(after, updated_at=opened.clock.now())
        if not await approve(""):
            return ExitCode.DONE
        before, now = records.address(record), records.address(after)
        entry = opened.scribe.done("move", now, record.id, Change("address", before, now))
        await asyncio.to_thread(opened.store.write, kept.lease, [Write(record=after)], [entry])
        text = f"{before} is {now} now; its id, URL, secret and object at the provider stay."
        tell(flags, output, text, {"id": record.id, "before": before, "address": now})
        return ExitCode.DONE

    return keep(flags, output, always, work)
