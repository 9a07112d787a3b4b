"""How deliveries get into the inbox: a batch of them, their keys and dispatches, in the caller's one transaction.

The hot path of the ingress. Rows go through few prepared statements a table, without a layer between them and the
driver: that layer costs more than the database does.

A dispatch is known by its id, and that is looked up among the keys: then dispatches themselves can stand in the order
in which they came, and its entry stands beside that of a key of its delivery, on one page with it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from itertools import chain
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, NamedTuple

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from reconciler.core.deliveries import Delivery, Provenance, key_digest
from reconciler.core.errors import StateError
from reconciler.core.inbox import Arrival, Dispatch
from reconciler.store.records import chunks
from reconciler.store.tables import deliveries, delivery_keys

Row = tuple[object, ...]


class _Put(NamedTuple):
    """A statement that puts rows into a table: what stands before their places, and those of one row.

    With `or_not` those that are there already are left as they are.
    """

    beginning: str
    places: str
    or_not: bool = False


_d = deliveries.c
_k = delivery_keys.c

_MOST_ROWS = 64
"""In one statement. Each statement lets the other threads run once, which costs more than to bind its values."""

_PUT_KEY = _Put("INTO delivery_keys (digest, scope, delivery_id, at) VALUES ", "(?, ?, ?, ?)", or_not=True)
_MOVE_KEY = "UPDATE delivery_keys SET delivery_id = ? WHERE digest = ? AND scope = ?"
_DROP_KEY = "DELETE FROM delivery_keys WHERE digest = ? AND scope = ?"
_PUT_DELIVERY = _Put(
    "INTO deliveries (id, scope, webhook_id, provider, provider_delivery_id, received_at, provenance, method, "
    "url, query, events, size, headers, body) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
)
_PUT_DISPATCH = _Put(
    "INTO dispatches (delivery_id, id, scope, part, kind, subscriber, node_id, events, line, state, attempts, "
    "due_at, holder, error, seconds) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', 0, ?, '', '', 0)",
)
_DROP_DISPATCH = "DELETE FROM dispatches WHERE delivery_id = ? AND id = ?"
_LEAVE = "UPDATE deliveries SET replayed_as = ? WHERE id = ?"


_HEX = 32
_DIGEST = re.compile("[0-9a-f]*")

_DispatchRow = tuple[str, str, str, int, str, str, str, str, str, float]


class _Key(NamedTuple):
    """A key as it is kept: what a vendor put into it may be long, odd, or somebody's."""

    digest: bytes
    scope: str


class _Owner(NamedTuple):
    """The delivery that a key leads to, and since when it does."""

    delivery_id: str
    at: float


def accept(connection: Connection, arrivals: Sequence[Arrival]) -> list[str]:
    """Keep what is new of `arrivals`; for each the id under which it is kept."""
    rows = [row for arrival in arrivals for row in _key_rows(arrival)]
    if _put(connection, _PUT_KEY, rows) == len(rows):  # nearly always: nobody has one of them
        ids = [arrival.delivery.id for arrival in arrivals]
        _keep(connection, arrivals)
        return ids
    keyed = [[_Key(digest, scope) for digest, scope, *_ in _key_rows(arrival)] for arrival in arrivals]
    return _without_repeated(connection, arrivals, keyed)


def seen(connection: Connection, scope: str, webhook_id: str, keys: Sequence[str]) -> frozenset[str]:
    """Those of `keys` that a delivery to a webhook of `scope` had."""
    digests = {key_digest(webhook_id, key): key for key in keys}
    found: set[str] = set()
    for chunk in chunks(sorted(digests)):
        rows = connection.execute(select(_k.digest).where(_k.digest.in_(chunk), _k.scope == scope)).scalars()
        found.update(digests[digest] for digest in rows)
    return frozenset(found)


