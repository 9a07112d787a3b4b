"""Canonical YAML keeps what the text says: every value and every comment."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconciler.documents.compose import compose
from reconciler.documents.formatting import REST, Canon, UnformattableError, formatted
from tests.documents.scribbles import Chance, scribbled

ITEM = Canon(keys=("a", "b", REST, "e"), inner={"e": Canon(is_sorted=True)})
CANON = Canon(keys=("a", "b", REST, "e"), inner={"e": Canon(is_sorted=True), "b": Canon(every=ITEM)})


def form(text: str) -> str:
    """The canonical form of a text whose common indentation is taken away."""
    return formatted(dedent(text).encode(), CANON).decode()


def test_keys_take_their_order_and_comments_go_along() -> None:
    """A comment above or beside a key moves with it; what stands above everything stays there."""
    text = """\
    # about the file

    # about e
    e: [push,   issues] # beside e
    # above a
    a: 1
    """
    assert form(text) == dedent(
        """\
        # about the file

        # about e
        # above a
        a: 1
        e: [issues, push] # beside e
        """
    )


def test_lists_are_indented_and_their_comments_with_them() -> None:
    """Two spaces for each level, whatever was written; a comment belongs to the item that follows it."""
    text = """\
    b: # of b
    # first
    -   x: 1
        # above a
        a: 2   # beside a
        # the end of the first
    # second
    - {x: 1,a: 2}
    # after everything
    """
    assert form(text) == dedent(
        """\
        b: # of b
          # first
          # above a
          - a: 2 # beside a
            x: 1
            # the end of the first
          # second
          - {a: 2, x: 1}
        # after everything
        """
    )


def test_sorted_lists_take_their_comments_along() -> None:
    """Each item keeps the comments above and beside it."""
    text = "e:\n# about b\n- b # b\n# about a\n- a # a\n"
    assert form(text) == "e:\n  # about a\n  - a # a\n  # about b\n  - b # b\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: { }\n", "a: {}\n"),
        ("a:   [ 1,2 ,3 ]\n", "a: [1, 2, 3]\n"),
        ("a: [1, # one\n  2]\n", "a:\n  - 1 # one\n  - 2\n"),
        ("a: {k: [ # of k\n  ]}\n", "a:\n  # of k\n  k: []\n"),
        ("{a: 1, b: 2}\n", "{a: 1, b: 2}\n"),
        ("a: 1\r\nb: 2\r\n", "a: 1\nb: 2\n"),
        ("a: 1\n\n\n\nb: 2\n\n\n", "a: 1\n\nb: 2\n"),
        ("a: 1", "a: 1\n"),
        ("---\na: 1\n", "---\na: 1\n"),
        ("a: 1\n...\n---\n# next\na: 2\n", "a: 1\n---\n# next\na: 2\n"),
        ("a: 1\n# end of one\n---\na: 2\n", "a: 1\n# end of one\n---\na: 2\n"),
        ("# alone\n---\n---\na: 2\n", "---\n# alone\na: 2\n"),
        ("a: &x [1]\nz: *x\ne: [b, a]\n", "a: &x [1]\nz: *x\ne: [b, a]\n"),
        ("a:\n    k: |2\n         in\n\n\n       out\n", "a:\n  k: |2\n       in\n\n\n     out\n"),
        ("a: 'one\n   two'\n", "a: 'one\n  two'\n"),
        ("a: # why\n  1\n", "a: 1 # why\n"),
        ("a:\n  # why\n  1\n", "# why\na: 1\n"),
        ("b:\n- - 1\n  - 2\n", "b:\n  - - 1\n    - 2\n"),
        ("? a\n: 1\n", "a: 1\n"),
        ("a: !!map {k: !!str 1}\n", "a: {k: !!str 1}\n"),
    ],
)
def test_small_things(text: str, expected: str) -> None:
    """Spaces, blank lines, styles, anchors, several documents, texts of several lines."""
    assert form(text) == expected
    assert form(expected) == expected


def test_a_line_that_is_too_long_is_opened_up() -> None:
    """What was written in brackets stays so as long as it fits."""
    names = [f"event_number_{number:02}" for number in range(10)]
    assert form(f"a: [{','.join(names)}]\n").startswith("a:\n  - event_number_00\n  - event_number_01\n")
    assert form(f"a: [{','.join(names[:4])}]\n") == f"a: [{', '.join(names[:4])}]\n"


def test_what_cannot_be_kept_is_refused() -> None:
    """A text that ends the file without a line break would gain one: it is not touched."""
    with pytest.raises(UnformattableError):
        formatted(b"a: |\n  text", CANON)


@given(st.randoms(use_true_random=False))
def test_nothing_is_lost_and_formatting_again_changes_nothing(chance: Chance) -> None:
    """Whatever is scribbled: the same values, the same comments, and a form that stays."""
    data = scribbled(chance)
    assume(not compose(data, "f.yaml").problems)
    try:
        text = formatted(data, CANON)
    except UnformattableError:
        assume(False)
    assert sorted(re.findall(rb"# c\d+", text)) == sorted(re.findall(rb"# c\d+", data))
    assert formatted(text, CANON) == text
    assert len(compose(text, "f.yaml").documents) == len(compose(data, "f.yaml").documents)
