"""Leases: the end that is asked for, and the one that a provider tells."""

from __future__ import annotations

from datetime import UTC, datetime

from reconciler.core.model import Json
from reconciler.providers.answers import Context, search, text_of
from reconciler.providers.blocks.resources import Lease


def lease_end(lease: Lease, now: float) -> str | None:
    """What `${lease_end}` stands for: `length` after now (UNIX seconds), in ISO 8601; None without a length."""
    if lease.length is None:
        return None
    return datetime.fromtimestamp(now + lease.length, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def told_end(lease: Lease | None, document: Json, context: Context) -> float | None:
    """Until when (UNIX seconds) a row or an answer says that the webhook lives; None: for ever, or it does not say.

    A time without an offset is UTC. A bad answer raises.
    """
    if lease is None:
        return None
    text = text_of(search(lease.expires, document), lease.expires, context)
    if not text:
        return None
    try:
        end = datetime.fromisoformat(text)
        return (end if end.tzinfo else end.replace(tzinfo=UTC)).astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        context.bad_answer(f"`{lease.expires}` is not a time in the answer")
