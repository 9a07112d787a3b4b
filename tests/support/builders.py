"""Short ways to say triggers, records and objects in tests; what a test does not name is the same everywhere."""

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.core.build import Situation, build
from reconciler.core.errors import Location
from reconciler.core.fold import fold
from reconciler.core.ingress_url import ingress_url
from reconciler.core.model import (
    Desired,
    Group,
    Listing,
    Observation,
    Observed,
    Phase,
    Recorded,
    Relation,
    Subscriber,
    SubscriberKind,
    Trigger,
    WebhookKey,
)
from reconciler.core.plan import Plan, PlanOptions
from tests.support.catalogue import CATALOGUE

BASE_URL = "https://hooks.example.com"
NOW = 1_700_000_000.0


def webhook_id(number: int) -> str:
    """A valid UUID4 for a small number."""
    return f"00000000-0000-4000-8000-{number:012x}"


def graph(name: str = "triage") -> Subscriber:
    """A graph as a subscriber."""
    return Subscriber(SubscriberKind.GRAPH, name)


def trigger(*events: str, **changes: Any) -> Trigger:
    """A trigger of graph `triage`, of user `alice`, on `acme/api` at provider `acme`."""
    fields: dict[str, Any] = {
        "user": "alice",
        "subscriber": graph(),
        "provider": "acme",
        "type": "repo",
        "resource": "acme/api",
        "events": frozenset(events or ("push",)),
        "credentials": "main",
        "location": Location("webhooks/triage.yaml", 4, 5),
    } | changes
    fields.setdefault("canonical", "" if fields.get("manual") else fields["resource"].lower())
    if fields.get("manual"):
        fields["credentials"] = ""
    return Trigger(**fields)


def wishes(*triggers: Trigger) -> tuple[Desired, ...]:
    """The webhooks that triggers fold into; they must agree."""
    folded = fold(triggers, CATALOGUE)
    assert folded.problems == ()
    return folded.desired


def recorded(wish: Desired, number: int = 1, **changes: Any) -> Recorded:
    """The record that a wish leaves once it is applied."""
    fields: dict[str, Any] = {
        "id": webhook_id(number),
        "key": wish.key,
        "phase": Phase.MANUAL if wish.key.manual else Phase.REGISTERED,
        "resource": wish.resource,
        "url": ingress_url(BASE_URL, wish.key.provider, webhook_id(number)),
        "events": wish.events,
        "relations": wish.relations,
        "options": wish.options,
        "remote_id": "" if wish.key.manual else f"r{number}",
        "secret": wish.secret or "fp",
        "protect": wish.protect,
    } | changes
    return Recorded(**fields)


def observed(record: Recorded, **changes: Any) -> Observed:
    """The object that a record stands for, as its provider lists it."""
    fields: dict[str, Any] = {
        "remote_id": record.remote_id,
        "url": record.url,
        "events": record.events,
        "active": True,
        "options": record.options,
    } | changes
    return Observed(**fields)


def listings(*pairs: tuple[Recorded, Observed]) -> dict[Group, Observation]:
    """What the providers list, by the groups of the records."""
    found: dict[Group, list[Observed]] = {}
    for record, item in pairs:
        found.setdefault(record.key.group, []).append(item)
    return {group: Listing(tuple(items)) for group, items in found.items()}


def plan(
    desired: Iterable[Desired] = (),
    records: Iterable[Recorded] = (),
    seen: Mapping[Group, Observation] | None = None,
    **changes: Any,
) -> Plan:
    """The plan for a situation."""
    records = tuple(records)
    fields: dict[str, Any] = {
        "scope": "test",
        "base_url": BASE_URL,
        "default_user": "alice",
        "desired": tuple(desired),
        "recorded": records,
        "observed": seen or {},
        "now": NOW,
        "catalogue": CATALOGUE,
        "options": PlanOptions(),
        "known_ids": frozenset(record.id for record in records),
    } | changes
    return build(Situation(**fields))


def only(made: Plan) -> Any:
    """The one step of a plan."""
    assert len(made.steps) == 1, made.steps
    return made.steps[0]


def relation(name: str, *events: str) -> Relation:
    """A graph that is dispatched to."""
    return Relation(graph(name), "", tuple(sorted(events)))


def manual_key(name: str = "") -> WebhookKey:
    """The key of a manual webhook of graph `triage`."""
    return WebhookKey("alice", "acme", "repo", manual=True, subscriber="graph:triage", name=name)
