"""What the inbox lets go of, step by step, so that an ingress never waits for long: each step is a transaction.

Nothing goes that is still to be dispatched. SQLite gives the room back to the inbox, not to the disk.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection, delete, exists, func, literal_column, select

from reconciler.core.deliveries import Retention
from reconciler.store.database import Database
from reconciler.store.tables import deliveries, delivery_keys, dispatches

_STEP = 200
_KEY_STEP = 2000

_d = deliveries.c
_k = delivery_keys.c
_p = dispatches.c
_to_be_dispatched = exists().where(_p.delivery_id == _d.id, _p.state == literal_column("'pending'"))


class _Kept(NamedTuple):
    """A delivery that may go, and how large its body is."""

    id: str
    size: int


def expire(database: Database, scope: str, retention: Retention, now: float) -> int:
    """Drop deliveries and keys of `scope` that are older, or more, than is kept; how many deliveries that were."""
    dropped = _drop_old(database, scope, now - retention.seconds)
    dropped += _drop_excess(database, scope, retention.bytes)
    while database.write(partial(_drop_keys, scope=scope, before=now - retention.key_seconds)) == _KEY_STEP:
        pass
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
    statement = delete(deliveries).where(_d.id.in_([kept.id for kept in page]), ~_to_be_dispatched)
    return database.write(lambda connection: connection.execute(statement).rowcount)


def _drop_keys(connection: Connection, scope: str, before: float) -> int:
    mine = (_k.scope == scope) & (_k.at < before)
    oldest = select(_k.digest).where(mine).order_by(_k.at).limit(_KEY_STEP)
    return connection.execute(delete(delivery_keys).where(mine, _k.digest.in_(oldest))).rowcount
