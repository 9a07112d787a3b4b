"""The body of a received request as JSON, and what is at a JMESPath of it."""

from __future__ import annotations

import json
from typing import NoReturn

import jmespath
from jmespath.exceptions import JMESPathError

from reconciler.core.errors import ReconcilerError
from reconciler.core.model import Json


class DeliveryError(ReconcilerError):
    """A request cannot be read as a delivery; its text holds nothing that the sender wrote."""


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


def search(path: str, payload: Json) -> Json:
    """What is at a JMESPath; None where nothing is, or where the body is of another shape."""
    try:
        return jmespath.search(path, payload)
    except JMESPathError:
        return None


def _not_json(name: str) -> NoReturn:
    raise ValueError(name)
