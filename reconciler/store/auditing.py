"""The audit log: one row an action. Rows are only ever added, or replaced by the end of what they began."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select

from reconciler.core.diff import Change
from reconciler.core.errors import StateError
from reconciler.core.model import canonical_json
from reconciler.core.ports import Entry, Outcome
from reconciler.store.database import Database
from reconciler.store.tables import history

_PAGE = 500
_h = history.c
_columns = (
    *(_h.id, _h.at, _h.user, _h.host, _h.commit, _h.webhook_id, _h.address),
    *(_h.action, _h.reason, _h.changes, _h.outcome, _h.message),
)
_drop = delete(history).where(_h.id == bindparam("row_id"), _h.scope == bindparam("row_scope"))


def put(connection: Connection, scope: str, entries: Sequence[Entry]) -> None:
    """Insert or replace `entries`; the last of those with one id counts."""
    latest = {entry.id: entry for entry in entries}
    if latest:
        connection.execute(_drop, [{"row_id": entry_id, "row_scope": scope} for entry_id in latest])
        connection.execute(insert(history), [_row(entry, scope) for entry in latest.values()])


def stream(database: Database, scope: str, webhook_id: str) -> Iterator[Entry]:
    """The entries of `scope`, or of one webhook in it, newest first.

    Read page by page, so that neither memory nor a transaction grows with the log; what is written meanwhile may show.
    """
    last: Entry | None = None
    while True:
        page = database.read(partial(_page, scope=scope, webhook_id=webhook_id, after=last))
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1]


def webhook_ids(connection: Connection, scope: str, name: str) -> tuple[str, ...]:
    """The webhooks of the log whose id begins with `name`."""
    begins = func.substr(_h.webhook_id, 1, len(name)) == name
    statement = select(_h.webhook_id).where(_h.scope == scope, _h.webhook_id != "", begins)
    return tuple(connection.execute(statement.distinct().order_by(_h.webhook_id)).scalars())


def _page(connection: Connection, scope: str, webhook_id: str, after: Entry | None) -> list[Entry]:
    statement = select(*_columns).where(_h.scope == scope)
    if webhook_id:
        statement = statement.where(_h.webhook_id == webhook_id)
    if after is not None:
        statement = statement.where(or_(_h.at < after.at, (_h.at == after.at) & (_h.id < after.id)))
    rows = connection.execute(statement.order_by(_h.at.desc(), _h.id.desc()).limit(_PAGE))
    try:
        return [_entry(row) for row in rows]
    except (ValueError, TypeError) as error:
        raise StateError(f"the store is damaged: its history cannot be read ({error}); put back a backup") from error


def _entry(row: Sequence[Any]) -> Entry:
    return Entry(
        id=row[0],
        at=row[1],
        user=row[2],
        host=row[3],
        commit=row[4],
        webhook_id=row[5],
        address=row[6],
        action=row[7],
        reason=row[8],
        changes=tuple(Change(*change) for change in json.loads(row[9])),
        outcome=Outcome(row[10]),
        message=row[11],
    )


def _row(entry: Entry, scope: str) -> dict[str, object]:
    return {
        "id": entry.id,
        "scope": scope,
        "at": entry.at,
        "user": entry.user,
        "host": entry.host,
        "commit": entry.commit,
        "webhook_id": entry.webhook_id,
        "address": entry.address,
        "action": entry.action,
        "reason": entry.reason,
        "changes": _storable(canonical_json([list(change) for change in entry.changes])),
        "outcome": entry.outcome.value,
        "message": _storable(entry.message),
    }


def _storable(text: str) -> str:
    """What a provider said, without what no database takes: an odd message must not undo what it reports."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
