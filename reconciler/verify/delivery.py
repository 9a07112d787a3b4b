"""What a verified request says: its payload, its event and its id, read from the very bytes that were verified."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import jmespath
from jmespath.exceptions import JMESPathError

from reconciler.core.errors import ReconcilerError
from reconciler.core.model import Json
from reconciler.verify.request import Request

MAX_NAME = 200
"""Longer event names and delivery ids are not a vendor's."""


class DeliveryError(ReconcilerError):
    """A request cannot be read as a delivery; its text holds nothing that the sender wrote."""


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
    """The event is named in the body, at a JMESPath."""

    path: str


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """The event is the first of `names` that is a key of the body."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConstantEvent:
    """Every delivery is the same event."""

    name: str


EventRule = HeaderEvent | BodyEvent | KeyEvent | ConstantEvent


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
    must be JSON all the same.
    """

    event: EventRule
    ids: tuple[IdRule, ...] = ()
    content_types: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery that was read. `id` is empty where the provider gives none."""

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
    return Delivery(payload, event, _id(rules.ids, request, payload))


def parse_json(body: bytes) -> Json:
    """Parse strict JSON in UTF-8: no byte order mark, no NaN, no lone surrogates; raises `DeliveryError`."""
    try:
        text = body.decode("utf-8")
        payload = json.loads(text, parse_constant=_not_json)
        if "\\ud" in text.lower():
            json.dumps(payload, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        # The cause quotes what the sender wrote.
        raise DeliveryError("the body is not JSON in UTF-8") from None
    return payload


def _not_json(name: str) -> NoReturn:
    raise ValueError(name)


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
        return _name(_search(rule.path, payload))
    if isinstance(rule, KeyEvent):
        return next((name for name in rule.names if isinstance(payload, dict) and name in payload), "")
    name = _header(request, rule.header)
    name = rule.names.get(name, name)
    detail = _name(_search(rule.detail, payload)) if name and rule.detail else ""
    return f"{name}{rule.separator}{detail}" if detail else name


def _id(rules: tuple[IdRule, ...], request: Request, payload: Json) -> str:
    for rule in rules:
        found = _header(request, rule.header) if isinstance(rule, HeaderId) else _name(_search(rule.path, payload))
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


def _search(path: str, payload: Json) -> Json:
    try:
        return jmespath.search(path, payload)
    except JMESPathError:
        return None
