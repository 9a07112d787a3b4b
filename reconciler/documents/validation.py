"""A model's `ValidationError` as problems for the person who wrote the file: where, what was expected, the way out.

No problem shows a value from the file: it may be a secret in the wrong place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from reconciler.core.errors import Location, Problem
from reconciler.core.model import Json
from reconciler.documents.nearest import quoted_key, suggestion
from reconciler.documents.positions import NodePath, path_text
from reconciler.documents.shapes import field_description, keys_at

LINE_PATTERN = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"
"""One line of text: not empty, no control characters, no space at either end."""


class Located(Protocol):
    """A value whose parts know where they stand."""

    @property
    def value(self) -> Json: ...

    def locate(self, path: NodePath = ()) -> Location: ...

    def locate_key(self, path: NodePath) -> Location: ...


def problems(
    error: ValidationError, located: Located, model: type[BaseModel], reserved: Iterable[str] = ()
) -> tuple[Problem, ...]:
    """Every problem that `model` found in `located`; keys in `reserved` are told to be for a later version."""
    teller = _Teller(located, model, frozenset(reserved))
    return tuple(teller.tell(details) for details in error.errors(include_url=False, include_input=False))


def found(value: Json) -> str:
    """What kind of value stands there, in plain words and without the value."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text" if value else "an empty text"
        case list():
            return "a list"
        case _:
            return "a mapping"


class _Teller:
    def __init__(self, located: Located, model: type[BaseModel], reserved: frozenset[str]) -> None:
        self._located, self._model, self._reserved = located, model, reserved

    def tell(self, details: ErrorDetails) -> Problem:
        """One problem."""
        loc = details["loc"]
        path = self._path(loc)
        kind = details["type"]
        if kind == "extra_forbidden":
            return self._unknown_key(loc, path)
        if kind == "missing":
            return self._missing_key(str(loc[-1]), path)
        if loc and loc[-1] == "[key]":
            message = "this is not allowed as a key: a key is a short name without spaces"
            return Problem("key", message, self._located.locate_key(path), path_text(path))
        value = self._value(path)
        message = _message(details, value)
        hint = _hint(kind, value) or (field_description(self._model, loc) if kind in _BY_FORM else "")
        code = "type" if kind.endswith("_type") else "value"
        return Problem(code, message, self._located.locate(path), path_text(path), hint)

    def _unknown_key(self, loc: tuple[int | str, ...], path: NodePath) -> Problem:
        key = str(loc[-1])
        where = self._located.locate_key(path)
        if key in self._reserved:
            return Problem(
                "reserved_key", f"the key {quoted_key(key)} is reserved for a later version", where, path_text(path)
            )
        hint = "a space after ':' is missing" if ":" in key else suggestion(key, keys_at(self._model, loc[:-1]))
        return Problem("unknown_key", f"unknown key {quoted_key(key)}", where, path_text(path), hint)

    def _missing_key(self, key: str, path: NodePath) -> Problem:
        return Problem(
            "missing_key", f"the key {quoted_key(key)} is missing", self._located.locate(path), path_text(path)
        )

    def _path(self, loc: tuple[int | str, ...]) -> NodePath:
        """The part of a model's `loc` that exists in the document; names of union members and the like fall out."""
        value: Json = self._located.value
        path: list[int | str] = []
        for step in loc:
            in_list = isinstance(value, list) and isinstance(step, int) and step < len(value)
            if in_list or (isinstance(value, dict) and step in value):
                path.append(step)
                value = value[step]
        return tuple(path)

    def _value(self, path: NodePath) -> Json:
        value = self._located.value
        for step in path:
            value = value[step]
        return value


_EXPECTED: Mapping[str, str] = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dataclass_type": "a mapping",
    "mapping_type": "a mapping",
    "none_required": "nothing",
}
_BY_FORM = frozenset({"string_pattern_mismatch"})
_LIMITS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than": lambda limits: f"must be greater than {limits['gt']}",
    "greater_than_equal": lambda limits: f"must be at least {limits['ge']}",
    "less_than": lambda limits: f"must be less than {limits['lt']}",
    "less_than_equal": lambda limits: f"must be at most {limits['le']}",
    "string_too_short": lambda limits: (
        "must not be empty" if limits["min_length"] == 1 else f"must have at least {limits['min_length']} characters"
    ),
    "string_too_long": lambda limits: f"must have at most {limits['max_length']} characters",
    "too_short": lambda limits: (
        "must not be empty" if limits["min_length"] == 1 else f"must have at least {limits['min_length']} entries"
    ),
    "too_long": lambda limits: f"must have at most {limits['max_length']} entries",
    "literal_error": lambda limits: f"expected {limits['expected']}",
    "enum": lambda limits: f"expected {limits['expected']}",
    "union_tag_invalid": lambda limits: f"the key {limits['discriminator']} must be one of {limits['expected_tags']}",
    "union_tag_not_found": lambda limits: f"the key {limits['discriminator']} is missing",
    "value_error": lambda limits: str(limits["error"]),
    "string_unicode": lambda _: "holds characters that are not valid Unicode",
}


def _message(details: ErrorDetails, value: Json) -> str:
    kind = details["type"]
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, found {found(value)}"
    if kind == "string_pattern_mismatch":
        if details.get("ctx", {}).get("pattern") == LINE_PATTERN:
            return "must be one line of text that is not empty and neither begins nor ends with a space"
        return "does not have the expected form"
    if kind in _LIMITS:
        return _LIMITS[kind](details.get("ctx", {}))
    return "is not valid here"


def _hint(kind: str, value: Json) -> str:
    if kind == "string_type" and isinstance(value, bool | int | float):
        return "put it in quotes if it is text"
    if kind == "bool_type" and isinstance(value, str) and value.casefold() in {"yes", "no", "on", "off"}:
        return "yes, no, on and off are text in YAML 1.2"
    if kind == "list_type" and isinstance(value, str):
        return "write [ ] around a single entry"
    return ""
