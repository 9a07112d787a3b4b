"""Why a webhook exists: who asked for what, how that became one webhook, what is recorded, what would change now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.core.diff import relations_document
from reconciler.core.events import subscribed
from reconciler.core.model import Desired, EventTraits, Json, OptionTraits, Phase, Recorded, Trigger, canonical_json
from reconciler.core.plan import Refusal, Step
from reconciler.render.changes import described, short_url
from reconciler.render.painter import Painter, Style, clean, columns, counted
from reconciler.render.plan_text import remark


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that is known of one address.

    `events` and `options` are the traits of its type, where a definition describes it. `step` is what a pass would do,
    None where it is in sync; `held` tells that a failed list keeps it as it is. `refusals` are the guards that hold the
    step back, `asked` whether the providers were asked.
    """

    address: str
    desired: Desired | None
    recorded: Recorded | None
    step: Step | None
    events: EventTraits | None
    options: Mapping[str, OptionTraits]
    refusals: Sequence[Refusal] = ()
    held: bool = False
    asked: bool = False


def explain_text(told: Explanation, painter: Painter) -> str:
    """The explanation in sections."""
    sections = [
        [painter.paint(clean(told.address), Style.STRONG), f"    {clean(_verdict(told))}"],
        _section("Asked for by", _trigger_lines(told), painter),
        _section("The union", _union_lines(told), painter),
        _section("Recorded", _record_lines(told), painter),
        _section("Now", _now_lines(told), painter),
    ]
    return "\n".join(line for section in sections for line in section)


def explain_json(told: Explanation) -> dict[str, Json]:
    """The explanation as JSON values."""
    step, record = told.step, told.recorded
    return {
        "address": told.address,
        "why": _verdict(told),
        "triggers": [_trigger_document(trigger) for trigger in _triggers(told)],
        "union": {
            "events": {name: [_ref(trigger) for trigger in found] for name, found in _events(told).items()},
            "options": {name: {"value": value, "from": origin} for name, value, origin in _options(told)},
        },
        "recorded": _record_document(record, step) if record else None,
        "now": {
            "asked_providers": told.asked,
            "action": str(step.action) if step else "none",
            "reason": str(step.reason) if step else None,
            "changes": described(step) if step else None,
            "way_out": (step.way_out or None) if step else None,
            "guards": [refusal.guard for refusal in told.refusals],
            "left_alone": told.held,
        },
        "last_change": (_moment(record.updated_at) or None) if record else None,
    }


def _verdict(told: Explanation) -> str:
    """Why it exists, in one sentence."""
    record = told.recorded
    if told.desired:
        number = counted(len(told.desired.triggers), "trigger")
        verb = "asks" if len(told.desired.triggers) == 1 else "ask"
        return (
            f"it exists because {number} {verb} for it" if record else f"it does not exist yet; {number} {verb} for it"
        )
    if record and record.phase is Phase.TOMBSTONE:
        return "it is gone: no trigger asks for it; its trigger can bring it back with the same URL"
    if record and record.replaced:
        return "another webhook took over; it goes on verifying until it is deregistered"
    return "no trigger asks for it any more: it is dangling"


def _section(title: str, lines: Iterable[str], painter: Painter) -> list[str]:
    found = [f"    {line}" for line in lines]
    return [painter.paint(title, Style.NOTE), *found] if found else []


def _triggers(told: Explanation) -> Sequence[Trigger]:
    return told.desired.triggers if told.desired else ()


def _ref(trigger: Trigger) -> str:
    return f"{trigger.location.file}:{trigger.location.line}"


def _trigger_lines(told: Explanation) -> list[str]:
    rows = []
    for trigger in _triggers(told):
        said = [f"{name}={_plain(value)}" for name, value in sorted(trigger.options.items())]
        said += [] if trigger.protect is None else [f"protect={_plain(trigger.protect)}"]
        rows.append((_ref(trigger), str(trigger.subscriber), ", ".join(sorted(trigger.events)), " ".join(said)))
    return columns(rows)


def _trigger_document(trigger: Trigger) -> dict[str, Json]:
    return {
        str(trigger.subscriber.kind): trigger.subscriber.id,
        "user": trigger.user,
        "file": trigger.location.file,
        "line": trigger.location.line,
        "resource": trigger.resource,
        "events": sorted(trigger.events),
        "options": dict(sorted(trigger.options.items())),
        "protect": trigger.protect,
    }


