"""JSON bodies, and URLs in them, as several stand-ins read them."""

from __future__ import annotations

import json
from typing import TypeGuard
from urllib.parse import urlsplit

from starlette.requests import Request

from reconciler.core.model import Json


async def json_object(request: Request) -> dict[str, Json]:
    """The JSON object that a request carries; ValueError where its body is anything else."""
    document: Json = json.loads(await request.body())
    if isinstance(document, dict):
        return document
    raise ValueError("the body is not a JSON object")


def is_url(value: Json, *schemes: str) -> TypeGuard[str]:
    """Whether `value` is an absolute URL with one of `schemes`."""
    if not isinstance(value, str) or any(character.isspace() for character in value):
        return False
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - a port that is no number is found only by asking for it
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.hostname)
