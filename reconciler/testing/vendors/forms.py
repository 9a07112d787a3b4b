"""Request bodies that are not JSON: URL-encoded and multipart forms, by hand and with limits."""

from __future__ import annotations

import json
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from reconciler.core.model import Json

Pairs = list[tuple[str, str]]


def content_type(request: Request) -> str:
    """The media type of the body, lower case and without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def urlencoded(body: bytes) -> Pairs:
    """The fields of an `application/x-www-form-urlencoded` body; ValueError where there are absurdly many."""
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=2000)


def multipart(body: bytes, header: str) -> Pairs:
    """The fields of a `multipart/form-data` body; `header` is its Content-Type. A file counts by its bytes' text."""
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + header.encode("latin-1") + b"\r\n\r\n" + body)
    fields: Pairs = []
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        value = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(value, bytes):
            fields.append((name, value.decode("utf-8", "replace")))
    return fields


async def fields_of(request: Request) -> Pairs:
    """Query, form, multipart and JSON parameters alike, in that order; JSON values that are no text stay JSON text."""
    body = await request.body()
    fields: Pairs = list(request.query_params.multi_items())
    kind = content_type(request)
    if kind == "application/json" and body:
        document: Json = json.loads(body)
        items: dict[str, Any] = document if isinstance(document, dict) else {}
        fields += [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in items.items()]
    elif kind == "multipart/form-data":
        fields += multipart(body, request.headers["content-type"])
    elif kind == "application/x-www-form-urlencoded":
        fields += urlencoded(body)
    return fields
