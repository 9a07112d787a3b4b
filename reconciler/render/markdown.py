"""The plan and the report as a reviewer wants to read them in a pull request.

Whatever comes from a manifest or a provider stands in a code span or a `code` element, escaped for its place, so that
it can neither break out nor mention anybody.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from reconciler.core.errors import Problem
from reconciler.core.model import Json
from reconciler.core.plan import Action, Plan, Refusal, document
from reconciler.engine.reconciler import Report
from reconciler.engine.unit import Outcome, Result
from reconciler.render.calls import needed_calls
from reconciler.render.changes import short_url
from reconciler.render.escaping import code_cell, code_span, html_code
from reconciler.render.painter import counted
from reconciler.render.plan_text import SYMBOLS, remark

LIMIT = 60_000
"""Characters; GitHub refuses a comment of more than 65,536."""

_NOTICE_ROOM = 1_000
_ADDRESSES_SHOWN = 10
_CHANGES_SHOWN = 20
_EVENTS_SHOWN = 20
_TRIGGERS_SHOWN = 20

_ORDER: Mapping[str, int] = MappingProxyType(
    {action: place for place, action in enumerate(("blocked", "prune", "forget", "replace", "update", "rotate"))}
)
"""What destroys or is refused comes first: a plan that is cut must not hide it."""

_WHAT_CALLS_ARE = (
    "API calls needed to apply (each list once more, one call per page of 100 or so; a call that is repeated counts "
    "again):"
)


class _Paper:
    """Blocks of Markdown, as many as there is room for; what had none is counted by its kind."""

    def __init__(self, limit: int) -> None:
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
            notice = f"**Cut:** {', '.join(left)} left out, for a comment holds no more. `reconcile plan` shows them."
            self._blocks.append(notice)
        return "\n\n".join(self._blocks)


def plan_markdown(plan: Plan, listed: Mapping[str, int], limit: int = LIMIT) -> str:
    """The plan: summary, digest, API calls, guards, problems, and one folded part per webhook.

    `listed` is how many lists were read to make it, by provider.
    """
    paper = _Paper(limit)
    paper.add(f"## Webhooks of {code_span(plan.scope)}: {_headline(plan)}", "heading")
    _body(paper, plan, listed)
    return paper.text()


def report_markdown(report: Report, listed: Mapping[str, int], limit: int = LIMIT) -> str:
    """What a pass did: its outcomes, what did not go well, and the plan that it followed."""
    counts = Counter(outcome.result for outcome in report.applied.outcomes)
    words = ", ".join(f"{counts[result]} {result}" for result in Result if counts[result]) or "nothing to do"
    paper = _Paper(limit)
    paper.add(f"## Webhooks of {code_span(report.plan.scope)}: {words}", "heading")
    for outcome in report.applied.having(Result.FAILED, Result.ORPHANED, Result.SKIPPED):
        paper.add(_outcome(report.plan, outcome), "outcome")
    if report.orphans:
        paper.add(f"{counted(len(report.orphans), 'orphan')} at the providers: see `reconcile orphans`.", "notice")
    _body(paper, report.plan, listed)
    return paper.text()


def _body(paper: _Paper, plan: Plan, listed: Mapping[str, int]) -> None:
    paper.add(_summary(plan), "table")
    paper.add(_facts(plan), "table")
    if calls := needed_calls(plan, listed):
        rows = [[name, number.lists, number.writes, sum(number)] for name, number in calls.items()]
        paper.add(f"{_WHAT_CALLS_ARE}\n\n{_table(['provider', 'lists', 'changes', 'sum'], rows)}", "table")
    for refusal in plan.refusals:
        paper.add(_refusal(refusal), "guard")
    for problem in plan.problems:
        paper.add(_problem(problem), "problem")
    applied = {id(step) for step in plan.applicable}
    held = [step.action is not Action.BLOCKED and id(step) not in applied for step in plan.steps]
    actions = list(zip(document(plan)["actions"], held, strict=True))
    for action, waits in sorted(actions, key=lambda item: _ORDER.get(item[0]["action"], len(_ORDER))):
        paper.add(_details(action, " (held back by a guard)" if waits else ""), "webhook")


def _headline(plan: Plan) -> str:
    counts = Counter(step.action for step in plan.steps)
    words = ", ".join(f"{counts[action]} {action}" for action in Action if counts[action])
    return words or ("nothing to do, some left alone" if plan.held else "in sync")


def _summary(plan: Plan) -> str:
    counts = Counter(step.action for step in plan.steps)
    rows: list[Sequence[object]] = [
        [f"`{SYMBOLS[action]}` {action}", counts[action]] for action in Action if counts[action]
    ]
    rows += [["in sync", plan.in_sync]]
    more = {"left alone: not readable": len(plan.held), "dangling, kept": plan.kept, "not ours": plan.foreign}
    rows += [[name, number] for name, number in more.items() if number]
    return _table(["action", "webhooks"], rows)


def _facts(plan: Plan) -> str:
    said = {name: value for name, value in plan.options.document().items() if value not in (None, [], True)}
    lines = [f"Digest `{plan.digest}`"]
    lines += [f"Commit {code_span(plan.commit)}"] if plan.commit else []
    lines += [f"Options {code_span(json.dumps(said, ensure_ascii=False))}"] if said else []
    return "\\\n".join(lines)


def _refusal(refusal: Refusal) -> str:
    addresses = sorted(refusal.addresses)
    shown = ", ".join(code_span(address, 120) for address in addresses[:_ADDRESSES_SHOWN])
    more = f" and {len(addresses) - _ADDRESSES_SHOWN} more" if len(addresses) > _ADDRESSES_SHOWN else ""
    return "\n".join(
        [
            f"- **Guard {refusal.guard}** {code_span(refusal.message)}",
            f"  - held back: {shown}{more}",
            f"  - if this is meant, add {code_span(refusal.flag)}",
        ]
    )


def _problem(problem: Problem) -> str:
    hint = f" ({code_span(problem.hint)})" if problem.hint else ""
    where = f"{code_span(str(problem.location))} " if problem.location else ""
    return f"- **Problem** {where}{code_span(problem.message)}{hint}"


def _outcome(plan: Plan, outcome: Outcome) -> str:
    message = f": {code_span(outcome.message)}" if outcome.message else ""
    return f"- **{outcome.result}** {outcome.step.action} {code_span(plan.address(outcome.step))}{message}"


def _details(action: Json, note: str) -> str:
    symbol = SYMBOLS[Action(action["action"])]
    summary = f"{html_code(symbol)} {action['action']} {html_code(action['address'])} {action['reason']}{note}"
    parts = [f"<details><summary>{summary}</summary>"]
    if action["way_out"]:
        parts.append(f"{remark(Action(action['action'])).capitalize()}: {code_span(action['way_out'], 600)}")
    if action["changes"]:
        rows = [_change(change) for change in action["changes"][:_CHANGES_SHOWN]]
        parts.append(_table(["field", "before", "after"], rows))
        if (left := len(action["changes"]) - _CHANGES_SHOWN) > 0:
            parts.append(f"and {counted(left, 'field')} more")
    parts += _asked(action["triggers"])
    return "\n\n".join([*parts, "</details>"])


def _asked(triggers: Sequence[Mapping[str, Json]]) -> Iterable[str]:
    lines = []
    for trigger in triggers[:_TRIGGERS_SHOWN]:
        kind = "graph" if "graph" in trigger else "preset"
        place = code_span(f"{trigger['file']}:{trigger['line']}") if trigger["file"] else ""
        lines.append(f"- {code_span(f'{kind}:{trigger[kind]}')} {f'at {place}' if place else '(recorded)'}")
    if len(triggers) > _TRIGGERS_SHOWN:
        lines.append(f"- and {counted(len(triggers) - _TRIGGERS_SHOWN, 'trigger')} more")
    if lines:
        yield "\n".join(lines)


def _change(change: Mapping[str, Json]) -> list[object]:
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
        return " ".join(code_cell(text, 120) for text in shown[:_ADDRESSES_SHOWN]) + (
            f" and {len(shown) - _ADDRESSES_SHOWN} more" if len(shown) > _ADDRESSES_SHOWN else ""
        )
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return code_cell(short_url(text) if field == "url" else text)


def _subscriber(item: Mapping[str, Json]) -> str:
    kind = "graph" if "graph" in item else "preset"
    return f"{kind}:{item[kind]}"


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table (GitHub Flavored Markdown, "Tables"); its cells are escaped already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)
