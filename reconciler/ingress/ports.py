"""What the ingress needs from the outside: webhooks by id, what vendors look like, an inbox, somebody who fetches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from reconciler.core.inbox import Inbox
from reconciler.core.model import EventTraits, Json, Recorded, Secret
from reconciler.core.ports import Clock, Entropy, Progress
from reconciler.verify.delivery import DeliveryRules
from reconciler.verify.handshake_kinds import Handshake
from reconciler.verify.kinds import Scheme
from reconciler.verify.request import Fetched, Need


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One type of a vendor's webhooks: how its deliveries are read, and how their events compare."""

    rules: DeliveryRules
    events: EventTraits


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """A provider as the ingress sees it, all of it from its definition.

    `refusal` is the status of whatever is not taken, `accepted` that of what is kept; `max_body` is in bytes, None
    where the ingress's own limit holds. `kinds` are the types by name.
    """

    name: str
    scheme: Scheme
    kinds: Mapping[str, Kind]
    handshakes: tuple[Handshake, ...] = ()
    refusal: int = 404
    accepted: int = 200
    max_body: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A webhook as it is recorded, in whose scope, with the secrets that its deliveries may be signed with."""

    scope: str
    record: Recorded
    secrets: tuple[Secret, ...]


class Webhooks(Protocol):
    """Webhooks by id. Synchronous: called in threads. Both may raise `StateError`."""

    def find(self, webhook_id: str) -> Found | None:
        """The webhook, whatever its phase; None where there is none."""
        ...

    def capture(self, found: Found, secret: Secret) -> bool:
        """Keep the secret that a provider told while the webhook is being registered; durable on return.

        False where that is over, or a secret was told before.
        """
        ...


class Fetch(Protocol):
    """Makes the one call that a need asks for."""

    async def __call__(self, need: Need, record: Recorded, /) -> Fetched:
        """What came back; status 0 where nothing did. Raises nothing but a bug."""
        ...


def nothing_to_do() -> None:
    """For whoever has no dispatcher to wake."""


def untold(event: str, /, **details: Json) -> None:
    """A `Progress` that tells nobody."""


class Ordered(Protocol):
    """Which subscribers want their dispatches one after another."""

    def __call__(self, subscriber: str, /) -> bool:
        """`subscriber` is written `graph:ID` or `preset:ID`."""
        ...


def never_ordered(subscriber: str, /) -> bool:
    """For whoever orders nothing."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The outside. `wake` is called in the event loop whenever dispatches were stored.

    `ordered` tells whether those of a relation of a webhook are handed on one after another.
    """

    webhooks: Webhooks
    vendors: Mapping[str, Vendor]
    inbox: Inbox
    fetch: Fetch
    clock: Clock
    entropy: Entropy
    progress: Progress = untold
    wake: Callable[[], None] = nothing_to_do
    ordered: Ordered = never_ordered
