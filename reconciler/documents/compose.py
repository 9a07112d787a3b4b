"""Bytes of a file to documents: plain Python values with their positions.

The values are built from the parser's events in a loop with a stack of its own, so that no input can exhaust
Python's (or libyaml's composer's) stack, and every limit ends in a problem that names its place.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from yaml import YAMLError
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from reconciler.core.errors import Location, Problem
from reconciler.core.model import Json
from reconciler.documents.nearest import quoted_key
from reconciler.documents.parsing import ParserFactory, fastest_parser
from reconciler.documents.positions import MAX_DEPTH, Mark, Marks, NodePath, begin, path_text, read_marks
from reconciler.documents.scalars import plain
from reconciler.documents.syntax import TOO_DEEP, syntax_problem, unreadable

MAX_NODES = 2_000_000
MAX_ALIASED = 100_000
MAX_PROBLEMS = 100

_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = frozenset({"!", f"{_TAG}str"})
_CONTAINER_TAGS = frozenset({"!", f"{_TAG}map", f"{_TAG}seq"})
_DISCARDED: Any = object()


@dataclass(frozen=True)
class Document:
    """One YAML document: `value` is made of dict, list, str, int, float, bool and None, and must not be changed.

    `index` counts the documents of its file from 0. `starts` holds, by `id`, where each mapping begins.
    """

    value: Json
    file: str
    index: int
    source: bytes = field(repr=False)
    starts: Mapping[int, Mark] = field(repr=False)
    parser: ParserFactory = field(repr=False)

    def locate(self, path: NodePath = ()) -> Location:
        """Where the value at `path` begins, or the nearest value around it. Cheap for mappings."""
        found = self._at(path)
        mark = self.starts.get(id(found)) if isinstance(found, dict) else None
        return Location(self.file, *(mark or self._marks.value(path)))

    def locate_key(self, path: NodePath) -> Location:
        """Where the key that `path` ends in begins, or the nearest value around it."""
        return Location(self.file, *self._marks.key(path))

    @cached_property
    def _marks(self) -> Marks:
        return read_marks(self.source, self.index, self.parser)

    def _at(self, path: NodePath) -> Json:
        value = self.value
        try:
            for step in path:
                value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
        return value


@dataclass(frozen=True, slots=True)
class Composition:
    """What a file holds: its documents, and everything that is wrong with its text."""

    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]


def compose(data: bytes, file: str, parser: ParserFactory = fastest_parser) -> Composition:
    """Read the YAML documents of a file; `file` is the name that positions and problems show.

    Documents without content are left out; a file that holds no other is a problem.
    """
    problem = unreadable(data, file)
    if problem is not None:
        return Composition((), (problem,))
    composer = _Composer(data, file, parser)
    try:
        composer.run()
    except _StopError as stop:
        composer.problems.append(stop.problem)
    except YAMLError as error:
        composer.problems.append(syntax_problem(error, data, file))
    if not composer.documents and not composer.problems:
        composer.problems.append(Problem("empty", "the file is empty: it holds no YAML document", Location(file)))
    return Composition(tuple(composer.documents), tuple(composer.problems))


class _StopError(Exception):
    """Reading this file ends here."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(slots=True)
class _Frame:
    """An open container: its parent, its step there (None: it is a key itself), its anchor, the count before it."""

    parent: Any
    step: str | int | None
    anchor: str | None
    count: int


