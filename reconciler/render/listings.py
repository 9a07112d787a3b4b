"""What is recorded: health, one webhook in full, URLs to paste, orphans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from reconciler.core.diff import relations_document
from reconciler.core.model import Json, Orphan, Phase, Recorded
from reconciler.core.plan import Action, Plan
from reconciler.render.painter import Painter, Style, clean, columns, counted
from reconciler.render.plan_text import summary_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What `status` tells. `plan` was made without asking any provider; `unverified` are providers without proof."""

    scope: str
    state: str
    plan: Plan
    recorded: Sequence[Recorded]
    orphans: Sequence[Orphan]
    unverified: Sequence[str]

    @property
    def pending(self) -> bool:
        """Whether a pass would have something to do, as far as can be told without the providers."""
        return bool(self.plan.steps or self.orphans)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pasted:
    """A manual webhook for the person who pastes it. `secret` is the secret itself where it was asked for."""

    address: str
    recorded: Recorded
    minted: bool
    secret: str = field(default="", repr=False)


def status_text(health: Health, painter: Painter) -> str:
    """Health on a few lines; what needs attention stands out."""
    phases = Counter(record.phase for record in health.recorded)
    shown = ", ".join(f"{phases[phase]} {phase}" for phase in Phase if phases[phase]) or "none"
    rows = [
        ("scope", health.scope),
        ("state", health.state),
        ("webhooks", shown),
        ("last change", _moment(_last_change(health.recorded)) or "never"),
    ]
    lines = columns(rows)
    if health.unverified:
        names = ", ".join(health.unverified)
        text = f"UNVERIFIED: deliveries of {names} carry no proof; whoever knows the URL can send them"
        lines.append(painter.paint(text, Style.BAD))
    if health.orphans:
        text = f"{counted(len(health.orphans), 'orphan')} at the providers: see `reconcile orphans`"
        lines.append(painter.paint(text, Style.BAD))
    lines.append(f"without asking the providers: {summary_line(health.plan)}")
    return "\n".join(lines)


def status_json(health: Health) -> dict[str, Json]:
    """Health as JSON values."""
    phases = Counter(record.phase for record in health.recorded)
    counts = Counter(step.action for step in health.plan.steps)
    return {
        "scope": health.scope,
        "state": health.state,
        "webhooks": {str(phase): phases[phase] for phase in Phase},
        "last_change": _moment(_last_change(health.recorded)) or None,
        "unverified": list(health.unverified),
        "orphans": len(health.orphans),
        "pending": {str(action): counts[action] for action in Action if action is not Action.NONE},
        "in_sync": health.plan.in_sync,
    }


def webhook_text(address: str, recorded: Recorded, painter: Painter) -> str:
    """One webhook in full; of its secret the fingerprint."""
    rows = [(name, _cell(value)) for name, value in webhook_json(address, recorded).items()]
    return "\n".join([painter.paint(clean(address), Style.STRONG), *columns(rows[1:])])


def webhook_json(address: str, recorded: Recorded) -> dict[str, Json]:
    """One webhook in full as JSON values."""
    key = recorded.key
    return {
        "address": address,
        "id": recorded.id,
        "phase": str(recorded.phase),
        "url": recorded.url,
        "remote_id": recorded.remote_id or None,
        "user": key.user,
        "provider": key.provider,
        "type": key.type,
        "resource": recorded.resource or None,
        "credentials": key.credentials or None,
        "manual": key.manual,
        "events": sorted(recorded.events),
        "options": dict(sorted(recorded.options.items())),
        "triggers": relations_document(recorded.relations),
        "secret_fingerprint": recorded.secret[:8] or None,
        "protect": recorded.protect,
        "created_at": _moment(recorded.created_at) or None,
        "updated_at": _moment(recorded.updated_at) or None,
        "lease_expires_at": _moment(recorded.lease_expires_at) or None,
    }


def urls_text(pasted: Sequence[Pasted], painter: Painter) -> str:
    """Manual webhooks with what must be pasted at the vendor's."""
    if not pasted:
        return "No manual webhooks: there is nothing to paste."
    lines = []
    for item in pasted:
        lines.append(painter.paint(clean(item.address), Style.STRONG))
        lines.append(f"    url     {item.recorded.url}")
        if item.secret:
            lines.append(f"    secret  {item.secret}")
        elif item.minted:
            lines.append("    secret  (shown by --show-secrets)")
        else:
            lines.append(
                "    secret  none: deliveries are refused until `secret:` names the vendor's, unless it signs none"
            )
        lines.append(f"    events  {clean(', '.join(sorted(item.recorded.events))) or '-'}")
    return "\n".join(lines)


def urls_json(pasted: Sequence[Pasted]) -> dict[str, Json]:
    """The same as JSON values; the key `secret` is there only where it was asked for."""
    return {
        "webhooks": [
            {
                "address": item.address,
                "id": item.recorded.id,
                "url": item.recorded.url,
                "events": sorted(item.recorded.events),
                "has_secret": bool(item.recorded.secret),
            }
            | ({"secret": item.secret} if item.secret else {})
            for item in pasted
        ]
    }


def _last_change(recorded: Sequence[Recorded]) -> float | None:
    return max((record.updated_at for record in recorded), default=None)


def _moment(seconds: float | None) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else ""


def _cell(value: Json) -> str:
    match value:
        case None | []:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(_relation(item) if isinstance(item, Mapping) else str(item) for item in value)
        case Mapping():
            return ", ".join(f"{name}={item}" for name, item in value.items()) or "-"
        case _:
            return str(value)


def _relation(relation: Mapping[str, Json]) -> str:
    kind = "graph" if "graph" in relation else "preset"
    node = f"#{relation['node']}" if "node" in relation else ""
    return f"{kind}:{relation[kind]}{node} ({', '.join(relation['events'])})"
