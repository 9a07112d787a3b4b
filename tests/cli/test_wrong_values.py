"""What nobody can have meant is refused with exit 7: whatever takes a name, a glob, a share, a number or a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from reconciler.cli.app import build
from tests.cli.support import Project

pytestmark = pytest.mark.journeys

WEBHOOK = "github/repo/acme/api@acme-github"

OPEN = {
    "deliveries list --event": "a provider may deliver events that no catalogue lists, such as a ping",
    "deliveries replay --event": "likewise",
    "export --graph": "a new name, for manifests that are not written yet",
    "export --preset": "likewise",
    "export --user": "likewise",
    "export --resource": "checked by the schema of each type: a name alone is an organization's",
    "adopt --url": "a glob of URLs at the provider: that none is free is an answer",
    "adopt --id": "an id at the provider: that it is not there is told in the plan, as blocked",
    "sandbox fire PROVIDER": "the sandbox that is asked knows its own; it may be of another version",
    "sandbox fire EVENT": "likewise",
    "sandbox fire --resource": "that no webhook of it is subscribed is an answer",
    "providers test --api-url": "tried in the tests of that verb",
    "providers test --token": "likewise",
    "providers test --resource": "likewise",
    "ingress --prefix": "a path; tried in the tests of that verb",
    "ingress --also-scope": "warned of: an ingress may be started before the first pass of a scope",
    "sandbox --forward-to": "tried in the tests of that verb",
    "init --graph": "a new name",
}
"""What takes any text, and why."""

GITHUB = ["init", "--provider", "github", "--resource", "acme/api", "--event", "push"]

NAMES: dict[str, tuple[list[str], str]] = {
    "--target": (["--target", "acme/ap"], "--target 'acme/ap' matches no webhook"),
    "--allow-protected": (["--allow-protected", WEBHOOK[:-1]], f"did you mean {WEBHOOK}?"),
    "plan --target": (["plan", "--target", ""], "--target '' matches no webhook"),
    "plan --allow-protected": (["plan", "--allow-protected", "nope"], "--allow-protected 'nope' names no webhook"),
    "show ADDRESS": (["show", WEBHOOK[:-1]], f"did you mean {WEBHOOK}?"),
    "schema NAME": (["schema", "nope"], "'nope' is not one of"),
    "ping ADDRESS": (["ping", "nope"], "no webhook is recorded at nope"),
    "renew [ADDRESS]...": (["renew", "nope"], "no webhook is recorded at nope"),
    "history --webhook": (["history", "--webhook", "nope"], "nothing is recorded of a webhook nope"),
    "send PROVIDER": (["send", "githib", "push"], "did you mean 'github'?"),
    "send EVENT": (
        ["send", "github", "pish"],
        "github/repo has no event 'pish' (did you mean 'push'? or give the body",
    ),
    "send --webhook": (["send", "github", "push", "--webhook", "nope"], "nothing is recorded of a github webhook nope"),
    "send --url": (["send", "github", "push", "--url", "nope"], "--url: expected a URL"),
    "explain ADDRESS": (["explain", WEBHOOK[:-1]], f"did you mean {WEBHOOK}?"),
    "diagram --target": (["diagram", "--target", "graph:triag"], "did you mean graph:triage?"),
    "drift --target": (["drift", "--target", "graph:triag"], "did you mean graph:triage?"),
    "adopt ADDRESS": (["adopt", "nope", "--id", "1"], "no trigger declares the webhook nope"),
    "adopt --target": (["adopt", "--unrecorded", "--target", "nope"], "--target 'nope' matches no webhook"),
    "adopt --secret": (["adopt", WEBHOOK, "--id", "1", "--secret", "nope"], "--secret: expected a reference"),
    "export PROVIDER": (["export", "githib"], "did you mean 'github'?"),
    "export --credentials": (["export", "github", "--credentials", "acme-githib"], "did you mean 'acme-github'?"),
    "export --type": (["export", "github", "--type", "rep"], "did you mean 'repo'?"),
    "recover --since": (["recover", "--since", "3y"], "'3y' is no time"),
    "recover --target": (["recover", "--target", "nope"], "--target 'nope' matches no webhook"),
    "init --scope": (["init", "--scope", "a b"], "--scope: a scope is a short name"),
    "init --base-url": (["init", "--base-url", "nope"], "--base-url: expected a URL"),
    "init --provider": (["init", "--provider", "githib"], "did you mean 'github'?"),
    "init --type": (["init", "--provider", "github", "--type", "rep"], "did you mean 'repo'?"),
    "init --resource": ([*GITHUB, "--resource", "nope"], "--resource: 'nope' is not a repository"),
    "init --event": ([*GITHUB, "--event", "pish"], "did you mean 'push'?"),
    "init --variable": (["init", "--variable", "a b"], "--variable: an environment variable's name"),
    "completion SHELL": (["completion", "csh"], "'csh' is not one of"),
    "forget ADDRESS": (["forget", "nope"], "no webhook is recorded at nope"),
    "forget --allow-protected": (["forget", WEBHOOK, "--yes", "--allow-protected", "nope"], "'nope' names no webhook"),
    "providers NAME": (["providers", "githib"], "did you mean github?"),
    "orphans resolve [ID]...": (["orphans", "resolve", "nope"], "there is no orphan nope"),
    "sandbox fire --url": (["sandbox", "fire", "github", "push", "--url", "nope"], "expected an origin"),
    "sandbox requests --provider": (["sandbox", "requests", "--provider", "githib"], "did you mean 'github'?"),
    "sandbox requests --url": (["sandbox", "requests", "--url", "127.0.0.1:1"], "expected an origin"),
    "deliveries list --webhook": (["deliveries", "list", "--webhook", "nope"], "there is no webhook nope"),
    "deliveries list --provider": (["deliveries", "list", "--provider", "githib"], "did you mean 'github'?"),
    "deliveries list --since": (["deliveries", "list", "--since", "-3h"], "'-3h' is no time"),
    "deliveries list --until": (["deliveries", "list", "--since", "1h", "--until", "2h"], "--until 2h is not after"),
    "deliveries show ID": (["deliveries", "show", "nope"], "there is no delivery nope"),
    "deliveries replay --webhook": (["deliveries", "replay", "--webhook", "nope"], "there is no webhook nope"),
    "deliveries replay --provider": (["deliveries", "replay", "--provider", "githib"], "did you mean 'github'?"),
    "deliveries replay --since": (["deliveries", "replay", "--since", "3"], "'3' is no time"),
    "deliveries replay --until": (["deliveries", "replay", "--until", "soon"], "'soon' is no time"),
    "deliveries replay [ID]...": (["deliveries", "replay", "nope"], "there is no delivery nope"),
    "deliveries dead --webhook": (["deliveries", "dead", "--webhook", "nope"], "there is no webhook nope"),
    "deliveries dead --provider": (["deliveries", "dead", "--provider", "nope"], "there is no provider 'nope'"),
    "deliveries dead --since": (["deliveries", "dead", "--since", "x"], "'x' is no time"),
    "deliveries retry [ID]...": (["deliveries", "retry", "nope"], "there is no dead letter nope"),
    "state list --phase": (["state", "list", "--phase", "nope"], "'nope' is not one of 'pending'"),
    "state list --target": (["state", "list", "--target", "graph:triag"], "did you mean graph:triage?"),
    "state show ADDRESS": (["state", "show", "nope"], "no webhook is recorded at nope"),
    "state mv ADDRESS": (["state", "mv", "nope", "x"], "no webhook is recorded at nope"),
    "state mv NEW": (["state", "mv", WEBHOOK, WEBHOOK[:-1]], "has no credentials acme-githu"),
    "state rm ADDRESS": (["state", "rm", "nope"], "no webhook is recorded at nope"),
    "state rm --allow-protected": (
        ["state", "rm", WEBHOOK, "--yes", "--allow-protected", "nope"],
        "'nope' names no webhook",
    ),
    "scope rename OLD": (["scope", "rename", "nope", "acme"], "no scope nope"),
    "scope rename NEW": (["scope", "rename", "acme", "nope"], "the project's scope is"),
}
"""By the verb and the flag or argument: a command in which that is wrong, and a part of what is said."""

SHARES = ("200%", "100.1%", "-5", "-5%", "nope", "1.5", "%", "1e3")

NUMBERS = ("nan", "inf", "-inf", "-1", "1e300", "99999999999999999999", "x")


def verbs(command: Any = None, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every verb of the command, with what it takes."""
    command = command or typer.main.get_command(build())
    yield words, command
    for name, item in (getattr(command, "commands", None) or {}).items():
        yield from verbs(item, (*words, name))


