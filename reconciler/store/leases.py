"""One writer per scope: binding, leases and fences. Each function runs inside the caller's write transaction."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, insert, select, update

from reconciler.core.errors import LeaseLostError, ScopeBoundError
from reconciler.core.ports import Lease
from reconciler.store.tables import scopes

_s = scopes.c


def names(connection: Connection) -> tuple[str, ...]:
    """Every scope that this store has ever served, by name."""
    return tuple(sorted(connection.execute(select(_s.name)).scalars()))  # databases sort texts differently


def binding(connection: Connection, scope: str) -> str:
    """The project that `scope` is bound to; empty while it is bound to none."""
    return connection.execute(select(_s.binding).where(_s.name == scope)).scalar() or ""


def bind(connection: Connection, scope: str, project: str) -> None:
    """Bind an unbound `scope`; raises `ScopeBoundError` when it is another project's."""
    _ensure(connection, scope)
    check_bound(scope, project, binding(connection, scope))
    connection.execute(update(scopes).where(_s.name == scope).values(binding=project))


def check_bound(scope: str, project: str, bound: str) -> None:
    """Raise `ScopeBoundError` when `scope` is bound to another project than `project`."""
    if bound and bound != project:
        raise ScopeBoundError(scope, bound, project)


def current(connection: Connection, scope: str) -> Lease | None:
    """The lease of `scope` as it was last taken or renewed, lapsed or not; None where it was given back."""
    row = connection.execute(select(_s.holder, _s.fence, _s.expires_at).where(_s.name == scope)).first()
    return Lease(scope=scope, holder=row.holder, fence=row.fence, expires_at=row.expires_at) if row and row[0] else None


def holders(connection: Connection, now: float) -> tuple[Lease, ...]:
    """The leases that have not lapsed, by scope."""
    statement = select(_s.name, _s.holder, _s.fence, _s.expires_at).where(_s.holder != "", _s.expires_at > now)
    return tuple(
        Lease(scope=scope, holder=holder, fence=fence, expires_at=expires_at)
        for scope, holder, fence, expires_at in connection.execute(statement.order_by(_s.name))
    )


def acquire(connection: Connection, wanted: Lease, now: float) -> Lease | None:
    """Take the lease when it is free, lapsed or the holder's own; the fence grows each time."""
    _ensure(connection, wanted.scope)
    row = connection.execute(select(_s.holder, _s.fence, _s.expires_at).where(_s.name == wanted.scope)).one()
    if row.holder not in ("", wanted.holder) and row.expires_at > now:
        return None
    lease = replace(wanted, fence=row.fence + 1)
    values = {"holder": lease.holder, "fence": lease.fence, "expires_at": lease.expires_at}
    connection.execute(update(scopes).where(_s.name == lease.scope).values(values))
    return lease


def renew(connection: Connection, lease: Lease, expires_at: float) -> Lease:
    """Move the end of a lease that is still held; raises `LeaseLostError` otherwise."""
    check(connection, lease)
    connection.execute(update(scopes).where(_s.name == lease.scope).values(expires_at=expires_at))
    return replace(lease, expires_at=expires_at)


def release(connection: Connection, lease: Lease) -> None:
    """Give the lease back; nothing happens when it is another's by now."""
    mine = (_s.name == lease.scope) & (_s.holder == lease.holder) & (_s.fence == lease.fence)
    connection.execute(update(scopes).where(mine).values(holder="", expires_at=0.0))


def check(connection: Connection, lease: Lease) -> None:
    """Raise `LeaseLostError` unless `lease` is the scope's current one; the fence decides, not the time."""
    statement = select(_s.holder, _s.fence).where(_s.name == lease.scope)
    if connection.execute(statement).first() != (lease.holder, lease.fence):
        raise LeaseLostError(f"the lease of the scope `{lease.scope}` was lost: another pass took over")


def _ensure(connection: Connection, scope: str) -> None:
    if connection.execute(select(_s.name).where(_s.name == scope)).first() is None:
        connection.execute(insert(scopes).values(name=scope, binding="", holder="", fence=0, expires_at=0.0))
