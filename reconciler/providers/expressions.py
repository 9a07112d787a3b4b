"""JMESPath expressions as functions.

The library looks its way through an expression anew for every value, and a list has many rows. What definitions are
mostly made of becomes functions within functions here; the library does the rest, from the smallest part on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import jmespath
from jmespath.visitor import TreeInterpreter

from reconciler.core.model import Json

Expression = Callable[[Json], Json]
_Node = Any


def compiled(path: str) -> Expression:
    """The expression as a function, which raises `JMESPathError`; so does this for what is no expression."""
    return _function(jmespath.compile(path).parsed)


def _function(node: _Node) -> Expression:
    make = _MAKERS.get(node["type"])
    # One interpreter for all values: the library makes one each time, which holds itself and waits to be collected.
    return make(node) if make else partial(TreeInterpreter().visit, node)


def _current(_: _Node) -> Expression:
    return lambda value: value


def _literal(node: _Node) -> Expression:
    constant = node["value"]
    return lambda _: constant


def _field(node: _Node) -> Expression:
    name = node["value"]
    return lambda value: value.get(name) if isinstance(value, dict) else None


def _within(node: _Node) -> Expression:
    steps = tuple(map(_function, node["children"]))

    def walk(value: Json) -> Json:
        for step in steps:
            value = step(value)
        return value

    return walk


def _and(node: _Node) -> Expression:
    left, right = map(_function, node["children"])
    return lambda value: found if _is_false(found := left(value)) else right(value)


def _or(node: _Node) -> Expression:
    left, right = map(_function, node["children"])
    return lambda value: right(value) if _is_false(found := left(value)) else found


def _comparison(node: _Node) -> Expression:
    """Of something with a constant text, which only the same text equals; any other is the library's."""
    left, right = node["children"]
    if node["value"] not in {"eq", "ne"} or right["type"] != "literal" or not isinstance(right["value"], str):
        return partial(TreeInterpreter().visit, node)
    seen, text, alike = _function(left), right["value"], node["value"] == "eq"
    return lambda value: (seen(value) == text) is alike


def _is_false(value: Json) -> bool:
    """What counts as false: empty, null or false, and no number."""
    return value is None or value is False or value in ("", [], {})


_MAKERS: Final[Mapping[str, Callable[[_Node], Expression]]] = {
    "and_expression": _and,
    "comparator": _comparison,
    "current": _current,
    "field": _field,
    "literal": _literal,
    "or_expression": _or,
    "subexpression": _within,
}
