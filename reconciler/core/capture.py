"""When a provider may tell the receiver the secret of a webhook: while its create is in flight, and once."""

from __future__ import annotations

from typing import Final

from reconciler.core.model import Phase, Recorded

CAPTURE_SECONDS: Final = 600.0
"""For how long after it was written a webhook that is being registered may be told its secret."""


def may_be_told(record: Recorded, has_secret: bool, now: float) -> bool:
    """Whether a secret that somebody tells for this webhook is to be kept; `now` is UNIX seconds.

    `has_secret` tells whether one is known: the first that is told counts.
    """
    young = now - max(record.created_at, record.updated_at) < CAPTURE_SECONDS
    return record.phase is Phase.PENDING and not has_secret and young
