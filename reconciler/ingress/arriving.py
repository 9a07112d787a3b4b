"""From a request that was verified to what is kept of it: the delivery, its dedupe keys, a dispatch for each who asked.

A delivery is told from others by the provider's own id and by a digest of what was signed. The id often stands in a
header that nobody signed, so that a captured request could come again under another; the digest does not change then.
Nor does it with a query that is not signed, or with the spelling of the signature, to which more may be added. Where a
provider signs no time, two requests that look alike may be two events, so the digest counts for a while only: for hours
where an id should tell them apart, and for minutes where there is none, long enough for a repetition after an answer
that was lost. Where a request only carries a token, and no id, nothing tells a repetition from a second event, and each
is kept: losing one would be worse.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from reconciler.core.deliveries import Delivery, Provenance, id_key, key_digest
from reconciler.core.events import wanted
from reconciler.core.inbox import Arrival, Dispatch
from reconciler.core.model import EventTraits, Recorded, Relation
from reconciler.core.ports import Clock, Entropy, Rebuilt
from reconciler.ingress.ports import Found, Kind, Ordered, Vendor
from reconciler.verify.delivery import DeliveryRules, HeaderId, Part, read_parts
from reconciler.verify.kinds import Scheme
from reconciler.verify.places import HeaderPlace, Place, QueryPlace
from reconciler.verify.public_scheme import JwtScheme, RemoteScheme, SnsScheme, StandardWebhooksScheme
from reconciler.verify.request import Request
from reconciler.verify.signed import Pairs, Signed
from reconciler.verify.words import Part as MessagePart

REPEATED_WITHIN: Final = 600.0
"""Seconds: what comes again within so many is a repetition, where only the digest tells."""

RESENT_WITHIN: Final = 20 * 3600.0
"""Seconds: the same where the provider has ids, and what came again has another, or none, that nobody signed.

