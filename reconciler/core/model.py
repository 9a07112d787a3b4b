"""The words of this project as frozen data: triggers, webhooks in their three states, and what a provider can do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from reconciler.core.errors import Location

Json = Any
"""A JSON value: options and plan documents are made of it."""

NOTHING: Mapping[str, Json] = MappingProxyType({})
"""An empty, immutable mapping, for defaults."""


NOWHERE = Location("", 0, 0)
"""The place of what no file declares."""

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical_json(value: Json) -> str:
    """The one spelling of a JSON value: keys sorted, no spaces, text as it is."""
    return _CANONICAL.encode(value)


class Secret:
    """A value that must never be shown: its text form is a row of stars, and only `reveal` gives it out."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for signing, encrypting and sending."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret(********)"

    __str__ = __repr__

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("a secret is not serialised")


class SubscriberKind(StrEnum):
    """What a trigger starts."""

    GRAPH = "graph"
    PRESET = "preset"


class Subscriber(NamedTuple):
    """The graph or preset that a trigger starts; `id` is opaque and case-sensitive."""

    kind: SubscriberKind
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One declared wish: `subscriber` of `user` wants `events` of `resource` at `provider`, with `credentials`.

    `resource` is as written; `canonical` is what it is compared by. `secret` is the fingerprint of a vendor-minted
    secret, where the manifest refers to one. `protect` is None where the manifest is silent. `moved` are the names that
    the subscriber had before (`graph:old`).
    """

    user: str
    subscriber: Subscriber
    provider: str
    type: str
    resource: str
    canonical: str
    events: frozenset[str]
    credentials: str = ""
    manual: bool = False
    name: str = ""
    options: Mapping[str, Json] = field(default_factory=lambda: NOTHING)
    secret: str = ""
    protect: bool | None = None
    moved: tuple[str, ...] = ()
    location: Location = NOWHERE


class Group(NamedTuple):
    """What one list call of a provider covers: the objects of one resource, seen with one credential."""

    provider: str
    type: str
    resource: str
    credentials: str


class WebhookKey(NamedTuple):
    """What makes two wishes the same webhook.

    An auto webhook is told apart by its resource, credentials and identity options (`identity`, canonical JSON or
    empty); a manual one by its subscriber and name. The fields of the other sort are empty.
    """

    user: str
    provider: str
    type: str
    manual: bool
    resource: str = ""
    credentials: str = ""
    identity: str = ""
    subscriber: str = ""
    name: str = ""

    @property
    def group(self) -> Group:
        """The list call that would show this webhook at its provider."""
        return Group(self.provider, self.type, self.resource, self.credentials)

    def address(self, default_user: str = "") -> str:
        """How a person names this webhook before and after it exists."""
        prefix = f"{self.user}:" if self.user != default_user else ""
        if self.manual:
            subscriber = self.subscriber.replace("/", "%2F")
            tail = f"{subscriber}/{self.name}" if self.name else subscriber
            return f"{prefix}{self.provider}/{self.type}/{tail}"
        identity = f"#{self.identity}" if self.identity else ""
        return f"{prefix}{self.provider}/{self.type}/{self.resource}@{self.credentials}{identity}"


class Relation(NamedTuple):
    """A subscriber that is dispatched to, and the events it asked for (finer than the registered ones, perhaps).

    `node_id` names the node of a graph where a platform tells several apart; it is empty for triggers from manifests.
    """

    subscriber: Subscriber
    node_id: str
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """A webhook as the manifests want it: the fold of every trigger that shares it.

    `moved` are the former names of a manual webhook's subscriber, under which its record may be found.
    """

    key: WebhookKey
    resource: str
    events: frozenset[str]
    relations: tuple[Relation, ...]
    triggers: tuple[Trigger, ...]
    options: Mapping[str, Json] = field(default_factory=lambda: NOTHING)
    secret: str = ""
    protect: bool | None = None
    moved: tuple[str, ...] = ()


class Phase(StrEnum):
    """How far a record has come."""

    PENDING = "pending"
    """The intent is written; whether the provider has the object is not known."""
    REGISTERED = "registered"
    """The provider confirmed it, and `remote_id` is known."""
    MANUAL = "manual"
    """Its URL is minted; a person pastes it."""
    RETIRING = "retiring"
    """Marked for deregistration: pruned or replaced, still verifying until that is done."""
    TOMBSTONE = "tombstone"
    """A pruned manual webhook: refused and counted until it is forgotten or revived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A webhook as our store has it.

    `secret` is a keyed fingerprint, never the secret itself; `url` the ingress URL that the provider was last given;
    `replaced` marks a retiring record that another one took over from; times are UNIX seconds.
    """

    id: str
    key: WebhookKey
    phase: Phase
    resource: str
    url: str
    events: frozenset[str]
    relations: tuple[Relation, ...] = ()
    options: Mapping[str, Json] = field(default_factory=lambda: NOTHING)
    remote_id: str = ""
    secret: str = ""
    slot: str = ""
    protect: bool = False
    replaced: bool = False
    created_at: float = 0.0
    updated_at: float = 0.0
    lease_expires_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One object as the provider lists it now. `None` means that the provider does not tell.

    `has_secret` tells whether any secret is set there; which one, no provider shows.
    """

    remote_id: str
    url: str
    events: frozenset[str] | None = None
    active: bool | None = None
    options: Mapping[str, Json] = field(default_factory=lambda: NOTHING)
    health: str = ""
    lease_expires_at: float | None = None
    has_secret: bool | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """All objects of a group: every page was read."""

    objects: tuple[Observed, ...]


