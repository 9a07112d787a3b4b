"""What a verified request says: its payload, its event and its id, read from the very bytes that were verified."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from reconciler.core.model import Json
from reconciler.verify.body import DeliveryError, MediaTypeError, inflated, parse_form, parse_json, plain, search
from reconciler.verify.message import is_form
from reconciler.verify.request import Request
from reconciler.verify.token import BodyTokenScheme, token_holders

MAX_NAME = 200
"""Longer event names and delivery ids are not a vendor's."""

MAX_PARTS = 10_000
"""A batch of more is not a vendor's."""

SEPARATOR = ","
"""Between the events of one delivery; no vendor's event name holds it."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


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


@dataclass(frozen=True, slots=True)
class Form:
    """How a form is read: as the JSON in one `field`, or, without one, as an object of its fields."""

    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRules:
    """Where things are in a delivery.

    `ids` are tried in order. `content_types` are the media types that are accepted; empty accepts any, for the body
    must be JSON all the same. `token` is where the body holds the secret, which is taken out of the payload. `batch` is
    the JMESPath of the list of parts, where one request tells of several things: then `event` is looked for in each.
    `part_id` is the JMESPath of each part's own id. `form` says how a form is read; without it a body is JSON.
    `encodings` are the content encodings that are undone; of any other but `identity` nothing is read.
    """

    event: EventRule
    ids: tuple[IdRule, ...] = ()
    content_types: frozenset[str] = frozenset()
    token: BodyTokenScheme | None = None
    batch: str = ""
    part_id: str = ""
    form: Form | None = None
    encodings: frozenset[str] = frozenset()
    routing: Mapping[str, bytes] = field(init=False, repr=False, compare=False)
    """The names by which a body is routed: one that stood twice in an object would be read one way here, and another
    way elsewhere."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "routing", _routing_names(self))


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery that was read. `id` is empty where the provider gives none.

    One request may be of several events: then `event` names each of them, separated by commas.
    """

    payload: Json
    event: str
    id: str


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a delivery tells of, and its events: several where a list names them, none where nothing does.

    The secret of the webhook is not in the payload any more. `id` is the part's own, whatever it arrives with; empty
    where it has none.
    """

    payload: Json
    events: tuple[str, ...]
    id: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A delivery read part by part; its payload is that of all, `id` is empty where the provider gives none."""

    payload: Json
    parts: tuple[Part, ...]
    id: str

    @property
    def events(self) -> tuple[str, ...]:
        """The events of all parts, each once, in the order in which they come."""
        if len(self.parts) == 1:
            return self.parts[0].events
        return tuple(dict.fromkeys(event for part in self.parts for event in part.events))


def read_delivery(rules: DeliveryRules, request: Request) -> Delivery:
    """Read payload, event and id from a request that was verified; raises `DeliveryError` where one cannot be.

    The payload is `plain`.
    """
    reading = read_parts(rules, request)
    event = SEPARATOR.join(reading.events)
    if not event:
        raise DeliveryError("the delivery does not say which event it is")
    return Delivery(plain(reading.payload), event, reading.id)


def read_parts(rules: DeliveryRules, request: Request) -> Reading:
    """Read a request that was verified, part by part; raises `DeliveryError` where it cannot be read.

    Parts that do not say which event they are have none.
    """
    payload = _payload(rules, request)
    if rules.token:
        _strip(rules.token, payload)
    found = [payload] if not rules.batch else search(rules.batch, payload)
    if not isinstance(found, list):
        raise DeliveryError("the delivery holds no list of parts")
    if len(found) > MAX_PARTS:
        raise DeliveryError(f"the delivery holds more than {MAX_PARTS} parts")
    parts = tuple(Part(each, events_in(_event(rules.event, request, each)), _part_id(rules, each)) for each in found)
    return Reading(payload, parts, _id(rules.ids, request, payload))


def events_in(event: str) -> tuple[str, ...]:
    """The single events that `Delivery.event` names."""
    return tuple(event.split(SEPARATOR)) if event else ()


def _routing_names(rules: DeliveryRules) -> Mapping[str, bytes]:
    """Every name that the paths of rules hold, and how it stands in a body; more than that do no harm."""
    event = rules.event
    paths = [rules.batch, rules.part_id, *(rule.path for rule in rules.ids if isinstance(rule, BodyId))]
    if isinstance(event, HeaderEvent):
        paths.append(event.detail)
    elif isinstance(event, BodyEvent):
        paths.append(event.path)
    names = {name for path in paths for name in _NAME.findall(path)}
    if isinstance(event, KeyEvent):
        names |= set(event.names)
    return {name: f'"{name}"'.encode() for name in sorted(names)}


def _payload(rules: DeliveryRules, request: Request) -> Json:
    body = _plain_body(rules, request)
    if rules.form is None or not is_form(request):
        return parse_json(body, rules.routing)
    field = rules.form.field
    fields = parse_form(body, {field} if field else rules.routing.keys())
    if not field:
        return fields
    document = fields.get(field)
    if not isinstance(document, str):
        raise DeliveryError("the form lacks the field that holds its payload")
    return parse_json(document.encode(), rules.routing)


def _part_id(rules: DeliveryRules, part: Json) -> str:
    return _name(search(rules.part_id, part)) if rules.part_id else ""


def _strip(token: BodyTokenScheme, payload: Json) -> None:
    for item in token_holders(token, payload):
        if isinstance(item, dict):
            item.pop(token.key, None)


def _plain_body(rules: DeliveryRules, request: Request) -> bytes:
    """The body with its encoding undone. Raises `MediaTypeError` for a type or an encoding that is not taken."""
    if rules.content_types:
        values = request.values("content-type")
        if len(values) != 1 or values[0].partition(";")[0].strip().lower() not in rules.content_types:
            raise MediaTypeError(f"the delivery is not {' or '.join(sorted(rules.content_types))}")
    encodings = request.values("content-encoding")
    if not encodings:
        return request.body
    encoding = ", ".join(encodings).strip().lower()
    if encoding == "identity":
        return request.body
    if encoding not in rules.encodings:
        raise MediaTypeError("the delivery is in an encoding that its provider does not use")
    return inflated(request.body)


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
