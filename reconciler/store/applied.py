"""Which saved plans were applied. A plan is known by its digest and the serial that its scope had when it was made."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from reconciler.store.tables import applied_plans, scopes

_p = applied_plans.c


def serial(connection: Connection, scope: str) -> int:
    """A number that grows with every pass that may write in `scope`; 0 before the first."""
    return connection.execute(select(scopes.c.fence).where(scopes.c.name == scope)).scalar() or 0


def when(connection: Connection, scope: str, digest: str, number: int) -> float | None:
    """When the plan was applied, in UNIX seconds; None where it was not."""
    mine = (_p.scope == scope) & (_p.digest == digest) & (_p.serial == number)
    return connection.execute(select(_p.applied_at).where(mine)).scalar()


def mark(connection: Connection, scope: str, digest: str, number: int, now: float) -> bool:
    """Record that the plan is being applied; False where it was before. The caller's transaction makes it one step."""
    if when(connection, scope, digest, number) is not None:
        return False
    connection.execute(insert(applied_plans).values(scope=scope, digest=digest, serial=number, applied_at=now))
    return True
