"""What one type of resource at a provider allows, prepared once and asked for every trigger."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from reconciler.core.events import subscribed
from reconciler.core.model import Json, ProviderTraits, TypeTraits
from reconciler.documents.nearest import nearest, suggestion
from reconciler.manifests.fitting import Judge, OptionProblem, fits_at_a_glance, judge

_OPERATIONS: Mapping[str, Callable[[str], str]] = {
    "lowercase": str.lower,
    "strip": str.strip,
    "strip_slashes": lambda text: text.strip("/"),
}
_NOTES = frozenset({"title", "description", "examples", "default", "$comment"})
_SIMPLE = _NOTES | {"type", "pattern", "minLength", "maxLength"}


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
        """Message and hint for a resource that does not fit its schema; None for one that does.

        Where the schema's author says nothing of its form, the hint is what the type calls its resources.
        """
        problem = None if self._fits(resource) else self._resource_judge.refusal(resource)
        if problem is None:
            return None
        message, hint = problem
        return message, hint or (f"expected {self.traits.title}" if self.traits.title else "")

    def option_problems(self, options: Mapping[str, Json]) -> Iterator[OptionProblem]:
        """Everything that is wrong with the options; nothing to do where none are given and none are needed."""
        if not options and self._needs_no_options:
            return
        if not fits_at_a_glance(self.traits.options_schema, dict(options)):
            yield from self._options_judge.problems(dict(options))

    @cached_property
    def _fits(self) -> Callable[[str], bool]:
        """A quick check where the schema is simple; the validator itself for any other."""
        schema = self.traits.resource_schema
        if not _SIMPLE.issuperset(schema) or schema.get("type", "string") != "string":
            return self._resource_judge.is_valid
        pattern = re.compile(schema.get("pattern", ""))
        shortest, longest = schema.get("minLength", 0), schema.get("maxLength")
        return lambda text: (
            pattern.search(text) is not None and len(text) >= shortest and (longest is None or len(text) <= longest)
        )

    @cached_property
    def _resource_judge(self) -> Judge:
        return judge(self.traits.resource_schema)

    @cached_property
    def _options_judge(self) -> Judge:
        return judge(self.traits.options_schema)

    @cached_property
    def _needs_no_options(self) -> bool:
        schema = self.traits.options_schema
        return fits_at_a_glance(schema, {}) or self._options_judge.is_valid({})
