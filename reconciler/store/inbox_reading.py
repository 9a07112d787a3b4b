"""Deliveries and dispatches as they are told: rows back to what `core.inbox` says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, func, literal_column, select, tuple_

from reconciler.core.deliveries import Delivery, Provenance
from reconciler.core.errors import StateError
from reconciler.core.inbox import Dispatch, DispatchState, Filter, Handed
from reconciler.core.model import Subscriber, SubscriberKind
from reconciler.store.database import Database
from reconciler.store.inbox_keeping import headers_of
from reconciler.store.records import chunks
from reconciler.store.tables import deliveries, dispatches

T = TypeVar("T")
Told = tuple[Delivery, Sequence[Handed]]

_PAGE = 25
"""How many deliveries are in memory at once: a body can be large."""

_d = deliveries.c
_p = dispatches.c
_delivery_columns = (
    *(_d.id, _d.scope, _d.webhook_id, _d.provider, _d.received_at, _d.provenance, _d.method, _d.url, _d.query),
    *(_d.headers, _d.body, _d.events, _d.provider_delivery_id, _d.replayed_as),
)
_dispatch_columns = (
    *(_p.id, _p.delivery_id, _p.part, _p.kind, _p.subscriber, _p.node_id, _p.events, _p.line),
    *(_p.state, _p.attempts, _p.due_at, _p.error, _p.seconds, _p.ended_at),
)


def stream(database: Database, scope: str, chosen: Filter, limit: int) -> Iterator[Told]:
    """At most `limit` deliveries of `scope`, newest first; later than `chosen.after`, oldest first.

    Read page by page: neither memory nor a transaction grows with the inbox; what is written meanwhile may show.
    """
    last = ""
    while limit > 0:
        page = database.read(partial(_page, statement=_chosen(scope, chosen, last).limit(min(limit, _PAGE))))
        yield from page
        if len(page) < _PAGE:
            return
        limit -= len(page)
        last = page[-1][0].id


def one(connection: Connection, scope: str, delivery_id: str) -> Told | None:
    """The delivery `delivery_id` of `scope` with its dispatches."""
    found = _page(connection, select(*_delivery_columns).where(_d.id == delivery_id, _d.scope == scope))
    return found[0] if found else None


def last_received(connection: Connection, scope: str, webhook_id: str) -> float | None:
    """When the provider last sent something for a webhook of `scope`."""
    of_webhook = (_d.webhook_id == webhook_id) & (_d.scope == scope)
    sent = select(_d.received_at).where(of_webhook, _d.provenance == Provenance.RECEIVED.value)
    return connection.execute(sent.order_by(_d.id.desc()).limit(1)).scalar()


def received_at(connection: Connection, delivery_id: str) -> float | None:
    """When a delivery came."""
    return connection.execute(select(_d.received_at).where(_d.id == delivery_id)).scalar()


def by_id(connection: Connection, delivery_ids: Iterable[str]) -> dict[str, Delivery]:
    """Deliveries by their ids."""
    found: dict[str, Delivery] = {}
    for chunk in chunks(delivery_ids):
        rows = connection.execute(select(*_delivery_columns).where(_d.id.in_(chunk))).all()
        found.update((row[0], _legible(_delivery, row)) for row in rows)
    return found


def handed_by_id(connection: Connection, places: Iterable[tuple[str, str]]) -> dict[str, Handed]:
    """Dispatches by their ids, each told behind that of its delivery."""
    found: dict[str, Handed] = {}
    for chunk in chunks(places):
        rows = connection.execute(select(*_dispatch_columns).where(tuple_(_p.delivery_id, _p.id).in_(chunk))).all()
        found.update((row[0], _legible(_handed, row)) for row in rows)
    return found


def _page(connection: Connection, statement: Select[Any]) -> list[Told]:
    found = [_legible(_delivery, row) for row in connection.execute(statement)]
    handed: dict[str, list[Handed]] = {delivery.id: [] for delivery in found}
    if found:
        of_these = select(*_dispatch_columns).where(_p.delivery_id.in_(handed))
        for row in connection.execute(of_these.order_by(_p.part, _p.id)):
            handed[row[1]].append(_legible(_handed, row))
    return [(delivery, handed[delivery.id]) for delivery in found]


def _chosen(scope: str, chosen: Filter, last: str) -> Select[Any]:
    """The deliveries that `chosen` lets pass, beyond the delivery `last` of the page before."""
    conditions = [_d.scope == scope, *_conditions(chosen)]
    statement = select(*_delivery_columns)
    if chosen.after:
        return statement.where(*conditions, _d.id > max(chosen.after, last)).order_by(_d.id)
    if last:
        conditions.append(_d.id < last)
    return statement.where(*conditions).order_by(_d.id.desc())


def _conditions(chosen: Filter) -> Iterator[ColumnElement[bool]]:
    if chosen.webhook_id:
        yield _d.webhook_id == chosen.webhook_id
    if chosen.provider:
        yield _d.provider == chosen.provider
    if chosen.event:
        yield func.replace(_d.events, json.dumps(chosen.event), "") != _d.events  # unlike LIKE, every letter counts
    if chosen.since is not None:
        yield _d.received_at >= chosen.since
    if chosen.until is not None:
        yield _d.received_at <= chosen.until
    if chosen.beginning:  # the comparison narrows it by the index
        yield _d.id >= chosen.beginning
        yield func.substr(_d.id, 1, len(chosen.beginning)) == chosen.beginning
    if chosen.dead:
        dead = select(_p.delivery_id).where(_p.scope == _d.scope, _p.state == literal_column("'dead'"))
        yield _d.id.in_(dead)


@lru_cache(maxsize=1000)
def _events(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _legible(read: Callable[[Sequence[Any]], T], row: Sequence[Any]) -> T:
    try:
        return read(row)
    except (ValueError, TypeError) as error:
        raise StateError(f"the store is damaged: a delivery cannot be read ({error}); put back a backup") from error


def _delivery(row: Sequence[Any]) -> Delivery:
    return Delivery(
        id=row[0],
        scope=row[1],
        webhook_id=row[2],
        provider=row[3],
        received_at=row[4],
        provenance=Provenance(row[5]),
        method=row[6],
        url=row[7],
        query=row[8],
        headers=headers_of(row[9]),
        body=row[10],
        events=_events(row[11]),
        provider_delivery_id=row[12],
        replayed_as=row[13] or "",
    )


def _handed(row: Sequence[Any]) -> Handed:
    id_, delivery_id, part, kind, subscriber, node_id, events, line = row[:8]
    return Handed(
        dispatch=Dispatch(
            id=id_,
            delivery_id=delivery_id,
            part=part,
            subscriber=Subscriber(SubscriberKind(kind), subscriber),
            node_id=node_id,
            events=_events(events),
            ordered=bool(line),
        ),
        state=DispatchState(row[8]),
        attempts=row[9],
        next_at=row[10],
        error=row[11],
        seconds=row[12],
        ended_at=row[13],
    )
