"""`reconcile unlock`: who holds the scope, and an end to a lease that will not end by itself."""

from __future__ import annotations

import asyncio

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_state import UnlockFlags
from reconciler.cli.keeping import Approval, Approve, always, open_up, tell
from reconciler.cli.output import Output
from reconciler.core.errors import LockedError
from reconciler.core.ports import Lease
from reconciler.engine.leasing import LEASE_SECONDS
from reconciler.render.moments import moment
from reconciler.render.state import lease_json
from reconciler.wiring.keeping import Opened


def run(flags: UnlockFlags, output: Output) -> ExitCode:
    """Show the lease; free it where it is stuck."""

    async def work(opened: Opened, approve: Approve) -> ExitCode:
        await asyncio.to_thread(opened.require_binding)
        lease = await asyncio.to_thread(opened.store.lease, opened.scope)
        left = lease.expires_at - opened.clock.now() if lease else 0.0
        if lease is None or left <= 0:
            tell(flags, output, _free(opened.scope, lease), lease_json(opened.scope, lease, freed=False))
            return ExitCode.DONE
        if left <= LEASE_SECONDS and not flags.force:
            raise LockedError(_at_work(lease, left))
        if not await Approval(flags.yes, output)(f"{_held(lease, left)} Free it?") or not await approve(""):
            return ExitCode.ERROR
        await asyncio.to_thread(opened.store.release, lease)
        text = f"Freed the scope {opened.scope}: {lease.holder} cannot write in it any more."
        tell(flags, output, text, lease_json(opened.scope, lease, freed=True))
        return ExitCode.DONE

    return open_up(flags, output, always, work)


def _free(scope: str, lease: Lease | None) -> str:
    lapsed = f" The lease of {lease.holder} lapsed at {moment(lease.expires_at)}." if lease else ""
    return f"The scope {scope} is free.{lapsed}"


def _held(lease: Lease, left: float) -> str:
    held = f"The scope {lease.scope} is held by {lease.holder} until {moment(lease.expires_at)}, {left:.0f} s from now."
    if left > LEASE_SECONDS:
        return f"{held} No pass takes it for more than {LEASE_SECONDS:g} s: a clock was, or is, wrong."
    return f"{held} It was renewed within its time: its pass loses the right to write."


def _at_work(lease: Lease, left: float) -> str:
    return (
        f"the scope {lease.scope} is held by {lease.holder} (machine:process:run) until {moment(lease.expires_at)}, "
        f"and was renewed just now: if that process is gone, the scope is free in {left:.0f} s; if it hangs, end it, "
        "or take the scope from it with --force"
    )
