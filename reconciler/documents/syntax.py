"""What can be wrong with a file before it is YAML, and YAML's own errors in plain words."""

from __future__ import annotations

import re

from yaml import YAMLError
from yaml.error import MarkedYAMLError

from reconciler.core.errors import Location, Problem
from reconciler.documents.positions import MAX_DEPTH

MAX_BYTES = 10 * 1024 * 1024

_UTF8_MARK = b"\xef\xbb\xbf"
TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"

_OTHER_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WORDS = {
    "mapping values are not allowed": "a second ': ' on this line: put the value in quotes, or mend the indentation",
    "did not find expected key": "the indentation does not fit, or a key is missing",
    "could not find expected ':'": "a ':' after the key is missing",
    "unexpected end of stream": "the file ends inside a quoted text or a list: a closing quote or bracket is missing",
    "block sequence entries are not allowed": "a list item cannot stand here: mend the indentation",
    "undefined tag handle": "tags ('!') are not supported: put the value in quotes if it is text",
    "incompatible YAML document": "the file asks for a version of YAML that is not supported",
}


def unreadable(data: bytes, file: str) -> Problem | None:
    """Why these bytes cannot be read as text, if they cannot."""
    if len(data) > MAX_BYTES:
        return too_large(file)
    if data.startswith(_UTF8_MARK):
        message = "the file begins with a byte order mark: save it as UTF-8 without one"
        return Problem("encoding", message, Location(file))
    if data.startswith(_OTHER_MARKS):
        return Problem("encoding", "the file is not UTF-8 but UTF-16 or UTF-32: save it as UTF-8", Location(file))
    try:
        data.decode()
    except UnicodeDecodeError as error:
        where = _location(data[: error.start].decode(), file)
        return Problem("encoding", "the file is not UTF-8 here: save it as UTF-8", where)
    return None


def too_large(file: str) -> Problem:
    """The problem of a file over the limit."""
    return Problem("too_large", f"the file is larger than {MAX_BYTES // 1024 // 1024} MiB", Location(file))


def syntax_problem(error: YAMLError, data: bytes, file: str) -> Problem:
    """One of the parser's errors, told for the person who wrote the file."""
    text = data.decode()
    mark = error.problem_mark or error.context_mark if isinstance(error, MarkedYAMLError) else None
    if mark is None or not isinstance(error, MarkedYAMLError):
        return _character_problem(error, text, file)
    where = Location(file, mark.line + 1, mark.column + 1)
    character = _character_at(text, mark.line, mark.column)
    said = error.problem or "the parser gives no reason"
    if "maximum nesting depth" in said:  # libyaml's own limit: its scanner runs ahead of the events that we count
        return Problem("too_deep", TOO_DEEP, where)
    if character == "\t" and ("tab" in said or "cannot start any token" in said):
        return Problem("yaml", "a tab stands where YAML allows only spaces: indent with spaces", where)
    if "cannot start any token" in said:
        return Problem("yaml", f"a value that begins with {character!r} must be in quotes", where)
    words = next((plain for start, plain in _WORDS.items() if start in said), said)
    return Problem("yaml", f"not valid YAML: {words}", where)


def _character_problem(error: YAMLError, text: str, file: str) -> Problem:
    found = _NOT_ALLOWED.search(text)
    if found is None:
        return Problem("yaml", f"not valid YAML ({type(error).__name__})", Location(file))
    name = "a NUL character" if found.group() == "\0" else f"the control character U+{ord(found.group()):04X}"
    return Problem("yaml", f"{name} is not allowed in YAML", _location(text[: found.start()], file))


def _location(before: str, file: str) -> Location:
    """The place after the text `before`."""
    return Location(file, before.count("\n") + 1, len(before) - before.rfind("\n"))


def _character_at(text: str, line: int, column: int) -> str:
    lines = text.split("\n")
    return lines[line][column : column + 1] if line < len(lines) else ""
