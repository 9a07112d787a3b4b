"""Signed times: read strictly, and refused when they are too far from now, in either direction."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from reconciler.verify.places import Place
from reconciler.verify.request import Verdict, refused
from reconciler.verify.words import Unit

MAX_TIMESTAMP_DIGITS = 15

TOLERANCE = 300.0
"""Seconds."""

_ISO: Final = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


_SAID: Final = {
    Unit.SECONDS: "a whole number of seconds",
    Unit.MILLISECONDS: "a whole number of milliseconds",
    Unit.ISO: "an ISO 8601 time with its zone",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Where a request tells when it was signed; `tolerance` is how many seconds that may lie off, either way."""

    place: Place
    tolerance: float = TOLERANCE
    unit: Unit = Unit.SECONDS


def stale(raw: bytes, unit: Unit, tolerance: float, now: float) -> Verdict | None:
    """The refusal of a time that is none, or too far away."""
    seconds = _seconds(raw, unit)
    if seconds is None:
        return refused(f"the timestamp is not {_SAID[unit]}")
    # Written this way round, a `now` that is not a number refuses.
    if not abs(now - seconds) <= tolerance:
        return refused(f"the timestamp is more than {tolerance:g} s away from now")
    return None


def written(now: float, unit: Unit) -> str:
    """A time as a provider would write it."""
    if unit is Unit.ISO:
        return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(int(now) if unit is Unit.SECONDS else int(now * 1000))


def _seconds(raw: bytes, unit: Unit) -> float | None:
    if unit is Unit.ISO:
        try:
            moment = datetime.fromisoformat(raw.decode()) if _ISO.fullmatch(raw) else None
        except ValueError:
            return None
        return (moment - _EPOCH).total_seconds() if moment else None
    if not (raw.isdigit() and len(raw) <= MAX_TIMESTAMP_DIGITS):
        return None
    return int(raw) if unit is Unit.SECONDS else int(raw) / 1000
