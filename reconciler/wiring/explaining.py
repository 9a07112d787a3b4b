"""Finds all that is known of one address."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Sequence

from reconciler.core.errors import ConfigError, Problem
from reconciler.core.model import Desired, Phase, Recorded
from reconciler.core.plan import Plan, PlanOptions, Step
from reconciler.render.explain import Explanation
from reconciler.wiring.session import Session

_GONE = frozenset({Phase.RETIRING, Phase.TOMBSTONE})


async def explanation(session: Session, address: str, *, refresh: bool) -> Explanation:
    """Why the webhook at `address` exists; `refresh` asks the providers as a pass does.

    Raises `ConfigError` where neither a manifest nor the store knows the address.
    """
    user = session.scope.default_user
    records = await asyncio.to_thread(session.store.records, session.scope.name)
    desired = next((wish for wish in session.desired if wish.key.address(user) == address), None)
    recorded = _recorded(records, address, user)
    if desired is None and recorded is None:
        raise _unknown(address, session.desired, records, user)
    plan = await session.reconciler.plan(session.desired, PlanOptions(refresh=refresh))
    step = _step(plan, address)
    key = desired.key if desired else recorded.key if recorded else None
    provider = session.scope.catalogue.get(key.provider) if key else None
    kind = provider.types.get(key.type) if provider and key else None
    return Explanation(
        address=address,
        desired=desired,
        recorded=recorded or (step.recorded if step else None),
        step=step,
        events=kind.events if kind else None,
        options=kind.options if kind else {},
        refusals=tuple(refusal for refusal in plan.refusals if address in refusal.addresses),
        held=address in plan.held,
        asked=refresh,
    )


def _recorded(records: Sequence[Recorded], address: str, user: str) -> Recorded | None:
    """The record at the address, one in force before one that leaves."""
    found = [record for record in records if record.key.address(user) == address]
    return min(found, key=lambda record: record.phase in _GONE, default=None)


def _step(plan: Plan, address: str) -> Step | None:
    """What a pass would do there: what is wanted before what leaves."""
    found = [step for step in plan.steps if plan.address(step) == address]
    return min(found, key=lambda step: step.desired is None, default=None)


def _unknown(address: str, desired: Sequence[Desired], records: Sequence[Recorded], user: str) -> ConfigError:
    keys = {wish.key for wish in desired} | {record.key for record in records}
    known = sorted(key.address(user) for key in keys)
    near = difflib.get_close_matches(address, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "`reconcile plan` and `reconcile status` show what there is"
    return ConfigError((Problem("address_unmatched", f"no manifest and no record knows {address}", hint=hint),))
