"""What each provider can do, as a matrix and in full: text, Markdown and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from reconciler.core.model import Json
from reconciler.render.escaping import code_cell
from reconciler.render.painter import Painter, Style, clean, columns, counted


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeCard:
    """What one type can do. `renew_before` is in seconds, 0 where webhooks do not end by themselves.

    `recovery` is how missed deliveries are had (`redeliver`, `inject`, empty), `horizon` for how many seconds back.
    """

    name: str
    title: str
    operations: tuple[str, ...]
    in_place: tuple[str, ...]
    events: Mapping[str, str]
    any_event: bool
    wildcard: str
    options: Mapping[str, str]
    slot: bool
    renew_before: float
    recovery: str = ""
    horizon: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCard:
    """What one provider can do; empty texts where it has no API. `limits` are sentences, `sources` what is cited."""

    name: str
    title: str
    builtin: bool
    api: str
    auth: str
    pagination: str
    secret: str
    verify: str
    limits: tuple[str, ...]
    types: tuple[TypeCard, ...]
    sources: tuple[tuple[str, str], ...]


_SECRETS = MappingProxyType(
    {
        "caller": "made here, and sent with every create and update",
        "response": "made by the provider, and told once, in its answer to create",
        "handshake": "made by the provider, and told to the ingress while create is in flight",
        "fetch": "made by the provider, and asked for after every create and update",
        "vendor": "made by the provider, and copied by a person: the manifest refers to it",
        "none": "there is none",
    }
)
"""By the origin that a definition names."""

_HEADER = ("provider", "type", "operations", "in place", "secret", "verify", "lease", "pages", "limits")


def matrix_text(cards: Sequence[ProviderCard], painter: Painter) -> str:
    """One line for each type of each provider."""
    first, *rows = columns([_HEADER, *(row for card in cards for row in _rows(card))])
    return "\n".join([painter.paint(first, Style.STRONG), *rows])


def matrix_markdown(cards: Sequence[ProviderCard]) -> str:
    """The same as a table of Markdown."""
    return _table(_HEADER, (row for card in cards for row in _rows(card)))


def card_text(card: ProviderCard, painter: Painter) -> str:
    """One provider in full."""
    lines = [painter.paint(clean(f"{card.name}: {card.title}"), Style.STRONG), *columns(_facts(card), widest=100)]
    for kind in card.types:
        lines.append(painter.paint(clean(f"{card.name}/{kind.name}: {kind.title}"), Style.NOTE))
        lines += [f"    {line}" for line in columns(_abilities(kind), widest=100)]
        lines += [f"    {line}" for line in columns((("event", *item) for item in kind.events.items()), widest=60)]
        lines += [f"    {line}" for line in columns((("option", *item) for item in kind.options.items()), widest=60)]
    return "\n".join(lines)


def card_markdown(card: ProviderCard) -> str:
    """One provider in full, as a page of Markdown."""
    parts = [f"## {code_cell(card.name)} {code_cell(card.title)}", _table(("fact", "value"), _facts(card))]
    for kind in card.types:
        parts += [f"### {code_cell(f'{card.name}/{kind.name}')} {code_cell(kind.title)}"]
        parts.append(_table(("ability", "value"), _abilities(kind)))
        parts += [_table(("event", "when"), kind.events.items())] if kind.events else []
        parts += [_table(("option", "meaning"), kind.options.items())] if kind.options else []
    return "\n\n".join(parts)


def card_json(card: ProviderCard) -> dict[str, Json]:
    """One provider as JSON values."""
    return {
        "name": card.name,
        "title": card.title,
        "builtin": card.builtin,
        "api": card.api or None,
        "auth": card.auth or None,
        "pagination": card.pagination or None,
        "secret_origin": card.secret,
        "verify": card.verify,
        "limits": list(card.limits),
        "types": [_type_json(kind) for kind in card.types],
        "sources": [{"title": title, "url": url or None} for title, url in card.sources],
    }


def _type_json(kind: TypeCard) -> dict[str, Json]:
    return {
        "name": kind.name,
        "title": kind.title,
        "manual_only": "create" not in kind.operations,
        "operations": list(kind.operations),
        "in_place": list(kind.in_place),
        "slot": kind.slot,
        "renew_before": kind.renew_before or None,
        "recovery": {"way": kind.recovery, "horizon": kind.horizon} if kind.recovery else None,
        "events": dict(kind.events),
        "any_event": kind.any_event,
        "wildcard": kind.wildcard or None,
        "options": dict(kind.options),
    }


def _rows(card: ProviderCard) -> list[tuple[str, ...]]:
    return [
        (
            card.name,
            kind.name,
            ", ".join(kind.operations) or "none: manual",
            _in_place(kind),
            card.secret,
            card.verify,
            _lease(kind),
            card.pagination or "-",
            "; ".join([*card.limits, *(["one webhook per resource"] if kind.slot else [])]) or "-",
        )
        for kind in card.types
    ]


def _in_place(kind: TypeCard) -> str:
    if "create" not in kind.operations:
        return "-"
    return ", ".join(kind.in_place) or "nothing: replaced"


def _lease(kind: TypeCard) -> str:
    if not kind.renew_before:
        return "-"
    minutes = kind.renew_before / 60
    shown = f"{minutes:g} min" if minutes < 60 else f"{minutes / 60:.3g} h"
    return f"renewed {shown} before its end"


def _recovery(kind: TypeCard) -> str:
    if not kind.recovery:
        return "-"
    days = kind.horizon / (24 * 3600)
    return f"{'sent again' if kind.recovery == 'redeliver' else 'taken from its log'}, {days:.3g} days back"


def _facts(card: ProviderCard) -> list[tuple[str, str]]:
    rows = [
        ("definition", "comes with the package" if card.builtin else "the project's own"),
        ("API", card.api or "none: webhooks are manual"),
        ("authorisation", card.auth or "-"),
        ("pages", card.pagination or "-"),
        ("secret", _SECRETS[card.secret]),
        ("proof of deliveries", card.verify),
        *(("limit", limit) for limit in card.limits),
    ]
    return [*rows, *(("source", " ".join(filter(None, source))) for source in card.sources)]


def _abilities(kind: TypeCard) -> list[tuple[str, str]]:
    events = counted(len(kind.events), "event") + (" and any other name" if kind.any_event else "")
    return [
        ("operations", ", ".join(kind.operations) or "none: a person pastes the URL"),
        ("changed in place", _in_place(kind)),
        ("removed", "deleted" if "delete" in kind.operations else "kept as a tombstone, refused here"),
        ("lease", _lease(kind)),
        ("missed deliveries", _recovery(kind)),
        ("room", "one webhook per resource" if kind.slot else "many webhooks per resource"),
        ("events", f"{events}; {kind.wildcard} means all" if kind.wildcard else events),
    ]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(header)} |", f"| {' | '.join('---' for _ in header)} |"]
    lines += [f"| {' | '.join(code_cell(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)
