"""Where each key and value of a YAML document stands, found by reading its events again when somebody asks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from yaml import YAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from reconciler.documents.nearest import quoted_key
from reconciler.documents.parsing import ParserFactory

NodePath = tuple[str | int, ...]
"""The way from the root of a document to a value: keys of mappings, indexes of lists."""

MAX_DEPTH = 64

_BARE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Mark(NamedTuple):
    """A place in a file; both count from 1."""

    line: int
    column: int


def begin(event: Any) -> Mark:
    """Where the text of a parser's event begins."""
    mark = event.start_mark
    return Mark(mark.line + 1, mark.column + 1)


@dataclass(frozen=True, slots=True)
class Marks:
    """The places of all keys and all values of one document; of a key that stands twice, the first."""

    keys: Mapping[NodePath, Mark]
    values: Mapping[NodePath, Mark]

    def value(self, path: NodePath) -> Mark:
        """Where the value at `path` begins, else the nearest value around it."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Mark(1, 1))

    def key(self, path: NodePath) -> Mark:
        """Where the key that `path` ends in begins, else the nearest value around it."""
        return self.keys.get(path) or self.value(path)


def path_text(path: NodePath) -> str:
    """`triggers[0].events[1]`; keys that are not plain words stand in brackets and quotes."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif _BARE_KEY.fullmatch(step):
            parts.append(f".{step}" if parts else step)
        else:
            parts.append(f"[{quoted_key(step)}]")
    return "".join(parts)


def read_marks(source: bytes, index: int, parser: ParserFactory) -> Marks:
    """Read the places of document number `index` (from 0), as far as its text is YAML."""
    reader = _MarkReader()
    get_event = parser(source).get_event
    documents = -1
    try:
        while documents <= index:
            event = get_event()
            if isinstance(event, StreamEndEvent):
                break
            documents += isinstance(event, DocumentStartEvent)
            if documents == index and not reader.take(event):
                break
    except YAMLError:
        pass  # the places before the error are known, and composing reports the error itself
    return Marks(reader.keys, reader.values)


class _KeyThatIsNotText:
    """Stands in a path for a key that is a list, a mapping or an alias."""


@dataclass(slots=True)
class _Frame:
    path: tuple[object, ...]
    mapping: bool
    key: object = None
    size: int = 0


@dataclass(slots=True)
class _MarkReader:
    keys: dict[NodePath, Mark] = field(default_factory=dict)
    values: dict[NodePath, Mark] = field(default_factory=dict)
    stack: list[_Frame] = field(default_factory=list)

    def take(self, event: Any) -> bool:
        """Note one event; False when it lies too deep to go on."""
        match event:
            case ScalarEvent():
                self._place(event, event.value)
            case AliasEvent():
                self._place(event, _KeyThatIsNotText())
            case MappingStartEvent() | SequenceStartEvent():
                path = self._place(event, _KeyThatIsNotText())
                self.stack.append(_Frame(path, isinstance(event, MappingStartEvent)))
            case MappingEndEvent() | SequenceEndEvent():
                self.stack.pop()
            case _:
                pass
        return len(self.stack) <= MAX_DEPTH

    def _place(self, event: Any, key: object) -> tuple[object, ...]:
        """Note where a node begins and return its path."""
        mark = begin(event)
        if not self.stack:
            self.values.setdefault((), mark)
            return ()
        frame = self.stack[-1]
        if frame.mapping and frame.key is None:
            frame.key = key
            path = (*frame.path, key)
            self.keys.setdefault(path, mark)  # type: ignore[arg-type] # odd keys are never asked for
            return (*path, _KeyThatIsNotText())
        step = frame.key if frame.mapping else frame.size
        frame.key = None
        frame.size += 1
        path = (*frame.path, step)
        self.values.setdefault(path, mark)  # type: ignore[arg-type] # odd keys are never asked for
        return path
