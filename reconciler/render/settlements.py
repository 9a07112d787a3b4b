"""What became of orphans that were to be settled, and the way out where one remains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from reconciler.core.model import Json
from reconciler.engine.resolving import Settlement, Verdict
from reconciler.render.painter import Painter, Style, clean, counted

Shown = Callable[[Settlement], str]
"""The message of a settlement as it may be shown."""

_SETTLED: Mapping[Verdict, str] = MappingProxyType(
    {
        Verdict.GONE: "it is gone from the provider",
        Verdict.DELETED: "deleted at the provider",
        Verdict.RECORDED: "it belongs to a webhook that is recorded",
        Verdict.DECLARED: "forgotten on your word that it is gone",
    }
)


def settlements_text(settlements: Sequence[Settlement], shown: Shown, painter: Painter) -> str:
    """What became of each, and the way out where it remains."""
    if not settlements:
        return "No orphans."
    lines = []
    for item in settlements:
        address = clean(item.orphan.address)
        if item.settled:
            lines.append(f"{address}: {painter.paint(_SETTLED[item.verdict], Style.GOOD)}")
        else:
            lines.append(f"{address}: {painter.paint(clean(shown(item)), Style.BAD)}")
            lines.append(f"    {way_out(item)}")
    left = sum(not item.settled for item in settlements)
    total = f"Settled {counted(len(settlements) - left, 'orphan')}" + (f", {left} left." if left else ".")
    return "\n".join([*lines, painter.paint(total, Style.STRONG)])


def settlements_json(settlements: Sequence[Settlement], shown: Shown) -> dict[str, Json]:
    """The same as JSON values."""
    return {
        "orphans": [
            {
                "id": item.orphan.id,
                "address": item.orphan.address,
                "settled": item.settled,
                "verdict": str(item.verdict),
                "message": _SETTLED.get(item.verdict) or shown(item),
                "way_out": None if item.settled else way_out(item),
            }
            for item in settlements
        ]
    }


def way_out(settlement: Settlement) -> str:
    """What a person can do about an orphan that remains."""
    orphan = settlement.orphan
    if settlement.verdict is Verdict.LEFT:
        return f"remove it at {orphan.group.provider}, then run `reconcile orphans resolve {orphan.id}` again"
    if settlement.verdict is Verdict.UNANSWERED:
        return f"try again later; if nothing answers there any more, `reconcile state rm {orphan.id}` forgets it"
    command = f"`reconcile orphans resolve {orphan.id} --gone`"
    return f"make sure that it is removed at {orphan.group.provider}, then say so with {command}"
