"""What became of leases, as text and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from reconciler.core.model import Json
from reconciler.render.painter import clean, counted

Renewed = Sequence[tuple[str, float | None]]
"""Address and end (UNIX seconds) of each that was renewed."""


def renewals_text(renewed: Renewed, *, failed: int) -> str:
    """One line for each webhook that was renewed."""
    lines = [f"Renewed {clean(address)}{_until(end)}." for address, end in renewed]
    if failed:
        lines.append(f"{counted(failed, 'webhook')} not renewed.")
    return "\n".join(lines) or "No lease is due."


def renewals_json(renewed: Renewed, failed: Sequence[tuple[str, str]]) -> Json:
    """The same for programs."""
    return {
        "renewed": [{"address": address, "lease_expires_at": _moment(end)} for address, end in renewed],
        "failed": [{"address": address, "message": message} for address, message in failed],
    }


def _until(end: float | None) -> str:
    return f" until {_moment(end)}" if end is not None else ", for ever"


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
