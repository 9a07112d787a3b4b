"""The store in a database: `core.ports.Store`, one transaction a method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection

from reconciler.core.model import Orphan, Recorded, Secret
from reconciler.core.ports import Clock, Entry, Lease, Write
from reconciler.store import (
    applied,
    auditing,
    capturing,
    keys,
    leases,
    leftovers,
    records,
    vaults,
)
from reconciler.store.database import Database
from reconciler.store.errors import WrongKeyError
from reconciler.store.failures import translated
from reconciler.store.keys import KeyRing
from reconciler.store.meta import Fingerprints
from reconciler.store.responding import StoredResponses

T = TypeVar("T")


class SqlStore:
    """Records, secrets, slots, orphans and leases in a database; may be used by several threads at once.

    Every method may raise `StateError`; `close` it (or use it as a context manager) when done.
    """

    exists = True
    made_key: Path | None = None
    """The key file that was made with this store, where people must be told."""

    def __init__(self, database: Database, ring: KeyRing, fingerprints: Fingerprints) -> None:
        self._database = database
        self._ring = ring
        self._fingerprints = fingerprints
        self._responses: StoredResponses | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        if self._responses is not None:
            self._responses.flush()
        self._database.close()

    @property
    def database(self) -> Database:
        """What the store is in, for what this package does to it beside a pass."""
        return self._database

    @property
    def ring(self) -> KeyRing:
        """The keys that open it."""
        return self._ring

    @property
    def location(self) -> str:
        """Where this state is, for people."""
        return self._database.location

    def scopes(self) -> Sequence[str]:
        """The names of all scopes that this store has served."""
        return self._database.read(leases.names)

    def records(self, scope: str) -> Sequence[Recorded]:
        return self._database.read(lambda connection: records.of_scope(connection, scope))

    def count(self, scope: str) -> int:
        return self._database.read(lambda connection: records.count(connection, scope))

    def earliest_lease(self, scope: str) -> float | None:
        """When the first lease of a webhook of `scope` ends, in UNIX seconds; None where none does."""
        return self._database.read(lambda connection: records.earliest_lease(connection, scope))

    def record(self, scope: str, webhook_id: str) -> Recorded | None:
        return self._database.read(lambda connection: records.one(connection, scope, webhook_id))

    def known_ids(self, webhook_ids: Iterable[str]) -> frozenset[str]:
        wanted = tuple(webhook_ids)
        return frozenset(self._database.read(lambda connection: records.owners(connection, wanted)))

    def slots(self) -> Mapping[str, tuple[str, str]]:
        return self._database.read(records.slots)

    def base_urls(self, scope: str) -> frozenset[str]:
        return self._database.read(lambda connection: records.urls_of(connection, scope))

    def write(self, lease: Lease, writes: Sequence[Write], entries: Sequence[Entry] = ()) -> None:
        """Insert or replace records and entries, all or none; `StateError` when a slot or an address is another's."""

        def work(connection: Connection) -> None:
            records.put(connection, lease.scope, [write.record for write in writes])
            vaults.put(connection, self._ring, writes)
            auditing.put(connection, lease.scope, entries)

        self._with_keys(lambda: self._write(lease, work))

    def delete(
        self, lease: Lease, webhook_id: str, orphans: Sequence[Orphan] = (), entries: Sequence[Entry] = ()
    ) -> None:
        def work(connection: Connection) -> None:
            records.drop(connection, lease.scope, webhook_id)
            leftovers.put(connection, lease.scope, orphans)
            auditing.put(connection, lease.scope, entries)

        self._write(lease, work)

    def history(self, scope: str, webhook_id: str = "") -> Iterator[Entry]:
        return auditing.stream(self._database, scope, webhook_id)

    def logged_ids(self, scope: str, beginning: str) -> Sequence[str]:
        """The ids of webhooks in the audit log that begin so."""
        return self._database.read(lambda connection: auditing.webhook_ids(connection, scope, beginning))

    def responses(self, clock: Clock) -> StoredResponses:
        """The one cache of answers of this store; what it gathered is written when the store is closed, too."""
        if self._responses is None:
            self._responses = StoredResponses(self._database, lambda: self._ring, clock.now)
        return self._responses

    def secrets(self, webhook_id: str) -> tuple[Secret, ...]:
        """The secrets that deliveries may be signed with, newest first: the last two that were written."""
        return self._with_keys(
            lambda: self._database.read(lambda connection: vaults.of_webhook(connection, self._ring, webhook_id))
        )

    def capture(self, scope: str, webhook_id: str, secret: Secret) -> bool:
        """Keep the first secret of a webhook that is being registered, told by its provider; False where it is not."""
        return self._with_keys(
            lambda: self._database.write(
                lambda connection: capturing.capture(connection, self._ring, scope, webhook_id, secret)
            )
        )

    def fingerprint(self, secret: Secret) -> str:
        return self._fingerprints.of(secret)

    def orphans(self, scope: str) -> Sequence[Orphan]:
        return self._database.read(lambda connection: leftovers.of_scope(connection, scope))

    def add_orphan(self, lease: Lease, orphan: Orphan) -> None:
        self._write(lease, lambda connection: leftovers.put(connection, lease.scope, (orphan,)))

    def remove_orphan(self, lease: Lease, orphan_id: str, entries: Sequence[Entry] = ()) -> None:
        def work(connection: Connection) -> None:
            leftovers.drop(connection, lease.scope, orphan_id)
            auditing.put(connection, lease.scope, entries)

        self._write(lease, work)

    def binding(self, scope: str) -> str:
        return self._database.read(lambda connection: leases.binding(connection, scope))

    def bind(self, scope: str, binding: str, base_url: str = "") -> None:
        bound = self.binding(scope)
        leases.check_bound(scope, binding, bound)
        new = {base_url} - {""} - self.base_urls(scope)
        if bound and not new:
            return

        def work(connection: Connection) -> None:
            leases.bind(connection, scope, binding)
            records.remember_urls(connection, scope, new)

        self._database.write(work)

    def acquire(self, scope: str, holder: str, now: float, seconds: float) -> Lease | None:
        wanted = Lease(scope=scope, holder=holder, fence=0, expires_at=now + seconds)
        return self._database.write(lambda connection: leases.acquire(connection, wanted, now))

    def renew(self, lease: Lease, now: float, seconds: float) -> Lease:
        return self._database.write(lambda connection: leases.renew(connection, lease, now + seconds))

    def release(self, lease: Lease) -> None:
        self._database.write(lambda connection: leases.release(connection, lease))

    def serial(self, scope: str) -> int:
        """A number that grows with every pass that may write in `scope`."""
        return self._database.read(lambda connection: applied.serial(connection, scope))

    def applied_at(self, scope: str, digest: str, serial: int) -> float | None:
        """When a saved plan was applied, in UNIX seconds; None where it was not."""
        return self._database.read(lambda connection: applied.when(connection, scope, digest, serial))

    def mark_applied(self, scope: str, digest: str, serial: int, now: float) -> bool:
        """Record that a saved plan is being applied; False where it was before."""
        return self._database.write(lambda connection: applied.mark(connection, scope, digest, serial, now))

    def lease(self, scope: str) -> Lease | None:
        """The lease of `scope` as its holder last took or renewed it, lapsed or not; None where nobody has it."""
        return self._database.read(lambda connection: leases.current(connection, scope))

    def _with_keys(self, work: Callable[[], T]) -> T:
        """What `work` returns, tried again where the keys were rotated since they were read."""
        try:
            return work()
        except WrongKeyError:
            with translated(self._database.called):
                ring = keys.load(self._ring.source)
            if ring.ids == self._ring.ids:
                raise
            self._ring = ring
            return work()

    def _write(self, lease: Lease, work: Callable[[Connection], None]) -> None:
        def guarded(connection: Connection) -> None:
            leases.check(connection, lease)
            work(connection)

        self._database.write(guarded)
