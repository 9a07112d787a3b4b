"""Templates are filled once, with the types of their values, and leave no placeholder behind."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.providers.rendering import (
    ABSENT,
    TemplateError,
    check,
    embedded,
    placeholders,
    quote_path,
    quote_segment,
    render,
    render_path,
    render_text,
    split,
)

NAMES = ("url", "id", "events", "options.name")
scalars = st.text() | st.integers() | st.floats(allow_nan=False)
json_values = st.recursive(
    st.none() | st.booleans() | scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)


@given(value=json_values.filter(lambda value: value is not None))
def test_a_whole_placeholder_takes_the_type_of_its_value(value: Any) -> None:
    """A text that is exactly one placeholder becomes the value itself."""
    assert render({"key": ["${url}"]}, {"url": value}) == {"key": [value]}


@given(
    before=st.text().filter(lambda text: "$" not in text),
    after=st.text(min_size=1).filter(lambda text: "$" not in text),
    value=st.text(),
)
def test_inside_a_text_a_value_is_put_in_once(before: str, after: str, value: str) -> None:
    """What is filled in is not looked at again: a value that looks like a placeholder stays what it is."""
    filled = render(f"{before}${{url}}{after}", {"url": value + "${id}", "id": "leaked"})

    assert filled == f"{before}{value}${{id}}{after}"


@given(names=st.lists(st.sampled_from(NAMES), min_size=1), glue=st.text(alphabet="ab/ -"))
def test_no_placeholder_is_left_behind(names: list[str], glue: str) -> None:
    """Once every name has a value, no `${` of the template remains."""
    template = glue.join(f"${{{name}}}" for name in names)
    values = dict.fromkeys(NAMES, "v")

    assert "${" not in render(template, values)
    assert placeholders(template) == frozenset(names)


def test_what_is_absent_is_left_out() -> None:
    """A key or item without a value disappears; what stands beside it stays."""
    template = {"url": "${url}", "name": "${options.name}", "list": ["${id}", 1], "nested": {"a": "${id}"}, "on": False}

    assert render(template, {"url": "u", "id": None}) == {"url": "u", "list": [1], "nested": {}, "on": False}
    assert render("${id}", {}) is ABSENT
    assert repr(ABSENT) == "ABSENT"


@pytest.mark.parametrize("value", [None, True, ["a"], {"a": 1}])
def test_what_is_no_text_does_not_stand_inside_text(value: Any) -> None:
    """A missing value, a truth value, a list or an object in the middle of a text is an error, never a guess."""
    with pytest.raises(TemplateError, match=r"\$\{url\} has no value that fits"):
        render("x${url}", {"url": value})
    with pytest.raises(TemplateError):
        render_text("${url}", {"url": value})


def test_numbers_stand_inside_text() -> None:
    """A number is written out."""
    assert render("page ${id}", {"id": 3}) == "page 3"
    assert render_text("${id}", {"id": 3}) == "3"


@pytest.mark.parametrize("template", ["${", {"a": ["${url"]}, "${URL}", "${a.b.c}", "${ url}"])
def test_malformed_placeholders_are_found(template: Any) -> None:
    """`check` looks into every text."""
    with pytest.raises(TemplateError, match="malformed placeholder"):
        check(template)


def test_names_are_collected_from_everywhere() -> None:
    """Placeholders are found in texts, lists and mappings; those inside longer texts are told apart."""
    template = {"a": "${url}", "b": ["x${id}", 3, None], "c": {"d": "${events}"}}

    assert placeholders(template) == {"url", "id", "events"}
    assert embedded(template) == {"id"}
    assert split("${id}.x") == (("", "id"), (".x", ""))


@given(value=st.text(min_size=1).filter(lambda text: text not in {".", ".."}))
def test_a_segment_stays_one_segment(value: str) -> None:
    """Whatever a value holds, it cannot leave its place in a path."""
    try:
        quoted = quote_segment(value)
    except UnicodeEncodeError:
        return
    assert not set(quoted) & set("/?#%") - {"%"}
    assert render_path("/a/${id}/b", {"id": quoted}).count("/") == 3


@pytest.mark.parametrize("value", ["", ".", "..", "a//b", "a/../b", "/a", "a/"])
def test_a_path_that_climbs_is_refused(value: str) -> None:
    """Empty and dotted segments would change which object is meant."""
    with pytest.raises(TemplateError, match="cannot be a part of a path"):
        quote_path(value)


def test_paths_keep_their_slashes_and_segments_do_not() -> None:
    """`acme/api` is two segments for one vendor, and one encoded segment for another."""
    assert quote_path("acme/a pi") == "acme/a%20pi"
    assert quote_segment("acme/api") == "acme%2Fapi"
    assert quote_segment("42:AA", ":") == "42:AA"
