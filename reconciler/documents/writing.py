"""Layouts back to text: two spaces for each level, one before a comment, no more columns than 120 where that can be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile

from reconciler.documents.layout import Entry, Kind, Layout, Node

WIDTH = 120

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_DIGIT = re.compile("[1-9](?=[+-]?[ \t]*$)")
_STEP = 2
_BLANK = "\0"
"""A blank line inside a text, which must stay; YAML allows no such character."""


def written(layouts: Sequence[Layout]) -> str:
    """The text of a file. Documents that hold nothing but comments leave these to the next one."""
    lines: list[str] = []
    waiting: list[str] = []
    begun = False
    for layout in layouts:
        if layout.root is None or _is_nothing(layout.root):
            waiting += [*layout.header, *(layout.root.tail if layout.root else ())]
            continue
        if begun or (layout.explicit and not lines):
            lines.append("---")
        body = [*waiting, *layout.header, *_body(layout.root)]
        waiting, begun = [], True
        lines += _tidy(body)
    lines += _tidy(waiting)
    return "".join(f"{line}\n" for line in lines).replace(_BLANK, "")


def _is_nothing(root: Node) -> bool:
    return root.kind is Kind.SCALAR and root.text in {"", "~", "null", "Null", "NULL"}


def _body(root: Node) -> list[str]:
    if root.kind is Kind.SCALAR:
        return [*_scalar(root, 0, ""), *root.tail]
    inline = _inline(root)
    if root.flow and inline is not None and len(inline) <= WIDTH:
        return [_joined("", root.anchor and f"&{root.anchor}", inline, root.head), *root.tail]
    opening = _joined(root.anchor and f"--- &{root.anchor}", root.head)
    return [*([opening] if opening else ()), *_block(root, 0)]


def _tidy(lines: Iterable[str]) -> list[str]:
    """Without blank lines at either end, and never two of them in a row."""
    tidy: list[str] = []
    for line in lines:
        if line or (tidy and tidy[-1]):
            tidy.append(line)
    while tidy and not tidy[-1]:
        tidy.pop()
    return tidy


def _block(node: Node, indent: int, begin: int = 0) -> Iterator[str]:
    """The lines of a container, one entry below the other, from entry number `begin` on."""
    margin = " " * indent
    for entry in node.entries[begin:]:
        for above in _above(entry, node, indent):
            yield above and margin + above
        yield from _entry(entry, indent)
    for line in _tidy(node.tail):
        yield line and margin + line


def _above(entry: Entry, node: Node, indent: int) -> list[str]:
    """The lines above an entry: its comments; and of a list's item, those of the item's own first entry."""
    lines = list(entry.before)
    value = entry.value
    if not entry.text and not _fits(value, indent, 1):
        lines += filter(None, (value.head, entry.after))
        if value.kind is not Kind.SCALAR and not value.anchor and value.entries:
            lines += _above(value.entries[0], value, indent + _STEP)
    if value.kind is not Kind.SCALAR and not value.entries:
        lines += filter(None, value.tail)
    elif value.head and entry.after and entry.text:
        lines.append(entry.after)
    return list(dropwhile(_is_blank, lines)) if node.entries[0] is entry else lines


def _is_blank(line: str) -> bool:
    return not line


def _entry(entry: Entry, indent: int) -> Iterator[str]:
    """The lines of an entry, without those above it."""
    margin = " " * indent
    value = entry.value
    opening = f"{entry.text}:" if entry.text else "-"
    anchor = f"&{value.anchor}" if value.anchor else ""
    if value.kind is Kind.SCALAR:
        first, *others = _scalar(value, indent + _STEP, entry.after)
        yield margin + _joined(opening, first)
        yield from others
    elif _fits(value, indent, len(opening)):
        yield margin + _joined(opening, anchor, _inline(value) or "", entry.after or value.head)
    elif entry.text or anchor:
        yield margin + _joined(opening, anchor, entry.text and (value.head or entry.after))
        yield from _block(value, indent + _STEP)
    else:
        # The first entry stands behind the dash; what is above it stands above the dash.
        first, *others = _entry(value.entries[0], indent + _STEP)
        yield margin + _joined("-", first.lstrip(" "))
        yield from others
        yield from _block(value, indent + _STEP, 1)


def _fits(node: Node, indent: int, used: int) -> bool:
    """Whether a container is written on one line: because it was, or because it is empty."""
    if node.kind is Kind.SCALAR:
        return True
    inline = _inline(node)
    return inline is not None and (not node.entries or (node.flow and indent + used + 1 + len(inline) <= WIDTH))


def _inline(node: Node) -> str | None:
    """A container in brackets; None where a comment or a text of several lines is in it."""
    parts: list[str] = []
    if node.entries and (any(node.tail) or node.head):
        return None
    for entry in node.entries:
        value = entry.value
        if any(entry.before) or entry.after or (not value.entries and any(value.tail)):
            return None
        if value.kind is Kind.SCALAR:
            text: str | None = None if _BREAK.search(value.text) else value.text
        else:
            text = _inline(value)
            text = _joined(f"&{value.anchor}" if value.anchor else "", text) if text is not None else None
        if text is None:
            return None
        parts.append(f"{entry.text}: {text or 'null'}" if entry.text else text)
    return f"{{{', '.join(parts)}}}" if node.kind is Kind.MAPPING else f"[{', '.join(parts)}]"


def _scalar(node: Node, indent: int, after: str) -> list[str]:
    """The lines of a scalar, with the comment after it; those after the first are indented anew."""
    first, *others = _BREAK.split(node.text)
    if others and not others[-1]:
        others.pop()
    margin = " " * indent
    if not node.block_scalar:
        lines = [first, *(margin + line.lstrip(" \t") if line.strip() else _BLANK for line in others)]
        return [*lines[:-1], _joined(lines[-1], after)]
    said = next((line for line in node.value.split("\n") if line.strip()), "")
    shown = next((line for line in others if line.strip()), "")
    old = _lead(shown) - _lead(said)
    header, found, comment = first.partition("#")
    head = _DIGIT.sub(str(_STEP), header, count=1) + found + comment
    return [_joined(head, after), *(margin + line[old:] if line.strip() else _BLANK for line in others)]


def _lead(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)
