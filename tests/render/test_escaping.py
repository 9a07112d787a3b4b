"""Text from outside cannot break out of what it stands in."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reconciler.render.escaping import code_cell, code_span, dot_text, html_code, mermaid_text, visible, xml_text
from tests.render.xml import parsed

HOSTILE = [
    "``` `` `",
    "`",
    "a|b\\|c\\",
    "</code><script>alert(1)</script>",
    "</summary></details><h1>",
    "![x](https://evil.example/x.png)",
    "@somebody #1",
    "line\nbreak\r\n\n# heading",
    "-->|x| y[z]",
    'a" ]; b [ label="',
    "\u202egpj.exe",
    "\u2028x\u2029",
    "\ud800",
    "\\",
    "  ",
    "",
]
ANYTHING = st.text(st.characters(codec=None), max_size=60) | st.sampled_from(HOSTILE)


def inline(text: str) -> list[tuple[str, str]]:
    """What a renderer of Markdown makes of one line: the kinds of its parts, and their contents."""
    tokens = MarkdownIt("commonmark").parse(f"x {text} y")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    return [(child.type, child.content) for child in tokens[1].children or ()]


@given(ANYTHING)
def test_a_code_span_is_one_code_span(text: str) -> None:
    """Whatever stands in it, there is nothing before or behind it but what we wrote."""
    parts = inline(code_span(text))
    assert [kind for kind, _ in parts] == ["text", "code_inline", "text"]
    assert [parts[0][1], parts[2][1]] == ["x ", " y"]
    assert parts[1][1].strip(" ") == visible(text).strip(" ")


@given(st.lists(ANYTHING, min_size=1, max_size=4))
def test_a_cell_stays_a_cell(texts: list[str]) -> None:
    """A table has as many cells as were written, whatever pipes are in them; no other element is made."""
    line = " | ".join(code_cell(text) for text in texts)
    table = f"| {' | '.join('h' for _ in texts)} |\n| {' | '.join('---' for _ in texts)} |\n| {line} |"
    html = MarkdownIt("commonmark").enable("table").render(table)
    assert html.count("<td>") == len(texts)
    body = html.partition("<tbody>")[2]
    assert set(re.findall(r"</?([a-z0-9]+)", body)) == {"tr", "td", "code", "tbody", "table"}


@given(ANYTHING)
def test_html_and_xml_hold_text_only(text: str) -> None:
    """What is written is read back as characters; no element is made."""
    element = parsed(html_code(text))
    assert (list(element), element.text or "") == ([], visible(text))
    assert parsed(f'<a b="{xml_text(text)}">{xml_text(text)}</a>').get("b") == visible(text)


@given(ANYTHING)
def test_quoted_labels_end_where_we_end_them(text: str) -> None:
    """Mermaid's labels hold no quote, DOT's only escaped ones."""
    assert re.fullmatch(r'"[^"<>|\\`\[\]{}]*"', mermaid_text(text))
    assert re.fullmatch(r'"(?:[^"\\]|\\["\\])*"', dot_text(text))


@pytest.mark.parametrize("char", ["\x1b", "\u202e", "\u2066", "\u200b", "\u2028", "\ud800", "\x00", "\x85"])
def test_what_cannot_be_seen_is_spelled_out(char: str) -> None:
    """Characters that steer a screen, or reverse what is read, are shown as their numbers."""
    assert visible(f"a{char}b") == f"a\\u{{{ord(char):x}}}b"


def test_long_texts_are_cut() -> None:
    """A text that is only shown has a limit."""
    assert visible("a" * 400) == "a" * 297 + "..."
    assert visible("a" * 300) == "a" * 300
