"""What the store knows of a scope, before anybody is asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from reconciler.core.errors import ScopeBoundError
from reconciler.core.model import Orphan, Phase, Recorded
from reconciler.engine.context import Ports, Scope

TOMBSTONE_SECONDS = 30 * 24 * 3600.0
"""How long a pruned manual webhook can be revived with its old URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the store knows of a scope: its records, those whose time is over, and what was left at providers."""

    records: tuple[Recorded, ...] = ()
    expired: tuple[Recorded, ...] = ()
    orphans: tuple[Orphan, ...] = ()


async def known_of(ports: Ports, scope: Scope) -> Known:
    """What the store knows of the scope; tombstones that have had their time are set apart."""
    oldest = ports.clock.now() - TOMBSTONE_SECONDS
    records = await asyncio.to_thread(ports.store.records, scope.name)
    expired = [item for item in records if item.phase is Phase.TOMBSTONE and item.updated_at < oldest]
    orphans = await asyncio.to_thread(ports.store.orphans, scope.name)
    left = tuple(item for item in records if item not in expired) if expired else tuple(records)
    return Known(records=left, expired=tuple(expired), orphans=tuple(orphans))


async def require_ours(ports: Ports, scope: Scope) -> None:
    """Refuse a scope that belongs to another project. Raises `ScopeBoundError`."""
    binding = await asyncio.to_thread(ports.store.binding, scope.name)
    if binding and binding != scope.binding:
        raise ScopeBoundError(scope.name, binding, scope.binding)
