"""What was left at providers, with the next command to type; and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from reconciler.core.model import Json, Orphan
from reconciler.engine.resolving import Settlement, Verdict
from reconciler.render.confidential import shortened
from reconciler.render.moments import moment
from reconciler.render.painter import Painter, Style, clean, columns, counted

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """An orphan. `secret_url` tells that ids are to be shortened, `reachable` that we can look it up by ourselves."""

    orphan: Orphan
    secret_url: bool
    reachable: bool

    @property
    def command(self) -> str:
        """The next command to type."""
        return f"reconcile orphans resolve {self.orphan.id}{'' if self.reachable else ' --gone'}"


def orphans_text(leftovers: Sequence[Leftover], painter: Painter) -> str:
    """What was left at the providers, why, and what to do about it."""
    if not leftovers:
        return "No orphans."
    lines = []
    for item in leftovers:
        orphan = shown_orphan(item.orphan, secret_url=item.secret_url)
        rows = [
            ("id", orphan.id),
            ("webhook", orphan.webhook_id),
            ("at the provider", orphan.remote_id or "unknown; look for the URL"),
            ("url", orphan.url),
            ("since", moment(orphan.created_at)),
            ("reason", orphan.reason),
            ("next", f"{'' if item.reachable else f'remove it at {orphan.group.provider}, then '}{item.command}"),
        ]
        lines.append(painter.paint(clean(orphan.address), Style.STRONG))
        lines += [f"    {line}" for line in columns(rows)]
    return "\n".join([*lines, counted(len(leftovers), "orphan")])


def orphans_json(leftovers: Sequence[Leftover]) -> dict[str, Json]:
    """The same as JSON values."""
    return {
        "orphans": [
            orphan_document(item.orphan, secret_url=item.secret_url) | {"next": item.command} for item in leftovers
        ],
    }


def orphan_document(orphan: Orphan, *, secret_url: bool) -> dict[str, Json]:
    """One orphan as JSON values."""
    shown = shown_orphan(orphan, secret_url=secret_url)
    return {
        "id": shown.id,
        "webhook_id": shown.webhook_id,
        "address": shown.address,
        "provider": shown.group.provider,
        "type": shown.group.type,
        "resource": shown.group.resource,
        "credentials": shown.group.credentials,
        "remote_id": shown.remote_id or None,
        "url": shown.url,
        "reason": shown.reason,
        "created_at": moment(shown.created_at),
    }


def shown_orphan(orphan: Orphan, *, secret_url: bool) -> Orphan:
    """An orphan as it may be shown: without what is secret in a URL that is all the proof there is."""
    if not secret_url:
        return orphan
    return replace(
        orphan,
        webhook_id=shortened(orphan.webhook_id),
        remote_id=shortened(orphan.remote_id),
        url=shortened(orphan.url),
        reason=shortened(orphan.reason),
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
