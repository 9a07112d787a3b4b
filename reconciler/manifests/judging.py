"""The validator of JSON Schemas, and its errors as problems with options."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from reconciler.core.model import Json
from reconciler.documents.nearest import quoted_key, suggestion
from reconciler.manifests.fitting import OptionProblem
from reconciler.manifests.words import message, options_hint


class SchemaJudge:
    """A schema's validator, prepared once."""

    def __init__(self, schema: Mapping[str, Json]) -> None:
        self._validator = Draft202012Validator(dict(schema), format_checker=Draft202012Validator.FORMAT_CHECKER)

    def is_valid(self, value: Json) -> bool:
        """Whether the value fits."""
        return bool(self._validator.is_valid(value))

    def problems(self, value: Json) -> Iterator[OptionProblem]:
        """Everything that is wrong with the value."""
        for error in self._validator.iter_errors(value):
            yield from _problems(error)

    def refusal(self, value: Json) -> tuple[str, str] | None:
        """Message and hint for the first thing that is wrong with the value."""
        error = next(self._validator.iter_errors(value), None)
        return (message(error), options_hint(error)) if error is not None else None


def _problems(error: ValidationError) -> Iterator[OptionProblem]:
    path = tuple(error.absolute_path)
    schema = error.schema if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = schema.get("properties", {})
        patterns = [re.compile(pattern) for pattern in schema.get("patternProperties", {})]
        for key in error.instance:
            if key not in known and not any(pattern.search(key) for pattern in patterns):
                text = f"unknown option {quoted_key(key)}"
                yield OptionProblem((*path, key), text, suggestion(key, known) or "there are no options", on_key=True)
    else:
        yield OptionProblem(path, message(error), options_hint(error))
