"""Whether a value fits a JSON Schema: seen at a glance for the simple ones, else judged by the validator.

The validator costs more to load than most projects cost to check, so it is loaded when a glance is not enough.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, cast

from reconciler.core.model import Json
from reconciler.documents.positions import NodePath

_NOTES = frozenset({"title", "description", "examples", "default", "$comment"})

_TYPES: Mapping[str, Callable[[Json], bool]] = MappingProxyType(
    {
        "string": lambda value: type(value) is str,
        "integer": lambda value: type(value) is int,
        "number": lambda value: type(value) in {int, float},
        "boolean": lambda value: type(value) is bool,
        "array": lambda value: type(value) is list,
        "object": lambda value: type(value) is dict,
    }
)


class OptionProblem(NamedTuple):
    """What is wrong at `path` inside the options; `on_key` where the key is wrong and not its value."""

    path: NodePath
    message: str
    hint: str = ""
    on_key: bool = False


class Judge(Protocol):
    """A schema's validator."""

    def is_valid(self, value: Json) -> bool: ...

    def problems(self, value: Json) -> Iterator[OptionProblem]:
        """Everything that is wrong with the value."""
        ...

    def refusal(self, value: Json) -> tuple[str, str] | None:
        """Message and hint for the first thing that is wrong with the value."""
        ...


def judge(schema: Mapping[str, Json]) -> Judge:
    """The validator of a schema; loads it where it is needed for the first time."""
    return cast("Judge", importlib.import_module("reconciler.manifests.judging").SchemaJudge(schema))


def fits_at_a_glance(schema: Mapping[str, Json], value: Json) -> bool:
    """Whether the value surely fits. False says nothing: the validator must judge."""
    return all(
        keyword in _NOTES or (keyword in _GLANCES and _GLANCES[keyword](wanted, value, schema))
        for keyword, wanted in schema.items()
    )


def _type(wanted: Any, value: Json, _: Mapping[str, Json]) -> bool:
    return isinstance(wanted, str) and wanted in _TYPES and _TYPES[wanted](value)


def _enum(wanted: Any, value: Json, _: Mapping[str, Json]) -> bool:
    return type(value) is str and value in wanted


def _text(check: Callable[[Any, str], bool]) -> Callable[[Any, Json, Mapping[str, Json]], bool]:
    return lambda wanted, value, _: type(value) is str and check(wanted, value)


def _number(check: Callable[[Any, Any], bool]) -> Callable[[Any, Json, Mapping[str, Json]], bool]:
    return lambda wanted, value, _: type(value) in {int, float} and check(wanted, value)


def _items(wanted: Any, value: Json, _: Mapping[str, Json]) -> bool:
    return type(value) is list and isinstance(wanted, dict) and all(fits_at_a_glance(wanted, item) for item in value)


def _properties(wanted: Any, value: Json, _: Mapping[str, Json]) -> bool:
    return type(value) is dict and all(fits_at_a_glance(wanted[key], value[key]) for key in wanted if key in value)


def _additional(wanted: Any, value: Json, schema: Mapping[str, Json]) -> bool:
    return wanted is False and type(value) is dict and set(value) <= set(schema.get("properties", ()))


_GLANCES: Mapping[str, Callable[[Any, Json, Mapping[str, Json]], bool]] = MappingProxyType(
    {
        "type": _type,
        "enum": _enum,
        "pattern": _text(lambda wanted, value: re.search(wanted, value) is not None),
        "minLength": _text(lambda wanted, value: len(value) >= wanted),
        "maxLength": _text(lambda wanted, value: len(value) <= wanted),
        "minimum": _number(lambda wanted, value: value >= wanted),
        "maximum": _number(lambda wanted, value: value <= wanted),
        "items": _items,
        "properties": _properties,
        "additionalProperties": _additional,
    }
)
