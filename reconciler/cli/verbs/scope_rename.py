"""`reconcile scope rename OLD NEW`: another name for a scope, and this project as its owner."""

from __future__ import annotations

import asyncio

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_state import ScopeRenameFlags
from reconciler.cli.keeping import Approval, Approve, open_up, tell
from reconciler.cli.output import Output
from reconciler.core.diff import Change
from reconciler.core.errors import BlockedError, ConfigError, Problem
from reconciler.core.ports import Entry
from reconciler.render.painter import counted
from reconciler.store.upkeep import rename_scope
from reconciler.wiring.keeping import Opened, leased, require_scope


def run(flags: ScopeRenameFlags, output: Output) -> ExitCode:
    """Rename it, and bind it to this project; OLD and NEW may be the same."""

    async def work(opened: Opened, approve: Approve) -> ExitCode:
        await asyncio.to_thread(_check, flags, opened)
        bound = await asyncio.to_thread(opened.store.binding, flags.old)
        number = await asyncio.to_thread(opened.store.count, flags.old)
        async with leased(opened, (flags.old, flags.new), flags.lock_timeout) as (old, new):
            was = f"scope {flags.old} ({counted(number, 'record')}, bound to {bound or 'no project yet'})"
            if not await approve(f"The {was} becomes {flags.new}, bound to {opened.binding}. Go on?"):
                return ExitCode.ERROR
            await asyncio.to_thread(opened.store.write, old.check(), (), [_entry(flags, opened, bound)])
            await asyncio.to_thread(rename_scope, opened.store, old.check(), new.check(), opened.binding)
        document = {"before": flags.old, "scope": flags.new, "bound_before": bound or None, "binding": opened.binding}
        text = f"The {was} is {flags.new} now, bound to {opened.binding}."
        tell(flags, output, text, document | {"records": number})
        return ExitCode.DONE

    return open_up(flags, output, Approval(flags.yes, output), work)


def _entry(flags: ScopeRenameFlags, opened: Opened, bound: str) -> Entry:
    """The line of the audit log, which moves along with all that the scope holds."""
    changes = [Change("scope", flags.old, flags.new), Change("binding", bound or None, opened.binding)]
    return opened.scribe.done("rename", "", "", *(change for change in changes if change.before != change.after))


def _check(flags: ScopeRenameFlags, opened: Opened) -> None:
    if flags.new != opened.scope:
        message = f"the project's scope is {opened.scope}, not {flags.new}"
        raise ConfigError((Problem("scope", message, hint=f"write `scope: {flags.new}` in the project file first"),))
    require_scope(opened, flags.old)
    if flags.new == flags.old:
        return
    bound = opened.store.binding(flags.new)
    if bound and bound != opened.binding:
        raise BlockedError(f"the scope {flags.new} belongs to {bound}: choose another name")
    if opened.store.count(flags.new) or opened.store.orphans(flags.new):
        raise BlockedError(f"the scope {flags.new} exists already, and two are never merged: choose another name")
