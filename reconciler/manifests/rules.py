"""What one type of resource at a provider allows, prepared once and asked for every trigger."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from reconciler.core.events import subscribed
from reconciler.core.model import Json, ProviderTraits, TypeTraits
from reconciler.documents.nearest import nearest, quoted_key, suggestion
from reconciler.documents.positions import NodePath
from reconciler.manifests.words import message, options_hint

_OPERATIONS: Mapping[str, Callable[[str], str]] = {
    "lowercase": str.lower,
    "strip": str.strip,
    "strip_slashes": lambda text: text.strip("/"),
}
_NOTES = frozenset({"title", "description", "examples", "default", "$comment"})
_SIMPLE = _NOTES | {"type", "pattern", "minLength", "maxLength"}


class OptionProblem(NamedTuple):
    """What is wrong at `path` inside the options; `on_key` where the key is wrong and not its value."""

    path: NodePath
    message: str
    hint: str = ""
    on_key: bool = False


def canonical(resource: str, operations: tuple[str, ...]) -> str:
    """The resource as it is compared; raises `KeyError` for an operation that does not exist."""
    for operation in operations:
        resource = _OPERATIONS[operation](resource)
    return resource


@dataclass(frozen=True)
class TypeRules:
    """The checks of one type."""

    provider: ProviderTraits
    traits: TypeTraits

    def knows(self, event: str) -> bool:
        """Whether the provider has such an event, or one that it is a finer part of."""
        return subscribed(event, self.traits.events) is not None

    def event_hint(self, event: str) -> str:
        """The nearest event; of a finer name (`isues.opened`) the first part is mended."""
        traits = self.traits.events
        if traits.separator and traits.separator in event and nearest(event, traits.names) is None:
            head, separator, tail = event.partition(traits.separator)
            if (found := nearest(head, traits.names)) is not None:
                return f"did you mean {found + separator + tail!r}?"
        return suggestion(event, traits.names)

    def resource_problem(self, resource: str) -> tuple[str, str] | None:
        """Message and hint for a resource that does not fit its schema; None for one that does."""
        if self._fits(resource):
            return None
        error = next(self._resource_validator.iter_errors(resource), None)
        return (message(error), options_hint(error)) if error is not None else None

    def option_problems(self, options: Mapping[str, Json]) -> Iterator[OptionProblem]:
        """Everything that is wrong with the options; nothing to do where none are given and none are needed."""
        if not options and self._needs_no_options:
            return
        for error in self._options_validator.iter_errors(dict(options)):
            yield from _option_problems(error)

    @cached_property
    def _fits(self) -> Callable[[str], bool]:
        """A quick check where the schema is simple; the validator itself for any other."""
        schema = self.traits.resource_schema
        if not _SIMPLE.issuperset(schema) or schema.get("type", "string") != "string":
            return self._resource_validator.is_valid
        pattern = re.compile(schema.get("pattern", ""))
        shortest, longest = schema.get("minLength", 0), schema.get("maxLength")
        return lambda text: (
            pattern.search(text) is not None and len(text) >= shortest and (longest is None or len(text) <= longest)
        )

    @cached_property
    def _resource_validator(self) -> Draft202012Validator:
        return _validator(self.traits.resource_schema)

    @cached_property
    def _options_validator(self) -> Draft202012Validator:
        return _validator(self.traits.options_schema)

    @cached_property
    def _needs_no_options(self) -> bool:
        return bool(self._options_validator.is_valid({}))


def _validator(schema: Mapping[str, Json]) -> Draft202012Validator:
    return Draft202012Validator(dict(schema), format_checker=Draft202012Validator.FORMAT_CHECKER)


def _option_problems(error: ValidationError) -> Iterator[OptionProblem]:
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
