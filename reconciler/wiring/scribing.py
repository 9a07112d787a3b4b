"""The audit log of what people do by hand."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.diff import Change
from reconciler.core.ports import Clock, Entropy, Entry, Outcome
from reconciler.wiring.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Scribe:
    """Writes down who did what; `commit` is what was checked out."""

    clock: Clock
    entropy: Entropy
    actor: Actor
    commit: str

    def done(self, action: str, address: str, webhook_id: str, *changes: Change) -> Entry:
        """The entry of something that is done with the transaction that it is written in."""
        return Entry(
            id=self.entropy.webhook_id(),
            at=self.clock.now(),
            user=self.actor.user,
            host=self.actor.host,
            commit=self.commit,
            webhook_id=webhook_id,
            address=address,
            action=action,
            reason="asked_for",
            changes=changes,
            outcome=Outcome.DONE,
        )
