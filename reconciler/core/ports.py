"""What the engine needs from the outside, as protocols: providers, the store, credentials, time and chance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from reconciler.core.model import Group, Json, Observed, Orphan, ProviderTraits, Recorded, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a call is authorised with. `fields` holds named secrets (`token`), `api_url` replaces the API root."""

    name: str
    provider: str
    fields: Mapping[str, Secret]
    api_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a provider call goes: one resource of one type, with credentials; `resource` is as written."""

    type: str
    resource: str
    credentials: Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What a webhook is to be at the provider; `events` are what it subscribes to (`issues`, not `issues.opened`)."""

    webhook_id: str
    url: str
    events: frozenset[str]
    secret: Secret | None
    options: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a provider said to a create or update. `secret` only where the provider minted one just now."""

    remote_id: str
    secret: Secret | None = None
    lease_expires_at: float | None = None


class Provider(Protocol):
    """One vendor, with few verbs. Every verb raises `RetryableError` or `TerminalError`, nothing else.

    `list` reads every page or raises. `delete` of something that is gone raises `TerminalError` of kind `NOT_FOUND`:
    the engine, not the adapter, decides what that means.
    """

    @property
    def traits(self) -> ProviderTraits: ...

    def slot(self, credentials: Credentials) -> str:
        """The slot that these credentials lead to, never a secret; empty where resources take many webhooks."""
        ...

    async def list(self, target: Target) -> tuple[Observed, ...]: ...

    async def create(self, target: Target, registration: Registration) -> Answer: ...

    async def update(self, target: Target, remote_id: str, registration: Registration) -> Answer: ...

    async def delete(self, target: Target, remote_id: str) -> None: ...

    async def renew(self, target: Target, remote_id: str, registration: Registration) -> Answer: ...

    async def ping(self, target: Target, remote_id: str) -> None: ...


class CredentialStore(Protocol):
    """Gives credentials by name, with their secrets resolved."""

    def get(self, name: str) -> Credentials | None:
        """The credentials, or None where the name is not declared; `ConfigError` where a secret does not resolve."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write in a scope until `expires_at` (UNIX seconds); `fence` grows with every holder."""

    scope: str
    holder: str
    fence: int
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One webhook's part of a transaction: the record, and the secret where it changes."""

    record: Recorded
    secret: Secret | None = None


class Store(Protocol):
    """Records, secrets, slots, orphans and leases. Synchronous: the engine calls it through threads.

    Each writing method is one transaction and raises `LeaseLostError` when `lease` is no longer the scope's.
    """

    def records(self, scope: str) -> Sequence[Recorded]: ...

    def count(self, scope: str) -> int:
        """How many records the scope holds."""
        ...

    def record(self, scope: str, webhook_id: str) -> Recorded | None: ...

    def known_ids(self, webhook_ids: Iterable[str]) -> frozenset[str]:
        """Those of `webhook_ids` that any scope of this store has a record of."""
        ...

    def slots(self) -> Mapping[str, tuple[str, str]]:
        """Slot to (scope, webhook id), over all scopes, of records that are not retired."""
        ...

    def base_urls(self, scope: str) -> frozenset[str]:
        """The base URLs that webhooks of this scope were ever registered under."""
        ...

    def write(self, lease: Lease, writes: Sequence[Write]) -> None:
        """Insert or replace records, all or none; `StateError` for a second live record of one key or slot."""
        ...

    def delete(self, lease: Lease, webhook_id: str, orphans: Sequence[Orphan] = ()) -> None:
        """Drop a record and its secrets, leaving `orphans` behind, in one transaction."""
        ...

    def secrets(self, webhook_id: str) -> tuple[Secret, ...]:
        """The secrets that deliveries may be signed with, newest first."""
        ...

    def fingerprint(self, secret: Secret) -> str:
        """A keyed digest: equal secrets compare equal, and nothing can be learned from it."""
        ...

    def orphans(self, scope: str) -> Sequence[Orphan]: ...

    def add_orphan(self, lease: Lease, orphan: Orphan) -> None: ...

    def remove_orphan(self, lease: Lease, orphan_id: str) -> None: ...

    def binding(self, scope: str) -> str:
        """The project that the scope is bound to; empty while it is bound to none."""
        ...

    def bind(self, scope: str, binding: str) -> None:
        """Bind the scope to a project at its first write; raises `ScopeBoundError` when it is bound to another."""
        ...

    def acquire(self, scope: str, holder: str, now: float, seconds: float) -> Lease | None:
        """Take the scope's lease, or None while another holds it."""
        ...

    def renew(self, lease: Lease, now: float, seconds: float) -> Lease:
        """Extend the lease; raises `LeaseLostError` when it is another's by now."""
        ...

    def release(self, lease: Lease) -> None: ...


class Clock(Protocol):
    """Time and sleeping; UNIX seconds."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class Entropy(Protocol):
    """Chance: ids, secrets, jitter."""

    def webhook_id(self) -> str:
        """A new UUID4."""
        ...

    def secret(self) -> Secret:
        """A new secret of 64 hexadecimal digits."""
        ...

    def jitter(self) -> float:
        """A number in [0, 1)."""
        ...


class Progress(Protocol):
    """Told what the engine does, for logs and bars; never decides anything."""

    def __call__(self, event: str, /, **details: Json) -> None: ...


__all__ = [
    "Answer",
    "Clock",
    "CredentialStore",
    "Credentials",
    "Entropy",
    "Group",
    "Lease",
    "Progress",
    "Provider",
    "Registration",
    "Store",
    "Target",
    "Write",
]
