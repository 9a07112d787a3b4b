"""Records and their relations: rows to `Recorded` and back, without an ORM."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import islice
from types import MappingProxyType
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from reconciler.core.errors import StateError
from reconciler.core.model import (
    Json,
    Phase,
    Recorded,
    Relation,
    Subscriber,
    SubscriberKind,
    WebhookKey,
    canonical_json,
)
from reconciler.store.errors import ConflictError, SlotTakenError
from reconciler.store.tables import base_urls, relations, webhooks

T = TypeVar("T")

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
_WIDTH = len(_columns)
_r = relations.c
_joined = select(*_columns, _r.kind, _r.subscriber, _r.node_id, _r.events).outerjoin(relations, _r.webhook_id == _w.id)
_PHASES: Mapping[str, Phase] = MappingProxyType({phase.value: phase for phase in Phase})
_update = update(webhooks).where(_w.id == bindparam("row_id"))
_step_aside = _update.values(phase=Phase.RETIRING.value)
_drop_relations = delete(relations).where(relations.c.webhook_id == bindparam("row_id"))


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


def earliest_lease(connection: Connection, scope: str) -> float | None:
    """When the first lease of a scope ends, in UNIX seconds; None where none does."""
    return connection.execute(select(func.min(_w.lease_expires_at)).where(_w.scope == scope)).scalar()


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
    remember_urls(connection, scope, {base_of(record) for record in latest.values()} - {""})


def drop(connection: Connection, scope: str, webhook_id: str) -> None:
    """Delete the record with all that hangs on it; one that is gone is fine."""
    connection.execute(delete(webhooks).where(_w.id == webhook_id, _w.scope == scope))


def chunks(items: Iterable[T]) -> Iterator[list[T]]:
    """`items` in pieces that fit into one statement."""
    rest = iter(items)
    while piece := list(islice(rest, _CHUNK)):
        yield piece


def _load(connection: Connection, condition: ColumnElement[bool]) -> list[Recorded]:
    rows = connection.execute(_joined.where(condition).order_by(_w.id, _r.position))
    try:
        return list(_Reader().records(rows))
    except ValueError as error:
        raise StateError(f"the store is damaged: a record cannot be read ({error}); put back a backup") from error


class _Reader:
    """Makes records of rows. Thousands have a few words, sets of events and options alike: each is made once."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self._events: dict[str, frozenset[str]] = {}
        self._options: dict[str, Mapping[str, Json]] = {}
        self._relations: dict[tuple[str, str, str, str], tuple[Relation, ...]] = {}

    def records(self, rows: Iterable[Sequence[Any]]) -> Iterator[Recorded]:
        """The records of `rows`: those of one webhook follow each other, one for each of its relations."""
        waiting: Sequence[Any] | None = None
        relations: tuple[Relation, ...] = ()
        for row in rows:
            if waiting is not None and row[0] == waiting[0]:
                relations += self._relation(row)
                continue
            if waiting is not None:
                yield self._recorded(waiting, relations)
            waiting, relations = row, self._relation(row)
        if waiting is not None:
            yield self._recorded(waiting, relations)

    def _relation(self, row: Sequence[Any]) -> tuple[Relation, ...]:
        kind, subscriber, node_id, events = place = tuple(row[_WIDTH:])
        if kind is None:
            return ()
        found = self._relations.get(place)
        if found is None:
            relation = Relation(Subscriber(SubscriberKind(kind), subscriber), node_id, tuple(json.loads(events)))
            found = self._relations[place] = (relation,)
        return found

    def _recorded(self, row: Sequence[Any], relations: tuple[Relation, ...]) -> Recorded:
        word = self._words.setdefault
        id_, phase, resource, url, events, options, remote_id, secret, slot, protect, replaced = row[:11]
        user, provider, type_, manual, key_resource, credentials, identity, subscriber, name = row[14:_WIDTH]
        return Recorded(
            id=id_,
            key=WebhookKey(
                word(user, user),
                word(provider, provider),
                word(type_, type_),
                manual,
                resource if key_resource == resource else key_resource,
                word(credentials, credentials),
                word(identity, identity),
                word(subscriber, subscriber),
                name,
            ),
            phase=_PHASES[phase] if phase in _PHASES else Phase(phase),
            resource=resource,
            url=url,
            events=self._event_set(events),
            relations=relations,
            options=self._option_set(options),
            remote_id=remote_id,
            secret=secret,
            slot=slot,
            protect=protect,
            replaced=replaced,
            created_at=row[11],
            updated_at=row[12],
            lease_expires_at=row[13],
        )

    def _event_set(self, text: str) -> frozenset[str]:
        found = self._events.get(text)
        if found is None:
            found = self._events[text] = frozenset(json.loads(text))
        return found

    def _option_set(self, text: str) -> Mapping[str, Json]:
        found = self._options.get(text)
        if found is None:
            found = self._options[text] = json.loads(text)
        return found


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


def remember_urls(connection: Connection, scope: str, bases: Set[str]) -> None:
    """Add to the base URLs of `scope` those that are new."""
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
