"""Colour where it is wanted, and columns that line up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Style(StrEnum):
    """ANSI SGR parameters (ECMA-48)."""

    GOOD = "32"
    CHANGE = "33"
    BAD = "31"
    NOTE = "36"
    FAINT = "2"
    STRONG = "1"


@dataclass(frozen=True, slots=True)
class Painter:
    """Paints text where the reader's terminal shows colour; otherwise hands it back as it is."""

    colour: bool = False

    def paint(self, text: str, style: Style) -> str:
        """The text in a style."""
        return f"\x1b[{style}m{text}\x1b[0m" if self.colour and text else text


PLAIN = Painter()
"""No colour: for pipes, files and logs."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """Text from outside on one line, with control characters spelled out, so that it cannot steer a terminal."""
    return _UNPRINTABLE.sub(lambda match: " " if match[0] in "\n\t" else f"\\x{ord(match[0]):02x}", text)


def columns(rows: Iterable[Sequence[str]], widest: int = 60) -> list[str]:
    """Rows as lines with aligned columns; a cell wider than `widest` pushes only its own row to the right."""
    table = [[clean(cell) for cell in row] for row in rows]
    widths: list[int] = []
    for row in table:
        for index, cell in enumerate(row):
            if index == len(widths):
                widths.append(0)
            if len(cell) <= widest:
                widths[index] = max(widths[index], len(cell))
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in table]


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 webhook`, `2 webhooks`; `plural` where that is more than an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"