def taken() -> Iterator[tuple[tuple[str, ...], str, Any]]:
    """Every flag and argument that takes a value: its verb, its name, and what is known of it."""
    for words, command in verbs():
        for item in command.params:
            if not getattr(item, "is_flag", False) and not getattr(item, "count", False):
                named = item.opts[0].startswith("-")
                yield words, item.opts[0] if named else str(item.metavar), item


@pytest.fixture
def applied(project: Project) -> Project:
    """A project with one webhook, registered."""
    project.manifest("issues")
    assert project.run("--yes").code == 0
    return project


def test_whatever_takes_a_name_is_in_the_table() -> None:
    """Files, fixed choices and numbers apart: a new flag brings its row, or the reason why any text will do."""
    others = {None, "DIR", "FILE", "PLAN.json", "HOST", "N|P%"}
    named = {
        " ".join([*words, name]) for words, name, item in taken() if item.metavar not in others and item.min is None
    }
    assert named - {f"daemon {flag}" for flag in ("--target", "--allow-protected")} == NAMES.keys() | OPEN.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_means_nothing_is_refused(applied: Project, name: str) -> None:
    """Exit 7, with what was expected or the nearest; nothing is done."""
    arguments, words = NAMES[name]
    elsewhere = ["-C", str(applied.root / "new")] if name.startswith("init ") else []
    done = applied.run(*arguments, *elsewhere)
    assert (done.code, words in done.err) == (7, True), done.err
    assert applied.run("plan").code == 0


