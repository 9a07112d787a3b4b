"""What pages of Markdown are made of: blocks within a limit, tables, and the fields that differ.

Whatever comes from a manifest or a provider stands in a code span, escaped for its place.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from reconciler.core.errors import Problem
from reconciler.core.model import Json
from reconciler.render.changes import short_url
from reconciler.render.escaping import code_cell, code_span
from reconciler.render.painter import counted

LIMIT = 60_000
"""Characters; GitHub refuses a comment of more than 65,536."""

_NOTICE_ROOM = 1_000
_SUBSCRIBERS_SHOWN = 10
_EVENTS_SHOWN = 20


class Paper:
    """Blocks of Markdown, as many as there is room for; what had none is counted by its kind, and `verb` shows it."""

    def __init__(self, limit: int, verb: str = "plan") -> None:
        self._verb = verb
        self._room = limit - _NOTICE_ROOM
        self._blocks: list[str] = []
        self._left: Counter[str] = Counter()

    def add(self, block: str, kind: str) -> None:
        """Add a block; once one of its kind was left out, so are all that follow."""
        if self._left[kind] or len(block) + 2 > self._room:
            self._left[kind] += 1
            return
        self._room -= len(block) + 2
        self._blocks.append(block)

    def text(self) -> str:
        """All blocks, and a notice that counts what was left out."""
        left = [counted(number, kind) for kind, number in self._left.items() if number]
        if left:
            notice = f"**Cut:** {', '.join(left)} left out, for a comment holds no more."
            self._blocks.append(f"{notice} `reconcile {self._verb}` shows them.")
        return "\n\n".join(self._blocks)


def problem_item(problem: Problem) -> str:
    """A problem as an item of a list."""
    hint = f" ({code_span(problem.hint)})" if problem.hint else ""
    where = f"{code_span(str(problem.location))} " if problem.location else ""
    return f"- **Problem** {where}{code_span(problem.message)}{hint}"


def change_row(change: Mapping[str, Json]) -> list[object]:
    """A field that differs as the row of a table: its name, before, after."""
    before, after = change["before"], change["after"]
    if change["field"] == "events":
        return [code_cell("events"), _events(before, after, "-"), _events(after, before, "+")]
    return [code_cell(change["field"]), _value(change["field"], before), _value(change["field"], after)]


def _events(mine: Json, other: Json, sign: str) -> str:
    """One side's events; those that the other side lacks bear a sign and come first."""
    names, known = _names(mine), set(_names(other))
    ordered = sorted(names, key=lambda name: (name in known, name))
    shown = [code_cell(name if name in known else f"{sign}{name}", 120) for name in ordered[:_EVENTS_SHOWN]]
    more = [f"and {len(names) - _EVENTS_SHOWN} more"] if len(names) > _EVENTS_SHOWN else []
    return " ".join([*shown, *more])


def _names(events: Json) -> list[str]:
    return [str(event) for event in events] if isinstance(events, list) else []


def _value(field: str, value: Json) -> str:
    if value is None:
        return ""
    if field == "triggers" and isinstance(value, list):
        shown = [f"{_subscriber(item)} ({', '.join(item['events'])})" for item in value]
        return " ".join(code_cell(text, 120) for text in shown[:_SUBSCRIBERS_SHOWN]) + (
            f" and {len(shown) - _SUBSCRIBERS_SHOWN} more" if len(shown) > _SUBSCRIBERS_SHOWN else ""
        )
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return code_cell(short_url(text) if field == "url" else text)


def _subscriber(item: Mapping[str, Json]) -> str:
    kind = "graph" if "graph" in item else "preset"
    return f"{kind}:{item[kind]}"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table (GitHub Flavored Markdown, "Tables"); its cells are escaped already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)
