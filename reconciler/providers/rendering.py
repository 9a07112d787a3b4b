"""Templates: values with `${name}` placeholders, filled in one pass.

There is no expression language. A text that is exactly one placeholder becomes the value itself, with its type; inside
a longer text a value must be text or a number. What is filled in is never looked at again, so a value that looks like a
placeholder stays what it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

from reconciler.core.model import Json

_PLACEHOLDER: Final = re.compile(r"\$\{([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?)\}")
_OPENING: Final = "${"


class TemplateError(ValueError):
    """A template is malformed, or a value does not fit where it would be put."""


class _Absent:
    """Stands for a value that is not there: the key that would have held it is left out."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


def check(template: Json) -> None:
    """Raise `TemplateError` for a `${` that opens no placeholder."""
    for text in _texts(template):
        if _OPENING in _PLACEHOLDER.sub("", text):
            raise TemplateError(f"malformed placeholder in {text!r}: write ${{name}}")


def placeholders(template: Json) -> frozenset[str]:
    """The names of all placeholders in a template."""
    return frozenset(name for text in _texts(template) for name in _PLACEHOLDER.findall(text))


def embedded(template: Json) -> frozenset[str]:
    """The names of placeholders that stand inside a longer text, where only text and numbers fit."""
    longer = (text for text in _texts(template) if not _PLACEHOLDER.fullmatch(text))
    return frozenset(name for text in longer for name in _PLACEHOLDER.findall(text))


def split(template: str) -> tuple[tuple[str, str], ...]:
    """The parts of a text in order, each either literal text or the name of a placeholder."""
    pieces = _PLACEHOLDER.split(template)
    parts = (("", piece) if index % 2 else (piece, "") for index, piece in enumerate(pieces))
    return tuple(part for part in parts if any(part))


def render(template: Json, values: Mapping[str, Json]) -> Json:
    """Fill a template; keys and items whose value is absent (None, or not in `values`) are left out.

    Returns `ABSENT` where nothing is left of the template itself. Raises `TemplateError` where a value does not fit.
    """
    if isinstance(template, str):
        return _render_text(template, values)
    if isinstance(template, Mapping):
        filled = ((key, render(value, values)) for key, value in template.items())
        return {key: value for key, value in filled if value is not ABSENT}
    if isinstance(template, list | tuple):
        return [value for item in template if (value := render(item, values)) is not ABSENT]
    return template


def render_text(template: str, values: Mapping[str, Json]) -> str:
    """Fill a template that must become text; raises `TemplateError` where a value is missing or does not fit."""
    return _PLACEHOLDER.sub(_filler(values), template)


def render_path(template: str, values: Mapping[str, str]) -> str:
    """Fill the template of a URL path; the values are percent-encoded already."""
    return _PLACEHOLDER.sub(_filler(values), template)


def quote_segment(value: str, safe: str = "") -> str:
    """One segment of a URL path, percent-encoded; raises `TemplateError` for one that would change the path."""
    if value in {"", ".", ".."}:
        raise TemplateError(f"{value!r} cannot be a part of a path")
    return quote(value, safe=safe)


def quote_path(value: str) -> str:
    """A path, each segment percent-encoded on its own; raises `TemplateError` as `quote_segment` does."""
    return "/".join(quote_segment(segment) for segment in value.split("/"))


def _render_text(template: str, values: Mapping[str, Json]) -> Json:
    whole = _PLACEHOLDER.fullmatch(template)
    if whole is None:
        return render_text(template, values)
    value = values.get(whole[1])
    return ABSENT if value is None else value


def _filler(values: Mapping[str, Json]) -> Callable[[re.Match[str]], str]:
    def fill(match: re.Match[str]) -> str:
        value = values.get(match[1])
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise TemplateError(f"${{{match[1]}}} has no value that fits into a text")
        return str(value)

    return fill


def _texts(template: Json) -> tuple[str, ...]:
    if isinstance(template, str):
        return (template,)
    if isinstance(template, Mapping):
        return tuple(text for value in template.values() for text in _texts(value))
    if isinstance(template, list | tuple):
        return tuple(text for item in template for text in _texts(item))
    return ()
