"""What the inbox lets go of, step by step, so that an ingress never waits for long: each step is a transaction.

Nothing goes that is still to be dispatched. SQLite gives the room back to the inbox, not to the disk.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection, delete, exists, func, literal_column, select

from reconciler.core.inbox import Retention
from reconciler.store.database import Database
from reconciler.store.inbox_keeping import name_digest, put_rows
from reconciler.store.records import chunks
from reconciler.store.tables import deliveries, delivery_keys, dispatches

_STEP = 200
_KEY_STEP = 2000

_d = deliveries.c
_k = delivery_keys.c
_p = dispatches.c
_FORGET_NAME = "DELETE FROM delivery_keys WHERE digest = ? AND delivery_id = ?"
_to_be_dispatched = exists().where(_p.delivery_id == _d.id, _p.state == literal_column("'pending'"))


class _Kept(NamedTuple):
    """A delivery that may go, and how large its body is."""

    id: str
    size: int


class _Logged(NamedTuple):
    """A key, or what a dispatch is known by: that is of no time."""

    serial: int
    scope: str
    at: float | None


def expire(database: Database, scope: str, retention: Retention, now: float) -> int:
    """Drop deliveries and keys of `scope` that are older, or more, than is kept; how many deliveries that were."""
    dropped = _drop_old(database, scope, now - retention.seconds)
    dropped += _drop_excess(database, scope, retention.bytes)
    _drop_keys(database, scope, now - retention.key_seconds)
    return dropped


def _drop_old(database: Database, scope: str, before: float) -> int:
    dropped, last, full = 0, "", True
    while full:
        page = database.read(partial(_oldest, scope=scope, after=last, before=before))
        dropped += _drop(database, page)
        full = len(page) == _STEP
        last = page[-1].id if page else last
    return dropped


def _drop_excess(database: Database, scope: str, kept_bytes: int) -> int:
    total = select(func.coalesce(func.sum(_d.size), 0)).where(_d.scope == scope)
    excess = database.read(lambda connection: int(connection.execute(total).scalar_one())) - kept_bytes
    dropped, last = 0, ""
    while excess > 0:
        page = database.read(partial(_oldest, scope=scope, after=last, before=math.inf))
        if not page:
            break
        chosen: list[_Kept] = []
        for kept in page:
            if excess > 0:
                chosen.append(kept)
                excess -= kept.size
        dropped += _drop(database, chosen)
        last = page[-1].id
    return dropped


def _oldest(connection: Connection, scope: str, after: str, before: float) -> list[_Kept]:
    """The next of those that may go, oldest first."""
    mine = (_d.scope == scope) & (_d.id > after) & (_d.received_at < before)
    rows = connection.execute(select(_d.id, _d.size).where(mine, ~_to_be_dispatched).order_by(_d.id).limit(_STEP))
    return [_Kept(*row) for row in rows]


def _drop(database: Database, page: list[_Kept]) -> int:
    """Drop these with their dispatches, but for those that were made due again since they were looked at."""
    if not page:
        return 0
    return database.write(partial(_drop_now, chosen=[kept.id for kept in page]))


def _drop_now(connection: Connection, chosen: list[str]) -> int:
    ids = list(connection.execute(select(_d.id).where(_d.id.in_(chosen), ~_to_be_dispatched)).scalars())
    names = connection.execute(select(_p.id, _p.delivery_id).where(_p.delivery_id.in_(ids)))
    put_rows(connection, _FORGET_NAME, [(name_digest(dispatch_id), owner) for dispatch_id, owner in names])
    return connection.execute(delete(deliveries).where(_d.id.in_(ids))).rowcount


def _drop_keys(database: Database, scope: str, before: float) -> None:
    """Drop old keys, page by page of the log that they are, up to the first page that holds a younger one."""
    last, more = 0, True
    while more:
        page = database.read(partial(_logged, after=last))
        old = [key.serial for key in page if key.scope == scope and key.at is not None and key.at < before]
        if old:
            database.write(partial(_forget, serials=old, before=before))
        last = page[-1].serial if page else last
        more = len(page) == _KEY_STEP and all(key.at is None or key.at < before for key in page)


def _logged(connection: Connection, after: int) -> list[_Logged]:
    rows = connection.execute(
        select(_k.serial, _k.scope, _k.at).where(_k.serial > after).order_by(_k.serial).limit(_KEY_STEP)
    )
    return [_Logged(*row) for row in rows]


def _forget(connection: Connection, serials: list[int], before: float) -> None:
    for chunk in chunks(serials):  # by their age as well: the number of one that is gone may be another's by now
        connection.execute(delete(delivery_keys).where(_k.serial.in_(chunk), _k.at < before))
