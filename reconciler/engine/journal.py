"""The audit log of a pass: one entry for each action, written with its first effect and completed with its last."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.diff import Change
from reconciler.core.model import Orphan, Recorded
from reconciler.core.plan import Action, Step, shown_changes, shown_id
from reconciler.core.ports import Entry, Outcome
from reconciler.engine.context import Ports, Scope


def begun(ports: Ports, scope: Scope, step: Step) -> Entry:
    """The entry of a step that is about to be carried out."""
    return replace(
        _blank(ports, scope, str(step.action)),
        reason=str(step.reason),
        webhook_id=step.recorded.id if step.recorded else "",
        address=step.key.address(scope.default_user),
        changes=shown_changes(step),
    )


def by_hand(ports: Ports, scope: Scope, action: Action, recorded: Recorded) -> Entry:
    """The entry of something that a person, or a platform, did to one webhook, and that is done with this entry."""
    return replace(
        _blank(ports, scope, str(action)),
        reason="asked_for",
        webhook_id=recorded.id,
        address=recorded.key.address(scope.default_user),
        outcome=Outcome.DONE,
    )


def left_behind(ports: Ports, scope: Scope, orphan: Orphan) -> Entry:
    """The entry of an orphan that is about to be settled."""
    return replace(
        _blank(ports, scope, "resolve"), reason="asked_for", webhook_id=orphan.webhook_id, address=orphan.address
    )


def outlived(ports: Ports, scope: Scope, item: Recorded | Orphan) -> Entry:
    """The entry of what is forgotten because its time is over: an old tombstone, or an orphan that is gone."""
    if isinstance(item, Orphan):
        webhook_id, address, reason = item.webhook_id, item.address, "gone"
    else:
        webhook_id, address, reason = item.id, item.key.address(scope.default_user), "expired"
    return replace(
        _blank(ports, scope, str(Action.FORGET)),
        reason=reason,
        webhook_id=webhook_id,
        address=address,
        outcome=Outcome.DONE,
    )


def ended(entry: Entry, step: Step, outcome: Outcome, message: str, webhook_id: str) -> Entry:
    """The entry of a step that came to its end; where a webhook took another's place, it tells which."""
    changes = entry.changes
    if step.action is Action.REPLACE and step.recorded and webhook_id:
        changes = (*changes, Change("id", shown_id(step, step.recorded.id), shown_id(step, webhook_id)))
    return replace(entry, outcome=outcome, message=message, webhook_id=webhook_id or entry.webhook_id, changes=changes)


def _blank(ports: Ports, scope: Scope, action: str) -> Entry:
    return Entry(
        id=ports.entropy.webhook_id(),
        at=ports.clock.now(),
        user=scope.actor,
        host=scope.host,
        commit=scope.commit,
        webhook_id="",
        address="",
        action=action,
        reason="",
    )
