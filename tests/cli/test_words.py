"""What the command says: hints that can be pasted, words of our own, documents where documents were asked for."""

from __future__ import annotations

import errno
import io
import re
import shlex
import socket
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from reconciler.cli.app import build, parse
from reconciler.cli.asking import Question, answer
from reconciler.cli.output import Output, Streams
from tests.cli.support import Project, Terminal

pytestmark = pytest.mark.journeys

MANUAL = "graph: intake\ntriggers:\n  - {provider: generic, type: plain, events: [plain], name: form}\n"


# -- usage -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plan", "--format", "xml"], "Invalid value for '--format': 'xml' is not one of 'text', 'json', 'markdown'."),
        (["schema", "foo"], "Invalid value for 'NAME': 'foo' is not one of"),
        (["sandbox", "--port", "99999"], "'--port': must be less than or equal to 65535\n"),
        (["daemon", "--interval", "x"], "'--interval': must be a valid number\n"),
        (["plan", "--dry-run"], "`plan` is the dry run by itself"),
        (["providers", "github", "test"], "Try `reconcile providers test --help`."),
        (["sandbox", "fire"], "Try `reconcile sandbox fire --help`."),
        (["nothing"], "Try `reconcile --help`."),
    ],
    ids=str,
)
def test_a_usage_error_is_in_our_words(project: Project, arguments: list[str], words: str) -> None:
    """Neither the libraries' phrases nor a command that cannot be run."""
    told = project.run(*arguments).err
    assert words in told
    assert "Value error" not in told
    assert "Input should be" not in told


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """One line on stdout, exit 0."""
    assert parse(["--version"]) == 0
    assert capsys.readouterr().out == f"reconcile {version('webhook-reconciler')}\n"


def groups() -> list[str]:
    """Every word that has verbs; the empty one is the program itself."""
    commands = getattr(typer.main.get_command(build()), "commands", {})
    return ["", *(name for name, item in commands.items() if hasattr(item, "commands"))]


