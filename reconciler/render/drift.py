"""What providers have otherwise than it was recorded."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from reconciler.core.diff import Change
from reconciler.core.drift import Cause, Drift, DriftReport, Unrecorded
from reconciler.core.model import Json
from reconciler.core.plan import SHOWN_DIGITS, problem_document
from reconciler.core.shown_url import shown_url
from reconciler.render.changes import set_difference, short_url
from reconciler.render.escaping import code_span, html_code
from reconciler.render.painter import Painter, Style, clean, columns, counted
from reconciler.render.paper import LIMIT, Paper, change_row, problem_item, table

_WORDS: Mapping[Cause, str] = MappingProxyType(
    {
        Cause.EDITED: "edited there",
        Cause.DELETED: "deleted there",
        Cause.DISABLED: "disabled there",
        Cause.DUPLICATED: "there more than once",
        Cause.LAPSED: "its lease lapsed",
    }
)
_INDENT = "    "
_REPAIR = "A pass repairs it: `reconcile` (`reconcile plan` shows how)."
_BRING_BACK = "`reconcile adopt --unrecorded`"
_CHANGES_SHOWN = 20


def drift_text(report: DriftReport, painter: Painter) -> str:
    """Each webhook that drifted with its fields, then what is not recorded, what could not be seen, and a summary."""
    lines = []
    for drift in report.drifted:
        head = f"~  {_address(drift, report)}  {_cause(drift)}"
        lines.append(painter.paint(clean(head), Style.BAD if drift.cause is Cause.DELETED else Style.CHANGE))
        lines += [f"{_INDENT}{line}" for line in columns(_fields(drift))]
    for found in report.unrecorded:
        lines.append(painter.paint(clean(f"?  {_unrecorded(found)}"), Style.CHANGE))
        lines.append(f"{_INDENT}way out: {_BRING_BACK}")
    for problem in report.problems:
        lines.append(painter.paint(clean(f"! {problem.message}"), Style.BAD))
    lines.append(painter.paint(_summary(report), Style.STRONG))
    if report.drifted:
        lines.append(_REPAIR)
    lines += _notes(report)
    return "\n".join(lines)


def drift_json(report: DriftReport) -> dict[str, Json]:
    """The report as JSON values; without any secret, and of URLs that are not ours only what may be shown."""
    return {
        "scope": report.scope,
        "drifted": [_document(drift, report) for drift in report.drifted],
        "in_sync": report.in_sync,
        "unlisted": report.unlisted,
        "foreign": report.foreign,
        "unrecorded": [_unrecorded_document(found) for found in report.unrecorded],
        "problems": [problem_document(problem) for problem in report.problems],
    }


def drift_markdown(report: DriftReport, limit: int = LIMIT) -> str:
    """The report as a page for an issue or a pull request, each webhook folded."""
    paper = Paper(limit, "drift")
    paper.add(f"## Drift of {code_span(report.scope)}: {_counts(report) or 'none'}", "heading")
    paper.add(" ".join([_summary(report), *([_REPAIR] if report.drifted else []), *_notes(report)]), "summary")
    for problem in report.problems:
        paper.add(problem_item(problem), "problem")
    for found in report.unrecorded:
        paper.add(f"- **Unrecorded** {code_span(_unrecorded(found))}: {_BRING_BACK}", "webhook")
    for drift in report.drifted:
        paper.add(_details(drift, report), "webhook")
    return paper.text()


def _details(drift: Drift, report: DriftReport) -> str:
    parts = [f"<details><summary>{html_code(_address(drift, report))} {html_code(_cause(drift))}</summary>"]
    changes = _document(drift, report)["changes"]
    if changes:
        rows = [change_row(change) for change in changes[:_CHANGES_SHOWN]]
        parts.append(table(["field", "recorded", "there"], rows))
    if (left := len(changes) - _CHANGES_SHOWN) > 0:
        parts.append(f"and {counted(left, 'field')} more")
    return "\n\n".join([*parts, "</details>"])


def _cause(drift: Drift) -> str:
    """The cause in words, with the provider's own where it gave some."""
    health = f": {drift.health}" if drift.health else ""
    twins = f" ({', '.join(drift.remote_ids)})" if len(drift.remote_ids) > 1 else ""
    return f"{_WORDS[drift.cause]}{health}{twins}"


def _fields(drift: Drift) -> Iterable[tuple[str, str]]:
    """Each field with what was recorded, and what is there."""
    for change in drift.changes:
        before, after = _shown(change, drift)
        note = f"  ({set_difference(before or (), after or ())})" if change.field == "events" else ""
        yield change.field.removeprefix("options."), f"{_value(before)} -> {_value(after)}{note}"


def _shown(change: Change, drift: Drift) -> tuple[Json, Json]:
    if change.field != "url":
        return change.before, change.after
    before = str(change.before)
    return short_url(before) if drift.secret_url else before, shown_url(str(change.after))


def _value(value: Json) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value) or "(none)"
    if value is None:
        return "(none)"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _counts(report: DriftReport) -> str:
    counts = Counter(drift.cause for drift in report.drifted)
    return ", ".join(f"{counts[cause]} {cause}" for cause in Cause if counts[cause])


def _summary(report: DriftReport) -> str:
    counts = _counts(report)
    unseen = f" {counted(len(report.problems), 'list')} could not be read." if report.problems else ""
    if counts:
        return f"Drift: {counts}; {report.in_sync} as recorded.{unseen}"
    return f"No drift: {counted(report.in_sync, 'webhook')} as recorded.{unseen}"


def _notes(report: DriftReport) -> list[str]:
    notes = []
    if report.unlisted:
        notes.append(f"{counted(report.unlisted, 'webhook')} at providers that cannot list, so nobody can look.")
    if report.foreign:
        notes.append(f"{counted(report.foreign, 'webhook')} at the providers not ours, left alone.")
    return notes


def _unrecorded(found: Unrecorded) -> str:
    group = found.group
    place = f"{group.provider}/{group.type}/{group.resource}@{group.credentials}"
    return f"{place}  ours, though no record explains it: {found.remote_id} to {_own_url(found)}"


def _own_url(found: Unrecorded) -> str:
    return short_url(found.url) if found.secret_url else found.url


def _address(drift: Drift, report: DriftReport) -> str:
    return drift.recorded.key.address(report.default_user)


def _id(webhook_id: str, *, secret_url: bool) -> str:
    return webhook_id[:SHOWN_DIGITS] if secret_url else webhook_id


def _document(drift: Drift, report: DriftReport) -> dict[str, Json]:
    return {
        "address": _address(drift, report),
        "webhook_id": _id(drift.recorded.id, secret_url=drift.secret_url),
        "cause": str(drift.cause),
        "health": drift.health or None,
        "remote_ids": list(drift.remote_ids),
        "changes": [
            {"field": change.field, "before": before, "after": after}
            for change in drift.changes
            for before, after in [_shown(change, drift)]
        ],
    }


def _unrecorded_document(found: Unrecorded) -> dict[str, Json]:
    return {
        **found.group._asdict(),
        "webhook_id": _id(found.webhook_id, secret_url=found.secret_url),
        "remote_id": found.remote_id,
        "url": _own_url(found),
    }
