"""The inbox as a port: what it keeps of deliveries, whom each is for, and what became of handing it on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from reconciler.core.deliveries import Delivery
from reconciler.core.model import Recorded, Subscriber
from reconciler.core.ports import Rebuilt


class DispatchState(StrEnum):
    """How far the handing on to one trigger has come."""

    PENDING = "pending"
    DONE = "done"
    DEAD = "dead"
    """Given up after the last try; somebody may have it tried again for as long as its delivery is kept."""


EVERY: Final = 1 << 31
"""More dispatches than there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """One delivery, or one part of a batch, for one trigger.

    `id` is stable over every try and replay of the same part to the same trigger, so that a target can drop what it
    knows. `part` counts from 0. `events` are those of the part that the trigger asked for. `ordered` ones of a
    subscriber are handed on one after another, as they arrived.
    """

    id: str
    delivery_id: str
    part: int
    subscriber: Subscriber
    node_id: str = ""
    events: tuple[str, ...] = ()
    ordered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A delivery to be kept with its dispatches, unless one of `keys` was seen for this webhook before.

    `keys` are the provider's delivery id and a digest of signature and body, each with a prefix of its own. `fleeting`
    are those of them that count for a time alone: for so many seconds since the delivery came that they lead to.
    """

    delivery: Delivery
    keys: tuple[str, ...]
    dispatches: tuple[Dispatch, ...] = ()
    fleeting: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A dispatch that is due, claimed by one worker until its lease ends; `attempt` counts from 1.

    A try counts from its claim on. `lapsed` tells that the claim before ended without a word of what came of it:
    whoever had it died, or was cut off.
    """

    dispatch: Dispatch
    delivery: Delivery
    attempt: int
    lapsed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of one try: `state` is PENDING where it is to be tried again at `next_at`.

    With `tried` False it was claimed and given back untouched: that counts as no try. With `lapsed` True the next claim
    is told of the one that lapsed before.
    """

    dispatch_id: str
    state: DispatchState
    at: float
    next_at: float = 0.0
    seconds: float = 0.0
    error: str = ""
    tried: bool = True
    lapsed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A dispatch and how far it has come."""

    dispatch: Dispatch
    state: DispatchState
    attempts: int
    next_at: float
    error: str = ""
    seconds: float = 0.0
    ended_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits to be handed on: how many dispatches, and when the oldest delivery of theirs came (UNIX seconds)."""

    count: int = 0
    oldest_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which deliveries: of one webhook or provider, with an event, since and until (UNIX seconds), dead ones only.

    Empty fields let all pass. `after` is a delivery id: only later ones. `beginning` is that of their own id.
    """

    webhook_id: str = ""
    provider: str = ""
    event: str = ""
    since: float | None = None
    until: float | None = None
    dead: bool = False
    after: str = ""
    beginning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long things are kept: deliveries by age in seconds and by bytes of all bodies, keys by age in seconds."""

    seconds: float = 30 * 24 * 3600.0
    bytes: int = 1024 * 1024 * 1024
    key_seconds: float = 30 * 24 * 3600.0


class Inbox(Protocol):
    """Keeps deliveries and their dispatches. Synchronous; every writing method is one durable transaction.

    `expire` alone is several, so that nobody waits for it. All raise `StateError` where the store cannot be used now.
    """

    def accept(self, arrivals: Sequence[Arrival]) -> Sequence[str]:
        """Keep what is new, in one transaction; for each arrival the id under which it is kept.

        That of an earlier delivery where one of the keys was seen (the first such key decides): then nothing is kept,
        and nobody is dispatched to, but its other keys lead to that delivery from then on. No repetition makes a
        fleeting key last longer; once its time is over, it leads to the next delivery that is kept. A dispatch whose id
        is known moves to the new delivery and is due again; of one that is replayed the earlier tells where to.
        """
        ...

    def claim(
        self, scope: str, holder: str, now: float, seconds: float, limit: int, lapsed: int = EVERY
    ) -> Sequence[Job]:
        """Due dispatches, for `holder` alone for so many seconds; those whose lease ended are due again.

        Those that have been due for longest come first. Of the `ordered` ones of a subscriber only the oldest that is
        neither done nor dead, and not while another of them is claimed. At most `lapsed` are such as were claimed
        before, by who never told what came of it: they may be what ended that process.
        """
        ...

    def settle(self, holder: str, attempts: Sequence[Attempt]) -> None:
        """Write down what came of tries; of a dispatch that another holds by now, nothing."""
        ...

    def next_due(self, scope: str) -> float | None:
        """When the next dispatch can be claimed (UNIX seconds); None where none waits.

        A claimed one counts from the end of its lease, an ordered one when it is the first of its subscriber's.
        """
        ...

    def backlog(self, scope: str) -> Backlog:
        """What is neither done nor dead, whether it is due, claimed or to be tried again."""
        ...

    def deliveries(self, scope: str, chosen: Filter, limit: int) -> Iterator[tuple[Delivery, Sequence[Handed]]]:
        """At most `limit` deliveries with their dispatches, newest first; with `after` set, oldest first."""
        ...

    def delivery(self, scope: str, delivery_id: str) -> tuple[Delivery, Sequence[Handed]] | None:
        """One delivery by its id."""
        ...

    def revive(self, scope: str, dispatch_ids: Sequence[str], now: float) -> int:
        """Make dead or done dispatches due again, with all tries before them; how many there were."""
        ...

    def last_received(self, scope: str, webhook_id: str) -> float | None:
        """When the provider last sent a delivery for a webhook (UNIX seconds): one of provenance RECEIVED."""
        ...

    def expire(self, scope: str, retention: Retention, now: float) -> int:
        """Drop what is older or more than is kept, oldest first; how many deliveries that were.

        With a delivery go its dispatches, dead ones too; nothing goes that is still to be dispatched.
        """
        ...


class Admission(Protocol):
    """Makes an arrival of a delivery that was fetched from the provider, of provenance `RECOVERED`.

    It has the dedupe keys and dispatches that a received one would have. Its signature is not looked at: it was asked
    for with the credentials of the webhook, and came from nobody else. Raises `ReconcilerError` where it cannot be read
    as a delivery.
    """

    def __call__(self, record: Recorded, rebuilt: Rebuilt, /) -> Arrival: ...


class Seen(Protocol):
    """Tells which of a provider's delivery ids the inbox has had for a webhook. Synchronous; raises `StateError`."""

    def __call__(self, webhook_id: str, provider_delivery_ids: Sequence[str], /) -> frozenset[str]: ...
