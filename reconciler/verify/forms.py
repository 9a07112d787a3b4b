"""A form body, read strictly, and its sorted fields as a vendor signs them.

Twilio ("Webhooks security", twilio.com/docs/usage/webhooks/webhooks-security) signs the URL followed by every field of
the form, sorted, name and value without anything between them. That tells neither where a name ends nor how a value was
encoded, so only one spelling of a form is read: every field has one `=`, and escapes are upper-case.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from reconciler.verify.words import FORM

MAX_FIELDS = 1000

MEDIA_TYPE = FORM

_TEXT: Final = rb"(?:[A-Za-z0-9._~*+-]|%[0-9A-F]{2})"
_FORM: Final = re.compile(rb"(?:%b*=%b*(?:&(?!\Z)|\Z))*" % (_TEXT, _TEXT))


def fields(body: bytes) -> list[tuple[bytes, bytes]] | None:
    """The fields of a form in their order, decoded; None where it is not spelt strictly, or has too many."""
    if body.count(b"&") >= MAX_FIELDS or not _FORM.fullmatch(body):
        return None
    pairs = (item.partition(b"=") for item in body.split(b"&") if item)
    return [(_decoded(name), _decoded(value)) for name, _, value in pairs]


def joined(body: bytes) -> bytes | None:
    """Every distinct field sorted, name and value one after the other; None as for `fields`."""
    found = fields(body)
    return None if found is None else b"".join(name + value for name, value in sorted(set(found)))


def _decoded(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))
