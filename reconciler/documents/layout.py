"""The text of a YAML document as a tree that keeps what values do not: comments, styles, anchors, blank lines.

The parser gives no comments. They are found where nothing else can be: between the end of one event and the start
of the next. Each is kept with the entry that it is about, so that it goes where its entry goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

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
)

from reconciler.documents.parsing import ParserFactory, fastest_parser

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


class Kind(Enum):
    """What a node is."""

    SCALAR = "scalar"
    MAPPING = "mapping"
    SEQUENCE = "sequence"


@dataclass(slots=True)
class Node:
    """A value as it is written.

    Of a scalar (or alias) `text` is its source, with its anchor and quotes, and `value` what it says. `head` is the
    comment beside the opening of a container, `tail` are the lines after its last entry; "" is a blank line.
    """

    kind: Kind
    text: str = ""
    value: str = ""
    block_scalar: bool = False
    flow: bool = False
    anchor: str = ""
    head: str = ""
    entries: list[Entry] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Entry:
    """An item of a list, or a key (`text` as written, `name` as read) with its value.

    `before` are the lines of comment above it ("" is a blank line), `after` is the comment at the end of its line.
    """

    value: Node
    text: str = ""
    name: str = ""
    before: list[str] = field(default_factory=list)
    after: str = ""


@dataclass(slots=True)
class Layout:
    """One document; `explicit` where it begins with `---`. `root` is None where it holds nothing but comments."""

    explicit: bool
    root: Node | None = None
    anchored: bool = False
    header: list[str] = field(default_factory=list)


def read_layouts(source: bytes, parser: ParserFactory = fastest_parser) -> list[Layout]:
    """The documents of a text in which composing found no problem."""
    return _Reader(source, parser).read()


class _Line(NamedTuple):
    """A line of comment, or a blank one, in a gap between two events."""

    text: str
    column: int


@dataclass(slots=True)
class _Frame:
    node: Node
    column: int
    around: int
    entry: Entry | None = None


class _Reader:
    """`pending` are lines that belong to what comes next; `last` is the entry whose line a comment may end."""

    def __init__(self, source: bytes, parser: ParserFactory) -> None:
        self._text = source.decode()
        self._events = parser(source)
        self._position = 0
        self._stack: list[_Frame] = []
        self._pending: list[_Line] = []
        self._last: Entry | None = None
        self._beside = ""
        self._layouts: list[Layout] = []

    def read(self) -> list[Layout]:
        """Every document."""
        while True:
            event = self._events.get_event()
            beside, lines = self._gap(event)
            self._position = max(self._position, event.start_mark.index)
            self._place_beside(beside)
            self._pending += lines
            match event:
                case StreamEndEvent():
                    return self._layouts
                case DocumentStartEvent():
                    self._start_document(event)
                case DocumentEndEvent():
                    self._end_document()
                case ScalarEvent() | AliasEvent():
                    self._scalar(event)
                case MappingStartEvent() | SequenceStartEvent():
                    self._open(event)
                case MappingEndEvent() | SequenceEndEvent():
                    self._close(event)
                case _:
                    pass
            self._position = max(self._position, self._end(event))

    def _gap(self, event: Any) -> tuple[str, list[_Line]]:
        """The comment on the line where the last event ended, and the lines of comment and blank lines after it."""
        first, *others = _BREAK.split(self._text[self._position : max(self._position, event.start_mark.index)])
        if _BREAK.fullmatch(self._text[self._position - 1 : self._position]):
            first, others = "", [first, *others]
        lines = []
        for index, line in enumerate(others):
            indicator, found, comment = line.partition("#")
            if found:
                lines.append(_Line(f"#{comment.rstrip()}", len(indicator)))
            elif not line.strip() and index < len(others) - 1:
                lines.append(_Line("", 0))
        beside = first.partition("#")
        return f"#{beside[2].rstrip()}" if beside[1] else "", lines

    def _end(self, event: Any) -> int:
        """Where the text of an event ends; block containers begin and end without any of their own."""
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, MappingStartEvent | SequenceStartEvent) and not event.flow_style:
            return int(start + len(f"&{event.anchor}") if event.anchor else start)
        if isinstance(event, DocumentEndEvent | DocumentStartEvent) and not event.explicit:
            return self._position
        if isinstance(event, ScalarEvent) and event.style in {"|", ">"}:
            return int(start + len(self._scalar_text(event)))
        closes = isinstance(event, MappingEndEvent | SequenceEndEvent)
        return self._position if closes and self._text[end - 1 : end] not in {"]", "}"} else int(end)

    def _place_beside(self, comment: str) -> None:
        if not comment:
            return
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.node.kind is Kind.MAPPING and frame.entry is not None:
            self._beside = comment
        elif self._last is not None:
            self._last.before += filter(None, [self._last.after])
            self._last.after = comment
        elif frame is not None and frame.node.anchor and not frame.node.entries and not frame.node.flow:
            frame.node.head = comment
        else:
            self._pending.append(_Line(comment, 0))

    def _start_document(self, event: Any) -> None:
        if event.explicit and self._layouts and self._pending:
            # What stands above a `---` is about the document that ends there.
            self._finish(self._layouts[-1])
        self._layouts.append(Layout(explicit=bool(event.explicit)))
        self._last = None

    def _end_document(self) -> None:
        self._finish(self._layouts[-1])
        self._last = None

    def _finish(self, layout: Layout) -> None:
        lines = self._taken(self._pending)
        (layout.root.tail if layout.root else layout.header).extend(lines)
        self._pending = []

    def _scalar(self, event: Any) -> None:
        node = Node(Kind.SCALAR, text=self._scalar_text(event))
        if isinstance(event, ScalarEvent):
            node.value, node.block_scalar = event.value, event.style in {"|", ">"}
        self._layouts[-1].anchored |= event.anchor is not None
        entry = self._attach(node)
        if entry is not None:
            self._keep_above(entry)
            self._last = entry

    def _scalar_text(self, event: Any) -> str:
        text = self._text[event.start_mark.index : event.end_mark.index]
        keeps = isinstance(event, ScalarEvent) and event.style in {"|", ">"} and "+" in _BREAK.split(text)[0]
        return text if keeps else text.rstrip()

    def _open(self, event: Any) -> None:
        kind = Kind.MAPPING if isinstance(event, MappingStartEvent) else Kind.SEQUENCE
        node = Node(kind, flow=bool(event.flow_style), anchor=event.anchor or "")
        self._layouts[-1].anchored |= event.anchor is not None
        entry = self._attach(node)
        if entry is not None and node.flow:
            self._keep_above(entry)
        elif self._beside:
            node.head, self._beside = self._beside, ""
        around = next((frame.column for frame in reversed(self._stack) if not frame.node.flow), -1)
        column = around + 2 if node.flow or node.anchor else event.start_mark.column
        self._stack.append(_Frame(node, column, around))
        self._last = None

    def _close(self, event: Any) -> None:
        frame = self._stack.pop()
        node = frame.node
        count = 0
        while count < len(self._pending) and (
            node.flow or not self._pending[count].text or self._pending[count].column > frame.around
        ):
            count += 1
        while count and not self._pending[count - 1].text:
            count -= 1
        inside, rest = self._pending[:count], self._pending[count:]
        node.tail += self._taken(inside)
        self._pending = rest
        if node.flow:
            self._last = self._stack[-1].node.entries[-1] if self._stack else None

    def _attach(self, node: Node) -> Entry | None:
        """Put a node in its place; returns the entry that it is the value of, None for a key or a root."""
        if not self._stack:
            self._layouts[-1].root = node
            return None
        frame = self._stack[-1]
        if frame.entry is not None:
            entry, frame.entry = frame.entry, None
            entry.value = node
            return entry
        entry = Entry(node, before=self._taken(self._pending))
        self._pending = []
        frame.node.entries.append(entry)
        if frame.node.kind is Kind.MAPPING:
            entry.text, entry.name = node.text, node.value
            frame.entry = entry
            self._last = None
            return None
        return entry

    def _keep_above(self, entry: Entry) -> None:
        """Comments between a key and a value that is no block: the one beside the key, and lines of their own."""
        if self._beside:
            entry.after, self._beside = self._beside, ""
        entry.before += [line.text for line in self._pending if line.text]
        self._pending = []

    @staticmethod
    def _taken(lines: Iterable[_Line]) -> list[str]:
        return [line.text for line in lines]


def comments(layouts: Iterable[Layout]) -> Iterator[str]:
    """Every comment of these documents."""
    for layout in layouts:
        yield from filter(None, layout.header)
        waiting = [layout.root] if layout.root else []
        while waiting:
            node = waiting.pop()
            if node.block_scalar:
                yield from filter(None, _BREAK.split(node.text)[0].partition("#")[1:])
            yield from filter(None, (node.head, *node.tail))
            for entry in node.entries:
                yield from filter(None, (entry.after, *entry.before))
                waiting.append(entry.value)
