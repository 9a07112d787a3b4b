"""What exists at a provider is written down, bound to what is declared, and from then on in sync."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from tests.cli.adoption_support import (
    OLD_SECRET,
    at_github,
    at_gitlab,
    at_stripe,
    at_telegram,
    commands,
    in_sync,
)
from tests.cli.support import Project

pytestmark = pytest.mark.journeys

ADDRESS = "github/repo/acme/api@acme-github"
OURS = "https://hooks.example.com/webhooks/"


def _github(project: Project) -> list[str]:
    at_github(project, "https://old.acme.dev/github", "push", "issues", insecure_ssl="1")
    return ["github", "--resource", "acme/api"]


def _gitlab(project: Project) -> list[str]:
    at_gitlab(project, "https://old.acme.dev/gitlab", "note_events", "job_events")
    return ["gitlab", "--resource", "acme/api", "--type", "project"]


def _stripe(project: Project) -> list[str]:
    _, secret = at_stripe(project, "https://old.acme.dev/stripe", "charge.succeeded")
    project.environment["STRIPE_SIGNING_SECRET"] = secret
    return ["stripe"]


def _telegram(project: Project) -> list[str]:
    at_telegram(project, "https://old.acme.dev/telegram", "message", "callback_query")
    return ["telegram"]


@pytest.mark.parametrize("make", [_github, _gitlab, _stripe, _telegram])
def test_exported_committed_and_adopted_is_in_sync(project: Project, make: Callable[[Project], list[str]]) -> None:
    """Export writes a canonical manifest whose own commands bind what exists: afterwards nothing is left to do."""
    arguments = make(project)
    path = project.root / "webhooks" / "exported.yaml"
    exported = project.run("export", *arguments, "--out", str(path))
    assert exported.code == 0, exported.err
    assert project.run("validate").code == 0
    assert "exported.yaml" not in project.run("fmt", "--check").out
    (command,) = commands(path.read_text())
    adopted = project.run(*command)
    assert adopted.code == 0, adopted.out + adopted.err
    assert adopted.out.startswith("@  ")
    assert "Applied: 1 done." in adopted.out
    in_sync(project)
    (held,) = getattr(project.sandbox, arguments[0]).webhooks()
    assert held.url.startswith(OURS)
    assert project.run("drift", "--detailed-exitcode").code == 0


def test_the_secret_of_an_adopted_webhook_is_reset(project: Project) -> None:
    """Where the provider takes a new secret, the one that others know verifies nothing any more."""
    remote_id = at_github(project, "https://old.acme.dev/github", "push")
    project.manifest("push")
    assert project.run("adopt", ADDRESS, "--id", remote_id).code == 0
    delivery = project.sandbox.github.deliveries("push", "acme/api", None)[0]
    assert delivery.url.startswith(OURS)
    assert OLD_SECRET.encode() not in b"".join(path.read_bytes() for path in project.root.glob(".reconciler/state.db*"))


def test_what_the_manifest_asks_for_wins(project: Project) -> None:
    """Events that the manifest wants otherwise are changed as the object is adopted."""
    remote_id = at_github(project, "https://old.acme.dev/github", "push", "fork")
    project.manifest("issues")
    planned = project.run("adopt", ADDRESS, "--id", remote_id, "--dry-run")
    assert "events +issues -fork -push" in planned.out
    assert project.run("adopt", ADDRESS, "--id", remote_id).code == 0
    assert [held.events for held in project.sandbox.github.webhooks()] == [("issues",)]


def test_objects_are_adopted_by_their_url(project: Project) -> None:
    """With --url and no address, every declared webhook takes the object whose URL matches."""
    for resource in ("acme/api", "acme/web"):
        at_github(project, f"https://old.acme.dev/{resource}", "push", resource=resource)
        at_github(project, f"https://chat.acme.dev/{resource}", "push", resource=resource)
        project.manifest("push", resource=resource, name=resource.partition("/")[2])
    adopted = project.run("adopt", "--url", "https://old.acme.dev/*")
    assert "Applied: 2 done." in adopted.out
    assert adopted.code == 0
    in_sync(project)
    urls = sorted(held.url for held in project.sandbox.github.webhooks())
    assert urls[:2] == ["https://chat.acme.dev/acme/api", "https://chat.acme.dev/acme/web"]
    assert all(url.startswith(OURS) for url in urls[2:])


def test_a_lost_state_is_brought_back(project: Project) -> None:
    """After the state was lost a pass is blocked; adopt --unrecorded binds what is ours, with its own id and URL."""
    project.manifest("push")
    project.manifest("push", resource="acme/web", name="builds")
    assert project.run().code == 0
    before = sorted(held.url for held in project.sandbox.github.webhooks())
    shutil.rmtree(project.root / ".reconciler")
    blocked = project.run()
    assert blocked.code == 3
    assert "adopt --unrecorded" in blocked.out
    one = project.run("adopt", "--unrecorded", "--target", "graph:builds")
    assert "1 done" in one.out
    assert project.run("adopt", "--unrecorded").code == 0
    in_sync(project)
    assert sorted(held.url for held in project.sandbox.github.webhooks()) == before
    again = project.run("adopt", "--unrecorded")
    assert (again.code, again.out) == (0, "Nothing to adopt: no object was found that is not bound already.\n")


def test_a_dry_run_leaves_no_trace(project: Project) -> None:
    """It shows the plan, in each format, and makes no store and no call but lists."""
    remote_id = at_github(project, "https://old.acme.dev/github", "push")
    project.sandbox.log.clear()
    project.manifest("push")
    shown = project.run("adopt", ADDRESS, "--id", remote_id, "--dry-run", "--format", "json").document
    assert [(item["action"], item["reason"]) for item in shown["actions"]] == [("adopt", "adopted")]
    assert shown["options"]["adopt"][0]["remote_id"] == remote_id
    page = project.run("adopt", ADDRESS, "--id", remote_id, "--dry-run", "--format", "markdown")
    assert "1 adopt" in page.out
    assert {entry.method for entry in project.sandbox.log} == {"GET"}
    assert not (project.root / ".reconciler").exists()


def test_the_pass_asks_at_a_terminal(project: Project) -> None:
    """No is no: nothing is bound; --yes skips the question."""
    remote_id = at_github(project, "https://old.acme.dev/github", "push")
    project.manifest("push")
    declined = project.at_terminal("n\n", "adopt", ADDRESS, "--id", remote_id)
    assert (declined.code, "Apply these changes?" in declined.err) == (1, True)
    assert project.sandbox.github.webhooks()[0].url == "https://old.acme.dev/github"
    assert project.at_terminal("", "adopt", ADDRESS, "--id", remote_id, "--yes").code == 0


def test_a_secret_that_nobody_can_read_must_be_given(project: Project) -> None:
    """Without --secret, what a provider told once is blocked with the way out, and stays as it is."""
    remote_id, secret = at_stripe(project, "https://old.acme.dev/stripe", "charge.succeeded")
    project.write("webhooks/pay.yaml", "graph: pay\ntriggers:\n  - {provider: stripe, events: [charge.succeeded]}\n")
    address = "stripe/account/self@acme-stripe"
    refused = project.run("adopt", address, "--id", remote_id)
    assert refused.code == 3
    assert "--secret" in refused.out
    assert [held.url for held in project.sandbox.stripe.webhooks()] == ["https://old.acme.dev/stripe"]
    project.write("secret.txt", f"{secret}\n")
    given = project.run("adopt", address, "--id", remote_id, "--secret", "file/secret.txt", "--format", "json")
    assert given.code == 0
    assert secret not in given.out + given.err
    in_sync(project)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["adopt"], "one of --id, --url and --unrecorded"),
        (["adopt", ADDRESS, "--id", "1", "--unrecorded"], "one of --id, --url and --unrecorded"),
        (["adopt", "--id", "1"], "--id needs the ADDRESS"),
        (["adopt", ADDRESS, "--unrecorded"], f"--target '{ADDRESS}'"),
        (["adopt", ADDRESS, "--url", "*", "--target", "*"], "an ADDRESS or --target, not both"),
        (["adopt", "--url", "*", "--secret", "env/X"], "--secret needs the ADDRESS"),
        (["adopt", ADDRESS, "--id", "1", "--secret", "whsec_literal"], "--secret: expected a reference"),
        (["adopt", ADDRESS, "--id", "1", "--secret", "env/UNSET"], "--secret: the environment variable UNSET"),
        (["adopt", ADDRESS, "--id", "1", "--secret", "file//etc/passwd"], "RECONCILER_SECRET_DIRS"),
        (["adopt", ADDRESS, "--id", "1", "--secret", "env/BLANK"], "--secret: the environment variable BLANK is empty"),
        (["adopt", "github/repo/acme/ap@acme-github", "--id", "1"], f"did you mean {ADDRESS}?"),
        (["adopt", "nothing/like/it", "--id", "1"], "reconcile export"),
        (["adopt", "generic/plain/graph:form", "--id", "1"], "is manual"),
        (["adopt", "--unrecorded", "--target", "graph:nobody"], "--target 'graph:nobody' matches no webhook"),
    ],
)
def test_usage_that_cannot_be_meant(project: Project, arguments: list[str], words: str) -> None:
    """It is exit 7 with the way out, also in a dry run, and no provider is changed; no literal is repeated."""
    project.manifest("push")
    project.write("webhooks/form.yaml", "graph: form\ntriggers:\n  - {provider: generic, events: [plain]}\n")
    project.environment["BLANK"] = " "
    for more in ([], ["--dry-run"]):
        refused = project.run(*arguments, *more)
        assert refused.code == 7
        assert words in refused.err
        assert "whsec_literal" not in refused.err
    assert {entry.method for entry in project.sandbox.log} <= {"GET"}


def test_what_is_not_there_is_blocked(project: Project) -> None:
    """An id that the provider does not list is exit 3; no second webhook is made."""
    project.manifest("push")
    refused = project.run("adopt", ADDRESS, "--id", "999")
    assert refused.code == 3
    assert "999" in refused.out
    assert project.sandbox.github.webhooks() == []


def test_a_list_that_fails_adopts_nothing(project: Project) -> None:
    """Where the provider cannot be looked at the exit code is that of any pass: 4, in a dry run 1."""
    project.manifest("push")
    project.environment["GITHUB_TOKEN"] = ""
    assert project.run("adopt", ADDRESS, "--id", "1", "--dry-run").code == 1
    assert project.run("adopt", ADDRESS, "--id", "1").code == 4
