"""What a verified request says: its payload, its event and its id, read from the very bytes that were verified."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.core.model import Json
from reconciler.verify.body import DeliveryError, parse_json, search
from reconciler.verify.request import Request
from reconciler.verify.token import BodyTokenScheme, token_holders

MAX_NAME = 200
"""Longer event names and delivery ids are not a vendor's."""

SEPARATOR = ","
"""Between the events of one delivery; no vendor's event name holds it."""


@dataclass(frozen=True, slots=True)
class HeaderEvent:
    """The event is named in a header.

    `names` translates the vendor's delivered names to those of its registration API; a name that is not in it stands
    for itself. `detail` is a JMESPath into the body whose text, where there is one, is appended after `separator`.
    """

    header: str
    names: Mapping[str, str] = field(default_factory=dict)
    detail: str = ""
    separator: str = ""


@dataclass(frozen=True, slots=True)
class BodyEvent:
    """The event is named in the body, at a JMESPath; a list there names several. `names` is as in `HeaderEvent`."""

    path: str
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """The event is the first of `names` that is a key of the body."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConstantEvent:
    """Every delivery is the same event."""

    name: str


@dataclass(frozen=True, slots=True)
class AnyEvent:
    """A delivery does not tell: it may be any of `names`, or several of them."""

    names: tuple[str, ...]


EventRule = HeaderEvent | BodyEvent | KeyEvent | ConstantEvent | AnyEvent


@dataclass(frozen=True, slots=True)
class HeaderId:
    """The delivery id is in a header."""

    header: str


@dataclass(frozen=True, slots=True)
class BodyId:
    """The delivery id is in the body, at a JMESPath."""

    path: str


IdRule = HeaderId | BodyId


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRules:
    """Where things are in a delivery.

    `ids` are tried in order. `content_types` are the media types that are accepted; empty accepts any, for the body
    must be JSON all the same. `token` is where the body holds the secret, which is taken out of the payload.
    """

    event: EventRule
    ids: tuple[IdRule, ...] = ()
    content_types: frozenset[str] = frozenset()
    token: BodyTokenScheme | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery that was read. `id` is empty where the provider gives none.

    One request may be of several events: then `event` names each of them, separated by commas.
    """

    payload: Json
    event: str
    id: str


def read_delivery(rules: DeliveryRules, request: Request) -> Delivery:
    """Read payload, event and id from a request that was verified; raises `DeliveryError` where one cannot be."""
    _check_content_type(rules, request)
    payload = parse_json(request.body)
    event = _event(rules.event, request, payload)
    if not event:
        raise DeliveryError("the delivery does not say which event it is")
    if rules.token:
        _strip(rules.token, payload)
    return Delivery(payload, event, _id(rules.ids, request, payload))


def events_in(event: str) -> tuple[str, ...]:
    """The single events that `Delivery.event` names."""
    return tuple(event.split(SEPARATOR))


def _strip(token: BodyTokenScheme, payload: Json) -> None:
    for item in token_holders(token, payload):
        if isinstance(item, dict):
            item.pop(token.key, None)


def _check_content_type(rules: DeliveryRules, request: Request) -> None:
    if not rules.content_types:
        return
    values = request.values("content-type")
    media_type = values[0].partition(";")[0].strip().lower() if len(values) == 1 else ""
    if media_type not in rules.content_types:
        raise DeliveryError(f"the delivery is not {' or '.join(sorted(rules.content_types))}")


def _event(rule: EventRule, request: Request, payload: Json) -> str:
    if isinstance(rule, ConstantEvent):
        return rule.name
    if isinstance(rule, BodyEvent):
        return _named(rule, search(rule.path, payload))
    if isinstance(rule, AnyEvent):
        return SEPARATOR.join(rule.names)
    if isinstance(rule, KeyEvent):
        return next((name for name in rule.names if isinstance(payload, dict) and name in payload), "")
    name = _header(request, rule.header)
    name = rule.names.get(name, name)
    detail = _name(search(rule.detail, payload)) if name and rule.detail else ""
    return f"{name}{rule.separator}{detail}" if detail else name


def _named(rule: BodyEvent, found: Json) -> str:
    """The events at the path, each once, in the order in which they come; empty where one of them is no name."""
    names = [_name(item) for item in (found if isinstance(found, list) else [found])]
    return SEPARATOR.join(_registered(names, rule.names)) if all(names) else ""


def _registered(delivered: Iterable[str], names: Mapping[str, str]) -> Iterable[str]:
    return dict.fromkeys(names.get(name, name) for name in delivered)


def _id(rules: tuple[IdRule, ...], request: Request, payload: Json) -> str:
    for rule in rules:
        found = _header(request, rule.header) if isinstance(rule, HeaderId) else _name(search(rule.path, payload))
        if found:
            return found
    return ""


def _header(request: Request, name: str) -> str:
    values = request.values(name)
    if len(values) > 1:
        raise DeliveryError(f"the {name} header is there more than once")
    return _name(values[0]) if values else ""


def _name(value: Json) -> str:
    """Text or a whole number as a name; empty where it is none, or holds what no vendor's name holds."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if len(text) <= MAX_NAME and text.isascii() and text.isprintable() else ""
