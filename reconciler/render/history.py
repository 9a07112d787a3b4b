"""The audit log, line by line: nothing here waits for its end."""

from __future__ import annotations

import json
from collections.abc import Iterator

from reconciler.core.model import Json
from reconciler.core.ports import Entry
from reconciler.render.changes import differences_text
from reconciler.render.moments import exact_moment, moment
from reconciler.render.painter import Painter, Style, clean

VERSION = 1
_COMMIT_SHOWN = 12
_GOOD, _BAD = frozenset({"done"}), frozenset({"failed", "orphaned", "interrupted"})


def entry_text(entry: Entry, outcome: str, painter: Painter) -> str:
    """One entry on a few lines: what happened, who did it, what came of it, what changed."""
    style = Style.GOOD if outcome in _GOOD else Style.BAD if outcome in _BAD else Style.CHANGE
    what = f"{moment(entry.at)}  {entry.action} ({entry.reason})  {clean(entry.address) or '-'}"
    who = f"by {clean(entry.user)}@{clean(entry.host)}"
    if entry.commit:
        who += f" at {clean(entry.commit[:_COMMIT_SHOWN])}"
    if entry.webhook_id:
        who += f", webhook {clean(entry.webhook_id)}"
    lines = [f"{what}  {painter.paint(outcome, style)}", f"    {who}"]
    if entry.message:
        lines.append(f"    {clean(entry.message)}")
    if words := differences_text(entry.changes):
        lines.append(f"    changes  {clean(words)}")
    return "\n".join(lines)


def history_json(entries: Iterator[tuple[Entry, str]]) -> Iterator[str]:
    """The pieces of one JSON document, `{version, entries: [...]}`, an entry each."""
    yield f'{{\n  "version": {VERSION},\n  "entries": ['
    line = ""
    for entry, outcome in entries:
        if line:
            yield f"{line},"
        line = f"    {json.dumps(entry_json(entry, outcome), ensure_ascii=False)}"
    if line:
        yield line
    yield "  ]\n}"


def entry_json(entry: Entry, outcome: str) -> dict[str, Json]:
    """One entry as JSON values."""
    return {
        "id": entry.id,
        "at": exact_moment(entry.at),
        "user": entry.user,
        "host": entry.host,
        "commit": entry.commit or None,
        "webhook_id": entry.webhook_id or None,
        "address": entry.address or None,
        "action": entry.action,
        "reason": entry.reason,
        "outcome": outcome,
        "message": entry.message or None,
        "changes": [
            {"field": change.field, "before": change.before, "after": change.after} for change in entry.changes
        ],
    }
