"""Event names: what a provider subscribes to, how sets of them compare, and which trigger a delivery is for."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.model import EventTraits


def subscribed(event: str, traits: EventTraits) -> str | None:
    """The name that the provider subscribes to for `event`, or None where it knows no such event.

    A finer event (`issues.opened`) is cut at the separator until the vendor knows the rest; there is nothing finer
    than the wildcard.
    """
    if traits.wildcard and event == traits.wildcard:
        return event
    name = event
    while True:
        if name in traits.names:
            return name
        head, found, finer = name.rpartition(traits.separator) if traits.separator else ("", "", "")
        if not found or not finer:
            return event if traits.open else None
        name = head


def normalised(events: Iterable[str], traits: EventTraits) -> frozenset[str]:
    """The set as it is compared: the wildcard swallows all others."""
    names = frozenset(events)
    return frozenset({traits.wildcard}) if traits.wildcard and traits.wildcard in names else names


def union(events: Iterable[str], traits: EventTraits) -> frozenset[str]:
    """What one webhook must subscribe to so that each of `events` is delivered."""
    names = ((subscribed(event, traits) or event) for event in events)
    return normalised(names, traits)


def wanted(event: str, asked: Iterable[str], traits: EventTraits) -> bool:
    """Whether a delivery of `event` is for a trigger that asked for `asked`.

    `issues` gets every `issues.*`, `issues.opened` only itself, the wildcard everything.
    """
    separator = traits.separator
    for name in asked:
        if name == event or (traits.wildcard and name == traits.wildcard):
            return True
        if separator and event.startswith(name + separator):
            return True
    return False
