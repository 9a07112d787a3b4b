"""What was missed and what became of it, as text and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core.model import Json
from reconciler.core.ports import Missed
from reconciler.engine.recovering import Backlog, Recovered, summary
from reconciler.render.moments import moment
from reconciler.render.painter import Painter, Style, clean, counted

VERSION = 1


def missed_text(backlogs: Sequence[Backlog], painter: Painter) -> str:
    """What is missing of each webhook, oldest first, and what could be asked."""
    lines = []
    for backlog in backlogs:
        if backlog.missing:
            lines.append(f"{clean(backlog.address)}: {_missing(backlog)} since {moment(backlog.since)}")
            lines += [f"  {_one(item)}" for item in backlog.missing]
    lines += _troubles(backlogs, painter)
    missing = sum(len(backlog.missing) for backlog in backlogs)
    here = sum(backlog.here for backlog in backlogs)
    lines.append(f"{_looked(backlogs)}: {_deliveries(missing)} missing, {here} already here.")
    return "\n".join(lines)


def recovered_text(recovered: Sequence[Recovered], painter: Painter) -> str:
    """What became of each webhook's missing deliveries."""
    lines = []
    for item in recovered:
        if item.backlog.missing:
            done = [f"{item.asked} asked for"] if item.asked else []
            done += [f"{item.injected} injected"] if item.injected else []
            done += [painter.paint(f"{len(item.failed)} failed", Style.BAD)] if item.failed else []
            words = ", ".join(done) or "all arrived meanwhile"
            lines.append(f"{clean(item.backlog.address)}: {_missing(item.backlog)}: {words}")
            lines += [f"  {_one(failure.missed)}: {clean(failure.reason)}" for failure in item.failed]
    backlogs = [item.backlog for item in recovered]
    lines += _troubles(backlogs, painter)
    lines.append(f"{_looked(backlogs)}: {summary(recovered)}.")
    return "\n".join(lines)


def missed_json(backlogs: Sequence[Backlog]) -> Json:
    """What is missing, for programs."""
    return {"version": VERSION, "dry_run": True, "webhooks": [_backlog(backlog) for backlog in backlogs]}


def recovered_json(recovered: Sequence[Recovered]) -> Json:
    """What became of it, for programs."""
    return {
        "version": VERSION,
        "dry_run": False,
        "webhooks": [
            {
                **_backlog(item.backlog),
                "here": item.here,
                "asked": item.asked,
                "injected": item.injected,
                "failed": [{**_document(failure.missed), "reason": failure.reason} for failure in item.failed],
            }
            for item in recovered
        ],
    }


def _backlog(backlog: Backlog) -> dict[str, Json]:
    return {
        "address": backlog.address,
        "since": moment(backlog.since) if backlog.since else None,
        "found": backlog.found,
        "here": backlog.here,
        "missing": [_document(item) for item in backlog.missing],
        "problem": backlog.problem,
        "unsupported": backlog.unsupported,
    }


def _document(missed: Missed) -> dict[str, Json]:
    return {
        "id": missed.id,
        "provider_delivery_id": missed.provider_delivery_id,
        "event": missed.event,
        "at": None if missed.at is None else moment(missed.at),
    }


def _one(missed: Missed) -> str:
    name = missed.provider_delivery_id or missed.id
    return clean(" ".join(filter(None, [moment(missed.at) if missed.at is not None else "", missed.event, name])))


def _troubles(backlogs: Sequence[Backlog], painter: Painter) -> Iterator[str]:
    for backlog in backlogs:
        if backlog.problem:
            yield painter.paint(f"{clean(backlog.address)}: {clean(backlog.problem)}", Style.BAD)
    reasons = dict.fromkeys(backlog.unsupported for backlog in backlogs if backlog.unsupported)
    for reason in reasons:
        number = sum(backlog.unsupported == reason for backlog in backlogs)
        yield painter.paint(f"{counted(number, 'webhook')} not looked at: {clean(reason)}", Style.FAINT)


def _looked(backlogs: Sequence[Backlog]) -> str:
    return f"{counted(sum(not backlog.unsupported for backlog in backlogs), 'webhook')} looked at"


def _missing(backlog: Backlog) -> str:
    return f"{_deliveries(len(backlog.missing))} missing"


def _deliveries(number: int) -> str:
    return "1 delivery" if number == 1 else f"{number} deliveries"