Who captured a request gets it through that seldom. Less than a day: what is sent daily with one body is not lost.
"""

_NONE: Final[Mapping[str, float]] = MappingProxyType({})


class Ids:
    """Delivery ids that sort by time: milliseconds, a count within this process, and what tells processes apart."""

    def __init__(self, entropy: Entropy) -> None:
        self._process = entropy.webhook_id().replace("-", "")[-12:]
        self._count = 0
        self._last = 0

    def next(self, now: float) -> str:
        """A new one, greater than all before; `now` is UNIX seconds."""
        self._last = max(int(now * 1000), self._last)
        self._count += 1
        return f"{self._last:012x}{self._count & 0xFFFFFFFF:08x}{self._process}"


@dataclass(frozen=True, slots=True)
class Told:
    """What tells the deliveries of a scheme apart, beside their bodies.

    `headers`, in lower case and sorted, and `parameters` of the query are signed; with `query` all of that is. `timed`
    tells that each request proves when it was made: in a header of `headers`, or in the `pairs` of that of signatures.
    """

    headers: tuple[str, ...]
    timed: bool
    parameters: tuple[str, ...] = ()
    query: bool = False
    pairs: tuple[str, Pairs] | None = None


@dataclass(frozen=True, slots=True)
class Keys:
    """Dedupe keys, and which of them count for how many seconds only."""

    names: tuple[str, ...]
    fleeting: Mapping[str, float]

    def identity(self, delivery_id: str) -> str:
        """What a delivery is for good, whenever it arrives: its first key that lasts, else our own id."""
        return next((name for name in self.names if name not in self.fleeting), id_key(delivery_id))


class Arrivals:
    """Makes arrivals of requests, and dispatches of deliveries."""

    def __init__(self, clock: Clock, entropy: Entropy, ordered: Ordered) -> None:
        self._clock = clock
        self._ids = Ids(entropy)
        self._ordered = ordered
        self._told: dict[str, Told | None] = {}

    def received(self, found: Found, vendor: Vendor, request: Request) -> Arrival:
        """The arrival of a request that was verified. Raises `DeliveryError` where it cannot be read."""
        return self._arrival(found.scope, found.record, vendor, request, Provenance.RECEIVED)

    def recovered(self, scope: str, record: Recorded, vendor: Vendor, rebuilt: Rebuilt) -> Arrival:
        """The arrival of what the provider told afterwards. Raises `DeliveryError` where it cannot be read."""
        request = Request(
            method=rebuilt.method, url=record.url, query=rebuilt.query, headers=rebuilt.headers, body=rebuilt.body
        )
        return self._arrival(scope, record, vendor, request, Provenance.RECOVERED)

    def again(self, delivery: Delivery, record: Recorded, vendor: Vendor) -> tuple[Dispatch, ...]:
        """The dispatches of a delivery that was kept, to whoever asks for it now.

        Whoever asked for it then has the id that it had then. Raises `DeliveryError` where it cannot be read.
        """
        request = request_of(delivery)
        kind = vendor.kinds[record.key.type]
        keys = dedupe_keys(self._of(vendor), request, delivery.provider_delivery_id, kind.rules)
        parts = read_parts(kind.rules, request).parts
        return tuple(self._dispatches(delivery.id, record, kind, parts, keys.identity(delivery.id)))

    def _arrival(
        self, scope: str, record: Recorded, vendor: Vendor, request: Request, provenance: Provenance
    ) -> Arrival:
        kind = vendor.kinds[record.key.type]
        reading = read_parts(kind.rules, request)
        now = self._clock.now()
        delivery_id = self._ids.next(now)
        keys = dedupe_keys(self._of(vendor), request, reading.id, kind.rules)
        delivery = Delivery(
            id=delivery_id,
            scope=scope,
            webhook_id=record.id,
            provider=vendor.name,
            received_at=now,
            provenance=provenance,
            method=request.method,
            url=request.url,
            query=request.query,
            headers=request.headers,
            body=request.body,
            events=reading.events,
            provider_delivery_id=reading.id,
        )
        dispatches = tuple(self._dispatches(delivery_id, record, kind, reading.parts, keys.identity(delivery_id)))
        return Arrival(delivery=delivery, keys=keys.names, dispatches=dispatches, fleeting=keys.fleeting)

    def _dispatches(
        self, delivery_id: str, record: Recorded, kind: Kind, parts: Sequence[Part], identity: str
    ) -> Iterator[Dispatch]:
        told: set[str] = set()
        for number, part in enumerate(parts):
            # A vendor may send what it sent before among other parts: by its own id it is known again.
            known = bool(part.id) and part.id not in told
            told.add(part.id)
            whole, place = (f"part {part.id}", 0) if known else (identity, number)
            for relation, events in _asked(record.relations, part.events, kind.events):
                subscriber = relation.subscriber
                name = str(subscriber)
                yield Dispatch(
                    id=dispatch_id(record.id, whole, place, name, relation.node_id),
                    delivery_id=delivery_id,
                    part=number,
                    subscriber=subscriber,
                    node_id=relation.node_id,
                    events=events,
                    ordered=self._ordered(name),
                )

    def _of(self, vendor: Vendor) -> Told | None:
        if vendor.name not in self._told:
            self._told[vendor.name] = told_by(vendor.scheme)
        return self._told[vendor.name]


def request_of(delivery: Delivery) -> Request:
    """The request that a delivery was, byte for byte."""
    return Request(
        method=delivery.method, url=delivery.url, query=delivery.query, headers=delivery.headers, body=delivery.body
    )


def dispatch_id(webhook_id: str, identity: str, part: int, subscriber: str, node_id: str) -> str:
    """The id of a dispatch: the same for every arrival of one delivery, and nobody else's.

    It begins as the digest of its delivery's first key does, so that an inbox finds the one beside the other.
    """
    texts = (webhook_id, identity, str(part), subscriber, node_id)
    own = hashlib.blake2b(_prefixed(texts), digest_size=8).hexdigest()
    return key_digest(webhook_id, identity)[:8].hex() + own


def dedupe_keys(told: Told | None, request: Request, provider_delivery_id: str, rules: DeliveryRules) -> Keys:
    """What tells a delivery from others of its webhook, the provider's own id first; none where nothing does.

    An id in the body is signed with it, so it needs no help; one in a header may be changed, or left out.
    """
    keys = (id_key(provider_delivery_id),) if provider_delivery_id else ()
    if told is None:
        return Keys(keys, _NONE)
    digest = hashlib.blake2b(_prefixed(_signed_texts(told, request)), digest_size=16)
    digest.update(request.body)
    key = f"digest {digest.hexdigest()}"
    if told.timed:
        return Keys((*keys, key), _NONE)
    with_ids = any(isinstance(rule, HeaderId) for rule in rules.ids)
    return Keys((*keys, key), {key: RESENT_WITHIN if with_ids else REPEATED_WITHIN})


def told_by(scheme: Scheme) -> Told | None:
    """What tells the deliveries of a scheme apart; None where nothing is signed."""
    if isinstance(scheme, Signed):
        return _told_by_signature(scheme)
    if isinstance(scheme, StandardWebhooksScheme):
        return Told(_lowered(f"{scheme.prefix}{part}" for part in ("id", "timestamp")), timed=True)
    if isinstance(scheme, JwtScheme) and scheme.digests:
        return Told(_lowered(_headers([scheme.place])), timed=True, query=True)
    if isinstance(scheme, RemoteScheme):
        return Told(_lowered(_headers(scheme.values.values())), timed=True)
    if isinstance(scheme, SnsScheme):  # the body holds its own signature
        return Told((), timed=True)
    return None


def _told_by_signature(scheme: Signed) -> Told:
    places = [*scheme.values.values(), *([scheme.stamp.place] if scheme.stamp else [])]
    pairs = (scheme.header.lower(), scheme.pairs) if scheme.pairs is not None and scheme.pairs.timestamp else None
    return Told(
        _lowered(_headers(places)),
        timed=scheme.stamp is not None or pairs is not None,
        parameters=tuple(sorted({place.name for place in places if isinstance(place, QueryPlace)})),
        query=MessagePart.QUERY in scheme.message,
        pairs=pairs,
    )


def _signed_texts(told: Told, request: Request) -> Iterator[str]:
    """What is signed of a request beside its body. Not the signature: there may be several ways to write that."""
    yield request.query if told.query else ""
    for name in told.headers:
        values = request.by_name.get(name, ())
        yield from (f"{len(values)} {name}", *values)
    for name in told.parameters:
        values = tuple(request.parameters(name))
        yield from (f"{len(values)} {name}", *values)
    if told.pairs is not None:
        header, pairs = told.pairs
        texts = (item for text in request.by_name.get(header, ()) for item in text.split(pairs.separator))
        items = (text.partition(pairs.between) for text in texts)
        yield from (value for key, _, value in items if key == pairs.timestamp)


def _headers(places: Iterable[Place]) -> Iterator[str]:
    return (place.name for place in places if isinstance(place, HeaderPlace))


def _lowered(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name.lower() for name in names}))


def _prefixed(texts: Iterable[str]) -> bytes:
    """The texts, each behind its length, so that none can be read as others."""
    return "".join([f"{len(text)}:{text}" for text in texts]).encode("utf-8", "surrogatepass")


def _asked(
    relations: Sequence[Relation], events: tuple[str, ...], traits: EventTraits
) -> Iterator[tuple[Relation, tuple[str, ...]]]:
    """Who asked for any of the events, and which of them they asked for."""
    for relation in relations:
        asked = tuple(event for event in events if wanted(event, relation.events, traits))
        if asked:
            yield relation, asked
