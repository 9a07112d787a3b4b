"""What is seen at a glance is what the validator says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reconciler.core.model import Json
from reconciler.manifests.fitting import fits_at_a_glance

SCHEMAS: list[Json] = [
    {"type": "string"},
    {"type": "string", "pattern": "^a+$", "minLength": 2, "maxLength": 3, "description": "words"},
    {"type": "integer", "minimum": 1, "maximum": 9},
    {"type": "number", "minimum": 0},
    {"type": "boolean", "default": True},
    {"enum": ["a", "aa", 1, True]},
    {"type": ["string", "null"]},
    {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
    {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
        "additionalProperties": False,
    },
    {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]},
    {"type": "string", "format": "uri"},
    {"oneOf": [{"type": "string"}, {"type": "integer"}]},
    {},
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 12) | st.floats(-2, 12) | st.text("ab", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(SCHEMAS), VALUES)
def test_what_fits_at_a_glance_fits(schema: Json, value: Json) -> None:
    """A glance never lets anything pass that the validator refuses."""
    if fits_at_a_glance(schema, value):
        assert Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (SCHEMAS[0], "x"),
        (SCHEMAS[1], "aaa"),
        (SCHEMAS[2], 3),
        (SCHEMAS[3], 1.5),
        (SCHEMAS[4], False),
        (SCHEMAS[5], "aa"),
        (SCHEMAS[7], ["a", "b"]),
        (SCHEMAS[8], {"a": 1}),
        (SCHEMAS[8], {}),
        (SCHEMAS[12], {"any": ["thing"]}),
    ],
)
def test_the_simple_ones_are_seen(schema: Json, value: Json) -> None:
    """A glance is enough for the schemas that definitions mostly hold."""
    assert fits_at_a_glance(schema, value)
