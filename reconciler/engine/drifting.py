"""Drift: what the providers have is looked up, and held against what is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from reconciler.core.drift import DriftReport, Sighting, chosen, compare
from reconciler.engine.context import Ports, Scope, Stop
from reconciler.engine.knowing import Known, known_of, require_ours
from reconciler.engine.observing import every_group, observe, seen_ids
from reconciler.engine.pacing import Gates


async def drift(ports: Ports, scope: Scope, targets: Sequence[str] = ()) -> DriftReport:
    """What the providers have against what is recorded; reads only. `targets` are globs of addresses.

    Raises `ScopeBoundError`, and `ConfigError` for a target that matches nothing.
    """
    await require_ours(ports, scope)
    known = await known_of(ports, scope)
    recorded = tuple(item for item in known.records if not item.key.manual)
    recorded = chosen(recorded, targets, scope.default_user)
    observed = await observe(every_group((), Known(records=recorded), scope), ports, Gates(ports, scope), Stop())
    base_urls = frozenset({scope.base_url, *await asyncio.to_thread(ports.store.base_urls, scope.name)} - {""})
    return compare(
        Sighting(
            scope=scope.name,
            default_user=scope.default_user,
            recorded=recorded,
            observed=observed,
            catalogue=scope.catalogue,
            base_urls=base_urls,
            known_ids=await asyncio.to_thread(ports.store.known_ids, seen_ids(observed, base_urls)),
            now=ports.clock.now(),
        )
    )
