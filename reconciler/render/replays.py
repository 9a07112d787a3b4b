"""What replaying deliveries would come to, before it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.model import Json
from reconciler.render.painter import Painter, Style, clean, columns, counted

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """How many `deliveries` make how many dispatches to which triggers (`graph:ID`).

    `doubts` counts, by reason, those that no secret of now proves; `unreadable` are pairs of id and reason.
    """

    deliveries: int
    triggers: Mapping[str, int]
    doubts: Mapping[str, int]
    unreadable: Sequence[tuple[str, str]]

    @property
    def dispatches(self) -> int:
        """All of them."""
        return sum(self.triggers.values())


def replay_text(plan: ReplayPlan, painter: Painter) -> str:
    """The plan on a few lines."""
    if not plan.deliveries and not plan.unreadable:
        return "No deliveries to replay."
    deliveries = counted(plan.deliveries, "delivery", "deliveries")
    dispatches = counted(plan.dispatches, "dispatch", "dispatches")
    lines = [f"{deliveries}, {dispatches} to {counted(len(plan.triggers), 'subscriber')}"]
    lines += [f"  {line}" for line in columns([(name, str(count)) for name, count in plan.triggers.items()])]
    lines += [
        painter.paint(f"  not proved by a secret of now: {count} ({clean(reason)})", Style.CHANGE)
        for reason, count in plan.doubts.items()
    ]
    lines += [
        painter.paint(f"  cannot be replayed: {clean(name)} ({clean(reason)})", Style.BAD)
        for name, reason in plan.unreadable
    ]
    return "\n".join(lines)


def replay_json(plan: ReplayPlan, dispatched: int | None) -> dict[str, Json]:
    """The plan as JSON values; `dispatched` is None where nothing was done."""
    return {
        "version": VERSION,
        "deliveries": plan.deliveries,
        "dispatches": plan.dispatches,
        "triggers": dict(plan.triggers),
        "unproved": dict(plan.doubts),
        "unreadable": [{"id": name, "reason": reason} for name, reason in plan.unreadable],
        "dispatched": dispatched,
    }
