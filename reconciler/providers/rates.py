"""Rate limits as vendors tell them: what is left, and when it starts anew."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from email.utils import parsedate_to_datetime
from typing import Final

from reconciler.core.ports import Budget
from reconciler.providers.blocks.resources import Rate
from reconciler.providers.transport import Reply

_LONGEST: Final = 15
"""Digits of the longest number that is believed: more are no time and no count."""


class Budgets:
    """The provider's newest word on what is left, by credentials; `now` gives UNIX seconds, if there is a clock."""

    def __init__(self, rate: Rate | None, now: Callable[[], float] | None) -> None:
        self._rate = rate
        self._now = now
        self._told: dict[Hashable, Budget] = {}

    def note(self, key: Hashable, reply: Reply) -> None:
        """Remember what a reply tells; one that tells nothing changes nothing."""
        rate = self._rate
        if rate is None or (remaining := number(reply.headers.get(rate.remaining.lower(), ""))) is None:
            return
        now = self._now() if self._now else http_date(reply.headers.get("date", ""))
        left = reset_in(rate, reply, now)
        if now is None or left is None:
            return
        limit = number(reply.headers.get((rate.limit or "").lower(), ""))
        whole = None if limit is None else int(limit)
        self._told[key] = Budget(remaining=int(remaining), resets_at=now + left, limit=whole)

    def get(self, key: Hashable) -> Budget | None:
        """What is left; None where nothing was told, or its time has passed."""
        told = self._told.get(key)
        return None if told and self._now and told.resets_at <= self._now() else told


def reset_in(rate: Rate, reply: Reply, now: float | None = None) -> float | None:
    """How many seconds from the reply on the limit starts anew; None where it does not say.

    A time is taken relative to the reply's own `Date`, so that clocks may differ; else to `now` (UNIX seconds).
    """
    told = number(reply.headers.get(rate.reset.lower(), ""))
    if told is None or rate.reset_is == "seconds":
        return told
    base = http_date(reply.headers.get("date", ""))
    base = now if base is None else base
    seconds = told / 1000 if rate.reset_is == "epoch_milliseconds" else told
    return max(0.0, seconds - base) if base is not None else None


def number(text: str) -> float | None:
    """A number that is not negative, as headers write it, or None."""
    if not text.isascii() or not 0 < len(text) <= _LONGEST or not text.replace(".", "", 1).isdigit():
        return None
    found = float(text)
    return found if math.isfinite(found) else None


def http_date(text: str) -> float | None:
    """UNIX seconds of an HTTP date, or None."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