class _Composer:
    """Builds values from events. `container` is the open list or mapping, `key` the mapping's key that waits."""

    def __init__(self, source: bytes, file: str, parser: ParserFactory) -> None:
        self.documents: list[Document] = []
        self.problems: list[Problem] = []
        self._source, self._file, self._parser = source, file, parser
        self._container: Any = []
        self._key: Any = None
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Json, int] | None] = {}
        self._starts: dict[int, Mark] = {}
        self._marks: Marks | None = None
        self._index = -1
        self._count = 0
        self._aliased = 0

    def run(self) -> None:
        """Read to the end of the stream."""
        get_event = self._parser(self._source).get_event
        handlers: dict[type, Callable[[Any], None]] = {
            StreamStartEvent: lambda _: None,
            DocumentStartEvent: self._start_document,
            DocumentEndEvent: self._end_document,
            ScalarEvent: self._scalar,
            AliasEvent: self._alias,
            MappingStartEvent: self._start_mapping,
            SequenceStartEvent: self._start_sequence,
            MappingEndEvent: self._end_container,
            SequenceEndEvent: self._end_container,
        }
        while True:
            event = get_event()
            kind = type(event)
            if kind is StreamEndEvent:
                return
            handlers[kind](event)

    def _start_document(self, _: Any) -> None:
        self._index += 1
        self._container, self._key = [], None
        self._anchors, self._starts, self._marks = {}, {}, None

    def _end_document(self, _: Any) -> None:
        value = self._container[0]
        if value is not None:
            document = Document(value, self._file, self._index, self._source, self._starts, self._parser)
            self.documents.append(document)

    def _scalar(self, event: Any) -> None:
        value: Json = event.value
        is_plain = False
        if event.tag is not None:
            self._check_tag(event, _SCALAR_TAGS)
        elif event.implicit[0]:
            is_plain = True
            try:
                value = plain(value)
            except ValueError as error:
                self._complain("number", str(error), event)
        self._count += 1
        if self._count > MAX_NODES:
            raise _StopError(self._problem("too_large", f"the file holds more than {MAX_NODES:,} values", event))
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)
        self._attach(event, value, is_plain)

    def _attach(self, event: Any, value: Json, is_plain: bool) -> None:
        container = self._container
        if type(container) is list:
            container.append(value)
        elif self._key is None:
            self._key = self._checked_key(event, value, is_plain)
        else:
            container[self._key] = value
            self._key = None

    def _checked_key(self, event: Any, key: Json, is_plain: bool) -> Any:
        if type(key) is not str:
            self._complain("key", "a key must be text: put it in quotes", event)
        elif is_plain and key == "<<":
            self._complain("merge_key", "merge keys ('<<') are not supported: write the keys out", event)
        elif key in self._container:
            self._complain(
                "duplicate_key", f"the key {quoted_key(key)} stands twice here{self._first_line(key)}", event
            )
        else:
            return sys.intern(key)
        return _DISCARDED

    def _first_line(self, key: str) -> str:
        if self._marks is None:
            self._marks = read_marks(self._source, self._index, self._parser)
        path: tuple[Any, ...] = (*(frame.step for frame in self._stack[1:]), key)
        first = self._marks.keys.get(path)
        return f", first on line {first.line}" if first else ""

    def _start_mapping(self, event: Any) -> None:
        mapping: dict[str, Json] = {}
        self._starts[id(mapping)] = begin(event)
        self._open(event, mapping)

    def _start_sequence(self, event: Any) -> None:
        self._open(event, [])

    def _open(self, event: Any, opened: Json) -> None:
        if event.tag is not None:
            self._check_tag(event, _CONTAINER_TAGS)
        if len(self._stack) >= MAX_DEPTH:
            raise _StopError(self._problem("too_deep", TOO_DEEP, event))
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        parent = self._container
        step = len(parent) if type(parent) is list else self._key
        self._stack.append(_Frame(parent, step, event.anchor, self._count))
        if step is None:
            self._complain("key", "a key must be text, not a list or a mapping", event)
        else:
            self._attach(event, opened, is_plain=False)
        self._count += 1
        self._container, self._key = opened, None

    def _end_container(self, _: Any) -> None:
        closed = self._container
        if self.problems and type(closed) is dict:
            closed.pop(_DISCARDED, None)
        frame = self._stack.pop()
        if frame.anchor is not None:
            self._anchors[frame.anchor] = (closed, self._count - frame.count)
        self._container = frame.parent
        self._key = _DISCARDED if frame.step is None else None

    def _alias(self, event: Any) -> None:
        name = event.anchor
        value: Json = None
        if name not in self._anchors:
            self._complain(
                "alias",
                "this is an alias of an anchor that does not stand before it: put the value in quotes if it is text",
                event,
            )
        elif (found := self._anchors[name]) is None:
            self._complain("alias", "this alias stands inside the value that it names", event)
        else:
            value, size = found
            self._count += size
            self._aliased += size
        if self._aliased > MAX_ALIASED:
            message = f"the aliases of this file unfold to more than {MAX_ALIASED:,} values"
            raise _StopError(self._problem("alias_bomb", message, event))
        self._attach(event, value, is_plain=False)

    def _check_tag(self, event: Any, allowed: frozenset[str]) -> None:
        if event.tag not in allowed:
            self._complain("tag", "tags ('!') are not supported: put the value in quotes if it is text", event)

    def _complain(self, code: str, message: str, event: Any) -> None:
        problem = self._problem(code, message, event)
        self.problems.append(problem)
        if len(self.problems) >= MAX_PROBLEMS:
            rest = f"more than {MAX_PROBLEMS} problems: the rest of this file was not read"
            raise _StopError(Problem("too_many", rest, problem.location))

    def _problem(self, code: str, message: str, event: Any) -> Problem:
        steps = [frame.step for frame in self._stack[1:]]
        if type(self._container) is dict and isinstance(self._key, str):
            steps.append(self._key)
        path = path_text(tuple(step for step in steps if isinstance(step, str | int)))
        return Problem(code, message, Location(self._file, *begin(event)), path)
