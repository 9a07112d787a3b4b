"""The process's standard streams, as they may really be: closed, full, or read by nobody any more."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Mapping
from typing import TextIO, cast

from reconciler.cli.output import Streams


def standard_streams(environment: Mapping[str, str], now: Callable[[], float]) -> Streams:
    """The streams of this process. One that was closed before it began (`>&-`) takes everything and gives nothing."""
    return Streams(
        stdin=sys.stdin or io.StringIO(),
        stdout=sys.stdout or _nobody(),
        stderr=cast("TextIO", LogStream(sys.stderr or _nobody())),
        environment=environment,
        now=now,
    )


class Nobody(io.TextIOBase):
    """Takes everything and keeps nothing."""

    def write(self, text: str, /) -> int:
        """Lose it."""
        return len(text)


class LogStream(io.TextIOBase):
    """Where logs go. Once nobody takes them any more they are lost, and the work goes on: it is not about them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost = False

    def write(self, text: str, /) -> int:
        """Write, or lose it."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        self._try(self._stream.flush)

    def isatty(self) -> bool:
        """Whether somebody sits there."""
        return self._stream.isatty()

    def _try(self, work: Callable[[], object]) -> None:
        if not self._lost:
            try:
                work()
            except OSError:
                self._lost = True


def finish(stream: TextIO) -> bool:
    """Hand on what was written; whether all of it was taken. Python must not complain once more when it exits."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True


def _nobody() -> TextIO:
    return cast("TextIO", Nobody())
