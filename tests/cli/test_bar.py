"""A bar while something takes long."""

from __future__ import annotations

import io

import pytest

from reconciler.cli.flags import CommonFlags, Format
from reconciler.cli.output import Output, Streams
from tests.cli.support import Terminal


class Watch:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def output(stderr: io.StringIO, watch: Watch, log_format: Format = Format.TEXT, **environment: str) -> Output:
    """An output to look at."""
    streams = Streams(stdin=io.StringIO(), stdout=io.StringIO(), stderr=stderr, environment=environment, now=watch)
    return Output(streams, CommonFlags(log_format=log_format))


def test_a_bar_counts_what_is_applied() -> None:
    """It stands below the log lines, tells how far the work is, and is gone when all is done."""
    stderr, watch = Terminal(), Watch()
    tell = output(stderr, watch)
    tell("applying", level="debug", number=3)
    tell("applied", message="create a: done")
    watch.seconds += 1
    tell("applied", message="create b: done")
    assert stderr.getvalue().endswith("create b: done\n\r\x1b[KApplying [################........] 2/3")
    tell("applied", message="create c: done")
    assert stderr.getvalue().endswith("2/3\r\x1b[Kcreate c: done\n")


def test_lists_are_counted_without_a_line_for_each() -> None:
    """How many there will be is not known beforehand; a list that fails is one as well."""
    stderr, watch = Terminal(), Watch()
    tell = output(stderr, watch)
    tell("listed", level="debug")
    watch.seconds += 1
    tell("listed", level="debug")
    tell("listed", level="debug")
    assert stderr.getvalue() == "\r\x1b[KListing 2 ..."
    watch.seconds += 1
    tell("list_failed", level="warning", message="c: cannot be listed")
    assert stderr.getvalue().endswith("\r\x1b[KListing 4 ...")
    tell.result("the plan")
    assert stderr.getvalue().endswith("\r\x1b[K")
    tell.notice("exit 0")
    assert stderr.getvalue().endswith("\r\x1b[Kexit 0\n")


def test_what_is_done_soon_gets_no_bar() -> None:
    """Half a second passes before anything is drawn."""
    stderr, watch = Terminal(), Watch()
    tell = output(stderr, watch)
    for _ in range(5):
        tell("listed", level="debug")
        watch.seconds += 0.09
    assert stderr.getvalue() == ""


@pytest.mark.parametrize(
    ("stderr", "log_format", "environment"),
    [
        (io.StringIO, Format.TEXT, {}),
        (Terminal, Format.JSON, {}),
        (Terminal, Format.TEXT, {"TERM": "dumb"}),
    ],
    ids=["no terminal", "json", "dumb"],
)
def test_bars_are_for_terminals_alone(
    stderr: type[io.StringIO], log_format: Format, environment: dict[str, str]
) -> None:
    """Neither a file nor a program that reads the logs gets one."""
    stream, watch = stderr(), Watch()
    tell = output(stream, watch, log_format, **environment)
    for _ in range(3):
        tell("listed", level="debug")
        watch.seconds += 1
    assert stream.getvalue() == ""
