"""Which record belongs to which wish: by key first, then by what may change without a new webhook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType

from reconciler.core.model import Desired, Phase, Recorded, WebhookKey

LIVE = frozenset({Phase.PENDING, Phase.REGISTERED, Phase.MANUAL})
"""Phases of a record that a trigger may use as it is."""


Slots = Mapping[tuple[str, str], str]
"""(provider, credentials) to the slot that they lead to."""

NO_SLOTS: Slots = MappingProxyType({})


class Bond(Enum):
    """What ties a wish and a record together."""

    SAME = auto()
    """They have the same key."""
    REVIVED = auto()
    """The record is the tombstone of the wanted manual webhook."""
    CREDENTIALS = auto()
    """They differ in credentials alone."""
    GAINED = auto()
    """The record is manual, and the wish for the same subscriber is auto by now."""
    MOVED = auto()
    """The record is of a manual webhook whose subscriber had another name."""
    NEW = auto()
    """No record yet."""
    DANGLING = auto()
    """No wish any more."""
    LEFTOVER = auto()
    """A record marked for deregistration by an earlier pass."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A wish, a record, or both, under the key of the wish, else of the record.

    Each wish and each record but tombstones stands in exactly one pair.
    """

    bond: Bond
    key: WebhookKey
    desired: Desired | None = None
    recorded: Recorded | None = None


def pair(desired: Sequence[Desired], recorded: Sequence[Recorded], slots: Slots = NO_SLOTS) -> tuple[Pair, ...]:
    """Pair wishes with records, in the order of their keys."""
    wanted = {wish.key for wish in desired}
    live = {record.key: record for record in recorded if record.phase in LIVE}
    tombstones = {record.key: record for record in recorded if record.phase is Phase.TOMBSTONE}
    leftovers = [record for record in recorded if record.phase is Phase.RETIRING]
    for record in list(leftovers):
        if record.key in wanted and record.key not in live:
            live[record.key] = record
            leftovers.remove(record)
    dangling = _Dangling((record for key, record in live.items() if key not in wanted), slots)
    pairs = [_bind(wish, live, tombstones, dangling) for wish in sorted(desired, key=lambda wish: wish.key)]
    pairs += [Pair(Bond.DANGLING, record.key, recorded=record) for record in dangling.left()]
    pairs += [Pair(Bond.LEFTOVER, record.key, recorded=record) for record in leftovers]
    return tuple(sorted(pairs, key=_order))


class _Dangling:
    """The records that no wish has taken yet, found by what a wish may still share with them."""

    def __init__(self, records: Iterable[Recorded], slots: Slots) -> None:
        self._slots = slots
        self._left = {record.id: record for record in sorted(records, key=lambda record: (record.key, record.id))}
        self._by_object: dict[WebhookKey, list[Recorded]] = {}
        self._by_subscriber: dict[tuple[str, ...], list[Recorded]] = {}
        for record in self._left.values():
            key = record.key
            if key.manual:
                place = (key.user, key.provider, key.type, key.subscriber)
                self._by_subscriber.setdefault(place, []).append(record)
            else:
                self._by_object.setdefault(key._replace(credentials=""), []).append(record)

    def same_object(self, wish: Desired) -> Recorded | None:
        """A record that differs from the wish in credentials alone; where there are slots, both lead to the same."""
        slot = self._slots.get((wish.key.provider, wish.key.credentials), "")
        candidates = self._by_object.get(wish.key._replace(credentials=""), ())
        return self._take(record for record in candidates if record.slot == slot or not (record.slot and slot))

    def same_subscriber(self, wish: Desired) -> Recorded | None:
        """A manual record of one of the wish's subscribers, of the same type, and of no other resource."""
        key = wish.key
        for relation in wish.relations:
            place = (key.user, key.provider, key.type, str(relation.subscriber))
            candidates = self._by_subscriber.get(place, ())
            if record := self._take(record for record in candidates if record.resource in {"", wish.resource}):
                return record
        return None

    def former(self, wish: Desired) -> Recorded | None:
        """The record of a manual wish under a name that its subscriber had before."""
        for name in wish.moved:
            key = wish.key._replace(subscriber=name)
            place = (key.user, key.provider, key.type, name)
            if record := self._take(record for record in self._by_subscriber.get(place, ()) if record.key == key):
                return record
        return None

    def left(self) -> Iterable[Recorded]:
        """What nobody took."""
        return self._left.values()

    def _take(self, candidates: Iterable[Recorded]) -> Recorded | None:
        for record in candidates:
            if record.id in self._left:
                return self._left.pop(record.id)
        return None


def _bind(
    wish: Desired,
    live: dict[WebhookKey, Recorded],
    tombstones: dict[WebhookKey, Recorded],
    dangling: _Dangling,
) -> Pair:
    if record := live.get(wish.key):
        return Pair(Bond.SAME, wish.key, wish, record)
    if record := tombstones.get(wish.key):
        return Pair(Bond.REVIVED, wish.key, wish, record)
    if not wish.key.manual:
        if record := dangling.same_object(wish):
            return Pair(Bond.CREDENTIALS, wish.key, wish, record)
        if record := dangling.same_subscriber(wish):
            return Pair(Bond.GAINED, wish.key, wish, record)
    elif record := dangling.former(wish):
        return Pair(Bond.MOVED, wish.key, wish, record)
    for name in wish.moved:
        if record := tombstones.get(wish.key._replace(subscriber=name)):
            return Pair(Bond.REVIVED, wish.key, wish, record)
    return Pair(Bond.NEW, wish.key, wish)


def _order(item: Pair) -> tuple[WebhookKey, str]:
    return (item.key, item.recorded.id if item.recorded else "")
