"""Deliveries as they are told: when, what, for whom, what came of it; nothing of what was in them unasked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from reconciler.core.deliveries import Delivery, Provenance
from reconciler.core.inbox import DispatchState, Handed
from reconciler.core.model import Json
from reconciler.render.moments import exact_moment, moment
from reconciler.render.painter import Painter, Style, clean, columns, counted

VERSION = 1

_STYLES = {"done": Style.GOOD, "pending": Style.CHANGE, "dead": Style.BAD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a delivery held, where that was asked for: headers that are no proof, and the payload without secrets.

    `problem` says why there is no payload.
    """

    headers: tuple[tuple[str, str], ...] = ()
    payload: Json = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A delivery fit to be shown. `webhook` is its id, and `url` its URL, shortened where the URL is the secret."""

    delivery: Delivery = field(repr=False)
    handed: Sequence[Handed]
    webhook: str
    url: str
    address: str = ""
    content: Content | None = None

    @property
    def outcome(self) -> str:
        """What came of it, in a word for one and in numbers for several."""
        states = Counter(str(each.state) for each in self.handed)
        if not states:
            return "replayed" if self.delivery.replayed_as else "no dispatch"
        if len(states) == 1 and len(self.handed) == 1:
            return next(iter(states))
        return ", ".join(f"{states[state]} {state}" for state in map(str, DispatchState) if states[state])

    @property
    def over(self) -> bool:
        """Whether nothing waits to be handed on."""
        return all(each.state is not DispatchState.PENDING for each in self.handed)

    @property
    def latency(self) -> float | None:
        """Seconds from when it came to when the last was handed on; None while one waits, and of what was replayed."""
        if self.delivery.provenance is Provenance.REPLAYED:
            return None
        ends = [each.ended_at for each in self.handed if each.ended_at is not None]
        return max(0.0, max(ends) - self.delivery.received_at) if ends and self.over else None


def delivery_rows(told: Iterable[Told], painter: Painter) -> list[str]:
    """A line for each."""
    rows = [_row(item) for item in told]
    styles = [_style(row[-2]) for row in rows]
    return [
        painter.paint(line, style) if style is Style.BAD else line
        for line, style in zip(columns(rows), styles, strict=True)
    ]


def delivery_line(told: Told, painter: Painter) -> str:
    """One line by itself, for deliveries as they come."""
    return "".join(delivery_rows([told], painter))


def delivery_text(told: Told, painter: Painter) -> str:
    """One delivery in full."""
    delivery = told.delivery
    rows = [
        ("delivery", delivery.id),
        ("received", exact_moment(delivery.received_at)),
        ("provenance", str(delivery.provenance)),
        ("provider", delivery.provider),
        ("provider's id", delivery.provider_delivery_id or "-"),
        ("events", ", ".join(delivery.events) or "-"),
        ("webhook", f"{told.webhook} {told.address}".rstrip()),
        ("url", told.url + ("?..." if delivery.query else "")),
        ("size", f"{len(delivery.body)} bytes"),
        ("outcome", told.outcome),
    ]
    if delivery.replayed_as:
        rows.append(("replayed as", delivery.replayed_as))
    lines = columns(rows, widest=200)
    for each in told.handed:
        lines += ["", *_dispatch_lines(each, painter)]
    return "\n".join([*lines, *_content_lines(told.content)])


def delivery_json(told: Told) -> dict[str, Json]:
    """One delivery as JSON values."""
    delivery, latency = told.delivery, told.latency
    document: dict[str, Json] = {
        "id": delivery.id,
        "received_at": exact_moment(delivery.received_at),
        "provenance": str(delivery.provenance),
        "provider": delivery.provider,
        "provider_delivery_id": delivery.provider_delivery_id or None,
        "events": list(delivery.events),
        "webhook_id": told.webhook,
        "address": told.address or None,
        "url": told.url,
        "bytes": len(delivery.body),
        "outcome": told.outcome,
        "replayed_as": delivery.replayed_as or None,
        "latency": None if latency is None else round(latency, 3),
        "dispatches": [_dispatch_json(each) for each in told.handed],
    }
    if told.content is not None:
        document["headers"] = [list(pair) for pair in told.content.headers]
        document["payload"] = told.content.payload
        document["payload_problem"] = told.content.problem or None
    return document


def deliveries_json(told: Iterable[Told]) -> Iterator[str]:
    """The pieces of one JSON document, `{version, deliveries: [...]}`, a delivery each."""
    yield f'{{\n  "version": {VERSION},\n  "deliveries": ['
    line = ""
    for item in told:
        if line:
            yield f"{line},"
        line = f"    {json.dumps(delivery_json(item), ensure_ascii=False)}"
    if line:
        yield line
    yield "  ]\n}"


def dead_rows(told: Iterable[Told]) -> list[str]:
    """A line for each dead letter."""
    return columns(
        [
            (
                moment(each.ended_at or item.delivery.received_at),
                each.dispatch.id,
                item.delivery.provider,
                ", ".join(each.dispatch.events),
                str(each.dispatch.subscriber),
                counted(each.attempts, "try", "tries"),
                each.error,
            )
            for item in told
            for each in item.handed
            if each.state is DispatchState.DEAD
        ],
        widest=80,
    )


def dead_json(told: Iterable[Told]) -> dict[str, Json]:
    """The dead letters as JSON values, each with its delivery."""
    return {
        "version": VERSION,
        "dead": [
            {
                **_dispatch_json(each),
                "delivery_id": item.delivery.id,
                "provider": item.delivery.provider,
                "webhook_id": item.webhook,
                "address": item.address or None,
                "received_at": exact_moment(item.delivery.received_at),
            }
            for item in told
            for each in item.handed
            if each.state is DispatchState.DEAD
        ],
    }


def _row(told: Told) -> tuple[str, ...]:
    """Of one that was replayed, the last column says so: nobody waited for it."""
    delivery, latency = told.delivery, told.latency
    last = "" if latency is None else f"{latency:.2f}s"
    return (
        moment(delivery.received_at),
        delivery.id,
        delivery.provider,
        ", ".join(delivery.events) or "-",
        told.address or told.webhook,
        told.outcome,
        "a replay" if delivery.provenance is Provenance.REPLAYED else last,
    )


def _style(outcome: str) -> Style:
    return Style.BAD if "dead" in outcome else Style.CHANGE if "pending" in outcome else Style.GOOD


def _dispatch_lines(each: Handed, painter: Painter) -> list[str]:
    dispatch = each.dispatch
    node = f" node {clean(dispatch.node_id)}" if dispatch.node_id else ""
    part = f" part {dispatch.part}" if dispatch.part else ""
    state = painter.paint(str(each.state), _STYLES[str(each.state)])
    tries = counted(each.attempts, "try", "tries")
    when = f", next at {exact_moment(each.next_at)}" if each.state is DispatchState.PENDING else ""
    lines = [
        f"dispatch {dispatch.id} to {clean(str(dispatch.subscriber))}{node}{part}: {state} after {tries}{when}",
    ]
    if each.ended_at is not None:
        lines.append(f"    ended {exact_moment(each.ended_at)}, the last try took {each.seconds:.2f}s")
    if each.error:
        lines.append(f"    {clean(each.error)}")
    return lines


def _content_lines(content: Content | None) -> list[str]:
    if content is None:
        return []
    headers = [f"{clean(name)}: {clean(value)}" for name, value in content.headers]
    if content.problem:
        return ["", *headers, "", f"the body cannot be shown: {clean(content.problem)}"]
    return ["", *headers, "", json.dumps(content.payload, indent=2)]


def _dispatch_json(each: Handed) -> dict[str, Json]:
    dispatch, pending = each.dispatch, each.state is DispatchState.PENDING
    return {
        "id": dispatch.id,
        "subscriber": str(dispatch.subscriber),
        "node_id": dispatch.node_id or None,
        "part": dispatch.part,
        "events": list(dispatch.events),
        "ordered": dispatch.ordered,
        "state": str(each.state),
        "attempts": each.attempts,
        "next_at": exact_moment(each.next_at) if pending else None,
        "ended_at": None if each.ended_at is None else exact_moment(each.ended_at),
        "seconds": round(each.seconds, 3),
        "error": each.error or None,
    }
