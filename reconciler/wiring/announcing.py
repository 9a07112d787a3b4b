"""What every pass says of the state that it uses."""

from __future__ import annotations

from reconciler.core.ports import Progress
from reconciler.render.painter import counted


def announce_records(location: str, records: int, scope: str, progress: Progress, remark: str = "") -> None:
    """Which state it is, and how many records it holds in the scope."""
    message = f"state {location}: {counted(records, 'record')} in scope {scope}{remark}"
    progress("state", message=message, state=location, scope=scope, records=records)
