"""The inbox in the database of the records: `core.inbox.Inbox`, one transaction a method but for `expire`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from reconciler.core.deliveries import Delivery
from reconciler.core.inbox import EVERY, Arrival, Attempt, Backlog, Filter, Handed, Job, Retention
from reconciler.store import inbox_claims, inbox_keeping, inbox_reading
from reconciler.store.database import Database
from reconciler.store.retention import expire


class StoredInbox:
    """Deliveries and dispatches in a database; may be used by several threads, and by several processes, at once.

    Nothing is acknowledged by a method before it is on disk (SQLite: a write-ahead log that is synchronised with each
    commit). Every method may raise `StateError`; in a store open to read, all that write do.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def accept(self, arrivals: Sequence[Arrival]) -> Sequence[str]:
        """Keep what is new; a scope that the store does not know keeps nothing and raises `StateError`."""
        if not arrivals:
            return ()
        return self._database.write(lambda connection: inbox_keeping.accept(connection, arrivals))

    def claim(
        self, scope: str, holder: str, now: float, seconds: float, limit: int, lapsed: int = EVERY
    ) -> Sequence[Job]:
        def work(connection: Connection) -> Sequence[Job]:
            due = inbox_claims.due(connection, scope, now, limit, lapsed)
            return inbox_claims.take(connection, due, holder, now + seconds)

        return self._database.write(work)

    def settle(self, holder: str, attempts: Sequence[Attempt]) -> None:
        if attempts:
            self._database.write(lambda connection: inbox_claims.settle(connection, holder, attempts))

    def next_due(self, scope: str) -> float | None:
        return self._database.read(lambda connection: inbox_claims.next_due(connection, scope))

    def backlog(self, scope: str) -> Backlog:
        return self._database.read(lambda connection: inbox_claims.backlog(connection, scope))

    def deliveries(self, scope: str, chosen: Filter, limit: int) -> Iterator[tuple[Delivery, Sequence[Handed]]]:
        return inbox_reading.stream(self._database, scope, chosen, limit)

    def delivery(self, scope: str, delivery_id: str) -> tuple[Delivery, Sequence[Handed]] | None:
        return self._database.read(lambda connection: inbox_reading.one(connection, scope, delivery_id))

    def revive(self, scope: str, dispatch_ids: Sequence[str], now: float) -> int:
        return self._database.write(lambda connection: inbox_claims.revive(connection, scope, dispatch_ids, now))

    def last_received(self, scope: str, webhook_id: str) -> float | None:
        return self._database.read(lambda connection: inbox_reading.last_received(connection, scope, webhook_id))

    def seen(self, scope: str, webhook_id: str, keys: Sequence[str]) -> frozenset[str]:
        """Those of `keys` that a delivery to the webhook had, whether it is kept still or not."""
        return self._database.read(lambda connection: inbox_keeping.seen(connection, scope, webhook_id, keys))

    def expire(self, scope: str, retention: Retention, now: float) -> int:
        return expire(self._database, scope, retention, now)