@pytest.mark.parametrize("name", groups())
def test_no_summary_of_a_verb_is_cut(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each fits its line of help."""
    assert parse([*filter(None, [name]), "--help"]) == 0
    listed = capsys.readouterr().out.partition("Commands:")[2].partition("Example:")[0]
    assert listed
    assert "..." not in listed


# -- documents ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["plan"], ["--dry-run"], [], ["validate"]], ids=str)
def test_problems_are_a_document_where_json_was_asked_for(project: Project, arguments: list[str]) -> None:
    """Stdout is JSON also with invalid files, and stderr has the words."""
    project.manifest("isues")
    done = project.run(*arguments, "--format", "json")
    assert done.code == 7
    (problem,) = done.document["problems"]
    assert problem["line"] == 6
    assert "webhooks/triage.yaml:6:14: " in done.err


def test_problems_in_text_stay_on_stderr(project: Project) -> None:
    """Where no document was asked for, a plan that could not be made prints nothing."""
    project.manifest("isues")
    assert project.run("plan").out == ""


# -- hints -------------------------------------------------------------------------------------------------------------


def test_the_command_that_applies_a_saved_plan_can_be_pasted(project: Project, tmp_path: Path) -> None:
    """It names the plan and the same project, quoted for a shell."""
    project.manifest("push")
    plan, file = tmp_path / "my plan.json", project.root / "reconciler.yaml"
    told = project.run("plan", "-f", str(file), "--out", str(plan)).err
    (command,) = re.findall(r"apply it with `reconcile (.+)`", told)
    words = shlex.split(command)
    assert words == ["apply", str(plan), "-C", str(project.root), "-f", str(file)]
    assert project.run(*words).code == 0


def test_a_pass_that_applies_says_only_where_the_plan_is(project: Project, tmp_path: Path) -> None:
    """It is being applied already."""
    project.manifest("push")
    told = project.run("--yes", "--out", str(tmp_path / "plan.json")).err
    assert f"the plan is in {tmp_path / 'plan.json'}\n" in told
    assert "apply it" not in told


def test_urls_before_the_first_pass_name_the_way(project: Project) -> None:
    """Nothing is recorded yet; afterwards the hint is gone."""
    project.write("webhooks/intake.yaml", MANUAL)
    assert "nothing is recorded yet: run `reconcile` first" in project.run("urls").err
    project.run()
    assert "nothing is recorded" not in project.run("urls").err


def test_a_taken_port_is_no_invalid_configuration(project: Project) -> None:
    """Exit 1, and the way to a free one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = project.run("sandbox", "--port", str(taken.getsockname()[1]))
    assert done.code == 1
    assert "--port 0 takes a free one" in done.err


def test_an_unknown_address_is_told_before_a_yes_is_asked_for(project: Project) -> None:
    """What would be asked about is not there."""
    project.manifest("push")
    project.run()
    done = project.run("forget", "nope/x")
    assert done.code == 7
    assert "no webhook is recorded at nope/x" in done.err
    assert "--yes" not in done.err


def test_a_refused_ping_names_the_whole_address(project: Project) -> None:
    """With its credentials: several may see the same resource."""
    project.write("webhooks/pay.yaml", "graph: pay\ntriggers:\n  - {provider: stripe, events: [charge.succeeded]}\n")
    project.run()
    assert "stripe/account/self@acme-stripe: " in project.run("ping", "stripe/account/self@acme-stripe").err


@pytest.mark.parametrize("name", ["missing/backup.db", "reconciler.yaml/backup.db"])
def test_a_backup_that_cannot_be_written_names_the_file_that_was_asked_for(project: Project, name: str) -> None:
    """Not the one beside it that is written first."""
    project.manifest("push")
    project.run()
    done = project.run("state", "backup", str(project.root / name))
    assert done.code == 1
    assert f"the backup {project.root / name} cannot be used: " in done.err
    assert ".backup.db." not in done.err


# -- questions ---------------------------------------------------------------------------------------------------------


def test_the_end_of_input_ends_the_line_of_the_question(project: Project) -> None:
    """What is said next begins on a line of its own; after a typed line there is no empty one."""
    project.manifest("push")
    assert "[y/N] \nwarning: nothing was applied" in _plain(project.at_terminal("").err)
    assert "[y/N] warning: nothing was applied" in _plain(project.at_terminal("n\n").err)


def test_a_signal_at_a_question_is_told_on_a_line_of_its_own() -> None:
    """Ctrl-C leaves the cursor behind the question."""
    err = Terminal()
    output = Output(Streams(stdin=io.StringIO(), stdout=io.StringIO(), stderr=err, environment={}, now=lambda: 0.0))
    output.question("Apply? [y/N] ")
    output("draining", message="SIGINT: finishing the calls in flight")
    output.answered("")
    assert "[y/N] \nSIGINT: finishing the calls in flight\n" in _plain(err.getvalue())
    assert not err.getvalue().endswith("\n\n")


def test_an_interrupted_answer_ends_its_line() -> None:
    """The same for the questions of `init`."""

    class Interrupted(Terminal):
        def readline(self, *_: object) -> str:  # type: ignore[override] # of two bases that disagree
            raise KeyboardInterrupt

    err = Terminal()
    streams = Streams(stdin=Interrupted(), stdout=io.StringIO(), stderr=err, environment={}, now=lambda: 0.0)
    with pytest.raises(KeyboardInterrupt):
        answer(Question(text="Scope", flag="--scope", check=lambda _: ""), None, streams)
    assert err.getvalue() == "Scope: \n"


def _plain(text: str) -> str:
    """The text without what colours it or moves the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text)


class FullDisk(io.StringIO):
    """A log on a disk that is full."""

    def write(self, text: str, /) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_log_that_cannot_be_written_stops_no_work() -> None:
    """Whoever reports what happened goes on: a receiver, or a pass between two effects."""
    output = Output(
        Streams(stdin=io.StringIO(), stdout=io.StringIO(), stderr=FullDisk(), environment={}, now=lambda: 0.0)
    )
    output("ingress_unkept", level="error", message="the disk is full")
    with pytest.raises(OSError, match="space"):
        output.notice("a question's context, for somebody who sits there")
