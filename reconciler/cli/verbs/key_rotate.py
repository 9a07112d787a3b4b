"""`reconcile key rotate`: another encryption key for the store."""

from __future__ import annotations

import asyncio

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_state import KeyRotateFlags
from reconciler.cli.keeping import Approve, always, keep, tell
from reconciler.cli.output import Output
from reconciler.core.errors import StateError
from reconciler.core.model import Json
from reconciler.daemon.draining import Drain
from reconciler.render.painter import counted
from reconciler.store.rotation import Rotation
from reconciler.store.upkeep import rotate
from reconciler.wiring.keeping import Kept


def run(flags: KeyRotateFlags, output: Output) -> ExitCode:
    """Seal everything anew; after a signal the transaction in hand is finished, and the next run goes on."""

    async def work(kept: Kept, approve: Approve, drain: Drain) -> ExitCode:
        if not await approve(""):
            return ExitCode.DONE
        told = await asyncio.to_thread(_rotate, kept, drain, output)
        if not told.done:
            message = f"{told.resealed} of {told.total} secrets were sealed anew: run `reconcile key rotate` again"
            output("interrupted", level="warning", message=message)
            return ExitCode.DONE
        tell(flags, output, _text(told), _json(told))
        return ExitCode.DONE

    return keep(flags, output, always, work)


def _rotate(kept: Kept, drain: Drain, output: Output) -> Rotation:
    steps = rotate(kept.opened.store, kept.lease)
    told = None
    try:
        for told in steps:
            message = f"{told.resealed} of {told.total} secrets are sealed with the key {told.key}"
            output("rotating", level="debug", message=message, resealed=told.resealed, total=told.total)
            if drain.stop.requested:
                break
    finally:
        steps.close()
    if told is None:
        raise StateError("no encryption key was rotated")
    return told


def _text(told: Rotation) -> str:
    old = ", ".join(told.dropped)
    lines = [f"Sealed {counted(told.resealed, 'secret')} anew; everything is sealed with the key {told.key} now."]
    if told.file:
        lines.append(
            f"{told.file} holds that key alone. Backups from before still need {old}, which is gone from there."
        )
    else:
        lines.append(f"Drop {old} from RECONCILER_KEY once no process uses it; backups from before still need it.")
    return "\n".join(lines)


def _json(told: Rotation) -> Json:
    return {
        "key": told.key,
        "dropped": list(told.dropped),
        "resealed": told.resealed,
        "key_file": str(told.file) if told.file else None,
    }
