"""The inbox of a store that is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn

from reconciler.core.deliveries import Delivery
from reconciler.core.inbox import EVERY, Arrival, Attempt, Backlog, Filter, Handed, Job, Retention


class EmptyInbox:
    """A `core.inbox.Inbox` without deliveries; whatever would write is what `refuse` raises."""

    def __init__(self, refuse: Callable[[], NoReturn]) -> None:
        self._refuse = refuse

    def accept(self, arrivals: Sequence[Arrival]) -> Sequence[str]:
        self._refuse()

    def claim(
        self, scope: str, holder: str, now: float, seconds: float, limit: int, lapsed: int = EVERY
    ) -> Sequence[Job]:
        self._refuse()

    def settle(self, holder: str, attempts: Sequence[Attempt]) -> None:
        self._refuse()

    def next_due(self, scope: str) -> float | None:
        return None

    def backlog(self, scope: str) -> Backlog:
        return Backlog()

    def deliveries(self, scope: str, chosen: Filter, limit: int) -> Iterator[tuple[Delivery, Sequence[Handed]]]:
        return iter(())

    def delivery(self, scope: str, delivery_id: str) -> tuple[Delivery, Sequence[Handed]] | None:
        return None

    def revive(self, scope: str, dispatch_ids: Sequence[str], now: float) -> int:
        self._refuse()

    def last_received(self, scope: str, webhook_id: str) -> float | None:
        return None

    def seen(self, scope: str, webhook_id: str, keys: Sequence[str]) -> frozenset[str]:
        return frozenset()

    def expire(self, scope: str, retention: Retention, now: float) -> int:
        self._refuse()
