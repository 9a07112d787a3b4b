"""A store in memory, with every rule of the real one: for tests of whatever is built on `core.ports.Store`."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.core.errors import LeaseLostError, ScopeBoundError, StateError
from reconciler.core.model import Orphan, Phase, Recorded, Secret, WebhookKey
from reconciler.core.ports import Clock, Entry, Lease, Write
from reconciler.testing.memory_inbox import MemoryInbox
from reconciler.testing.memory_responses import MemoryResponses

_RETIRED = frozenset({Phase.RETIRING, Phase.TOMBSTONE})
_KEPT = 2


@dataclass(slots=True)
class _Scope:
    """What one scope holds."""

    binding: str = ""
    holder: str = ""
    fence: int = 0
    expires_at: float = 0.0
    records: dict[str, Recorded] = field(default_factory=dict)
    orphans: dict[str, Orphan] = field(default_factory=dict)
    base_urls: set[str] = field(default_factory=set)
    history: dict[str, Entry] = field(default_factory=dict)


class MemoryStore:
    """Records, secrets, slots, orphans, leases and the audit log in dictionaries; safe for several threads."""

    exists = True
    location = "memory"

    def __init__(self) -> None:
        self._scopes: dict[str, _Scope] = {}
        self._secrets: dict[str, tuple[Secret, ...]] = {}
        self._owners: dict[str, str] = {}
        self._slots: dict[str, tuple[str, str]] = {}
        self._addresses: dict[tuple[str, WebhookKey], str] = {}
        self._responses = MemoryResponses()
        self._inbox = MemoryInbox()
        self._lock = threading.RLock()

    def close(self) -> None:
        """Nothing to let go of."""

    def scopes(self) -> Sequence[str]:
        """The names of all scopes that this store has served."""
        with self._lock:
            return tuple(sorted(self._scopes))

    def records(self, scope: str) -> Sequence[Recorded]:
        with self._lock:
            held = self._peek(scope).records
            return [held[webhook_id] for webhook_id in sorted(held)]

    def count(self, scope: str) -> int:
        return len(self.records(scope))

    def record(self, scope: str, webhook_id: str) -> Recorded | None:
        with self._lock:
            return self._peek(scope).records.get(webhook_id)

    def known_ids(self, webhook_ids: Iterable[str]) -> frozenset[str]:
        with self._lock:
            return frozenset(webhook_id for webhook_id in webhook_ids if webhook_id in self._owners)

    def slots(self) -> Mapping[str, tuple[str, str]]:
        with self._lock:
            return dict(self._slots)

    def base_urls(self, scope: str) -> frozenset[str]:
        with self._lock:
            return frozenset(self._peek(scope).base_urls)

    def write(self, lease: Lease, writes: Sequence[Write], entries: Sequence[Entry] = ()) -> None:
        """Insert or replace records and entries, all or none; `StateError` when a slot or an address is another's."""
        with self._lock:
            scope = self._held(lease)
            batch = {write.record.id: write.record for write in writes}
            self._check(lease.scope, batch)
            for webhook_id in batch:
                self._unlist(lease.scope, webhook_id)
            for record in batch.values():
                self._list(lease.scope, record)
            for write in writes:
                self._remember(scope, write)
            scope.history.update((entry.id, entry) for entry in entries)

    def delete(
        self, lease: Lease, webhook_id: str, orphans: Sequence[Orphan] = (), entries: Sequence[Entry] = ()
    ) -> None:
        with self._lock:
            scope = self._held(lease)
            if webhook_id in scope.records:
                self._unlist(lease.scope, webhook_id)
                self._secrets.pop(webhook_id, None)
            scope.orphans.update((orphan.id, orphan) for orphan in orphans)
            scope.history.update((entry.id, entry) for entry in entries)

    def history(self, scope: str, webhook_id: str = "") -> Iterator[Entry]:
        with self._lock:
            kept = sorted(self._peek(scope).history.values(), key=lambda entry: (entry.at, entry.id), reverse=True)
        return (entry for entry in kept if webhook_id in ("", entry.webhook_id))

    def responses(self, clock: Clock) -> MemoryResponses:
        """The one cache of answers of this store."""
        return self._responses

    def inbox(self) -> MemoryInbox:
        """The deliveries that this store keeps, and their dispatches."""
        return self._inbox

    def secrets(self, webhook_id: str) -> tuple[Secret, ...]:
        with self._lock:
            return self._secrets.get(webhook_id, ())

    def capture(self, scope: str, webhook_id: str, secret: Secret) -> bool:
        with self._lock:
            record = self._peek(scope).records.get(webhook_id)
            if record is None or record.phase is not Phase.PENDING or self._secrets.get(webhook_id):
                return False
            self._secrets[webhook_id] = (secret,)
            return True

    def fingerprint(self, secret: Secret) -> str:
        """A keyed digest; the key is no secret here, since nothing is kept."""
        return hmac.new(b"memory", secret.reveal().encode(), hashlib.sha256).hexdigest()

    def orphans(self, scope: str) -> Sequence[Orphan]:
        with self._lock:
            return sorted(self._peek(scope).orphans.values(), key=lambda orphan: (orphan.created_at, orphan.id))

    def add_orphan(self, lease: Lease, orphan: Orphan) -> None:
        with self._lock:
            self._held(lease).orphans[orphan.id] = orphan

    def remove_orphan(self, lease: Lease, orphan_id: str, entries: Sequence[Entry] = ()) -> None:
        with self._lock:
            scope = self._held(lease)
            scope.orphans.pop(orphan_id, None)
            scope.history.update((entry.id, entry) for entry in entries)

    def binding(self, scope: str) -> str:
        with self._lock:
            return self._peek(scope).binding

    def bind(self, scope: str, binding: str, base_url: str = "") -> None:
        with self._lock:
            found = self._scopes.setdefault(scope, _Scope())
            if found.binding not in ("", binding):
                raise ScopeBoundError(scope, found.binding, binding)
            found.binding = binding
            found.base_urls |= {base_url} - {""}

    def acquire(self, scope: str, holder: str, now: float, seconds: float) -> Lease | None:
        with self._lock:
            found = self._scopes.setdefault(scope, _Scope())
            if found.holder not in ("", holder) and found.expires_at > now:
                return None
            found.holder, found.fence, found.expires_at = holder, found.fence + 1, now + seconds
            return Lease(scope=scope, holder=holder, fence=found.fence, expires_at=found.expires_at)

    def renew(self, lease: Lease, now: float, seconds: float) -> Lease:
        with self._lock:
            self._held(lease).expires_at = now + seconds
            return replace(lease, expires_at=now + seconds)

    def release(self, lease: Lease) -> None:
        with self._lock:
            found = self._peek(lease.scope)
            if (found.holder, found.fence) == (lease.holder, lease.fence):
                found.holder, found.expires_at = "", 0.0

    def _peek(self, scope: str) -> _Scope:
        return self._scopes.get(scope) or _Scope()

    def _held(self, lease: Lease) -> _Scope:
        found = self._peek(lease.scope)
        if (found.holder, found.fence) != (lease.holder, lease.fence):
            raise LeaseLostError(f"the lease of the scope `{lease.scope}` was lost: another pass took over")
        return found

    def _check(self, name: str, batch: Mapping[str, Recorded]) -> None:
        addresses: dict[WebhookKey, str] = {}
        slots: dict[str, str] = {}
        for record in batch.values():
            owner = self._owners.get(record.id, name)
            if owner != name:
                raise StateError(f"webhook {record.id} belongs to the scope `{owner}`, not to `{name}`")
            if record.phase in _RETIRED:
                continue
            other = self._addresses.get((name, record.key), record.id)
            if addresses.setdefault(record.key, record.id) != record.id or other not in batch:
                raise StateError(f"two live records would have one address: {record.key.address()}")
            scope, holder = self._slots.get(record.slot, (name, record.id))
            if record.slot and (slots.setdefault(record.slot, record.id) != record.id or holder not in batch):
                raise StateError(f"the slot {record.slot} belongs to another webhook of the scope `{scope}`")

    def _list(self, name: str, record: Recorded) -> None:
        self._scopes[name].records[record.id] = record
        self._owners[record.id] = name
        if record.phase not in _RETIRED:
            self._addresses[name, record.key] = record.id
            if record.slot:
                self._slots[record.slot] = (name, record.id)

    def _unlist(self, name: str, webhook_id: str) -> None:
        record = self._scopes[name].records.pop(webhook_id, None)
        self._owners.pop(webhook_id, None)
        if record is None or record.phase in _RETIRED:
            return
        self._addresses.pop((name, record.key), None)
        self._slots.pop(record.slot, None)

    def _remember(self, scope: _Scope, write: Write) -> None:
        record = write.record
        base = record.url.removesuffix(f"/webhooks/{record.key.provider}/{record.id}")
        if base != record.url:
            scope.base_urls.add(base)
        kept = () if write.forget else self._secrets.get(record.id, ())
        if write.forget:
            self._secrets.pop(record.id, None)
        if write.secret is not None and kept[:1] != (write.secret,):
            self._secrets[record.id] = (write.secret, *kept)[:_KEPT]
