"""JMESPath as functions: the same answers as the library's own."""

from __future__ import annotations

from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jmespath.exceptions import JMESPathError

from reconciler.providers.expressions import compiled

PATHS = (
    "@",
    "a",
    "a.b.c",
    "a.b[0]",
    "a == 'x'",
    "a != 'x'",
    "a == `1`",
    "'x' == a",
    "a > `1`",
    "a && b",
    "a || b",
    "a && b == 'x' && 'both' || ''",
    "!a",
    "a.b || @.c",
    "join('-', [a, b])",
    "[*].a",
    "a[?b == 'x'].c | [0]",
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, 1, 2.5, "", "x", "y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def outcome(search: Any, value: Any) -> str:
    """What a search gives, told with its type, or that it fails."""
    try:
        return repr(search(value))
    except (JMESPathError, TypeError) as error:
        return type(error).__name__


@given(st.sampled_from(PATHS), VALUES)
def test_answers_are_those_of_the_library(path: str, value: Any) -> None:
    """Whatever the expression and the document, and where it fails as well."""
    assert outcome(compiled(path), value) == outcome(jmespath.compile(path).search, value)


def test_what_is_no_expression_is_refused() -> None:
    """At once, and not when a row is read."""
    with pytest.raises(JMESPathError):
        compiled("a..b")
