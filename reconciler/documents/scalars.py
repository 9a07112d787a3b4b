"""Plain (unquoted) scalars by the core schema of "YAML Ain't Markup Language version 1.2", section 10.3.

Narrower than that schema in one way: numbers are decimal and finite, so `0x1F`, `.inf` and `.nan` stay text, as do
`on`, `no`, `22:22`, `1_000` and dates.
"""

from __future__ import annotations

import json
import math
import re

from reconciler.core.model import Json

MAX_NUMBER_LENGTH = 400

_WIDE = 0x10000
"""From this code point on, an escape has eight digits."""

_CONSTANTS: dict[str, Json] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_SAFE = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)*")
_NUMBER_STARTS = frozenset("-+.0123456789")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(\.[0-9]*)?|(\.[0-9]+))([eE][-+]?[0-9]+)?", re.ASCII)


def plain(text: str) -> Json:
    """The value of a plain scalar; raises `ValueError` for a number that cannot be held."""
    if not text or text[0] not in _NUMBER_STARTS:
        return _CONSTANTS.get(text, text)
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    if len(text) > MAX_NUMBER_LENGTH:
        raise ValueError(f"a number of more than {MAX_NUMBER_LENGTH} digits; put it in quotes if it is text")
    if match.lastindex is None:
        return int(text)
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number that is out of range; put it in quotes if it is text")
    return number


def spelled(value: Json) -> str:
    """A value as YAML on one line: text plain where it is read as the same text, and everything else as in JSON."""
    if isinstance(value, str) and _SAFE.fullmatch(value) and plain(value) == value:
        return value
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(char: str) -> str:
    """YAML breaks lines where JSON does not (U+2028), and takes no half of a pair for a character."""
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < _WIDE else f"\\U{ord(char):08x}"
