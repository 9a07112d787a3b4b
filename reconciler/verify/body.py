"""The body of a received request as JSON or as a form, and what is at a JMESPath of it."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NoReturn
from urllib.parse import parse_qsl

import jmespath
from jmespath.exceptions import JMESPathError

from reconciler.core.errors import ReconcilerError
from reconciler.core.model import Json

MAX_INFLATED = 8 * 1024 * 1024
"""Bytes; no vendor that packs its deliveries sends more in one."""

MAX_GROWTH = 200
"""A body that grows more when it is inflated is made to."""

MAX_FIELDS = 1000
"""Of a form; no vendor sends more."""

_GZIP: Final = 31
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_KEYS: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


_NO_NAMES: Final[Mapping[str, bytes]] = MappingProxyType({})


class DeliveryError(ReconcilerError):
    """A request cannot be read as a delivery; its text holds nothing that the sender wrote."""


class MediaTypeError(DeliveryError):
    """The body is of a media type, or in an encoding, that is not taken."""


def parse_json(body: bytes, unique: Mapping[str, bytes] = _NO_NAMES) -> Json:
    """Parse strict JSON in UTF-8: no byte order mark, no NaN; raises `DeliveryError`.

    What the grammar allows and few can write again, a lone surrogate or `1e999`, is let pass: see `plain`. None of the
    names in `unique`, each with how it is spelt in a body, may stand twice in an object. To look for that costs much,
    so it is done only where one of them stands in the body twice, or could under another spelling.
    """
    strict = b"\\u" in body and bool(unique)
    for spelt in unique.values():
        strict = strict or body.count(spelt) > 1
    try:
        payload = (_decoder(unique.keys()) if strict else _DECODER).decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        # The cause quotes what the sender wrote.
        raise DeliveryError("the body is not JSON in UTF-8") from None
    return payload


def plain(payload: Json) -> Json:
    """The payload as anybody can write and read it.

    U+FFFD stands in the place of a lone surrogate, null in that of a number beyond all doubles, as in JavaScript's
    `toWellFormed` and `JSON.stringify`. Raises `DeliveryError` for what is nested too deeply.
    """
    text = _written(payload)
    fine = "Infinity" not in text and _LONE_SURROGATE.search(text) is None
    return payload if fine else json.loads(_amended(text))


def plain_text(payload: Json) -> str:
    """`plain` as JSON."""
    return _amended(_written(payload))


def _written(payload: Json) -> str:
    try:
        return json.dumps(payload, ensure_ascii=False)
    except RecursionError:
        raise DeliveryError("it is nested too deeply to be handed on") from None


def _amended(text: str) -> str:
    text = _LONE_SURROGATE.sub("\ufffd", text)
    if "Infinity" not in text:
        return text
    return _written(json.loads(text, parse_constant=_nothing))  # it may be a word as well


def _nothing(_: str) -> None:
    return None


def _decoder(unique: AbstractSet[str]) -> json.JSONDecoder:
    """A decoder that refuses objects which hold one of these names twice."""

    def once(pairs: Sequence[tuple[str, Json]]) -> dict[str, Json]:
        found = dict(pairs)
        if len(found) < len(pairs) and not unique.isdisjoint(_repeated(pairs)):
            raise ValueError("a key is there twice")
        return found

    return json.JSONDecoder(parse_constant=_not_json, object_pairs_hook=once)


def parse_form(body: bytes, unique: AbstractSet[str] = frozenset()) -> dict[str, Json]:
    """The fields of a form as an object of texts; raises `DeliveryError` for what is none.

    A field that is there several times is a list of texts, but none of the names in `unique` may be.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:
        # The cause quotes what the sender wrote.
        raise DeliveryError("the body is not a form in UTF-8") from None
    found: dict[str, list[Json]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    if any(len(values) > 1 for name, values in found.items() if name in unique):
        raise DeliveryError("a field of the form is there twice")
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def parse_unique(body: bytes) -> dict[str, Json] | None:
    """A JSON object no object of which has a key twice, else None: what is verified is what is read."""
    try:
        payload = json.loads(body.decode("utf-8"), parse_constant=_not_json, object_pairs_hook=_unique)
        json.dumps(payload, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None


def inflated(body: bytes) -> bytes:
    """The bytes that a gzip body holds; raises `DeliveryError` for what is none, is cut off, or grows too much."""
    inflater = zlib.decompressobj(wbits=_GZIP)
    try:
        plain = inflater.decompress(body, min(MAX_INFLATED, MAX_GROWTH * len(body)) + 1)
    except zlib.error:
        raise DeliveryError("the body is not gzip") from None
    if not inflater.eof or inflater.unused_data:
        raise DeliveryError("the body is not one whole gzip stream of a likely size")
    return plain


def search(path: str, payload: Json) -> Json:
    """What is at a JMESPath; None where nothing is, or where the body is of another shape."""
    keys = _keys(path)
    if keys:
        for key in keys:
            payload = payload.get(key) if isinstance(payload, dict) else None
        return payload
    try:
        return jmespath.search(path, payload)
    except (JMESPathError, ValueError, TypeError, ArithmeticError, RecursionError):
        # What a function makes of a value that no vendor sends is not always the library's own error.
        return None


@lru_cache(maxsize=1024)
def _keys(path: str) -> tuple[str, ...]:
    """The keys of a path that is nothing but keys, which need no library; none for any other."""
    return tuple(path.split(".")) if _KEYS.fullmatch(path) else ()


def _repeated(pairs: Sequence[tuple[str, Json]]) -> Iterator[str]:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            yield key
        seen.add(key)


def _unique(pairs: Sequence[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _not_json(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER: Final = json.JSONDecoder(parse_constant=_not_json)
"""Made once: that takes longer than to decode a delivery."""
