"""JSON Schema errors in plain words, made of the schema alone: a value from the file may be a secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from jsonschema.exceptions import ValidationError

from reconciler.core.model import Json
from reconciler.documents.validation import found

_TYPES: Mapping[str, str] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


def message(error: ValidationError) -> str:
    """What is wrong."""
    words = _WORDS.get(str(error.validator))
    return words(error) if words is not None else "is not valid here"


def options_hint(error: ValidationError) -> str:
    """What the schema's author says about the value, if anything."""
    return str(error.schema.get("description", "")) if isinstance(error.schema, dict) else ""


def _type(error: Any) -> str:
    wanted = error.validator_value
    names = wanted if isinstance(wanted, list) else [wanted]
    return f"expected {' or '.join(_TYPES.get(name, name) for name in names)}, found {found(error.instance)}"


def _required(error: Any) -> str:
    missing = [name for name in error.validator_value if name not in error.instance]
    return f"missing: {', '.join(missing)}"


def _listed(values: list[Json]) -> str:
    return ", ".join(json.dumps(value, ensure_ascii=False) for value in values)


_WORDS: Mapping[str, Callable[[Any], str]] = {
    "type": _type,
    "required": _required,
    "enum": lambda error: f"expected one of {_listed(error.validator_value)}",
    "const": lambda error: f"expected {_listed([error.validator_value])}",
    "pattern": lambda error: f"does not have the expected form {error.validator_value}",
    "format": lambda error: f"expected a valid {error.validator_value}",
    "minimum": lambda error: f"must be at least {error.validator_value}",
    "maximum": lambda error: f"must be at most {error.validator_value}",
    "exclusiveMinimum": lambda error: f"must be greater than {error.validator_value}",
    "exclusiveMaximum": lambda error: f"must be less than {error.validator_value}",
    "multipleOf": lambda error: f"must be a multiple of {error.validator_value}",
    "minLength": lambda error: f"must have at least {error.validator_value} characters",
    "maxLength": lambda error: f"must have at most {error.validator_value} characters",
    "minItems": lambda error: f"must have at least {error.validator_value} entries",
    "maxItems": lambda error: f"must have at most {error.validator_value} entries",
    "uniqueItems": lambda _: "must not have the same entry twice",
    "anyOf": lambda _: "does not fit any of the allowed forms",
    "oneOf": lambda _: "does not fit exactly one of the allowed forms",
}
