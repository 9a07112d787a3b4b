"""What all blocks share: strictness, reserved words, JMESPath and template strings, citations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from reconciler.core.model import Json
from reconciler.providers.rendering import TemplateError, check

T = TypeVar("T")

Items = Annotated[tuple[T, ...], Field(strict=False)]
"""A list of YAML, kept immutable."""

NAME_PATTERN = r"^[a-z][a-z0-9_]*$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=60)]
"""A word of the definition's own: a provider, a type, an option, a credential field."""

PROVIDER_PATTERN = r"^[a-z][a-z0-9_-]*$"

ProviderName = Annotated[str, StringConstraints(pattern=PROVIDER_PATTERN, max_length=60)]
"""A provider's name: it stands in files, addresses and URLs, never in a placeholder."""

HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+$", max_length=100)]

Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Block(BaseModel):
    """A part of a definition: immutable, strict, and closed to unknown keys."""

    # Built when a whole definition is first read: blocks are parts of it, and need no validator of their own.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class Source(Block):
    """Where a fact is established: the title of the vendor's document, and its address where it has a stable one."""

    title: Text
    url: Annotated[str, StringConstraints(pattern=r"^https://\S+$")] | None = None


def _compiled(text: str) -> str:
    try:
        jmespath.compile(text)
    except JMESPathError as error:
        reason = re.split(r"[.:]\s", str(error).splitlines()[0], maxsplit=1)[0]
        raise ValueError(f"not a JMESPath expression: {reason}") from None
    return text


def _template(value: Json) -> Json:
    try:
        check(value)
    except TemplateError as error:
        raise ValueError(str(error)) from None
    return value


Expression = Annotated[
    str,
    StringConstraints(min_length=1),
    AfterValidator(_compiled),
    WithJsonSchema({"type": "string", "minLength": 1, "description": "a JMESPath expression"}),
]
"""A JMESPath expression over an answer, a row or a delivered body."""

Template = Annotated[str, AfterValidator(_template)]
"""Text with `${name}` placeholders."""

TemplateValue = Annotated[Any, AfterValidator(_template)]
"""Any value whose texts may hold placeholders; a text that is exactly one placeholder takes the type of its value."""


def _refuse_reserved(value: Json) -> Json:
    raise ValueError("is reserved: this version does not support it yet")


Reserved = Annotated[
    None,
    BeforeValidator(_refuse_reserved),
    WithJsonSchema({"not": {}, "description": "reserved: this version does not support it yet"}),
]
"""A block that has its place in the format and is not built yet."""


def reserving(key: str, names: Iterable[str]) -> BeforeValidator:
    """A validator that tells reserved values of `key` (or the value itself, where it is text) from wrong ones."""
    reserved = frozenset(names)

    def refuse(value: Json) -> Json:
        chosen = value.get(key) if isinstance(value, dict) else value
        if isinstance(chosen, str) and chosen in reserved:
            raise ValueError(f"{key} {chosen!r} is reserved: this version does not support it yet")
        return value

    return BeforeValidator(refuse)
