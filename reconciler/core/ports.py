"""What the engine needs from the outside, as protocols: providers, the store, credentials, time and chance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from reconciler.core.diff import Change
from reconciler.core.model import Group, Json, Observed, Orphan, ProviderTraits, Recorded, Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a call is authorised with. `fields` holds named secrets (`token`), `api_url` replaces the API root."""

    name: str
    provider: str
    fields: Mapping[str, Secret]
    api_url: str = ""

    @property
    def elsewhere(self) -> bool:
        """Whether they lead to a server of somebody's own; a stand-in on loopback plays the vendor's."""
        host = urlsplit(self.api_url).hostname or ""
        return host not in {"", "localhost", "127.0.0.1", "::1"}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What is left of a credential's rate limit, as the provider last told: `remaining` calls of `limit`.

    The limit starts anew at `resets_at` (UNIX seconds).
    """

    remaining: int
    resets_at: float
    limit: int | None = None


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

    async def missing_permission(self, target: Target) -> str:
        """The permission that these credentials lack to manage webhooks of this type, in the vendor's words.

        Empty where they have it, and wherever that cannot be told: only a positive answer refuses anything. One call.
        Raises `RetryableError` alone, for a rate limit.
        """
        ...

    def budget(self, credentials: Credentials) -> Budget | None:
        """What is left of the rate limit, by the newest answer of this process; None where the vendor tells nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """A delivery as the provider tells afterwards that it was, or would have been: what a request would have held."""

    method: str = "POST"
    query: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """One try at a delivery, as the provider's log has it; `id` is that of the try, to ask for it again.

    `provider_delivery_id` is what tells the delivery from others wherever it arrives, and is the same for every try.
    `at` is UNIX seconds, `delivered` whether the receiver took it, `event` the vendor's name, `url` where it went: None
    or empty where the log does not tell. `held` is what it held, where the log itself tells that.
    """

    id: str
    provider_delivery_id: str = ""
    at: float | None = None
    event: str = ""
    delivered: bool | None = None
    url: str = ""
    held: Rebuilt | None = field(default=None, repr=False)


@runtime_checkable
class Recovering(Protocol):
    """A provider whose log of deliveries can be asked, apart from `Provider`, for few vendors keep one.

    Every verb raises `RetryableError` or `TerminalError`, nothing else. Which of `redeliver` and `fetch` there is, the
    traits of the type tell.
    """

    async def missed(self, target: Target, remote_id: str, since: float) -> tuple[Missed, ...]:
        """What the log holds since a time (UNIX seconds), every page of it, newest first.

        What was delivered is among it where the log tells that too; what it tells no time of always is.
        """
        ...

    async def redeliver(self, target: Target, remote_id: str, missed_id: str) -> None:
        """Have a delivery sent again, to the URL of the webhook."""
        ...

    async def fetch(self, target: Target, remote_id: str, missed_id: str) -> Rebuilt:
        """What a delivery held, or would have held, where its row did not tell."""
        ...


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
    """One webhook's part of a transaction: the record, and the secret where it changes.

    With `forget` the secrets that it had are forgotten first: they were those of an object that is no more.
    """

    record: Recorded
    secret: Secret | None = None
    forget: bool = False


class Outcome(StrEnum):
    """How an action ended, as the audit log has it."""

    BEGUN = "begun"
    """It was being carried out when the process last wrote; it stays so where the process died."""
    DONE = "done"
    ORPHANED = "orphaned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row of the audit log: who did what to which webhook, when, why, and what came of it.

    `at` is UNIX seconds; `user` and `host` tell who ran the process, `commit` what was checked out. `changes` hold no
    secret. An entry of the same `id` replaces the earlier one.
    """

    id: str
    at: float
    user: str
    host: str
    commit: str
    webhook_id: str
    address: str
    action: str
    reason: str
    changes: tuple[Change, ...] = ()
    outcome: Outcome = Outcome.BEGUN
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer to a GET that may be asked for conditionally: its validator, and what it said."""

    etag: str
    body: bytes
    link: str = ""


class ResponseCache(Protocol):
    """Remembers answers between passes, by a key that depends on URL and credential. Losing it only costs calls."""

    def get(self, key: str) -> Response | None: ...

    def put(self, key: str, response: Response) -> None: ...


class Store(Protocol):
    """Records, secrets, slots, orphans, leases and the audit log. Synchronous: the engine calls it through threads.

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

    def write(self, lease: Lease, writes: Sequence[Write], entries: Sequence[Entry] = ()) -> None:
        """Insert or replace records and entries, all or none; `StateError` for two live records of one key or slot."""
        ...

    def delete(
        self, lease: Lease, webhook_id: str, orphans: Sequence[Orphan] = (), entries: Sequence[Entry] = ()
    ) -> None:
        """Drop a record and its secrets, leaving `orphans` and `entries` behind, in one transaction."""
        ...

    def history(self, scope: str, webhook_id: str = "") -> Iterator[Entry]:
        """The audit log of a scope, newest first; of one webhook where its id is given."""
        ...

    def secrets(self, webhook_id: str) -> tuple[Secret, ...]:
        """The secrets that deliveries may be signed with, newest first."""
        ...

    def capture(self, scope: str, webhook_id: str, secret: Secret) -> bool:
        """Keep the first secret of a webhook that is being registered, told by its provider; False where it is not.

        Without the lease: the pass that has it waits for the provider, and the provider for the receiver.
        """
        ...

    def fingerprint(self, secret: Secret) -> str:
        """A keyed digest: equal secrets compare equal, and nothing can be learned from it."""
        ...

    def orphans(self, scope: str) -> Sequence[Orphan]: ...

    def add_orphan(self, lease: Lease, orphan: Orphan) -> None: ...

    def remove_orphan(self, lease: Lease, orphan_id: str, entries: Sequence[Entry] = ()) -> None:
        """Forget an orphan, leaving `entries` behind, in one transaction."""
        ...

    def binding(self, scope: str) -> str:
        """The project that the scope is bound to; empty while it is bound to none."""
        ...

    def bind(self, scope: str, binding: str, base_url: str = "") -> None:
        """Bind the scope to a project at its first write; raises `ScopeBoundError` when it is bound to another.

        From then on `base_url`, if given, is one of its base URLs: no provider is told of one that is not.
        """
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
    "Budget",
    "Clock",
    "CredentialStore",
    "Credentials",
    "Entropy",
    "Entry",
    "Group",
    "Lease",
    "Missed",
    "Outcome",
    "Progress",
    "Provider",
    "Recovering",
    "Registration",
    "Response",
    "ResponseCache",
    "Store",
    "Target",
    "Write",
]
