"""The records that a step leaves behind, as pure functions of what was wanted and what was answered."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.model import Desired, Phase, Recorded
from reconciler.core.ports import Answer


def intended(desired: Desired, webhook_id: str, url: str, now: float, slot: str = "") -> Recorded:
    """The intent of a new webhook: written before the provider hears of it. A manual one is complete with that."""
    return Recorded(
        id=webhook_id,
        key=desired.key,
        phase=Phase.MANUAL if desired.key.manual else Phase.PENDING,
        resource=desired.resource,
        url=url,
        events=desired.events,
        relations=desired.relations,
        options=desired.options,
        slot=slot,
        secret=desired.secret,
        protect=bool(desired.protect),
        created_at=now,
        updated_at=now,
    )


def following(recorded: Recorded, desired: Desired, url: str, now: float) -> Recorded:
    """An existing record brought to what is desired; its id, secret, phase and age stay."""
    return replace(
        recorded,
        key=desired.key,
        resource=desired.resource,
        url=url,
        events=desired.events,
        relations=desired.relations,
        options=desired.options,
        secret=desired.secret or recorded.secret,
        protect=recorded.protect if desired.protect is None else desired.protect,
        replaced=False,
        updated_at=now,
    )


def confirmed(recorded: Recorded, answer: Answer, secret: str, now: float) -> Recorded:
    """The record after the provider confirmed it. `secret` is the fingerprint of the secret in force.

    An answer that tells no end of the lease leaves the recorded one.
    """
    return replace(
        recorded,
        phase=Phase.REGISTERED,
        remote_id=answer.remote_id,
        secret=secret,
        lease_expires_at=answer.lease_expires_at or recorded.lease_expires_at,
        updated_at=now,
    )


def moved_on(recorded: Recorded, phase: Phase, now: float) -> Recorded:
    """The record in another phase; what leaves gives up its slot only when it is gone."""
    return replace(recorded, phase=phase, updated_at=now)
