"""Deliveries and dispatches to test inboxes with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.core.deliveries import Delivery, Provenance
from reconciler.core.inbox import Arrival, Attempt, Dispatch, DispatchState, Filter, Handed, Inbox, Job
from reconciler.core.model import Subscriber, SubscriberKind
from reconciler.store.empty_inbox import EmptyInbox
from reconciler.store.inbox import StoredInbox
from reconciler.store.inboxes import inbox_of
from reconciler.store.sql import SqlStore
from reconciler.testing.memory_inbox import MemoryInbox
from reconciler.testing.memory_store import MemoryStore
from tests.store.samples import SCOPE

WEBHOOK = "00000000-0000-4000-8000-000000000001"
TRIAGE = Subscriber(SubscriberKind.GRAPH, "triage-bot")
LATER = 1000.0
"""When everything that is not put off is due."""


def inbox_in(store: SqlStore | MemoryStore) -> StoredInbox | EmptyInbox | MemoryInbox:
    """The inbox of a store, be it in a database or in memory."""
    return store.inbox() if isinstance(store, MemoryStore) else inbox_of(store)


def delivery(number: int = 1, **fields: Any) -> Delivery:
    """A delivery; later numbers are younger. `fields` replace the rest."""
    values: Mapping[str, Any] = {
        "id": f"delivery-{number:05d}",
        "scope": SCOPE,
        "webhook_id": WEBHOOK,
        "provider": "github",
        "received_at": float(number),
        "provenance": Provenance.RECEIVED,
        "method": "POST",
        "url": f"https://hooks.acme.dev/webhooks/github/{WEBHOOK}",
        "query": "",
        "headers": (("x-github-event", "push"), ("x-github-delivery", f"guid-{number}")),
        "body": b'{"ref": "refs/heads/main"}',
        "events": ("push",),
        "provider_delivery_id": f"guid-{number}",
    }
    return Delivery(**{**values, **fields})


def dispatch(of: Delivery, part: int = 0, **fields: Any) -> Dispatch:
    """A dispatch of a delivery. `fields` replace the rest."""
    subscriber = fields.get("subscriber", TRIAGE)
    values: Mapping[str, Any] = {
        "id": f"{of.id}/{part}/{subscriber}",
        "delivery_id": of.id,
        "part": part,
        "subscriber": subscriber,
        "events": ("push",),
    }
    return Dispatch(**{**values, **fields})


def arrival(number: int = 1, *keys: str, ordered: bool = False, **fields: Any) -> Arrival:
    """An arrival with one dispatch; its keys are its number's, unless others are given."""
    made = delivery(number, **fields)
    return Arrival(delivery=made, keys=keys or (f"id guid-{number}",), dispatches=(dispatch(made, ordered=ordered),))


def graph(name: str) -> Subscriber:
    """A graph."""
    return Subscriber(SubscriberKind.GRAPH, name)


def claimed(inbox: Inbox, holder: str = "worker-1", now: float = LATER, seconds: float = 60.0) -> Sequence[Job]:
    """All that is due."""
    return inbox.claim(SCOPE, holder, now, seconds, 100)


def numbers(jobs: Sequence[Job]) -> list[int]:
    """Which deliveries jobs are of."""
    return [int(job.delivery.id.rpartition("-")[2]) for job in jobs]


def ended(job: Job, state: DispatchState = DispatchState.DONE, **fields: Any) -> Attempt:
    """What came of a job."""
    return Attempt(**{"dispatch_id": job.dispatch.id, "state": state, "at": LATER, **fields})


def handed(inbox: Inbox, number: int = 1) -> Handed:
    """How far the one dispatch of a delivery has come."""
    told = inbox.delivery(SCOPE, delivery(number).id)
    assert told is not None
    (only,) = told[1]
    return only


def listed(inbox: Inbox, limit: int = 100, **chosen: Any) -> list[int]:
    """Which deliveries are told, in their order."""
    return [int(each.id.rpartition("-")[2]) for each, _ in inbox.deliveries(SCOPE, Filter(**chosen), limit)]
