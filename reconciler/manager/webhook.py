"""A webhook as a platform sees it: plain values, and no secret among them."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.events import wanted
from reconciler.core.model import EventTraits, Recorded, Relation, SubscriberKind
from reconciler.verify.delivery import events_in


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggeredNode:
    """A graph that a webhook triggers, at one of its nodes (empty where the graph as a whole is meant)."""

    graph_id: str
    node_id: str
    events: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggeredPreset:
    """A preset that a webhook triggers."""

    preset_id: str
    events: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One webhook, as it was when it was returned.

    `events` is what the provider subscribes to, `url` where it delivers, `credentials` the name of those it was
    registered with, `provider_webhook_id` the provider's own id; the last two are empty for a manual webhook.
    """

    id: str
    user_id: str
    provider: str
    webhook_type: str
    resource: str
    events: frozenset[str]
    url: str
    credentials: str
    provider_webhook_id: str
    manual: bool
    triggered_nodes: tuple[TriggeredNode, ...]
    triggered_presets: tuple[TriggeredPreset, ...]


def public(record: Recorded) -> Webhook:
    """The value to hand out for a record."""
    key = record.key
    return Webhook(
        id=record.id,
        user_id=key.user,
        provider=key.provider,
        webhook_type=key.type,
        resource=record.resource,
        events=record.events,
        url=record.url,
        credentials=key.credentials,
        provider_webhook_id=record.remote_id,
        manual=key.manual,
        triggered_nodes=tuple(_node(item) for item in record.relations if _kind(item) is SubscriberKind.GRAPH),
        triggered_presets=tuple(_preset(item) for item in record.relations if _kind(item) is SubscriberKind.PRESET),
    )


def dispatched(webhook: Webhook, event: str, traits: EventTraits) -> tuple[TriggeredNode | TriggeredPreset, ...]:
    """Those that asked for a delivery of `event`, or for one of the events that it names."""
    everybody: tuple[TriggeredNode | TriggeredPreset, ...] = (*webhook.triggered_nodes, *webhook.triggered_presets)
    names = events_in(event)
    return tuple(item for item in everybody if any(wanted(name, item.events, traits) for name in names))


def _kind(relation: Relation) -> SubscriberKind:
    return relation.subscriber.kind


def _node(relation: Relation) -> TriggeredNode:
    return TriggeredNode(graph_id=relation.subscriber.id, node_id=relation.node_id, events=frozenset(relation.events))


def _preset(relation: Relation) -> TriggeredPreset:
    return TriggeredPreset(preset_id=relation.subscriber.id, events=frozenset(relation.events))
