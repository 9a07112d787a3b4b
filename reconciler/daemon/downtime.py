"""When missed deliveries are asked for: after time in which nobody may have been there to take them."""

from __future__ import annotations

from collections.abc import Callable

EVERY_SECONDS = 3600.0
"""An ingress that was away for a while is not noticed from here: what it missed is asked for within the hour."""


class Downtime:
    """Tells when to recover: at the start, and an hour after each recovery that was made; `now` gives UNIX seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._next = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time."""
        return self._now() >= self._next

    def over(self) -> None:
        """A recovery was made, or there is nothing to recover for."""
        self._next = self._now() + EVERY_SECONDS
