"""Plain paths are walked without JMESPath, and find what it would find."""

from __future__ import annotations

from typing import Any

import jmespath
import pytest

from reconciler.providers.answers import search

DOCUMENTS: tuple[Any, ...] = (
    {"a": {"b": {"c": 1}}, "null": None, "list": [{"b": 2}], "text": "a", "true": True},
    {"a": None},
    {"a": [1]},
    {"a": "b"},
    [{"a": 1}],
    "a",
    7,
    None,
)


@pytest.mark.parametrize(
    "path", ["@", "a", "a.b", "a.b.c", "list.b", "text.b", "null", "true", "a.b || null", "list[0].b"]
)
def test_every_path_finds_what_jmespath_finds(path: str) -> None:
    """Fields of objects, nothing of anything else, and expressions as ever."""
    for document in DOCUMENTS:
        assert search(path, document) == jmespath.search(path, document)


def test_a_function_of_a_wrong_type_finds_nothing() -> None:
    """A document of another shape is no error."""
    assert search("contains(a, 'x')", {"a": 7}) is None
    assert search("a > `1`", {"a": "text"}) is None
