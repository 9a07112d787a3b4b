"""Questions to whoever sits at the terminal, one line each, asked again until the answer is good."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.cli.output import Streams
from reconciler.core.errors import ConfigError, Problem

Check = Callable[[str], str]
"""Says what is wrong with an answer, and how to mend it; nothing where it is good."""


def answer(question: str, flag: str, given: str | None, default: str, check: Check, streams: Streams) -> str:
    """What a flag says, else what is answered at the terminal, else the default.

    Raises `ConfigError` where a flag's value or, without a terminal, the default is not good.
    """
    if given is None and streams.interactive:
        return _asked(question, default, check, streams)
    value = default if given is None else given
    if wrong := check(value):
        hint = f"say it with {flag}" if given is None else ""
        raise ConfigError((Problem("answer", f"{flag}: {wrong}", hint=hint),))
    return value


def _asked(question: str, default: str, check: Check, streams: Streams) -> str:
    while True:
        streams.stderr.write(f"{question}{f' [{default}]' if default else ''}: ")
        streams.stderr.flush()
        line = streams.stdin.readline()
        value = line.strip() or default
        wrong = check(value)
        if not wrong:
            return value
        if not line:
            raise ConfigError((Problem("answer", f"no answer to {question!r}: {wrong}"),))
        streams.stderr.write(f"{wrong}\n")
