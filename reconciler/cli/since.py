"""Times as people say them: so long ago, or a moment."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_AGO = re.compile(r"([0-9]{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def since(text: str, now: float) -> float:
    """UNIX seconds of `2h`, `3d` (before `now`) or an ISO 8601 time, which is UTC without an offset.

    Raises `ValueError` with words for whoever wrote it.
    """
    if match := _AGO.fullmatch(text.strip()):
        return now - int(match[1]) * _SECONDS[match[2]]
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time: write 30m, 2h, 3d, or 2026-11-24T10:00:00Z") from None
