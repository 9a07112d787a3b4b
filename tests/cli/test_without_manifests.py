"""What works on records works while the manifests are broken: that is when it is needed."""

from __future__ import annotations

import pytest

from tests.cli.support import Project

pytestmark = pytest.mark.journeys

ADDRESS = "github/repo/acme/api@acme-github"


@pytest.fixture
def broken(project: Project) -> Project:
    """A project with one webhook, registered, whose manifests cannot be read any more."""
    project.manifest("issues")
    assert project.run("--yes").code == 0
    project.write("webhooks/triage.yaml", "graph: [triage\n")
    assert project.run("plan").code == 7
    return project


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["drift", "--detailed-exitcode"], 0, "No drift: 1 webhook as recorded."),
        (["ping", ADDRESS], 0, "Asked github to send a test delivery"),
        (["renew", "--all-due"], 0, "No lease is due."),
        (["recover", "--dry-run"], 0, "1 webhook looked at"),
        (["recover"], 0, "1 webhook looked at"),
        (["orphans", "resolve", "--all", "--yes"], 0, "No orphans."),
        (["show", ADDRESS], 0, "acme/api"),
        (["state", "list"], 0, ADDRESS),
        (["history"], 0, ADDRESS),
        (["deliveries", "list"], 0, "No deliveries."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_records_are_there_whatever_the_manifests_say(
    broken: Project, arguments: list[str], code: int, words: str
) -> None:
    """The state says which webhooks there are, the project file how to reach their providers."""
    done = broken.run(*arguments)
    assert (done.code, words in done.out) == (code, True), (done.out, done.err)


def test_drift_says_what_it_could_not_look_at(broken: Project) -> None:
    """Credentials that are not declared any more: told, and no success."""
    text = (broken.root / "reconciler.yaml").read_text()
    broken.write("reconciler.yaml", text.replace("acme-github", "new-github"))
    done = broken.run("drift")
    assert done.code == 1
    assert f"! {ADDRESS}: the credentials acme-github are not declared in the project file" in done.out


def test_a_broken_project_file_or_definition_is_told(broken: Project) -> None:
    """Without them nobody knows where the state is, or how a provider is asked."""
    text = (broken.root / "reconciler.yaml").read_text()
    broken.write("providers.d/forge.yaml", "version: 1\n")
    broken.write("reconciler.yaml", f"{text}providers: [providers.d]\n")
    done = broken.run("drift")
    assert (done.code, "providers.d/forge.yaml:1:1" in done.err) == (7, True)
    broken.write("reconciler.yaml", f"{text}provider: x\n")
    assert broken.run("drift").code == 7
