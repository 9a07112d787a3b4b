"""Records and their relations: rows to `Recorded` and back, without an ORM."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from reconciler.core.errors import StateError
from reconciler.core.model import Phase, Recorded, Relation, Subscriber, SubscriberKind, WebhookKey, canonical_json
from reconciler.store.failures import ConflictError, SlotTakenError
from reconciler.store.tables import base_urls, relations, webhooks

_CHUNK = 500
_RETIRED = (Phase.RETIRING, Phase.TOMBSTONE)

_w = webhooks.c
_key_columns = (
    *(_w.user, _w.provider, _w.type, _w.manual),
    *(_w.key_resource, _w.credentials, _w.identity, _w.subscriber, _w.name),
)
_columns = (
    *(_w.id, _w.phase, _w.resource, _w.url, _w.events, _w.options, _w.remote_id, _w.secret, _w.slot, _w.protect),
    *(_w.replaced, _w.created_at, _w.updated_at, _w.lease_expires_at, *_key_columns),
)
_update = update(webhooks).where(_w.id == bindparam("row_id"))
_step_aside = _update.values(phase=Phase.RETIRING.value)
_drop_relations = delete(relations).where(relations.c.webhook_id == bindparam("row_id"))


class _Reading(NamedTuple):
    """Parsers that remember what they parsed: thousands of webhooks share a few sets of events."""

    event_set: Callable[[str], frozenset[str]]
    event_list: Callable[[str], tuple[str, ...]]


def of_scope(connection: Connection, scope: str) -> list[Recorded]:
    """All records of `scope`, ordered by id."""
    return _load(connection, _w.scope == scope)


def one(connection: Connection, scope: str, webhook_id: str) -> Recorded | None:
    """The record `webhook_id` of `scope`."""
    found = _load(connection, (_w.id == webhook_id) & (_w.scope == scope))
    return found[0] if found else None


def count(connection: Connection, scope: str) -> int:
    """How many records a scope has."""
    return connection.execute(select(func.count()).where(_w.scope == scope)).scalar_one()


def owners(connection: Connection, webhook_ids: Iterable[str]) -> dict[str, str]:
    """Id to scope, for those ids that any scope has a record of."""
    found: dict[str, str] = {}
    for chunk in chunks(webhook_ids):
        rows = connection.execute(select(_w.id, _w.scope).where(_w.id.in_(chunk)))
        found.update((webhook_id, scope) for webhook_id, scope in rows)
    return found


def slots(connection: Connection) -> dict[str, tuple[str, str]]:
    """Slot to (scope, webhook id), of all records that are not retired."""
    statement = select(_w.slot, _w.scope, _w.id).where(_w.slot != "", _w.phase.not_in(_RETIRED))
    return {slot: (scope, webhook_id) for slot, scope, webhook_id in connection.execute(statement)}


def urls_of(connection: Connection, scope: str) -> frozenset[str]:
    """The base URLs that webhooks of `scope` were ever recorded under."""
    return frozenset(connection.execute(select(base_urls.c.url).where(base_urls.c.scope == scope)).scalars())


def put(connection: Connection, scope: str, records: Sequence[Recorded]) -> None:
    """Insert or replace `records`; raises `StateError` when that contradicts another record."""
    latest = {record.id: record for record in records}
    known = owners(connection, latest)
    for webhook_id, owner in known.items():
        if owner != scope:
            raise ConflictError(f"webhook {webhook_id} belongs to the scope `{owner}`, not to `{scope}`")
    _check_slots(connection, latest)
    new = [_row(record, scope) for record in latest.values() if record.id not in known]
    old = [_row(record, scope) | {"row_id": record.id} for record in latest.values() if record.id in known]
    try:
        if old:
            # All step aside first: records of one call may exchange addresses or slots.
            connection.execute(_step_aside, [{"row_id": row["row_id"]} for row in old])
            connection.execute(_update, old)
            connection.execute(_drop_relations, [{"row_id": row["row_id"]} for row in old])
        if new:
            connection.execute(insert(webhooks), new)
    except IntegrityError as error:
        raise ConflictError(f"two live records would have one address: {_addresses(latest.values())}") from error
    rows = [row for record in latest.values() for row in _relation_rows(record)]
    if rows:
        connection.execute(insert(relations), rows)
    _remember_urls(connection, scope, latest.values())


def drop(connection: Connection, scope: str, webhook_id: str) -> None:
    """Delete the record with all that hangs on it; one that is gone is fine."""
    connection.execute(delete(webhooks).where(_w.id == webhook_id, _w.scope == scope))


def chunks(items: Iterable[str]) -> Iterator[list[str]]:
    """`items` in pieces that fit into one statement."""
    rest = iter(items)
    while piece := list(islice(rest, _CHUNK)):
        yield piece


def _load(connection: Connection, condition: ColumnElement[bool]) -> list[Recorded]:
    reading = _Reading(cache(_event_set), cache(_event_list))
    hanging = _relations(connection, condition, reading)
    rows = connection.execute(select(*_columns).where(condition).order_by(_w.id))
    try:
        return [_recorded(row, hanging.get(row[0], ()), reading) for row in rows]
    except ValueError as error:
        raise StateError(f"the store is damaged: a record cannot be read ({error}); put back a backup") from error


def _relations(
    connection: Connection, condition: ColumnElement[bool], reading: _Reading
) -> dict[str, tuple[Relation, ...]]:
    r = relations.c
    statement = (
        select(r.webhook_id, r.kind, r.subscriber, r.node_id, r.events)
        .join(webhooks, _w.id == r.webhook_id)
        .where(condition)
        .order_by(r.webhook_id, r.position)
    )
    found: dict[str, tuple[Relation, ...]] = {}
    for webhook_id, kind, subscriber, node_id, events in connection.execute(statement):
        relation = Relation(Subscriber(SubscriberKind(kind), subscriber), node_id, reading.event_list(events))
        found[webhook_id] = (*found.get(webhook_id, ()), relation)
    return found


def _recorded(row: Sequence[Any], hanging: tuple[Relation, ...], reading: _Reading) -> Recorded:
    return Recorded(
        id=row[0],
        key=WebhookKey(*row[14:]),
        phase=Phase(row[1]),
        resource=row[2],
        url=row[3],
        events=reading.event_set(row[4]),
        relations=hanging,
        options=json.loads(row[5]),
        remote_id=row[6],
        secret=row[7],
        slot=row[8],
        protect=row[9],
        replaced=row[10],
        created_at=row[11],
        updated_at=row[12],
        lease_expires_at=row[13],
    )


def _row(record: Recorded, scope: str) -> dict[str, object]:
    key = record.key
    return {
        "id": record.id,
        "scope": scope,
        "user": key.user,
        "provider": key.provider,
        "type": key.type,
        "manual": key.manual,
        "key_resource": key.resource,
        "credentials": key.credentials,
        "identity": key.identity,
        "subscriber": key.subscriber,
        "name": key.name,
        "phase": record.phase.value,
        "resource": record.resource,
        "url": record.url,
        "events": canonical_json(sorted(record.events)),
        "options": canonical_json(dict(record.options)),
        "remote_id": record.remote_id,
        "secret": record.secret,
        "slot": record.slot,
        "protect": record.protect,
        "replaced": record.replaced,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "lease_expires_at": record.lease_expires_at,
    }


def _relation_rows(record: Recorded) -> list[dict[str, object]]:
    return [
        {
            "webhook_id": record.id,
            "position": position,
            "kind": relation.subscriber.kind.value,
            "subscriber": relation.subscriber.id,
            "node_id": relation.node_id,
            "events": canonical_json(list(relation.events)),
        }
        for position, relation in enumerate(record.relations)
    ]


def _check_slots(connection: Connection, latest: dict[str, Recorded]) -> None:
    claims: dict[str, str] = {}
    for record in latest.values():
        if record.slot and record.phase not in _RETIRED and claims.setdefault(record.slot, record.id) != record.id:
            raise SlotTakenError(f"webhooks {claims[record.slot]} and {record.id} both claim the slot {record.slot}")
    for chunk in chunks(claims):
        statement = select(_w.slot, _w.scope, _w.id).where(_w.slot.in_(chunk), _w.phase.not_in(_RETIRED))
        for slot, scope, webhook_id in connection.execute(statement):
            if webhook_id not in latest:
                raise SlotTakenError(f"the slot {slot} belongs to webhook {webhook_id} of the scope `{scope}`")


def _remember_urls(connection: Connection, scope: str, records: Iterable[Recorded]) -> None:
    bases = {base_of(record) for record in records} - {""}
    new = bases - urls_of(connection, scope) if bases else set()
    if new:
        connection.execute(insert(base_urls), [{"scope": scope, "url": url} for url in sorted(new)])


def base_of(record: Recorded) -> str:
    """The base URL that the ingress URL of `record` was made from; empty where it has another shape."""
    base = record.url.removesuffix(f"/webhooks/{record.key.provider}/{record.id}")
    return base if base != record.url else ""


def _addresses(records: Iterable[Recorded]) -> str:
    live = [record.key.address() for record in records if record.phase not in _RETIRED]
    return ", ".join(live[:3]) + (f" and {len(live) - 3} more" if len(live) > 3 else "")


def _event_set(text: str) -> frozenset[str]:
    return frozenset(json.loads(text))


def _event_list(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))
