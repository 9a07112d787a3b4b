"""Text from outside, fit to stand in Markdown, HTML, SVG, Mermaid and DOT: none of it can end what it stands in."""

from __future__ import annotations

import re
import unicodedata

MAX_SHOWN = 300
"""Characters; what is longer is cut where it is only shown."""

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BACKTICKS = re.compile(r"`+")
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})
"""As `html.escape` has it, which brings a table of all entities along."""

_PUNCTUATION = re.compile(r"[^\w ]", re.ASCII)


def visible(text: str, limit: int = MAX_SHOWN) -> str:
    """One line of visible characters: what steers a reader's screen (controls, reversed writing) is spelled out."""
    shown = "".join(_spelled(char) for char in text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."


def code_span(text: str, limit: int = MAX_SHOWN) -> str:
    """A Markdown code span (CommonMark, "Code spans"): its fence is longer than any run of backticks inside."""
    shown = visible(text, limit) or " "
    fence = "`" * (max((len(run) for run in _BACKTICKS.findall(shown)), default=0) + 1)
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def code_cell(text: str, limit: int = MAX_SHOWN) -> str:
    """A code span for a cell of a table: renderers differ on a pipe in one, so such a text is written with entities."""
    shown = visible(text, limit)
    if "|" not in shown:
        return code_span(shown, limit)
    return f"<code>{_PUNCTUATION.sub(lambda match: f'&#{ord(match[0])};', shown)}</code>"


def html_code(text: str, limit: int = MAX_SHOWN) -> str:
    """A `code` element for a line of HTML, where Markdown is not read."""
    return f"<code>{visible(text, limit).translate(_MARKUP)}</code>"


def xml_text(text: str, limit: int = MAX_SHOWN) -> str:
    """Character data or an attribute's value in XML."""
    return visible(text, limit).translate(_MARKUP)


def mermaid_text(text: str, limit: int = MAX_SHOWN) -> str:
    """A quoted label of Mermaid, whose entity codes are `#` and a number, no ampersand (Mermaid, "Flowcharts")."""
    shown = visible(text, limit)
    return '"' + "".join(char if _is_plain(char) else f"#{ord(char)};" for char in shown) + '"'


def dot_text(text: str, limit: int = MAX_SHOWN) -> str:
    """A quoted string of DOT; in labels a backslash begins an escape sequence (Graphviz, "escString")."""
    shown = visible(text, limit).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{shown}"'


def _spelled(char: str) -> str:
    if char in "\n\t":
        return " "
    return f"\\u{{{ord(char):x}}}" if unicodedata.category(char) in _HIDDEN else char


def _is_plain(char: str) -> bool:
    """Letters, digits and the few signs that mean nothing to Mermaid."""
    return char.isalnum() or char in " /.-_:,+*()"
