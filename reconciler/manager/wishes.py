"""From the arguments of a call to what the engine works with. Pure; everything that is wrong is refused here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from reconciler.core.errors import ConfigError, Problem
from reconciler.core.events import union
from reconciler.core.model import (
    Desired,
    EventTraits,
    Phase,
    ProviderTraits,
    Recorded,
    Relation,
    SecretOrigin,
    Subscriber,
    SubscriberKind,
    TypeTraits,
    WebhookKey,
)
from reconciler.core.pairing import LIVE
from reconciler.documents.nearest import quoted, suggestion
from reconciler.manifests.rules import TypeRules, canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a call asks for: `events` of `resource` (empty for a manual webhook), for a user."""

    user_id: str
    webhook_type: str
    events: Iterable[str]
    resource: str = ""


def auto(traits: ProviderTraits, ask: Ask, credentials: str) -> Desired:
    """The wish for a registered webhook. Raises `ConfigError` for a type, resource or event that does not exist."""
    kind = _type(traits, ask.webhook_type)
    if kind.manual_only:
        raise _refusal("manual_only", f"{traits.title} has no API for webhooks: use get_manual_webhook")
    resource = ask.resource or kind.default_resource
    if not resource:
        raise _refusal("bad_resource", f"a webhook of {traits.name}/{kind.name} needs a resource")
    if problem := TypeRules(traits, kind).resource_problem(resource):
        message, hint = problem
        raise _refusal("bad_resource", f"the resource {quoted(resource)} of {traits.name}/{kind.name} {message}", hint)
    key = WebhookKey(
        _user(ask.user_id),
        traits.name,
        kind.name,
        manual=False,
        resource=canonical(resource, kind.canonical),
        credentials=credentials,
    )
    return _wish(key, resource, kind, _events(traits, kind, ask.events), ())


def manual(traits: ProviderTraits, ask: Ask, subscriber: Subscriber) -> Desired:
    """The wish for a webhook that a person pastes; its subscriber is attached. Raises `ConfigError` as `auto` does."""
    kind = _type(traits, ask.webhook_type)
    if traits.secret_origin is SecretOrigin.HANDSHAKE:
        message = f"{traits.title} tells its secret while we register: use get_suitable_auto_webhook"
        raise _refusal("auto_only", message)
    key = WebhookKey(_user(ask.user_id), traits.name, kind.name, manual=True, subscriber=str(subscriber))
    events = _events(traits, kind, ask.events)
    return _wish(key, "", kind, events, (Relation(subscriber, "", tuple(sorted(events))),))


def subscriber_of(graph_id: str | None, preset_id: str | None) -> Subscriber:
    """The graph or the preset; raises `TypeError` unless exactly one is given."""
    if graph_id and not preset_id:
        return Subscriber(SubscriberKind.GRAPH, graph_id)
    if preset_id and not graph_id:
        return Subscriber(SubscriberKind.PRESET, preset_id)
    raise TypeError("give exactly one of graph_id and preset_id")


def event_names(events: Iterable[str] | None) -> tuple[str, ...]:
    """The names that were given; empty where none were. Raises as a wish does for a text or an empty collection."""
    return () if events is None else tuple(sorted(_some(events)))


def live_of(records: Iterable[Recorded]) -> Recorded | None:
    """The record among those of one key that is in use."""
    return next((record for record in records if record.phase in LIVE), None)


def kept(records: Sequence[Recorded]) -> Recorded | None:
    """The record among those of one key whose id and URL a wish goes on with: in use, else revivable."""
    revivable = (record for record in records if record.phase is Phase.TOMBSTONE or not record.replaced)
    return live_of(records) or next(revivable, None)


def widened(wish: Desired, record: Recorded | None, events: EventTraits) -> Desired:
    """The wish for all that the record serves already, and for what is asked besides."""
    if record is None:
        return wish
    return replace(
        wish,
        resource=record.resource,
        events=union((*record.events, *wish.events), events),
        relations=record.relations,
        options=record.options,
        protect=record.protect,
    )


def attached(relations: Iterable[Relation], new: Relation) -> tuple[Relation, ...]:
    """The relations with `new` in the place of the one of its subscriber and node."""
    others = (item for item in relations if (item.subscriber, item.node_id) != (new.subscriber, new.node_id))
    return tuple(sorted((*others, new)))


def detached(relations: Iterable[Relation], subscriber: Subscriber, node_id: str | None) -> tuple[Relation, ...]:
    """The relations without those of a subscriber, at one node or (None) at all of them."""
    return tuple(
        item for item in relations if item.subscriber != subscriber or (node_id is not None and item.node_id != node_id)
    )


def relation_to(record: Recorded, who: Relation, traits: ProviderTraits) -> Relation:
    """What `attach` records: `who` with its events, and without any, with all that the webhook subscribes to now.

    Raises `ConfigError` for events that do not exist, or that the webhook does not subscribe to.
    """
    if not who.events:
        return who._replace(events=tuple(sorted(record.events)))
    kind = _type(traits, record.key.type)
    asked = _events(traits, kind, who.events)
    if not covered(asked, record.events, kind.events):
        names = ", ".join(sorted(union(asked, kind.events) - record.events))
        hint = "ask for a webhook with these events first: an existing one is widened"
        raise _refusal("not_subscribed", f"webhook {record.id} does not subscribe to {names}", hint)
    return who._replace(events=tuple(sorted(asked)))


def covered(asked: Iterable[str], events: frozenset[str], traits: EventTraits) -> bool:
    """Whether a webhook that subscribes to `events` gets all that is asked."""
    return union(asked, traits) <= events or (bool(traits.wildcard) and traits.wildcard in events)


def _wish(
    key: WebhookKey, resource: str, kind: TypeTraits, events: frozenset[str], relations: tuple[Relation, ...]
) -> Desired:
    defaults = {name: option.default for name, option in sorted(kind.options.items()) if option.default is not None}
    return Desired(
        key=key,
        resource=resource,
        events=union(events, kind.events),
        relations=relations,
        triggers=(),
        options=defaults,
    )


def _type(traits: ProviderTraits, name: str) -> TypeTraits:
    if kind := traits.types.get(name):
        return kind
    message = f"{traits.name} has no webhook type {quoted(name)}"
    raise _refusal("unknown_type", message, suggestion(name, traits.types))


def _events(traits: ProviderTraits, kind: TypeTraits, events: Iterable[str]) -> frozenset[str]:
    asked = _some(events)
    rules = TypeRules(traits, kind)
    for event in sorted(asked):
        if not rules.knows(event):
            message = f"{traits.name}/{kind.name} has no event {quoted(event)}"
            raise _refusal("unknown_event", message, rules.event_hint(event))
    return asked


def _some(events: Iterable[str]) -> frozenset[str]:
    if isinstance(events, str):
        raise TypeError("events are a collection of names, not one text")
    if asked := frozenset(events):
        return asked
    raise _refusal("no_events", "give at least one event")


def _user(user_id: str) -> str:
    if not user_id:
        raise _refusal("no_user", "a webhook belongs to a user: user_id is empty")
    return user_id


def _refusal(code: str, message: str, hint: str = "") -> ConfigError:
    return ConfigError((Problem(code, message, hint=hint),))