def _events(told: Explanation) -> dict[str, list[Trigger]]:
    """Each event that the webhook subscribes to, with the triggers whose wish led to it."""
    found: dict[str, list[Trigger]] = {name: [] for name in sorted(told.desired.events if told.desired else ())}
    for trigger in _triggers(told):
        names = {subscribed(event, told.events) or event for event in trigger.events} if told.events else trigger.events
        for name in sorted(names):
            # A wildcard swallows the others: whoever asked for one of them is served by it.
            place = name if name in found else told.events.wildcard if told.events else name
            if place in found and trigger not in found[place]:
                found[place].append(trigger)
    return found


def _options(told: Explanation) -> list[tuple[str, Json, str]]:
    """Each option with its value and where it comes from."""
    rows = []
    for name, value in sorted(told.desired.options.items() if told.desired else ()):
        origin = next((_ref(trigger) for trigger in _triggers(told) if name in trigger.options), "the default")
        rows.append((name, value, origin))
    return rows


def _union_lines(told: Explanation) -> list[str]:
    wishes = _events(told)
    rows = [("event", name, _from(name, found, told.events)) for name, found in wishes.items()]
    rows += [("option", f"{name} = {_plain(value)}", f"from {origin}") for name, value, origin in _options(told)]
    if told.desired:
        names = ", ".join(str(relation.subscriber) for relation in told.desired.relations)
        rows.append(("dispatch", names, "each gets only the events that it asked for"))
    return columns(rows)


def _from(name: str, triggers: Sequence[Trigger], traits: EventTraits | None) -> str:
    wishes = {event for trigger in triggers for event in trigger.events} - {name}
    asked = sorted(event for event in wishes if traits and subscribed(event, traits) == name)
    finer = f", which asked for {', '.join(asked)}" if asked else ""
    return f"from {', '.join(sorted({_ref(trigger) for trigger in triggers})) or 'nobody'}{finer}"


def _record_document(record: Recorded, step: Step | None) -> dict[str, Json]:
    secret_url = step is not None and step.secret_url
    return {
        "id": record.id[:8] if secret_url else record.id,
        "phase": str(record.phase),
        "url": short_url(record.url),
        "remote_id": record.remote_id or None,
        "events": sorted(record.events),
        "options": dict(sorted(record.options.items())),
        "triggers": relations_document(record.relations),
        "protect": record.protect,
        "created_at": _moment(record.created_at) or None,
        "updated_at": _moment(record.updated_at) or None,
        "lease_expires_at": _moment(record.lease_expires_at) or None,
    }


def _record_lines(told: Explanation) -> list[str]:
    record = told.recorded
    if record is None:
        return ["nothing"]
    names = ", ".join(str(relation.subscriber) for relation in record.relations)
    rows = [
        ("phase", str(record.phase)),
        ("url", short_url(record.url)),
        ("at the provider", record.remote_id or "-"),
        ("events", ", ".join(sorted(record.events)) or "-"),
        ("dispatch", names or "-"),
        ("made", _moment(record.created_at) or "-"),
        ("last change", _moment(record.updated_at) or "-"),
    ]
    rows += [("lease until", _moment(record.lease_expires_at))] if record.lease_expires_at else []
    return columns(rows)


def _now_lines(told: Explanation) -> list[str]:
    source = "the providers were asked" if told.asked else "the providers were not asked; --refresh asks them"
    if told.held:
        return [f"left alone: its list could not be read ({source})"]
    if told.step is None:
        gone = told.recorded is not None and told.recorded.phase is Phase.TOMBSTONE
        return [f"{'nothing to do' if gone else 'in sync'} ({source})"]
    step = told.step
    lines = [f"{step.action} ({step.reason}): {described(step)}", f"({source})"]
    lines += [f"{remark(step.action)}: {step.way_out}"] if step.way_out else []
    lines += [
        f"held back by the guard {refusal.guard}: {refusal.message}"
        + (f"; {refusal.flag} lets it pass" if refusal.flag else "; no flag lets it pass")
        for refusal in told.refusals
    ]
    return [clean(line) for line in lines]


def _plain(value: Json) -> str:
    return value if isinstance(value, str) else canonical_json(value)


def _moment(seconds: float | None) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else ""
