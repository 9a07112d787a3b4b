"""What is signed: literal text and parts of the request, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.verify import forms
from reconciler.verify.places import Place, raw_at
from reconciler.verify.request import Facts, Request, Verdict, refused, undecided
from reconciler.verify.words import Part


@dataclass(frozen=True, slots=True)
class Value:
    """A named value of the request, such as the id of the delivery."""

    name: str


Message = tuple[str | Part | Value, ...]

BODY_ALONE: Message = (Part.BODY,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What messages are made of: the request, its verified timestamp, facts, and where named values are."""

    request: Request
    facts: Facts
    timestamp: bytes = b""
    values: Mapping[str, Place] = field(default_factory=dict)


def build(message: Message, inputs: Inputs) -> bytes | Verdict:
    """The bytes that are signed, else the refusal: a part that is missing is never taken for empty."""
    pieces: list[bytes] = []
    for index, part in enumerate(message):
        piece = _piece(part, message[index + 1 :], inputs) if isinstance(part, Part | Value) else part.encode()
        if isinstance(piece, Verdict):
            return piece
        pieces.append(piece)
    return b"".join(pieces)


def _piece(part: Part | Value, rest: Sequence[str | Part | Value], inputs: Inputs) -> bytes | Verdict:
    if isinstance(part, Value):
        return _value(part, rest, inputs)
    request = inputs.request
    if part is Part.BODY:
        return request.body
    if part is Part.TIMESTAMP:
        return inputs.timestamp
    if part is Part.FORM:
        return _form(request)
    if part is Part.QUERY:
        return b"?" + _utf8(request.query) if request.query else b""
    known = {
        Part.METHOD: (request.method, "the request has no method"),
        Part.URL: (request.url, "the URL of the webhook is not known"),
        Part.RESOURCE: (inputs.facts.resource, "the resource of the webhook is not known"),
        Part.PROVIDER_ID: (inputs.facts.provider_id, "the id of the webhook at the provider is not known yet"),
    }
    text, missing = known[part]
    return _utf8(text) or undecided(missing)


def _value(value: Value, rest: Sequence[str | Part | Value], inputs: Inputs) -> bytes | Verdict:
    """A named value; it must not hold the literal text behind it, or it could be read as two."""
    raw = raw_at(inputs.values[value.name], inputs.request)
    separator = rest[0] if len(rest) > 1 and not isinstance(rest[0], Part | Value) else ""
    if not isinstance(raw, Verdict) and separator and separator.encode() in raw:
        return refused(f"the {value.name} of the delivery holds what separates it from the rest")
    return raw


def _form(request: Request) -> bytes | Verdict:
    if not is_form(request):
        return b""
    found = forms.joined(request.body)
    return refused("the form is not spelt strictly") if found is None else found


def is_form(request: Request) -> bool:
    """Whether the body says that it is a form."""
    values = request.values("content-type")
    return len(values) == 1 and values[0].partition(";")[0].strip().lower() == forms.MEDIA_TYPE


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
