"""How many calls of a provider's API a plan needs, as far as the plan can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from reconciler.core.diff import LOCAL_FIELDS
from reconciler.core.plan import Action, Plan, Step


class Calls(NamedTuple):
    """Lists that are read before applying, and calls that change something. A list of several pages needs more."""

    lists: int
    writes: int


def needed_calls(plan: Plan, listed: Mapping[str, int]) -> Mapping[str, Calls]:
    """The calls that applying the plan needs, by provider; `listed` is how many lists planning has read."""
    writes: Counter[str] = Counter()
    for step in plan.applicable:
        writes[step.key.provider] += _writes(step)
    names = sorted({name for name, number in writes.items() if number} | {name for name in listed if listed[name]})
    return {name: Calls(listed.get(name, 0), writes[name]) for name in names}


def _writes(step: Step) -> int:
    if not step.calls_provider:
        return 0
    surplus = len(step.surplus)
    match step.action:
        case Action.PRUNE:
            return len(step.remote_ids) + surplus
        case Action.REPLACE:
            return 1 + len(step.remote_ids) + surplus
        case Action.UPDATE:
            return surplus + any(change.field not in LOCAL_FIELDS for change in step.changes)
        case _:
            return 1 + surplus
