"""Handshakes as data: what tells one, what proves it, what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.model import Json
from reconciler.verify.encodings import Algorithm, Encoding
from reconciler.verify.message import Value
from reconciler.verify.places import Place

Template = tuple[str | Value, ...]
"""Text with named values in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A hash of a text, keyed with the secret or plain, behind `prefix`."""

    of: Template
    algorithm: Algorithm = Algorithm.SHA256
    encoding: Encoding = Encoding.HEX
    prefix: str = ""
    keyed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is answered: a `text`, or a JSON object of `fields` (templates, or values as they are), or nothing."""

    status: int = 200
    text: Template | None = None
    fields: Mapping[str, Template | Json] | None = None
    headers: Mapping[str, Template] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """Such a request has the `method`, and text at `place`: `equals`, where that is given.

    `proved` ones are signed as deliveries are, and answered only when that holds. `token` is where one tells the verify
    token of the webhook. `echo` is the whole of the reply, or `reply` says what it is, made of the texts at `values`,
    of `digests`, and of `url` and `verify_token`. `capture` is where one tells the secret with which deliveries will be
    signed; only while a create is in flight. With `confirm` it is a message of Amazon SNS that asks for a call.
    """

    place: Place | None = None
    equals: str = ""
    method: str = ""
    proved: bool = True
    token: Place | None = None
    echo: Place | None = None
    reply: Reply | None = None
    values: Mapping[str, Place] = field(default_factory=dict)
    digests: Mapping[str, Digest] = field(default_factory=dict)
    capture: Place | None = None
    confirm: bool = False
