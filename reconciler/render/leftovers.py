"""What was left at providers, with the next command to type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler.core.model import Json, Orphan
from reconciler.render.confidential import shortened
from reconciler.render.moments import moment
from reconciler.render.painter import Painter, Style, clean, columns, counted


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
