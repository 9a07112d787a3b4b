"""Composing: values by YAML's core schema, positions, and a clear problem for every hostile file."""

from __future__ import annotations

import math
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.errors import Location
from reconciler.core.model import Json
from reconciler.documents import compose as composing
from reconciler.documents.compose import compose
from reconciler.documents.parsing import fastest_parser, pure_parser
from reconciler.documents.syntax import MAX_BYTES
from tests.documents.support import composed, document, problem, value

NUMBER_IN_YAML_1_2 = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?", re.ASCII)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("12", 12),
        ("-7", -7),
        ("1.5", 1.5),
        (".5", 0.5),
        ("2.", 2.0),
        ("1e3", 1000.0),
        ("on", "on"),
        ("no", "no"),
        ("yes", "yes"),
        ("y", "y"),
        ("22:22", "22:22"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("2026-11-24", "2026-11-24"),
        (".inf", ".inf"),
        ("1.2.3", "1.2.3"),
        ("-", "-"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("=", "="),
    ],
)
def test_plain_scalars_follow_the_core_schema(written: str, expected: Json) -> None:
    """Only true, false, null, decimal numbers and quoted text are what they look like; all else is text."""
    if written == "-":
        written = "'-'"
    found = value(f"a: {written}\n")["a"]
    assert (found, type(found)) == (expected, type(expected))


def test_an_empty_value_is_null() -> None:
    """A key without a value has the value null."""
    assert value("a:\nb: 1\n") == {"a": None, "b": 1}


def test_several_documents_keep_their_order_and_empty_ones_fall_out() -> None:
    """Each document of a file is numbered; those without content are left out."""
    documents = composed("---\n---\na: 1\n---\nb: 2\n---\n").documents
    assert [(item.index, item.value) for item in documents] == [(1, {"a": 1}), (2, {"b": 2})]


def test_an_alias_is_the_value_of_its_anchor() -> None:
    """Aliases may be used as values, also of scalars and inside lists."""
    text = "events: &e [push, &one release]\nother: *e\nthird: [*one]\n"
    assert value(text) == {"events": ["push", "release"], "other": ["push", "release"], "third": ["release"]}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), (2, 1)),
        (("graph",), (2, 8)),
        (("triggers",), (4, 3)),
        (("triggers", 0), (4, 5)),
        (("triggers", 0, "events"), (5, 13)),
        (("triggers", 0, "events", 1), (5, 20)),
        (("triggers", 1), (6, 5)),
        (("triggers", 1, "é"), (6, 15)),
        (("triggers", 0, "nowhere", "else"), (4, 5)),
    ],
)
def test_every_value_knows_its_line_and_column(path: tuple[str | int, ...], expected: tuple[int, int]) -> None:
    """Lines and columns count from 1; a path that does not exist is the nearest value around it."""
    text = "# comment\ngraph: bot\ntriggers:\n  - provider: acme\n    events: [push, issues]\n  - {ä: 1, é: 2}\n"
    assert document(text).locate(path) == Location("f.yaml", *expected)


def test_keys_have_positions_of_their_own() -> None:
    """The key and its value are two places."""
    item = document("a:\n  b:   {c: 1}\n")
    assert item.locate_key(("a", "b", "c")) == Location("f.yaml", 2, 9)
    assert item.locate(("a", "b", "c")) == Location("f.yaml", 2, 12)


def test_positions_in_a_later_document_are_those_of_the_file() -> None:
    """Lines count through the whole file."""
    second = composed("a: 1\n---\nb: {c: [x]}\n").documents[1]
    assert second.locate(("b", "c", 0)) == Location("f.yaml", 3, 9)
    assert second.locate_key(("b",)) == Location("f.yaml", 3, 1)


def test_a_duplicate_key_names_both_lines() -> None:
    """The second stands where the problem points, the first is named; the path says in which mapping."""
    found = problem("a:\n  - x: 1\n    y: 2\n    x: 3\n")
    assert str(found) == "f.yaml:4:5: a[0]: the key 'x' stands twice here, first on line 2"


@pytest.mark.parametrize(
    ("text", "code", "words", "place"),
    [
        (b"", "empty", "holds no YAML document", (1, 1)),
        (b"# nothing\n---\n", "empty", "holds no YAML document", (1, 1)),
        (b"\xef\xbb\xbfa: 1\n", "encoding", "byte order mark", (1, 1)),
        ("a: 1\n".encode("utf-16"), "encoding", "UTF-16", (1, 1)),
        (b"a: 1\nb: caf\xe9\n", "encoding", "not UTF-8", (2, 7)),
        (b"a: 1\nb: x\0y\n", "yaml", "NUL", (2, 5)),
        (b"a: \x07\n", "yaml", "control character U+0007", (1, 4)),
        (b"a:\n\tb: 1\n", "yaml", "indent with spaces", (2, 1)),
        (b"a: 1\n\tb: 1\n", "yaml", "indent with spaces", (2, 1)),
        (b"a: @b\n", "yaml", "'@' must be in quotes", (1, 4)),
        (b"a: b: c\n", "yaml", "second ': '", (1, 5)),
        (b"a: [1, 2\n", "yaml", "not valid YAML", (2, 1)),
        (b"a: 'x\n", "yaml", "closing quote", (2, 1)),
        (b"a: *gone\n", "alias", "does not stand before", (1, 4)),
        (b"a: &x [*x]\n", "alias", "inside the value", (1, 8)),
        (b"a: !!python/name:os.system x\n", "tag", "not supported", (1, 4)),
        (b"a: !mine {b: 1}\n", "tag", "not supported", (1, 4)),
        (b"1: x\n", "key", "must be text", (1, 1)),
        (b"true: x\n", "key", "must be text", (1, 1)),
        (b"? [a]\n: b\n", "key", "must be text", (1, 3)),
        (b"<<: {a: 1}\n", "merge_key", "not supported", (1, 1)),
        (b"a: " + b"9" * 5000, "number", "more than 400 digits", (1, 4)),
        (b"a: 1e999", "number", "out of range", (1, 4)),
    ],
)
def test_a_file_that_is_no_good_gets_one_clear_problem(
    text: bytes, code: str, words: str, place: tuple[int, int]
) -> None:
    """Every way in which a text can be wrong ends in a problem with its place, never in a traceback."""
    found = problem(text)
    assert (found.code, found.location) == (code, Location("f.yaml", *place))
    assert words in found.message


