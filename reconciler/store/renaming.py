"""Another name, or another project, for a scope: all that hangs on it moves in one transaction."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select, update

from reconciler.core.errors import BlockedError
from reconciler.core.ports import Lease
from reconciler.store import leases
from reconciler.store.tables import METADATA, base_urls, orphans, scopes, webhooks

_HANGING = tuple(table for table in METADATA.sorted_tables if table.c.get("scope") is not None)
"""Every table whose rows belong to a scope."""


def rename(connection: Connection, old: Lease, new: Lease, project: str) -> None:
    """Give what `old`'s scope holds to `new`'s, and bind that to `project`; the same lease twice only binds.

    Both leases end with it; the fence goes on from the higher one, so that serials still grow. Raises `LeaseLostError`,
    and `BlockedError` where the new scope holds something already.
    """
    leases.check(connection, old)
    leases.check(connection, new)
    if new.scope != old.scope:
        _check_free(connection, new.scope)
        known = select(base_urls.c.url).where(base_urls.c.scope == new.scope)
        connection.execute(delete(base_urls).where(base_urls.c.scope == old.scope, base_urls.c.url.in_(known)))
        for table in _HANGING:
            connection.execute(update(table).where(table.c.scope == old.scope).values(scope=new.scope))
        connection.execute(delete(scopes).where(scopes.c.name == old.scope))
    values = {"binding": project, "holder": "", "expires_at": 0.0, "fence": max(old.fence, new.fence)}
    connection.execute(update(scopes).where(scopes.c.name == new.scope).values(values))


def _check_free(connection: Connection, scope: str) -> None:
    for table in (webhooks, orphans):
        statement = select(func.count()).select_from(table).where(table.c.scope == scope)
        if connection.execute(statement).scalar_one():
            raise BlockedError(f"the scope {scope} exists already, and two are never merged: choose another name")