@dataclass(frozen=True, slots=True)
class ListFailed:
    """A group could not be listed in full; nothing is created, updated or pruned there in this pass."""

    reason: str


Observation = Listing | ListFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """Something left at a provider that we could not remove."""

    id: str
    webhook_id: str
    address: str
    group: Group
    remote_id: str
    url: str
    reason: str
    created_at: float


class SecretOrigin(StrEnum):
    """Who makes the secret that deliveries are verified with."""

    CALLER = "caller"
    """We mint it and send it with create and update."""
    RESPONSE = "response"
    """The provider mints it and returns it once, with create."""
    HANDSHAKE = "handshake"
    """The provider mints it and tells it to the receiver, while create is in flight."""
    FETCH = "fetch"
    """The provider has it, and tells it after every create and update."""
    VENDOR = "vendor"
    """The vendor mints it and a person copies it: the manifest refers to it."""
    NONE = "none"
    """Deliveries carry no proof."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTraits:
    """The event names of one type, with a sentence each; `open` accepts names that are not listed.

    `separator` splits a finer event from what the provider subscribes to (`issues.opened`); `wildcard` is the vendor's
    own word for every event.
    """

    names: Mapping[str, str]
    open: bool = False
    separator: str = ""
    wildcard: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionTraits:
    """How core treats one option: whether it tells webhooks apart, and its value when a trigger is silent.

    `unset` is what an update sends for an option that is wanted no more: None leaves it out, for vendors that then take
    it back. Where `can_unset` is False there is no way but a replacement. What counts `at_creation` alone is never
    compared.
    """

    identity: bool = False
    default: Json = None
    at_creation: bool = False
    can_unset: bool = False
    unset: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How many webhooks a provider has room for on one resource: in all, and for each event; None where unknown."""

    per_resource: int | None = None
    per_event: int | None = None


class RecoveryWay(StrEnum):
    """How a delivery that was missed can be had afterwards."""

    NONE = ""
    """Not at all: the provider keeps no log of deliveries."""
    REDELIVER = "redeliver"
    """The provider sends it again when it is asked to."""
    INJECT = "inject"
    """The provider tells what it would have sent, and we take that as if it had arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryTraits:
    """How missed deliveries are had, and for how many seconds the provider keeps them.

    `options` are values that the options of a webhook must have; of any other the provider's log does not tell.
    """

    way: RecoveryWay = RecoveryWay.NONE
    horizon: float = 0.0
    options: Mapping[str, Json] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeTraits:
    """What one type of resource at a provider can do: the data that core decides with.

    `updatable` holds the fields that an update changes in place (`url`, `events`, `secret`, option names);
    `default_resource` stands where the credential alone says which resource is meant. `slot` tells that a resource has
    room for one webhook only, `quota` how many fit. `renew_before` is how many seconds before its end a lease is
    renewed; 0 where webhooks do not expire. `recovery` tells how missed deliveries are had. `resource_schema` and
    `options_schema` are JSON Schemas. `title` says in words what a resource is, and how it is written.
    """

    name: str
    events: EventTraits
    title: str = ""
    operations: frozenset[str] = frozenset()
    updatable: frozenset[str] = frozenset()
    options: Mapping[str, OptionTraits] = field(default_factory=dict)
    canonical: tuple[str, ...] = ()
    default_resource: str = ""
    slot: bool = False
    quota: Quota = Quota()
    renew_before: float = 0.0
    recovery: RecoveryTraits = RecoveryTraits()
    url_schemes: frozenset[str] = frozenset({"https", "http"})
    url_ports: frozenset[int] = frozenset()
    resource_schema: Mapping[str, Json] = field(default_factory=lambda: NOTHING)
    options_schema: Mapping[str, Json] = field(default_factory=lambda: NOTHING)

    @property
    def manual_only(self) -> bool:
        """True where the provider has no API: we cannot register, a person must paste."""
        return "create" not in self.operations


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTraits:
    """A provider as core sees it. `verified` is False where deliveries carry no proof at all.

    `concurrency` is how many requests of one credential the provider takes at a time, where it documents that.
    """

    name: str
    title: str
    types: Mapping[str, TypeTraits]
    secret_origin: SecretOrigin
    verified: bool = True
    concurrency: int | None = None


Catalogue = Mapping[str, ProviderTraits]
"""Every known provider by name; may load its entries when they are first asked for."""