@pytest.mark.parametrize("opening", [b"[", b"{a: ", b"- "])
def test_deep_nesting_is_refused(opening: bytes) -> None:
    """Nesting of a hundred thousand levels stops at the limit, whichever way it is written."""
    found = problem(opening * 100_000)
    assert (found.code, "64 levels" in found.message) == ("too_deep", True)


def test_nesting_up_to_the_limit_is_read() -> None:
    """64 levels are allowed, 65 are not."""
    assert composed(b"[" * 64 + b"]" * 64).problems == ()
    assert problem(b"[" * 65 + b"]" * 65).code == "too_deep"


def test_an_alias_bomb_is_refused() -> None:
    """Aliases that unfold to a billion values are counted, not unfolded."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert problem("\n".join(lines)).code == "alias_bomb"


def test_a_file_with_too_many_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of values in a file is bounded."""
    monkeypatch.setattr(composing, "MAX_NODES", 100)
    assert composed("[" + "x, " * 98 + "x]").problems == ()
    assert problem("[" + "x, " * 99 + "x]").code == "too_large"


def test_a_file_over_the_size_limit_is_refused() -> None:
    """A file of more than 10 MiB is not parsed at all."""
    assert problem(b"#" * (MAX_BYTES + 1)).code == "too_large"


def test_all_problems_of_a_text_come_at_once_until_there_are_too_many() -> None:
    """Composing goes on after a problem that it can step over, up to a limit."""
    codes = [item.code for item in composed("a: !x 1\na: 2\n3: 4\nb: [*q]\n").problems]
    assert codes == ["tag", "duplicate_key", "key", "alias"]
    many = composed("".join(f"{n}: x\n" for n in range(500))).problems
    assert (len(many), many[-1].code) == (101, "too_many")


def test_what_stood_under_a_refused_key_leaves_no_trace() -> None:
    """A value under a refused key is dropped; the first of two equal keys stays."""
    (only,) = composed("1: x\na: 1\na: {b: 2}\n? {k: v}\n: [w]\nlast: ok\n").documents
    assert only.value == {"a": 1, "last": "ok"}


@pytest.mark.parametrize("text", ["token:ghp_canary x: 1", "{token:ghp_canary, token:ghp_canary}", "t: !ghp_canary\n"])
def test_a_token_in_the_wrong_place_is_not_shown(text: str) -> None:
    """What became a key because of a missing space, or a tag, is not repeated in messages."""
    problems = composed(text).problems
    assert all("ghp_canary" not in str(item) for item in problems)


def _json() -> st.SearchStrategy[Json]:
    words = st.text().filter(lambda text: not NUMBER_IN_YAML_1_2.fullmatch(text))
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4), max_leaves=20
    )


@given(st.dictionaries(st.just("key"), _json(), min_size=1), st.booleans())
def test_what_safe_dump_writes_is_read_back(data: Json, flow: bool) -> None:
    """Composing undoes dumping for all JSON-like data.

    Left out are texts that are numbers by YAML 1.2 but not by PyYAML's 1.1, such as `1e5`: it writes them unquoted.
    """
    text = yaml.safe_dump(data, default_flow_style=flow)
    (only,) = compose(text.encode(), "f.yaml").documents
    assert only.value == data


@given(st.binary(max_size=60) | st.text(alphabet="ab:-[]{}&*!|>'\"#%@ \n\t?,1", max_size=60).map(str.encode))
def test_no_bytes_whatever_make_composing_fail(data: bytes) -> None:
    """Any input ends in documents or problems, and every position can be asked for."""
    composition = compose(data, "f.yaml")
    assert composition.documents or composition.problems
    for item in composition.documents:
        assert item.locate(("a", 0)).line >= 1


@given(st.text(alphabet="ab:-[]{}' \n1", max_size=40).map(str.encode))
def test_both_parsers_give_the_same_values(data: bytes) -> None:
    """The pure parser is a full stand-in for libyaml's: where both accept a text they agree on it."""
    fast, pure = compose(data, "f.yaml", fastest_parser), compose(data, "f.yaml", pure_parser)
    if not fast.problems and not pure.problems:
        assert [item.value for item in fast.documents] == [item.value for item in pure.documents]
        assert [item.locate() for item in fast.documents] == [item.locate() for item in pure.documents]


@pytest.mark.parametrize("text", [b"a: b: c\n", b"a: 'x\n", b"a:\n\tb: 1\n", b"a: \0\n", b"[" * 2000, b"a: !x!y 1\n"])
def test_the_pure_parser_reports_problems_too(text: bytes) -> None:
    """Where libyaml is missing, the same texts are refused with a place."""
    (found,) = compose(text, "f.yaml", pure_parser).problems
    assert found.location is not None


def test_numbers_are_finite() -> None:
    """No text becomes infinity or not-a-number, which JSON cannot hold."""
    found = value("[.inf, -.INF, .nan, 1.0e+308]")
    assert all(isinstance(item, str) or math.isfinite(item) for item in found)
