"""Removing webhooks: marked, deregistered, then dropped. What cannot be removed stays visible, as an orphan."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.errors import ErrorKind, TerminalError
from reconciler.core.model import Orphan, Phase, Recorded
from reconciler.core.plan import Step, shown_id
from reconciler.core.ports import Write
from reconciler.engine import recording
from reconciler.engine.points import Point
from reconciler.engine.unit import Outcome, Remote, Result, Unit, remote


async def prune(unit: Unit, step: Step, recorded: Recorded) -> Outcome:
    """Mark, deregister, delete the record. A manual webhook, or one that cannot be deleted, becomes a tombstone."""
    kind = unit.scope.catalogue[recorded.key.provider].types[recorded.key.type]
    if recorded.key.manual or "delete" not in kind.operations:
        await unit.write(Point.LOCAL, Write(record=recording.moved_on(recorded, Phase.TOMBSTONE, unit.now)))
        return Outcome(step=step, result=Result.DONE, webhook_id=recorded.id)
    marked = recording.moved_on(recorded, Phase.RETIRING, unit.now)
    await unit.write(Point.RETIRE, Write(record=marked))
    left = await remove_record(unit, step, marked)
    return Outcome(step=step, result=Result.ORPHANED if left else Result.DONE, message=left, webhook_id=recorded.id)


async def remove_record(unit: Unit, step: Step, recorded: Recorded) -> str:
    """Deregister a retiring webhook and delete its record. Returns what was left behind as orphans, in words.

    Raises `RetryableError` when the provider cannot answer: the record stays marked, and the next pass goes on.
    """
    remote_ids = (*step.remote_ids, *step.surplus)
    try:
        refused = await _refusals(remote(unit, recorded), remote_ids)
    except TerminalError as error:
        refused = dict.fromkeys(remote_ids, str(error))
    if step.doubtful:
        refused[""] = "it may exist at the provider, where nobody can look it up"
    orphans = [_orphan(unit, recorded, remote_id, reason) for remote_id, reason in refused.items()]
    await unit.drop(recorded, orphans)
    shown = recorded.url.replace(recorded.id, shown_id(step, recorded.id))
    return "; ".join(f"left at the provider: {orphan.remote_id or shown} ({orphan.reason})" for orphan in orphans)


async def remove_objects(way: Remote, remote_ids: Iterable[str]) -> None:
    """Delete objects of ours that are too many. Raises `TerminalError` where the provider refuses."""
    for remote_id, reason in (await _refusals(way, remote_ids)).items():
        raise TerminalError(f"cannot remove the surplus webhook {remote_id}: {reason}", kind=ErrorKind.FORBIDDEN)


async def _refusals(way: Remote, remote_ids: Iterable[str]) -> dict[str, str]:
    """Delete each object; those that stay, with the reason."""
    refused = {}
    for remote_id in remote_ids:
        if reason := await delete_object(way, remote_id):
            refused[remote_id] = reason
    return refused


async def delete_object(way: Remote, remote_id: str) -> str:
    """Delete one object; empty when it is gone, else why it is not.

    "Not found" is believed only where the resource itself can still be read: it is also what a provider says to those
    who may not see.
    """
    try:
        await way.repeat(Point.DELETE, lambda: way.provider.delete(way.target, remote_id))
    except TerminalError as error:
        return await _still_there(way, remote_id) if error.kind is ErrorKind.NOT_FOUND else str(error)
    return ""


async def _still_there(way: Remote, remote_id: str) -> str:
    try:
        objects = await way.read(lambda: way.provider.list(way.target))
    except TerminalError as error:
        return f"not found, and the resource cannot be read to make sure: {error}"
    if any(item.remote_id == remote_id for item in objects):
        return "the provider lists it, yet says it is not found"
    return ""


def _orphan(unit: Unit, recorded: Recorded, remote_id: str, reason: str) -> Orphan:
    return Orphan(
        id=unit.ports.entropy.webhook_id(),
        webhook_id=recorded.id,
        address=recorded.key.address(unit.scope.default_user),
        group=recorded.key.group,
        remote_id=remote_id,
        url=recorded.url,
        reason=reason,
        created_at=unit.now,
    )
