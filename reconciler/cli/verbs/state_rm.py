"""`reconcile state rm ADDRESS`: one record or orphan out of the state, whatever its phase."""

from __future__ import annotations

import asyncio

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_state import ForgetFlags, StateRmFlags
from reconciler.cli.keeping import Approval, Approve, keep, tell
from reconciler.cli.output import Output
from reconciler.core.errors import BlockedError, ConfigError
from reconciler.core.model import Orphan
from reconciler.core.targets import protected_problem
from reconciler.daemon.draining import Drain
from reconciler.wiring.finding import Found, phase_of, the_one
from reconciler.wiring.keeping import Kept
from reconciler.wiring.records import Records


def run(flags: StateRmFlags, output: Output) -> ExitCode:
    """Remove it; no provider is called."""

    async def work(kept: Kept, approve: Approve, _: Drain) -> ExitCode:
        item = await asyncio.to_thread(the_one, kept.opened.records, flags.address)
        return await remove(kept, item, flags, output, approve)

    return keep(flags, output, Approval(flags.yes, output), work)


async def remove(
    kept: Kept, item: Found, flags: ForgetFlags | StateRmFlags, output: Output, approve: Approve
) -> ExitCode:
    """Remove a record or an orphan after asking; exit 1 where the answer was no. Raises `BlockedError`."""
    records = kept.opened.records
    address = item.address if isinstance(item, Orphan) else records.address(item)
    _check_protected(item, address, flags.allow_protected or ())
    left = _left(item, records)
    if not await approve(f"Remove {address} ({phase_of(item)}, id {item.id}) from the state? {left} Remove it?"):
        return ExitCode.ERROR
    store, scribe = kept.opened.store, kept.opened.scribe
    if isinstance(item, Orphan):
        await asyncio.to_thread(
            store.remove_orphan, kept.lease, item.id, [scribe.done("forget", address, item.webhook_id)]
        )
    else:
        await asyncio.to_thread(store.delete, kept.lease, item.id, (), [scribe.done("forget", address, item.id)])
    document = {"address": address, "id": item.id, "phase": phase_of(item), "left_at_provider": item.remote_id or None}
    tell(flags, output, f"Removed {address} ({phase_of(item)}) from the state. {left}", document)
    return ExitCode.DONE


def _check_protected(item: Found, address: str, allowed: list[str] | tuple[()]) -> None:
    others = [name for name in allowed if name != address]
    if others:
        raise ConfigError(tuple(protected_problem(name, (address,)) for name in others))
    if not isinstance(item, Orphan) and item.protect and address not in allowed:
        raise BlockedError(f"{address} is protected: pass `--allow-protected {address}`")


def _left(item: Found, records: Records) -> str:
    """What the removal leaves behind, and what comes of that."""
    if isinstance(item, Orphan):
        where = f"object {item.remote_id}" if item.remote_id else f"object with the URL {item.url}"
        return (
            f"Whatever is left of it at {item.group.provider} ({where}) stays there, and nobody looks for it any more."
        )
    if item.key.manual:
        return "Its URL is refused from now on; a pass that wants it again makes another URL."
    if not item.remote_id:
        return f"If {item.key.provider} has an object of it, that stays there as `unrecorded`."
    return (
        f"Its object {item.remote_id} stays at {item.key.provider} as `unrecorded`: a pass that wants "
        f"{records.address(item)} is blocked until you remove the object there."
    )
