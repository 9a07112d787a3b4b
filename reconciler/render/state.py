"""The state by hand: records and what was left as a list, one record whole, the lease of a scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.model import Json, Orphan, Recorded
from reconciler.core.ports import Lease
from reconciler.render.leftovers import orphan_document
from reconciler.render.listings import webhook_json
from reconciler.render.moments import moment
from reconciler.render.painter import Painter, Style, columns, counted


@dataclass(frozen=True, slots=True)
class Listed:
    """A record with its address."""

    address: str
    recorded: Recorded


def state_text(listed: Sequence[Listed], orphans: Sequence[Orphan], painter: Painter) -> str:
    """Phase, id and address, one a line."""
    rows = [(str(item.recorded.phase), item.recorded.id, item.address) for item in listed]
    rows += [("orphan", orphan.id, orphan.address) for orphan in orphans]
    total = counted(len(listed), "record")
    if orphans:
        total += f", {counted(len(orphans), 'orphan')}"
    return "\n".join([*columns(rows), painter.paint(total, Style.STRONG)])


def state_json(listed: Sequence[Listed], orphans: Sequence[Orphan]) -> dict[str, Json]:
    """The same as JSON values."""
    return {
        "records": [
            {
                "address": item.address,
                "id": item.recorded.id,
                "phase": str(item.recorded.phase),
                "provider": item.recorded.key.provider,
                "type": item.recorded.key.type,
                "remote_id": item.recorded.remote_id or None,
                "protect": item.recorded.protect,
                "updated_at": moment(item.recorded.updated_at),
            }
            for item in listed
        ],
        "orphans": [orphan_document(orphan, secret_url=False) for orphan in orphans],
    }


def record_json(address: str, recorded: Recorded, scope: str) -> dict[str, Json]:
    """A whole record as JSON values: what `show` tells, and what only the store needs. No secret."""
    key = recorded.key
    return webhook_json(address, recorded) | {
        "scope": scope,
        "key_resource": key.resource or None,
        "identity": key.identity or None,
        "subscriber": key.subscriber or None,
        "name": key.name or None,
        "slot": recorded.slot or None,
        "replaced": recorded.replaced,
    }


def lease_json(scope: str, lease: Lease | None, *, freed: bool) -> dict[str, Json]:
    """The lease of a scope as JSON values."""
    return {
        "scope": scope,
        "holder": lease.holder if lease else None,
        "expires_at": moment(lease.expires_at) if lease else None,
        "freed": freed,
    }
