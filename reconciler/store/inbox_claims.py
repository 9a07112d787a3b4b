"""Who hands on which dispatch: due ones are claimed for a time, and what came of them is written down.

A claimed dispatch stays pending and becomes due again when its lease ends, so that nothing has to look for leases of
those who died. Claims run inside the store's write transaction, one after the other: two never see the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select, text

from reconciler.core.deliveries import Delivery
from reconciler.core.inbox import Attempt, Backlog, DispatchState, Handed, Job
from reconciler.store import inbox_reading
from reconciler.store.inbox_keeping import Row, name_digest, put_rows, storable
from reconciler.store.tables import IN_LINE, WAITING, dispatches

_SETTLE = (
    "UPDATE dispatches SET state = ?, due_at = ?, error = ?, seconds = ?, ended_at = ?, holder = ?, "
    "attempts = attempts - ? "
    "WHERE delivery_id IN (SELECT delivery_id FROM delivery_keys WHERE digest = ?) AND id = ? AND holder = ? "
    "AND state = 'pending'"
)
_CLAIM = "UPDATE dispatches SET holder = ?, due_at = ?, attempts = attempts + 1 WHERE delivery_id = ? AND id = ?"
_REVIVE = (
    "UPDATE dispatches SET state = 'pending', due_at = ?, attempts = 0, holder = '', ended_at = NULL "
    "WHERE delivery_id IN (SELECT delivery_id FROM delivery_keys WHERE digest = ?) AND id = ? AND scope = ? "
    "AND state IN ('done', 'dead')"
)
_HEADS = text(
    """
    WITH RECURSIVE lines (line) AS (
      SELECT min(line) FROM dispatches WHERE scope = :scope AND state = 'pending' AND line <> ''
      UNION ALL
      SELECT (
        SELECT min(d.line) FROM dispatches AS d
        WHERE d.scope = :scope AND d.state = 'pending' AND d.line <> '' AND d.line > lines.line
      ) FROM lines WHERE lines.line IS NOT NULL
    )
    SELECT head.due_at, head.delivery_id, head.part, head.id, head.holder, (
      SELECT max(held.due_at) FROM dispatches AS held
      WHERE held.scope = :scope AND held.line = lines.line
        AND held.state = 'pending' AND held.line <> '' AND held.holder <> ''
    ) FROM lines JOIN dispatches AS head ON (head.delivery_id, head.id) = (
      SELECT d.delivery_id, d.id FROM dispatches AS d
      WHERE d.scope = :scope AND d.line = lines.line AND d.state = 'pending' AND d.line <> ''
      ORDER BY d.delivery_id, d.part, d.id LIMIT 1
    ) WHERE lines.line IS NOT NULL
    """
)
"""The first of each line. Jumps from line to line in the index, so that a long line costs no more than a short one."""
_LAPSED = "lapsed"
"""The holder of what nobody holds, and somebody left behind."""
_p = dispatches.c


class Place(NamedTuple):
    """Where a dispatch stands: those that have been due for longest go first, then as they arrived.

    `holder` is who claimed it and never told what came of that; mostly nobody.
    """

    due_at: float
    delivery_id: str
    part: int
    id: str
    holder: str


def due(connection: Connection, scope: str, now: float, limit: int, lapsed: int) -> list[Place]:
    """At most `limit` dispatches of `scope` that can be claimed; at most `lapsed` of them were claimed before."""
    places = [place for place, free_at in _heads(connection, scope) if max(place.due_at, free_at) <= now]
    places += _waiting(connection, scope, now, max(limit, 0), _p.holder == "")
    places += _waiting(connection, scope, now, max(min(limit, lapsed), 0), _p.holder != "")
    left_behind = sorted(place for place in places if place.holder)[: max(lapsed, 0)]
    return sorted([*left_behind, *(place for place in places if not place.holder)])[: max(limit, 0)]


def take(connection: Connection, taken: Sequence[Place], holder: str, until: float) -> list[Job]:
    """Claim these for `holder`, until then."""
    put_rows(connection, _CLAIM, [(holder, until, place.delivery_id, place.id) for place in taken])
    handed = inbox_reading.handed_by_id(connection, [(place.delivery_id, place.id) for place in taken])
    kept = inbox_reading.by_id(connection, {place.delivery_id for place in taken})
    return [_job(handed[place.id], kept, place) for place in taken]


def settle(connection: Connection, holder: str, attempts: Sequence[Attempt]) -> None:
    """Write down what came of tries, of those dispatches that `holder` still has."""
    put_rows(connection, _SETTLE, [_settled(attempt, holder) for attempt in attempts])


def revive(connection: Connection, scope: str, dispatch_ids: Sequence[str], now: float) -> int:
    """Make ended dispatches of `scope` due again, with all their tries before them; how many there were."""
    rows = [(now, name_digest(each), each, scope) for each in dict.fromkeys(dispatch_ids)]
    return put_rows(connection, _REVIVE, rows)


def next_due(connection: Connection, scope: str) -> float | None:
    """When the next dispatch of `scope` can be claimed; None where none waits."""
    first = select(func.min(_p.due_at)).where(_p.scope == scope, text(WAITING))
    due = [max(place.due_at, free_at) for place, free_at in _heads(connection, scope)]
    waiting = connection.execute(first).scalar()
    return min(due if waiting is None else [*due, waiting], default=None)


def backlog(connection: Connection, scope: str) -> Backlog:
    """What is neither done nor dead: both halves stand in an index of their own."""
    found = [
        connection.execute(select(func.count(), func.min(_p.delivery_id)).where(_p.scope == scope, text(which))).one()
        for which in (WAITING, IN_LINE)
    ]
    oldest = min((first for _, first in found if first is not None), default=None)
    came = None if oldest is None else inbox_reading.received_at(connection, oldest)
    return Backlog(count=sum(count for count, _ in found), oldest_at=came)


def _waiting(connection: Connection, scope: str, now: float, limit: int, which: ColumnElement[bool]) -> Iterator[Place]:
    """Due dispatches that stand in no line, as many as may be taken."""
    places = select(_p.due_at, _p.delivery_id, _p.part, _p.id, _p.holder)
    waiting = places.where(_p.scope == scope, _p.due_at <= now, text(WAITING), which)
    ordered = waiting.order_by(_p.due_at, _p.delivery_id, _p.part, _p.id).limit(limit)
    return (Place(*row) for row in connection.execute(ordered))


def _heads(connection: Connection, scope: str) -> list[tuple[Place, float]]:
    """The first of each line, and when the last claim of one of that line ends."""
    return [(Place(*row[:5]), row[5] or 0.0) for row in connection.execute(_HEADS, {"scope": scope})]


def _job(each: Handed, kept: Mapping[str, Delivery], place: Place) -> Job:
    delivery = kept[each.dispatch.delivery_id]
    return Job(dispatch=each.dispatch, delivery=delivery, attempt=each.attempts, lapsed=bool(place.holder))


def _settled(attempt: Attempt, holder: str) -> Row:
    ended_at = None if attempt.state is DispatchState.PENDING else attempt.at
    told = storable(attempt.error)
    untried = 0 if attempt.tried else 1
    left = _LAPSED if attempt.lapsed else ""
    named = (name_digest(attempt.dispatch_id), attempt.dispatch_id, holder)
    return (attempt.state.value, attempt.next_at, told, attempt.seconds, ended_at, left, untried, *named)
