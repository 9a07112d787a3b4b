"""Questions to whoever sits at the terminal, one line each, asked again until the answer is good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.cli.output import Streams
from reconciler.core.errors import ConfigError, Problem

Check = Callable[[str], str]
"""Says what is wrong with an answer, and how to mend it; nothing where it is good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, and the flag that says it beforehand.

    `needed` follows the words that an answer is needed where there is no default, as in `, e.g. owner/name`.
    """

    text: str
    flag: str
    check: Check
    default: str = ""
    needed: str = ""


def answer(question: Question, given: str | None, streams: Streams) -> str:
    """What a flag says, else what is answered at the terminal, else the default.

    Raises `ConfigError` where a flag's value or, without a terminal, the default is not good, or there is none.
    """
    if given is None and streams.interactive:
        return _asked(question, streams)
    if given is None and question.needed:
        raise ConfigError((Problem("answer", f"{question.flag} is needed{question.needed}"),))
    value = question.default if given is None else given
    if wrong := question.check(value):
        hint = f"say it with {question.flag}" if given is None else ""
        raise ConfigError((Problem("answer", f"{question.flag}: {wrong}", hint=hint),))
    return value


def _asked(question: Question, streams: Streams) -> str:
    while True:
        streams.stderr.write(f"{question.text}{f' [{question.default}]' if question.default else ''}: ")
        streams.stderr.flush()
        line = _line(streams)
        value = line.strip() or question.default
        wrong = f"an answer is needed{question.needed}" if question.needed and not value else question.check(value)
        if not wrong:
            return value
        if not line:
            raise ConfigError((Problem("answer", f"no answer to {question.text!r}: {wrong}"),))
        streams.stderr.write(f"{wrong}\n")


def _line(streams: Streams) -> str:
    """A line that was typed. Where there is none (Ctrl-D, Ctrl-C), what comes next begins on a line of its own."""
    line = ""
    try:
        line = streams.stdin.readline()
    finally:
        if not line.endswith("\n"):
            streams.stderr.write("\n")
    return line
