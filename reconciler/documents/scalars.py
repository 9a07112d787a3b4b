"""Plain (unquoted) scalars by the core schema of "YAML Ain't Markup Language version 1.2", section 10.3.

Narrower than that schema in one way: numbers are decimal and finite, so `0x1F`, `.inf` and `.nan` stay text, as do
`on`, `no`, `22:22`, `1_000` and dates.
"""

from __future__ import annotations

import math
import re

from reconciler.core.model import Json

MAX_NUMBER_LENGTH = 400

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
