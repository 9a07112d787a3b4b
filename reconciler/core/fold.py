"""From triggers to webhooks: which triggers share one, and what it must be to serve them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.core.errors import Problem
from reconciler.core.events import union
from reconciler.core.model import (
    Catalogue,
    Desired,
    Json,
    Relation,
    Subscriber,
    Trigger,
    TypeTraits,
    WebhookKey,
    canonical_json,
)


@dataclass(frozen=True, slots=True)
class Folded:
    """The wanted webhooks in the order of their keys, and what keeps triggers from sharing one."""

    desired: tuple[Desired, ...]
    problems: tuple[Problem, ...]


def fold(triggers: Iterable[Trigger], catalogue: Catalogue) -> Folded:
    """Fold triggers into webhooks; the result does not depend on their order.

    Auto triggers share a webhook when they agree on user, provider, credentials, type, resource and identity options;
    manual ones when they agree on user, provider, type, subscriber and name. Every trigger's provider and type must be
    in the catalogue.
    """
    shared: dict[WebhookKey, list[Trigger]] = {}
    for trigger in triggers:
        traits = catalogue[trigger.provider].types[trigger.type]
        shared.setdefault(_key(trigger, traits), []).append(trigger)
    merger = _Merger()
    desired = []
    problems: list[Problem] = []
    for key in sorted(shared):
        traits = catalogue[key.provider].types[key.type]
        group = shared.pop(key)
        if len(group) > 1:
            group.sort(key=_order)
            problems.extend(_disagreements(group, key.address()))
        desired.append(merger.merge(key, group, traits))
    return Folded(tuple(desired), (*problems, *_moves(desired)))


def _key(trigger: Trigger, traits: TypeTraits) -> WebhookKey:
    if trigger.manual:
        return WebhookKey(
            trigger.user,
            trigger.provider,
            trigger.type,
            manual=True,
            subscriber=str(trigger.subscriber),
            name=trigger.name,
        )
    identity = {
        name: value
        for name, option in traits.options.items()
        if option.identity and (value := trigger.options.get(name, option.default)) != option.default
    }
    return WebhookKey(
        trigger.user,
        trigger.provider,
        trigger.type,
        manual=False,
        resource=trigger.canonical,
        credentials=trigger.credentials,
        identity=canonical_json(identity) if identity else "",
    )


def _order(trigger: Trigger) -> tuple[object, ...]:
    events = tuple(sorted(trigger.events))
    return (trigger.location, trigger.subscriber, events, trigger.resource, canonical_json(dict(trigger.options)))


class _Merger:
    """Makes webhooks of triggers. What many of them have alike is made once: events, options, who is dispatched to."""

    def __init__(self) -> None:
        self._events: dict[tuple[str, str, frozenset[str]], frozenset[str]] = {}
        self._relations: dict[tuple[Subscriber, frozenset[str]], tuple[Relation, ...]] = {}
        self._defaults: dict[tuple[str, str], Mapping[str, Json]] = {}

    def merge(self, key: WebhookKey, triggers: list[Trigger], traits: TypeTraits) -> Desired:
        """The webhook that serves the triggers, which share a key."""
        return Desired(
            key=key,
            resource=min(trigger.resource for trigger in triggers),
            events=self._union(key, triggers, traits),
            relations=self._dispatched(triggers),
            triggers=tuple(triggers),
            options=self._merged(key, triggers, traits),
            secret=next((trigger.secret for trigger in triggers if trigger.secret), ""),
            protect=_protect(triggers),
            moved=tuple(sorted({name for trigger in triggers for name in trigger.moved})) if key.manual else (),
        )

    def _union(self, key: WebhookKey, triggers: list[Trigger], traits: TypeTraits) -> frozenset[str]:
        asked = triggers[0].events if len(triggers) == 1 else frozenset().union(*(item.events for item in triggers))
        place = (key.provider, key.type, asked)
        events = self._events.get(place)
        if events is None:
            events = self._events[place] = union(asked, traits.events)
        return events

    def _dispatched(self, triggers: list[Trigger]) -> tuple[Relation, ...]:
        if len(triggers) > 1:
            return _relations(triggers)
        place = (triggers[0].subscriber, triggers[0].events)
        relations = self._relations.get(place)
        if relations is None:
            relations = self._relations[place] = _relations(triggers)
        return relations

    def _merged(self, key: WebhookKey, triggers: list[Trigger], traits: TypeTraits) -> Mapping[str, Json]:
        if any(trigger.options for trigger in triggers):
            return _options(triggers, traits)
        place = (key.provider, key.type)
        options = self._defaults.get(place)
        if options is None:
            options = self._defaults[place] = _options((), traits)
        return options


def _protect(triggers: Iterable[Trigger]) -> bool | None:
    """One trigger that protects is enough; None where all are silent, which leaves the record as it is."""
    said = {trigger.protect for trigger in triggers}
    return True if True in said else False if False in said else None


def _relations(triggers: Iterable[Trigger]) -> tuple[Relation, ...]:
    events: dict[Subscriber, set[str]] = {}
    for trigger in triggers:
        events.setdefault(trigger.subscriber, set()).update(trigger.events)
    return tuple(Relation(subscriber, "", tuple(sorted(events[subscriber]))) for subscriber in sorted(events))


def _options(triggers: Iterable[Trigger], traits: TypeTraits) -> Mapping[str, Json]:
    """What was said explicitly, over the defaults; a trigger that is silent has no opinion."""
    merged = {name: option.default for name, option in traits.options.items() if option.default is not None}
    for trigger in triggers:
        merged.update(trigger.options)
    return dict(sorted(merged.items()))


def _moves(desired: Iterable[Desired]) -> Iterable[Problem]:
    """A former name leads to one webhook, and to one that nobody declares any more."""
    wishes = {wish.key: wish for wish in desired if wish.key.manual}
    claimed: dict[WebhookKey, Desired] = {}
    for wish in wishes.values():
        for name in wish.moved:
            former = wish.key._replace(subscriber=name)
            rival = wishes.get(former) or claimed.setdefault(former, wish)
            if rival is not wish or former == wish.key:
                place = rival.triggers[0].location
                what = "is still declared" if former in wishes else "is claimed by another manifest too,"
                yield Problem(
                    "moved",
                    f"{name} {what} at {place}: its webhook {former.address()} keeps its URL there",
                    location=wish.triggers[0].location,
                    path="moved",
                    hint="a former name stands in one manifest, and in no `graph` or `preset` any more",
                )


def _disagreements(triggers: list[Trigger], address: str) -> Iterable[Problem]:
    first: dict[str, tuple[Json, Trigger]] = {}
    for trigger in triggers:
        said = {f"options.{name}": value for name, value in trigger.options.items()}
        if trigger.secret:
            said["secret"] = trigger.secret
        for name, value in said.items():
            known, other = first.setdefault(name, (value, trigger))
            if canonical_json(known) != canonical_json(value):
                yield Problem(
                    "options_disagree",
                    f"{name} differs from the one at {other.location}, yet both triggers share the webhook {address}",
                    location=trigger.location,
                    path=name,
                    hint="give both the same value",
                )
