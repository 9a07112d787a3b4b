"""Orphans: what we could not remove at a provider, remembered until it is gone."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from reconciler.core.model import Group, Orphan
from reconciler.store.tables import orphans

_o = orphans.c
_select = select(
    *(_o.id, _o.webhook_id, _o.address, _o.provider, _o.type, _o.resource, _o.credentials),
    *(_o.remote_id, _o.url, _o.reason, _o.created_at),
)


def of_scope(connection: Connection, scope: str) -> list[Orphan]:
    """The orphans of `scope`, oldest first."""
    rows = connection.execute(_select.where(_o.scope == scope).order_by(_o.created_at, _o.id))
    return [
        Orphan(
            id=row[0],
            webhook_id=row[1],
            address=row[2],
            group=Group(*row[3:7]),
            remote_id=row[7],
            url=row[8],
            reason=row[9],
            created_at=row[10],
        )
        for row in rows
    ]


def put(connection: Connection, scope: str, leftovers: Sequence[Orphan]) -> None:
    """Insert or replace `leftovers`."""
    rows = {orphan.id: _row(orphan, scope) for orphan in leftovers}
    for orphan_id in rows:
        drop(connection, scope, orphan_id)
    if rows:
        connection.execute(insert(orphans), list(rows.values()))


def drop(connection: Connection, scope: str, orphan_id: str) -> None:
    """Forget an orphan; one that is gone is fine."""
    connection.execute(delete(orphans).where(_o.id == orphan_id, _o.scope == scope))


def _row(orphan: Orphan, scope: str) -> dict[str, object]:
    return {
        "id": orphan.id,
        "scope": scope,
        "webhook_id": orphan.webhook_id,
        "address": orphan.address,
        "provider": orphan.group.provider,
        "type": orphan.group.type,
        "resource": orphan.group.resource,
        "credentials": orphan.group.credentials,
        "remote_id": orphan.remote_id,
        "url": orphan.url,
        "reason": orphan.reason,
        "created_at": orphan.created_at,
    }
