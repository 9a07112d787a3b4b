"""An inbox in memory, with every rule of the real one: for tests of whatever is built on `core.inbox.Inbox`."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from reconciler.core.deliveries import Delivery, Provenance
from reconciler.core.inbox import (
    EVERY,
    Arrival,
    Attempt,
    Backlog,
    Dispatch,
    DispatchState,
    Filter,
    Handed,
    Job,
    Retention,
)


@dataclass(slots=True)
class _Waiting:
    """A dispatch and what became of it; `next_at` is when its lease ends while somebody holds it."""

    handed: Handed
    scope: str
    holder: str = ""

    @property
    def pending(self) -> bool:
        return self.handed.state is DispatchState.PENDING

    def pending_in(self, scope: str) -> bool:
        return self.pending and self.scope == scope

    @property
    def age(self) -> tuple[str, int, str]:
        dispatch = self.handed.dispatch
        return (dispatch.delivery_id, dispatch.part, dispatch.id)

    @property
    def place(self) -> tuple[float, str, int, str]:
        return (self.handed.next_at, *self.age)


class MemoryInbox:
    """Deliveries, their keys and dispatches in dictionaries; safe for several threads. It knows no scopes by name."""

    def __init__(self) -> None:
        self._deliveries: dict[str, Delivery] = {}
        self._keys: dict[tuple[str, str, str], tuple[str, float]] = {}
        self._dispatches: dict[str, _Waiting] = {}
        self._lock = threading.RLock()

    def accept(self, arrivals: Sequence[Arrival]) -> Sequence[str]:
        with self._lock:
            return [self._accept(arrival) for arrival in arrivals]

    def claim(
        self, scope: str, holder: str, now: float, seconds: float, limit: int, lapsed: int = EVERY
    ) -> Sequence[Job]:
        with self._lock:
            due = [each for free_at, each in self._claimable(scope) if max(free_at, each.handed.next_at) <= now]
            due = sorted(due, key=lambda each: each.place)
            left_behind = [each for each in due if each.holder][max(lapsed, 0) :]
            jobs = []
            for each in [each for each in due if each not in left_behind][: max(limit, 0)]:
                was_held, each.holder = bool(each.holder), holder
                each.handed = replace(each.handed, next_at=now + seconds, attempts=each.handed.attempts + 1)
                dispatch = each.handed.dispatch
                delivery = self._deliveries[dispatch.delivery_id]
                jobs.append(Job(dispatch=dispatch, delivery=delivery, attempt=each.handed.attempts, lapsed=was_held))
            return jobs

    def settle(self, holder: str, attempts: Sequence[Attempt]) -> None:
        with self._lock:
            for attempt in attempts:
                each = self._dispatches.get(attempt.dispatch_id)
                if each is None or each.holder != holder or not each.pending:
                    continue
                each.holder = "lapsed" if attempt.lapsed else ""
                each.handed = replace(
                    each.handed,
                    state=attempt.state,
                    attempts=each.handed.attempts - (0 if attempt.tried else 1),
                    next_at=attempt.next_at,
                    error=attempt.error,
                    seconds=attempt.seconds,
                    ended_at=None if attempt.state is DispatchState.PENDING else attempt.at,
                )

    def next_due(self, scope: str) -> float | None:
        with self._lock:
            due = (max(free_at, each.handed.next_at) for free_at, each in self._claimable(scope))
            return min(due, default=None)

    def backlog(self, scope: str) -> Backlog:
        with self._lock:
            ids = [each.handed.dispatch.delivery_id for each in self._dispatches.values() if each.pending_in(scope)]
            return Backlog(count=len(ids), oldest_at=self._deliveries[min(ids)].received_at if ids else None)

    def deliveries(self, scope: str, chosen: Filter, limit: int) -> Iterator[tuple[Delivery, Sequence[Handed]]]:
        with self._lock:
            kept = sorted(self._of_scope(scope), key=lambda delivery: delivery.id, reverse=not chosen.after)
            found = [(delivery, self._handed(delivery.id)) for delivery in kept]
        return iter([told for told in found if _passes(*told, chosen)][: max(limit, 0)])

    def delivery(self, scope: str, delivery_id: str) -> tuple[Delivery, Sequence[Handed]] | None:
        with self._lock:
            found = self._deliveries.get(delivery_id)
            return None if found is None or found.scope != scope else (found, self._handed(delivery_id))

    def revive(self, scope: str, dispatch_ids: Sequence[str], now: float) -> int:
        with self._lock:
            found = [self._dispatches[each] for each in dict.fromkeys(dispatch_ids) if each in self._dispatches]
            ended = [each for each in found if each.scope == scope and not each.pending]
            for each in ended:
                each.holder = ""
                each.handed = replace(each.handed, state=DispatchState.PENDING, next_at=now, attempts=0, ended_at=None)
            return len(ended)

    def last_received(self, scope: str, webhook_id: str) -> float | None:
        with self._lock:
            sent = [each for each in self._of_scope(scope) if each.provenance is Provenance.RECEIVED]
            mine = sorted((each for each in sent if each.webhook_id == webhook_id), key=lambda each: each.id)
            return mine[-1].received_at if mine else None

    def seen(self, scope: str, webhook_id: str, keys: Sequence[str]) -> frozenset[str]:
        """Those of `keys` that a delivery to the webhook had, whether it is kept still or not."""
        with self._lock:
            return frozenset(key for key in keys if (scope, webhook_id, key) in self._keys)

    def expire(self, scope: str, retention: Retention, now: float) -> int:
        with self._lock:
            kept = sorted(self._of_scope(scope), key=lambda delivery: delivery.id)
            old = [each.id for each in kept if each.received_at < now - retention.seconds and self._ended(each.id)]
            excess = sum(len(each.body) for each in kept if each.id not in old) - retention.bytes
            for each in kept:
                if excess > 0 and each.id not in old and self._ended(each.id):
                    old.append(each.id)
                    excess -= len(each.body)
            self._drop(old)
            self._keys = {
                key: (owner, at)
                for key, (owner, at) in self._keys.items()
                if key[0] != scope or at >= now - retention.key_seconds
            }
            return len(old)

    def _accept(self, arrival: Arrival) -> str:
        delivery = arrival.delivery
        names = arrival.keys or (f"id {delivery.id}",)
        keys = [(delivery.scope, delivery.webhook_id, key) for key in names]
        kept = next((self._keys[key][0] for key in keys if self._counts(key, arrival)), "")
        for key in keys:
            if key not in self._keys or (not kept and not self._counts(key, arrival)):
                self._keys[key] = (kept or delivery.id, delivery.received_at)
        if kept:
            return kept
        self._deliveries[delivery.id] = delivery
        for dispatch in arrival.dispatches:
            before = self._dispatches.get(dispatch.id)
            if before is not None and delivery.provenance is Provenance.REPLAYED:
                left = self._deliveries[before.handed.dispatch.delivery_id]
                self._deliveries[left.id] = replace(left, replayed_as=delivery.id)
            self._dispatches[dispatch.id] = _Waiting(_due(dispatch, delivery), delivery.scope)
        return delivery.id

    def _counts(self, key: tuple[str, str, str], arrival: Arrival) -> bool:
        """Whether somebody has the key, and it is no fleeting one whose time is over."""
        if key not in self._keys:
            return False
        return arrival.delivery.received_at - self._keys[key][1] < arrival.fleeting.get(key[2], math.inf)

    def _claimable(self, scope: str) -> Iterable[tuple[float, _Waiting]]:
        """What is pending and behind nothing else, and when the last claim in its line ends."""
        pending = [each for each in self._dispatches.values() if each.pending and each.scope == scope]
        lines: dict[str, list[_Waiting]] = {}
        for each in pending:
            if each.handed.dispatch.ordered:
                lines.setdefault(str(each.handed.dispatch.subscriber), []).append(each)
            else:
                yield 0.0, each
        for line in lines.values():
            held = max((each.handed.next_at for each in line if each.holder), default=0.0)
            yield held, min(line, key=lambda each: each.age)

    def _of_scope(self, scope: str) -> Iterable[Delivery]:
        return [delivery for delivery in self._deliveries.values() if delivery.scope == scope]

    def _handed(self, delivery_id: str) -> Sequence[Handed]:
        found = [each for each in self._dispatches.values() if each.handed.dispatch.delivery_id == delivery_id]
        return [each.handed for each in sorted(found, key=lambda each: each.age)]

    def _ended(self, delivery_id: str) -> bool:
        return all(handed.state is not DispatchState.PENDING for handed in self._handed(delivery_id))

    def _drop(self, delivery_ids: Sequence[str]) -> None:
        for delivery_id in delivery_ids:
            del self._deliveries[delivery_id]
        self._dispatches = {
            name: each
            for name, each in self._dispatches.items()
            if each.handed.dispatch.delivery_id in self._deliveries
        }


def _due(dispatch: Dispatch, delivery: Delivery) -> Handed:
    return Handed(
        dispatch=replace(dispatch, delivery_id=delivery.id),
        state=DispatchState.PENDING,
        attempts=0,
        next_at=delivery.received_at,
    )


def _passes(delivery: Delivery, handed: Sequence[Handed], chosen: Filter) -> bool:
    return (
        chosen.webhook_id in ("", delivery.webhook_id)
        and chosen.provider in ("", delivery.provider)
        and (not chosen.event or chosen.event in delivery.events)
        and (chosen.since is None or delivery.received_at >= chosen.since)
        and (chosen.until is None or delivery.received_at <= chosen.until)
        and delivery.id > chosen.after
        and delivery.id.startswith(chosen.beginning)
        and (not chosen.dead or any(each.state is DispatchState.DEAD for each in handed))
    )
