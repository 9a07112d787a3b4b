"""Canonical YAML: keys and events in their order, two spaces of indentation, comments where they belong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from reconciler.core.model import Json
from reconciler.documents.compose import compose
from reconciler.documents.layout import Entry, Kind, Layout, Node, comments, read_layouts
from reconciler.documents.writing import written

REST = "*"
"""In an order of keys: the place of all keys that it does not name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canon:
    """The canonical form of a value: the order of a mapping's keys, whether a list is sorted, and what is within.

    `inner` is by key, `every` for each item of a list and each key that `inner` does not name.
    """

    keys: tuple[str, ...] = ()
    is_sorted: bool = False
    inner: Mapping[str, Canon] = field(default_factory=lambda: MappingProxyType({}))
    every: Canon | None = None


class UnformattableError(Exception):
    """The text cannot be brought into canonical form without a change of what it says."""


def formatted(data: bytes, canon: Canon) -> bytes:
    """The canonical text of documents in which composing found no problem.

    What is written back says the same, comment by comment and value by value: else `UnformattableError`. Documents
    with anchors keep their order, for an anchor must stand before its aliases.
    """
    layouts = read_layouts(data)
    for layout in layouts:
        _lift_header(layout)
        if layout.root is not None and not layout.anchored:
            _arrange(layout.root, canon)
    text = written(layouts).encode()
    if _values(data, canon) != _values(text, canon):
        raise UnformattableError
    if Counter(comments(read_layouts(data))) != Counter(comments(read_layouts(text))):
        raise UnformattableError
    return text


def _lift_header(layout: Layout) -> None:
    """Comments above everything stay there, whichever key comes first."""
    if layout.root is not None and layout.root.entries and not layout.root.flow:
        first = layout.root.entries[0]
        layout.header += first.before
        first.before = []


def _arrange(node: Node, canon: Canon) -> None:
    if node.kind is Kind.MAPPING and canon.keys:
        places = {key: place for place, key in enumerate(canon.keys)}
        rest = places.get(REST, len(places))
        node.entries.sort(key=lambda entry: places.get(entry.name, rest))
    if canon.is_sorted and all(entry.value.kind is Kind.SCALAR for entry in node.entries):
        node.entries.sort(key=lambda entry: entry.value.value)
    for entry in node.entries:
        inner = _inner(canon, entry)
        if inner is not None:
            _arrange(entry.value, inner)


def _inner(canon: Canon, entry: Entry) -> Canon | None:
    return canon.inner.get(entry.name, canon.every) if entry.text else canon.every


def _values(data: bytes, canon: Canon) -> list[Json] | None:
    composition = compose(data, "")
    return None if composition.problems else [_sorted(document.value, canon) for document in composition.documents]


def _sorted(value: Json, canon: Canon | None) -> Json:
    """The value with sorted lists where their order means nothing."""
    if canon is None:
        return value
    if isinstance(value, dict):
        return {key: _sorted(item, canon.inner.get(key, canon.every)) for key, item in value.items()}
    if isinstance(value, list):
        items = [_sorted(item, canon.every) for item in value]
        return sorted(items, key=repr) if canon.is_sorted else items
    return value
