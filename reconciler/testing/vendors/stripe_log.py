"""Stripe's events as its API tells them: for thirty days, with what is not delivered yet.

Written from Stripe's API reference ("List all events", "Retrieve an event", "Pagination") and "Process undelivered
webhook events".
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.datastructures import QueryParams

from reconciler.core.model import Json
from reconciler.testing.vendors import stripe_parameters as parameters
from reconciler.testing.vendors.base import Delivery, Outcome
from reconciler.testing.vendors.stripe_parameters import refusal

KEPT_SECONDS = 30 * 24 * 3600.0
_KEPT = 10_000
_TYPES = 20
_BOUNDS = {"gt": 1, "gte": 0, "lt": 0, "lte": 1}
"""How much is added to a bound on whole seconds, to make it inclusive below and exclusive above."""


@dataclass(slots=True)
class Event:
    """An event of one account and mode; `pending` are the endpoints that did not take it yet."""

    content: Mapping[str, Json]
    pending: set[str] = field(default_factory=set)

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.content["id"])

    def shown(self) -> dict[str, Json]:
        """The event as it is now."""
        return {**self.content, "pending_webhooks": len(self.pending)}


class Log:
    """The events of both modes."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=_KEPT)

    def clear(self) -> None:
        """Forget all of them."""
        self._events.clear()

    def note(self, deliveries: Sequence[Delivery]) -> None:
        """Remember the events that are about to be delivered."""
        for delivery in deliveries:
            content = json.loads(delivery.body)
            event = self._known(content)
            if event is None:
                event = Event(content)
                self._events.append(event)
            event.pending.add(delivery.webhook_id)

    def delivered(self, outcome: Outcome) -> None:
        """Remember that an endpoint took its delivery."""
        event = self._known(json.loads(outcome.delivery.body))
        if event is not None and outcome.accepted:
            event.pending.discard(outcome.delivery.webhook_id)

    def find(self, event_id: str, live: bool, now: float) -> Event:
        """One event; 404 where it is not, or no longer, known."""
        for event in self._of(live, now):
            if event.id == event_id:
                return event
        raise refusal(404, f"No such event: '{event_id}'", code="resource_missing", param="id")

    def chosen(self, query: QueryParams, live: bool, now: float) -> list[Event]:
        """The events that a query asks for, newest first."""
        success = query.get("delivery_success")
        if success not in {None, "true", "false"}:
            raise refusal(400, f"Invalid boolean: {success}", param="delivery_success")
        types = [*query.getlist("types[]"), *query.getlist("types"), *query.getlist("type")]
        if len(types) > _TYPES:
            raise refusal(400, f"Array types exceeded maximum {_TYPES} allowed elements.", param="types")
        low, high = _interval(query)
        found = [event for event in self._of(live, now) if low <= event.content["created"] < high]
        found = [event for event in found if success in {None, "false" if event.pending else "true"}]
        return [event for event in found if not types or event.content["type"] in types]

    def _of(self, live: bool, now: float) -> Iterator[Event]:
        oldest = now - KEPT_SECONDS
        mine = (event for event in reversed(self._events) if event.content["livemode"] == live)
        return (event for event in mine if event.content["created"] >= oldest)

    def _known(self, content: Mapping[str, Json]) -> Event | None:
        key = (content["id"], content["livemode"])
        return next((event for event in self._events if (event.id, event.content["livemode"]) == key), None)


def paged(items: Sequence[Mapping[str, Json]], query: QueryParams, url: str) -> dict[str, Json]:
    """A page of a list, cut by cursors ("Pagination"); 404 for a cursor that is not in it."""
    limit = parameters.limit(query.get("limit"))
    after, before = query.get("starting_after"), query.get("ending_before")
    ids = [item["id"] for item in items]
    for cursor, name in ((after, "starting_after"), (before, "ending_before")):
        if cursor is not None and cursor not in ids:
            raise refusal(404, f"No such object: '{cursor}'", code="resource_missing", param=name)
    if before is not None:
        rest = items[: ids.index(before)]
        page, more = rest[-limit:], len(rest) > limit
    else:
        rest = items[ids.index(after) + 1 :] if after is not None else items
        page, more = rest[:limit], len(rest) > limit
    return {"object": "list", "data": list(page), "has_more": more, "url": url}


def _interval(query: QueryParams) -> tuple[int, float]:
    """The bounds of `created`: a time, or `created[gte]` and its like."""
    low, high = 0, float("inf")
    for name, more in _BOUNDS.items():
        text = query.get(f"created[{name}]")
        if text is None:
            continue
        if not text.isdigit():
            raise refusal(400, f"Invalid integer: {text}", param="created")
        if name.startswith("g"):
            low = max(low, int(text) + more)
        else:
            high = min(high, int(text) + more)
    return low, high
