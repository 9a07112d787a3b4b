"""How deliveries get into the inbox: a batch of them, their keys and dispatches, in the caller's one transaction.

The hot path of the ingress. Rows go through one prepared statement a table, without a layer between them and the
driver: that layer costs more than the database does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import NamedTuple

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from reconciler.core.deliveries import Arrival, Delivery, Dispatch
from reconciler.core.errors import StateError
from reconciler.store.records import chunks
from reconciler.store.tables import deliveries, delivery_keys

Row = tuple[object, ...]

_DIGEST_BYTES = 16

_d = deliveries.c
_k = delivery_keys.c

_PUT_KEY = "INSERT INTO delivery_keys (digest, scope, delivery_id, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_MOVE_KEY = "UPDATE delivery_keys SET delivery_id = ? WHERE digest = ? AND scope = ?"
_PUT_DELIVERY = (
    "INSERT INTO deliveries (id, scope, webhook_id, provider, provider_delivery_id, received_at, provenance, method, "
    "url, query, events, size, headers, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_PUT_DISPATCH = (
    "INSERT INTO dispatches (id, scope, delivery_id, part, kind, subscriber, node_id, events, line, state, attempts, "
    "due_at, holder, error, seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', 0, ?, '', '', 0) "
    "ON CONFLICT (id) DO UPDATE SET delivery_id = excluded.delivery_id, events = excluded.events, "
    "line = excluded.line, state = 'pending', attempts = 0, due_at = excluded.due_at, holder = '', ended_at = NULL"
)


class _Key(NamedTuple):
    """A key as it is kept: what a vendor put into it may be long, odd, or somebody's."""

    digest: bytes
    scope: str


def accept(connection: Connection, arrivals: Sequence[Arrival]) -> list[str]:
    """Keep what is new of `arrivals`; for each the id under which it is kept."""
    keyed = [[_key(arrival.delivery, key) for key in dict.fromkeys(_keys_of(arrival))] for arrival in arrivals]
    rows = [
        (*key, arrival.delivery.id, arrival.delivery.received_at)
        for arrival, keys in zip(arrivals, keyed, strict=True)
        for key in keys
    ]
    if put_rows(connection, _PUT_KEY, rows) == len(rows):  # nearly always: nobody has one of them
        ids = [arrival.delivery.id for arrival in arrivals]
        _keep(connection, arrivals)
        return ids
    return _without_repeated(connection, arrivals, keyed)


def seen(connection: Connection, scope: str, webhook_id: str, keys: Sequence[str]) -> frozenset[str]:
    """Those of `keys` that a delivery to a webhook of `scope` had."""
    digests = {_digest(webhook_id, key): key for key in keys}
    found: set[str] = set()
    for chunk in chunks(sorted(digests)):
        rows = connection.execute(select(_k.digest).where(_k.digest.in_(chunk), _k.scope == scope)).scalars()
        found.update(digests[digest] for digest in rows)
    return frozenset(found)


def put_rows(connection: Connection, statement: str, rows: Sequence[Row]) -> int:
    """Run `statement` for each of `rows`, `?` being their places; how many rows of the table it touched."""
    if not rows:
        return 0
    if connection.dialect.paramstyle != "qmark":
        statement = statement.replace("?", "%s")
    return connection.exec_driver_sql(statement, list(rows)).rowcount


def storable(text: str) -> str:
    """`text` without what no database takes: an odd word of a vendor's must not undo the batch that it stands in."""
    return text if text.isprintable() else text.replace("\0", "").encode("utf-8", "replace").decode()


@lru_cache(maxsize=1000)
def events_text(events: tuple[str, ...]) -> str:
    """Event names as they are kept: JSON in ASCII."""
    return json.dumps(events)


def _keys_of(arrival: Arrival) -> tuple[str, ...]:
    return arrival.keys or (f"id {arrival.delivery.id}",)  # so that the same arrival twice is one, whatever it is


def _key(delivery: Delivery, key: str) -> _Key:
    return _Key(_digest(delivery.webhook_id, key), delivery.scope)


def _digest(webhook_id: str, key: str) -> bytes:
    text = f"{webhook_id}\0{key}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=_DIGEST_BYTES).digest()


def _without_repeated(
    connection: Connection, arrivals: Sequence[Arrival], keyed: Sequence[Sequence[_Key]]
) -> list[str]:
    """As `accept`, where a key was known before, or stands in the batch more than once; all are in the table by now."""
    known = _known_before(connection, arrivals, keyed)
    ids: list[str] = []
    new: list[Arrival] = []
    moved: list[Row] = []
    for arrival, keys in zip(arrivals, keyed, strict=True):
        kept = next((known[key] for key in keys if key in known), "")
        if not kept:
            kept = arrival.delivery.id
            new.append(arrival)
        fresh = [key for key in keys if key not in known]
        known.update((key, kept) for key in fresh)
        if kept != arrival.delivery.id:
            moved += [(kept, *key) for key in fresh]
        ids.append(kept)
    put_rows(connection, _MOVE_KEY, moved)
    _keep(connection, new)
    return ids


def _known_before(
    connection: Connection, arrivals: Sequence[Arrival], keyed: Sequence[Sequence[_Key]]
) -> dict[_Key, str]:
    """Whose the keys were before this batch. One that has a delivery of the batch was known if that is kept already."""
    new = {arrival.delivery.id for arrival in arrivals}
    for chunk in chunks(sorted(new)):
        new.difference_update(connection.execute(select(_d.id).where(_d.id.in_(chunk))).scalars())
    found: dict[_Key, str] = {}
    for digests in chunks(sorted({key.digest for keys in keyed for key in keys})):
        rows = connection.execute(select(_k.digest, _k.scope, _k.delivery_id).where(_k.digest.in_(digests)))
        found.update((_Key(digest, scope), owner) for digest, scope, owner in rows if owner not in new)
    return found


def _keep(connection: Connection, arrivals: Sequence[Arrival]) -> None:
    try:
        put_rows(connection, _PUT_DELIVERY, [_delivery_row(arrival.delivery) for arrival in arrivals])
    except IntegrityError as error:
        names = ", ".join(sorted({arrival.delivery.scope for arrival in arrivals}))
        raise StateError(
            f"a delivery cannot be kept: the scope {names} is not, or no longer, in this state; "
            "was it renamed? Start the ingress anew"
        ) from error
    rows = [_dispatch_row(dispatch, arrival.delivery) for arrival in arrivals for dispatch in arrival.dispatches]
    put_rows(connection, _PUT_DISPATCH, rows)


def _delivery_row(delivery: Delivery) -> Row:
    headers = ",".join([f"[{quoted(name)},{quoted(value)}]" for name, value in delivery.headers])
    return (
        delivery.id,
        delivery.scope,
        delivery.webhook_id,
        delivery.provider,
        storable(delivery.provider_delivery_id),
        delivery.received_at,
        delivery.provenance.value,
        delivery.method,
        delivery.url,
        storable(delivery.query),
        events_text(delivery.events),
        len(delivery.body),
        f"[{headers}]",
        delivery.body,
    )


def _dispatch_row(dispatch: Dispatch, delivery: Delivery) -> Row:
    subscriber = dispatch.subscriber
    return (
        dispatch.id,
        delivery.scope,
        delivery.id,
        dispatch.part,
        subscriber.kind.value,
        subscriber.id,
        dispatch.node_id,
        events_text(dispatch.events),
        str(subscriber) if dispatch.ordered else "",
        delivery.received_at,
    )
