"""The plan and the report as a reviewer wants to read them in a pull request.

Whatever comes from a manifest or a provider stands in a code span or a `code` element, escaped for its place, so that
it can neither break out nor mention anybody.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from reconciler.core.model import Json
from reconciler.core.plan import Action, Plan, Refusal, document
from reconciler.engine.reconciler import Report
from reconciler.engine.unit import Outcome, Result
from reconciler.render.calls import needed_calls
from reconciler.render.escaping import code_span, html_code
from reconciler.render.painter import counted
from reconciler.render.paper import LIMIT, Paper, change_row, problem_item, table
from reconciler.render.plan_text import SYMBOLS, remark

_ADDRESSES_SHOWN = 10
_CHANGES_SHOWN = 20
_TRIGGERS_SHOWN = 20

_ORDER: Mapping[str, int] = MappingProxyType(
    {action: place for place, action in enumerate(("blocked", "prune", "forget", "replace", "update", "rotate"))}
)
"""What destroys or is refused comes first: a plan that is cut must not hide it."""

_WHAT_CALLS_ARE = (
    "API calls needed to apply (each list once more, one call per page of 100 or so; a call that is repeated counts "
    "again):"
)


def plan_markdown(plan: Plan, listed: Mapping[str, int], limit: int = LIMIT) -> str:
    """The plan: summary, digest, API calls, guards, problems, and one folded part per webhook.

    `listed` is how many lists were read to make it, by provider.
    """
    paper = Paper(limit)
    paper.add(f"## Webhooks of {code_span(plan.scope)}: {_headline(plan)}", "heading")
    _body(paper, plan, listed)
    return paper.text()


def report_markdown(report: Report, listed: Mapping[str, int], limit: int = LIMIT) -> str:
    """What a pass did: its outcomes, what did not go well, and the plan that it followed."""
    counts = Counter(outcome.result for outcome in report.applied.outcomes)
    words = ", ".join(f"{counts[result]} {result}" for result in Result if counts[result]) or "nothing to do"
    paper = Paper(limit)
    paper.add(f"## Webhooks of {code_span(report.plan.scope)}: {words}", "heading")
    for outcome in report.applied.having(Result.FAILED, Result.ORPHANED, Result.SKIPPED):
        paper.add(_outcome(report.plan, outcome), "outcome")
    if report.orphans:
        paper.add(f"{counted(len(report.orphans), 'orphan')} at the providers: see `reconcile orphans`.", "notice")
    _body(paper, report.plan, listed)
    return paper.text()


def _body(paper: Paper, plan: Plan, listed: Mapping[str, int]) -> None:
    paper.add(_summary(plan), "table")
    paper.add(_facts(plan), "table")
    if calls := needed_calls(plan, listed):
        rows = [[name, number.lists, number.writes, sum(number)] for name, number in calls.items()]
        paper.add(f"{_WHAT_CALLS_ARE}\n\n{table(['provider', 'lists', 'changes', 'sum'], rows)}", "table")
    for refusal in plan.refusals:
        paper.add(_refusal(refusal), "guard")
    for problem in plan.problems:
        paper.add(problem_item(problem), "problem")
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
    return table(["action", "webhooks"], rows)


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
            *([f"  - if this is meant, add {code_span(refusal.flag)}"] if refusal.flag else []),
        ]
    )


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
        rows = [change_row(change) for change in action["changes"][:_CHANGES_SHOWN]]
        parts.append(table(["field", "before", "after"], rows))
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
