"""Standard streams as they may be: closed, full, or read by nobody any more."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from reconciler.cli.flags import FormatFlags
from reconciler.cli.output import Output, Streams
from reconciler.cli.standard import LogStream, finish, standard_streams
from reconciler.core.errors import ReconcilerError
from tests.cli.support import Project, process_environment

FULL = Path("/dev/full")
full = pytest.mark.skipif(not FULL.exists(), reason="no device that is always full on this system")


class Gone(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, text: str, /) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def streams(stdout: io.TextIOBase, stderr: io.TextIOBase) -> Streams:
    """A process without a terminal that writes there."""
    out, err = cast("io.StringIO", stdout), cast("io.StringIO", stderr)
    return Streams(stdin=io.StringIO(), stdout=out, stderr=err, environment={}, now=lambda: 0.0)


def test_logs_that_nobody_takes_are_lost_and_the_work_goes_on() -> None:
    """As with `2>&1 | head`, in the middle of a pass; the results are there all the same."""
    out = io.StringIO()
    output = Output(streams(out, LogStream(Gone())))
    output("applied", message="one")
    output.notice("two")
    output.result("three")
    assert out.getvalue() == "three\n"


def test_logs_are_handed_on() -> None:
    """While somebody takes them, nothing is lost."""
    taken = io.StringIO()
    log = LogStream(taken)
    assert log.write("a line\n") == 7
    log.flush()
    assert (taken.getvalue(), log.isatty()) == ("a line\n", False)


def test_results_that_nobody_reads_end_the_command() -> None:
    """Before anything is applied: what is shown is what is asked about."""
    with pytest.raises(BrokenPipeError):
        Output(streams(Gone(), io.StringIO())).result("a plan")


@full
def test_results_that_have_no_room_are_an_error_in_words() -> None:
    """Not a bug of ours."""
    with FULL.open("w") as stdout:
        output = Output(streams(stdout, io.StringIO()), FormatFlags())
        with pytest.raises(ReconcilerError, match="cannot be written to stdout: No space left on device"):
            output.result("a plan")
        assert not finish(stdout)
        assert finish(stdout), "what is left goes nowhere, quietly"


def test_streams_that_were_closed_before_take_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has none in their place; `>&-` is no reason to fail."""
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    found = standard_streams(os.environ, lambda: 0.0)
    found.stdout.write("x")
    found.stderr.write("x")
    assert found.stdin.read() == ""
    assert not found.interactive


@pytest.mark.parametrize(
    "arguments",
    [
        ["drift", "--target", "nope"],
        ["show", "nope"],
        ["history", "--webhook", "nope"],
        ["deliveries", "list", "--webhook", "nope"],
        ["state", "list", "--target", "nope"],
        ["forget", "nope"],
        ["apply", "nope.json"],
    ],
    ids=" ".join,
)
def test_what_is_wrong_is_a_document_of_every_verb_that_prints_one(project: Project, arguments: list[str]) -> None:
    """Whoever reads stdout as JSON finds JSON, and the words on stderr."""
    project.manifest("issues")
    assert project.run("--yes").code == 0
    done = project.run(*arguments, "--format", "json")
    assert (done.code, list(done.document)) == (7, ["problems"])
    assert done.document["problems"][0]["message"] in done.err


@pytest.mark.processes
@full
def test_the_command_itself_minds_its_streams(project: Project) -> None:
    """Closed, full, and cut off in the middle of a pass: no traceback, and the pass is carried out."""
    resources = ", ".join(f"acme/r{number}" for number in range(40))
    text = f"graph: g\ntriggers:\n  - {{provider: github, type: repo, events: [push], resources: [{resources}]}}\n"
    project.write("webhooks/many.yaml", text)
    command = f"{sys.executable} -m reconciler -C {project.root}"

    def shell(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S602 - a line of ours, for its redirections
            line, shell=True, capture_output=True, text=True, env=process_environment(project.environment), check=False
        )

    shell(f"{command} --yes 3>&1 >/dev/null 2>&3 | head -1")
    assert shell(f"{command} plan").stdout == "In sync: 40 webhooks, nothing to do.\n"
    for line, code in {
        f"{command} plan > /dev/full": 1,
        f"{command} --help > /dev/full": 1,
        f"{command} nope 2> /dev/full": 7,
        f"{command} plan >&-": 0,
        f"{command} plan 2>&-": 0,
        f"{command} plan <&-": 0,
    }.items():
        done = shell(line)
        assert (done.returncode, "Traceback" in done.stderr, "bug" in done.stderr) == (code, False, False), line
