"""What a pass did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from reconciler.core.model import Catalogue, Json
from reconciler.core.plan import Action, document, shown_id
from reconciler.engine.reconciler import Report
from reconciler.engine.unit import Outcome, Result
from reconciler.render.confidential import url_is_secret
from reconciler.render.leftovers import orphan_document
from reconciler.render.painter import Painter, Style, clean, columns, counted
from reconciler.render.plan_text import SYMBOLS

_WORDS: Mapping[Result, str] = MappingProxyType(
    {
        Result.DONE: "done",
        Result.ORPHANED: "done with something left behind",
        Result.FAILED: "failed",
        Result.SKIPPED: "skipped",
    }
)


def report_text(report: Report, painter: Painter) -> str:
    """What did not go smoothly, line by line, and a summary; what went well was in the plan."""
    lines = []
    troubled = report.applied.having(Result.FAILED, Result.SKIPPED, Result.ORPHANED)
    rows = [
        (str(outcome.result), SYMBOLS[outcome.step.action], report.plan.address(outcome.step), outcome.message)
        for outcome in troubled
    ]
    lines += [painter.paint(line, Style.BAD) for line in columns(rows)]
    lines.append(painter.paint(_summary(report.applied.outcomes), Style.STRONG))
    pasted = sum(_to_paste(outcome) for outcome in report.applied.outcomes)
    if pasted:
        lines.append(f"{counted(pasted, 'manual webhook')} to paste at the provider: see `reconcile urls`.")
    if report.orphans:
        lines.append(f"{counted(len(report.orphans), 'orphan')} at the providers: see `reconcile orphans`.")
    return "\n".join(lines)


def report_json(report: Report, catalogue: Catalogue) -> dict[str, Json]:
    """Plan, outcomes and orphans as JSON values."""
    counts = Counter(outcome.result for outcome in report.applied.outcomes)
    return {
        "plan": document(report.plan),
        "applied": {str(result): counts[result] for result in Result},
        "outcomes": [
            {
                "action": str(outcome.step.action),
                "address": report.plan.address(outcome.step),
                "result": str(outcome.result),
                "message": clean(outcome.message) or None,
                "webhook_id": shown_id(outcome.step, outcome.webhook_id) or None,
            }
            for outcome in report.applied.outcomes
        ],
        "orphans": [
            orphan_document(orphan, secret_url=url_is_secret(catalogue, orphan.group.provider))
            for orphan in report.orphans
        ],
    }


def _summary(outcomes: Iterable[Outcome]) -> str:
    counts = Counter(outcome.result for outcome in outcomes)
    words = ", ".join(f"{counts[result]} {_WORDS[result]}" for result in Result if counts[result])
    return f"Applied: {words or 'nothing'}."


def _to_paste(outcome: Outcome) -> bool:
    """A manual webhook whose URL is new to the person who must paste it."""
    if outcome.result is not Result.DONE or not outcome.step.key.manual:
        return False
    moved = any(change.field == "url" for change in outcome.step.changes)
    return outcome.step.action is Action.CREATE or moved
