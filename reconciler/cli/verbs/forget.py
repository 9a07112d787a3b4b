"""`reconcile forget ADDRESS`: drop the record of a webhook, and nothing else."""

from __future__ import annotations

import asyncio

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_state import ForgetFlags
from reconciler.cli.keeping import Approval, Approve, keep
from reconciler.cli.output import Output
from reconciler.cli.verbs.state_rm import remove
from reconciler.daemon.draining import Drain
from reconciler.wiring.keeping import Kept


def run(flags: ForgetFlags, output: Output) -> ExitCode:
    """Drop it; no provider is called."""

    async def work(kept: Kept, approve: Approve, _: Drain) -> ExitCode:
        record = await asyncio.to_thread(kept.opened.records.at, flags.address)
        return await remove(kept, record, flags, output, approve)

    return keep(flags, output, Approval(flags.yes, output), work)
