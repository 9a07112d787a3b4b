"""Where words go: results to stdout, logs to stderr, questions to whoever sits at the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TextIO

from reconciler.cli.bar import Bar
from reconciler.cli.flags import CommonFlags, Format
from reconciler.core.errors import Problem, ReconcilerError
from reconciler.core.model import Json
from reconciler.core.plan import problem_document
from reconciler.render.painter import PLAIN, Painter, Style, clean

_STYLES: Mapping[str, Style] = MappingProxyType({"error": Style.BAD, "warning": Style.CHANGE, "debug": Style.FAINT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """The process as the command sees it."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    environment: Mapping[str, str] = field(repr=False)
    now: Callable[[], float]

    @property
    def interactive(self) -> bool:
        """Whether somebody can read a question and answer it."""
        return self.stdin.isatty() and self.stderr.isatty()

    def painter(self, stream: TextIO) -> Painter:
        """Colour on a terminal, unless `NO_COLOR` is set (no-color.org) or the terminal is dumb."""
        plain = self.environment.get("NO_COLOR") or self.environment.get("TERM") == "dumb"
        return PLAIN if plain or not stream.isatty() else Painter(colour=True)


class Output:
    """The two streams of one command; also the `Progress` port: an event with `level`, `message` and details."""

    def __init__(self, streams: Streams, flags: CommonFlags | None = None) -> None:
        self.streams = streams
        self.painter = streams.painter(streams.stdout)
        self._log_painter = streams.painter(streams.stderr)
        self._json = flags is not None and flags.log_format is Format.JSON
        self._verbose = bool(flags and flags.verbose)
        shown = streams.stderr.isatty() and not self._json and streams.environment.get("TERM") != "dumb"
        self._bar = Bar(streams.stderr, streams.now) if shown else None
        self._asking = False

    @property
    def verbose(self) -> bool:
        """Whether more was asked for."""
        return self._verbose

    def result(self, text: str) -> None:
        """A result, to stdout. Raises `BrokenPipeError` where its reader has gone."""
        self.settle()
        try:
            self.streams.stdout.write(f"{text}\n")
            self.streams.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ReconcilerError(f"the results cannot be written to stdout: {error.strerror}") from None

    def document(self, value: Json) -> None:
        """A result as JSON, to stdout."""
        self.result(json.dumps(value, indent=2, ensure_ascii=False))

    def question(self, text: str) -> None:
        """A question, to stderr; the answer is typed behind it."""
        self.streams.stderr.write(text)
        self.streams.stderr.flush()
        self._asking = True

    def answered(self, line: str) -> None:
        """The question is over; where no line was typed (Ctrl-D, Ctrl-C), the next one begins afresh."""
        if self._asking and not line.endswith("\n"):
            self.streams.stderr.write("\n")
        self._asking = False

    def notice(self, text: str) -> None:
        """Words for whoever sits at the terminal, to stderr as they are."""
        if self._bar:
            self._bar.hide()
        self.answered("")
        self.streams.stderr.write(f"{text}\n")
        self.streams.stderr.flush()
        if self._bar:
            self._bar.show()

    def settle(self) -> None:
        """Take away the bar: what took long is over."""
        if self._bar:
            self._bar.end()

    def problem(self, problem: Problem) -> None:
        """Something that is wrong in a file: its place comes first on the line, where editors look for it."""
        if self._json or problem.location is None:
            self(problem.code, level="error", message=str(problem), problem=problem_document(problem))
        else:
            self.notice(self._log_painter.paint(clean(str(problem)), Style.BAD))

    def __call__(self, event: str, /, **details: Json) -> None:
        """One line of log, to stderr. `level` is `debug`, `info`, `warning` or `error`; `message` a sentence.

        One that cannot be written, for its disk is full or nobody reads any more, is lost: that stops no work.
        """
        with suppress(OSError):
            self._log(event, details)

    def _log(self, event: str, details: dict[str, Json]) -> None:
        if self._bar:
            self._bar.take(event, details)
            self._bar.refresh()
        level = str(details.pop("level", "info"))
        message = clean(str(details.pop("message", event)))
        if level == "debug" and not self._verbose:
            return
        if self._json:
            moment = datetime.fromtimestamp(self.streams.now(), UTC).isoformat(timespec="milliseconds")
            line = {"time": moment, "level": level, "event": event, "message": message} | details
            self.notice(json.dumps(line, default=str))
            return
        text = message if level in {"info", "debug"} else f"{level}: {message}"
        self.notice(self._log_painter.paint(text, _STYLES[level]) if level in _STYLES else text)