@pytest.mark.parametrize(
    ("words", "flag"),
    [(words, name) for words, name, item in taken() if item.metavar == "N|P%"],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_a_share_is_a_number_or_at_most_all(project: Project, words: tuple[str, ...], flag: str) -> None:
    """Whether there is anything to destroy or not."""
    for value in SHARES:
        done = project.run(*words, f"{flag}={value}")
        assert (done.code, f"'{flag}'" in done.err) == (7, True), value


@pytest.mark.parametrize(
    ("words", "flag"),
    [(words, name) for words, name, item in taken() if item.min is not None],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_a_number_is_finite_and_in_range(project: Project, words: tuple[str, ...], flag: str) -> None:
    """Durations, ports, rates and counts: neither nothing nor without end."""
    for value in NUMBERS:
        done = project.run(*words, f"{flag}={value}")
        assert (done.code, f"'{flag}'" in done.err) == (7, True), value


def test_an_allowance_for_what_is_recorded_or_wanted_is_fine(applied: Project) -> None:
    """Protected or not: the name is right. The empty allowance of an unset variable allows nothing."""
    assert applied.run("plan", "--allow-protected", WEBHOOK, "--allow-destroy", "", "--allow-change", "100%").code == 0
    assert applied.run("--yes", "--allow-protected", WEBHOOK).code == 0
    applied.manifest("push", resource="acme/web", name="web")
    assert applied.run("plan", "--allow-protected", "github/repo/acme/web@acme-github").code == 0


def test_a_wrong_allowance_is_told_before_anything_is_applied(applied: Project, tmp_path: Path) -> None:
    """Not after: no webhook is made, and no plan is saved."""
    applied.manifest("push", resource="acme/web", name="web")
    saved = tmp_path / "plan.json"
    for arguments in (["--yes"], ["plan"], ["--yes", "--format", "json"]):
        done = applied.run(*arguments, "--allow-protected", "nope", "--out", str(saved))
        assert (done.code, saved.exists()) == (7, False)
    assert "1 create" in applied.run("plan").out


def test_a_plan_is_not_written_over_what_is_no_plan(applied: Project) -> None:
    """A slip of the fingers costs no manifest; a former plan, and an empty file, are there to be replaced."""
    manifest = applied.root / "webhooks/triage.yaml"
    before = manifest.read_text()
    done = applied.run("plan", "--out", str(manifest))
    assert (done.code, "it is there, and no plan; name another file" in done.err) == (1, True)
    assert manifest.read_text() == before
    saved = applied.root / "plan.json"
    saved.touch()
    for _ in range(2):
        assert applied.run("plan", "--out", str(saved)).code == 0
