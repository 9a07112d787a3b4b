"""`reconcile deliveries retry`: dead letters, due once more."""

from __future__ import annotations

import asyncio

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_deliveries import RetryFlags
from reconciler.cli.keeping import Approval, Approve, open_up, tell
from reconciler.cli.output import Output
from reconciler.core.errors import ConfigError, Problem
from reconciler.render.deliveries import VERSION
from reconciler.render.painter import counted
from reconciler.wiring.deliveries import dead_of, log_of, revive
from reconciler.wiring.keeping import Opened


def run(flags: RetryFlags, output: Output) -> ExitCode:
    """Those with the ids, or all; whoever names them is not asked."""
    if bool(flags.ids) == flags.all:
        message = "name the dead letters to retry, or say --all"
        raise ConfigError((Problem("usage", message, hint="see `reconcile deliveries dead` for their ids"),))

    async def work(opened: Opened, approve: Approve) -> ExitCode:
        dead = await asyncio.to_thread(dead_of, log_of(opened), flags.ids or ())
        if dead and not await approve(f"Hand on {counted(len(dead), 'dead letter')} once more?"):
            return ExitCode.ERROR
        revived = await asyncio.to_thread(revive, opened, dead)
        text = f"Due once more: {counted(revived, 'dead letter')}; a running ingress hands them on."
        tell(flags, output, text, {"version": VERSION, "retried": revived})
        return ExitCode.DONE

    return open_up(flags, output, Approval(flags.yes or bool(flags.ids), output), work)
