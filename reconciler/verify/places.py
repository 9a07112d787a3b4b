"""Where a request holds a text, and what is read there."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.model import Json
from reconciler.verify.body import DeliveryError, parse_json, search
from reconciler.verify.request import Request, Verdict, refused, single_header


@dataclass(frozen=True, slots=True)
class HeaderPlace:
    """A header, there exactly once."""

    name: str


@dataclass(frozen=True, slots=True)
class QueryPlace:
    """A query parameter, there exactly once."""

    name: str


@dataclass(frozen=True, slots=True)
class BodyPlace:
    """A JMESPath of the JSON body; a whole number or a truth value there is its text."""

    path: str


Place = HeaderPlace | QueryPlace | BodyPlace


def raw_at(place: Place, request: Request) -> bytes | Verdict:
    """The bytes at a place, else the refusal; never empty."""
    if isinstance(place, HeaderPlace):
        return single_header(request, place.name)
    if isinstance(place, QueryPlace):
        values = request.parameters(place.name)
        text, name = (values[0] if len(values) == 1 else ""), f"the parameter {place.name}"
    else:
        text, name = _in_body(place, request), f"{place.path} in the body"
    return text.encode("utf-8", "surrogatepass") or refused(f"{name} is missing, empty, or there more than once")


def text_at(place: Place, request: Request) -> str:
    """The text at a place; empty where there is none, or it is not UTF-8."""
    raw = raw_at(place, request)
    if isinstance(raw, Verdict):
        return ""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return ""


def _in_body(place: BodyPlace, request: Request) -> str:
    try:
        payload: Json = parse_json(request.body)
    except DeliveryError:
        return ""
    found = search(place.path, payload)
    if isinstance(found, bool):
        return "true" if found else ""
    return str(found) if isinstance(found, str | int) else ""