def name_digest(dispatch_id: str) -> bytes:
    """What a dispatch is known by, beside the keys: its id, where that is a digest already."""
    if len(dispatch_id) == _HEX and _DIGEST.fullmatch(dispatch_id):
        return bytes.fromhex(dispatch_id)
    return key_digest("", dispatch_id)


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


def _put(connection: Connection, put: _Put, rows: Sequence[Row]) -> int:
    """Put `rows`, many to a statement; how many there are that were not there before."""
    if connection.dialect.paramstyle != "qmark":
        ending = " ON CONFLICT DO NOTHING" if put.or_not else ""
        return put_rows(connection, f"INSERT {put.beginning}{put.places}{ending}", rows)
    driver: Any = connection.connection.driver_connection
    count, done = 0, 0
    while done < len(rows):
        size = min(1 << ((len(rows) - done).bit_length() - 1), _MOST_ROWS)  # of a few sizes, so that all stay prepared
        values = tuple(chain.from_iterable(rows[done : done + size]))
        count += driver.execute(_statement(put, size), values).rowcount
        done += size
    return count


@lru_cache(maxsize=100)
def _statement(put: _Put, rows: int) -> str:
    # Not `ON CONFLICT DO NOTHING`: that may fail halfway, so that SQLite would write down first what each page was.
    return f"INSERT {'OR IGNORE ' if put.or_not else ''}{put.beginning}{', '.join([put.places] * rows)}"


def headers_text(headers: tuple[tuple[str, str], ...]) -> str:
    """Headers as they are kept, JSON in ASCII: one text of lines, name and value in turn, which costs the least.

    Pairs, where a line would hold more than one.
    """
    lines = [*chain.from_iterable(headers)]
    text = "\n".join(lines)
    if text.count("\n") == len(lines) - 1:
        return quoted(text)
    return json.dumps(headers)


def headers_of(text: str) -> tuple[tuple[str, str], ...]:
    """Headers from the text that is kept of them. Raises `ValueError` or `TypeError` for what is none."""
    kept = json.loads(text)
    if isinstance(kept, str):
        lines = kept.split("\n")
        return tuple(zip(lines[::2], lines[1::2], strict=True))
    return tuple((name, value) for name, value in kept)


def _keys_of(arrival: Arrival) -> tuple[str, ...]:
    return arrival.keys or (f"id {arrival.delivery.id}",)  # so that the same arrival twice is one, whatever it is


def _key_rows(arrival: Arrival) -> list[tuple[bytes, str, str, float]]:
    delivery = arrival.delivery
    return [
        (key_digest(delivery.webhook_id, key), delivery.scope, delivery.id, delivery.received_at)
        for key in dict.fromkeys(_keys_of(arrival))
    ]


def _without_repeated(
    connection: Connection, arrivals: Sequence[Arrival], keyed: Sequence[Sequence[_Key]]
) -> list[str]:
    """As `accept`, where a key was known before, or stands in the batch more than once; all are in the table by now."""
    known = _known_before(connection, arrivals, keyed)
    ids: list[str] = []
    new: list[Arrival] = []
    moved: dict[_Key, _Owner] = {}
    for arrival, keys in zip(arrivals, keyed, strict=True):
        over = {*_over(arrival, known)}
        led = [known[key].delivery_id for key in keys if key in known and key not in over]
        if not led:
            new.append(arrival)
        owner = _Owner(led[0] if led else arrival.delivery.id, arrival.delivery.received_at)
        taken = [key for key in keys if key not in known or (key in over and not led)]
        known.update((key, owner) for key in taken)
        if led or over:
            moved.update((key, owner) for key in taken)
        ids.append(owner.delivery_id)
    put_rows(connection, _DROP_KEY, [*moved])  # and put anew: the keys are a log in the order of their ages
    _put(connection, _PUT_KEY, [(*key, *owner) for key, owner in moved.items()])
    _keep(connection, new)
    return ids


def _over(arrival: Arrival, known: Mapping[_Key, _Owner]) -> Iterator[_Key]:
    """The fleeting keys of an arrival whose time is over."""
    for name, seconds in arrival.fleeting.items():
        key = _Key(key_digest(arrival.delivery.webhook_id, name), arrival.delivery.scope)
        if key in known and arrival.delivery.received_at - known[key].at >= seconds:
            yield key


def _known_before(
    connection: Connection, arrivals: Sequence[Arrival], keyed: Sequence[Sequence[_Key]]
) -> dict[_Key, _Owner]:
    """Whose the keys were before this batch. One that has a delivery of the batch was known if that is kept already."""
    new = {arrival.delivery.id for arrival in arrivals}
    for chunk in chunks(sorted(new)):
        new.difference_update(connection.execute(select(_d.id).where(_d.id.in_(chunk))).scalars())
    found: dict[_Key, _Owner] = {}
    for digests in chunks(sorted({key.digest for keys in keyed for key in keys})):
        columns = (_k.digest, _k.scope, _k.delivery_id, _k.at)
        rows = connection.execute(select(*columns).where(_k.digest.in_(digests)))
        found.update((_Key(digest, scope), _Owner(owner, at)) for digest, scope, owner, at in rows if owner not in new)
    return found


def _keep(connection: Connection, arrivals: Sequence[Arrival]) -> None:
    try:
        _put(connection, _PUT_DELIVERY, [_delivery_row(arrival.delivery) for arrival in arrivals])
    except (IntegrityError, sqlite3.IntegrityError) as error:
        names = ", ".join(sorted({arrival.delivery.scope for arrival in arrivals}))
        raise StateError(
            f"a delivery cannot be kept: the scope {names} is not, or no longer, in this state; "
            "was it renamed? Start the ingress anew"
        ) from error
    places = [_dispatch_row(dispatch, arrival.delivery) for arrival in arrivals for dispatch in arrival.dispatches]
    known_by = [(name_digest(row[1]), row[2], row[0], None) for row in places]
    all_new = _put(connection, _PUT_KEY, known_by) == len(known_by)
    if not all_new:
        replayed = {each.delivery.id for each in arrivals if each.delivery.provenance is Provenance.REPLAYED}
        places = _moved(connection, places, replayed)
    _put(connection, _PUT_DISPATCH, places)


def _moved(connection: Connection, rows: Sequence[_DispatchRow], replayed: AbstractSet[str]) -> list[_DispatchRow]:
    """`rows`, the last of each dispatch alone, and none of them left where it was before.

    An earlier delivery that loses one to a delivery in `replayed` tells so from then on.
    """
    last = {_Key(name_digest(row[1]), row[2]): row for row in rows}
    for digests in chunks(sorted({key.digest for key in last})):
        found = connection.execute(select(_k.digest, _k.scope, _k.delivery_id).where(_k.digest.in_(digests))).all()
        mine = [(key, owner) for digest, scope, owner in found if (key := _Key(digest, scope)) in last]
        put_rows(connection, _DROP_DISPATCH, [(owner, last[key][1]) for key, owner in mine])
        put_rows(connection, _MOVE_KEY, [(last[key][0], *key) for key, _ in mine])
        led = {owner: last[key][0] for key, owner in mine if owner != last[key][0] and last[key][0] in replayed}
        put_rows(connection, _LEAVE, [(now, before) for before, now in led.items()])
    return [*last.values()]


def _delivery_row(delivery: Delivery) -> Row:
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
        headers_text(delivery.headers),
        delivery.body,
    )


def _dispatch_row(dispatch: Dispatch, delivery: Delivery) -> _DispatchRow:
    subscriber = dispatch.subscriber
    return (
        delivery.id,
        dispatch.id,
        delivery.scope,
        dispatch.part,
        subscriber.kind.value,
        subscriber.id,
        dispatch.node_id,
        events_text(dispatch.events),
        str(subscriber) if dispatch.ordered else "",
        delivery.received_at,
    )
