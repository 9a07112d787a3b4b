"""What providers have otherwise than it was recorded."""

from __future__ import annotations

from typing import Any

import httpx2 as httpx
import pytest

from reconciler.testing.vendors.base import Outcome
from tests.cli.adoption_support import at_github, in_sync
from tests.cli.support import Project

pytestmark = pytest.mark.journeys

ADDRESS = "github/repo/acme/api@acme-github"


def registered(project: Project) -> str:
    """A pass over one trigger; returns where its webhook is at GitHub."""
    project.manifest("push", "issues")
    assert project.run().code == 0
    (held,) = project.sandbox.github.webhooks()
    return f"{project.origin}/github/repos/acme/api/hooks/{held.id}"


def edit(place: str, **body: Any) -> None:
    """Somebody edits the webhook at GitHub."""
    assert httpx.patch(place, headers={"Authorization": "Bearer any"}, json=body).is_success


def test_an_edit_is_seen_and_a_pass_repairs_it(project: Project) -> None:
    """Drift shows the fields with before and after, whatever the manifests say, and changes nothing."""
    edit(registered(project), events=["push", "fork"])
    project.manifest("push", "fork")
    seen = project.run("drift", "--detailed-exitcode")
    assert seen.code == 2
    assert seen.out.startswith(f"~  {ADDRESS}  edited there\n    events  issues, push -> fork, push  (+fork -issues)\n")
    assert project.run("drift").code == 0
    assert project.sandbox.github.webhooks()[0].events == ("push", "fork")
    assert project.run().code == 0
    in_sync(project)
    clean = project.run("drift", "--detailed-exitcode")
    assert (clean.code, clean.out) == (0, "No drift: 1 webhook as recorded.\n")


def test_a_deleted_webhook_and_a_foreign_one(project: Project) -> None:
    """What is gone is drift; what somebody else has there is counted and left alone."""
    place = registered(project)
    at_github(project, "https://ci.acme.dev/in?token=t0ps3cret", "push")
    assert httpx.delete(place, headers={"Authorization": "Bearer any"}).is_success
    document = project.run("drift", "--format", "json").document
    assert [(item["address"], item["cause"]) for item in document["drifted"]] == [(ADDRESS, "deleted")]
    assert (document["in_sync"], document["foreign"]) == (0, 1)


def test_a_webhook_that_the_provider_switched_off(project: Project) -> None:
    """The provider's own word on it is told."""
    text = "graph: build\ntriggers:\n  - {provider: gitlab, type: project, resource: acme/api, events: [push_events]}\n"
    project.write("webhooks/build.yaml", text)
    assert project.run().code == 0
    (delivery,) = project.sandbox.gitlab.deliveries("push_events", "acme/api", None)
    for _ in range(40):
        project.sandbox.gitlab.delivered(Outcome(delivery=delivery, status=500))
    seen = project.run("drift")
    assert "disabled there: disabled by GitLab after repeated failures" in seen.out
    assert "## Drift of `acme`: 1 disabled" in project.run("drift", "--format", "markdown").out


def test_what_is_ours_and_not_recorded_names_the_way_out(project: Project) -> None:
    """An object with a URL of ours that no record explains, beside one that is recorded."""
    registered(project)
    ours = "https://hooks.example.com/webhooks/github/00000000-0000-4000-8000-000000000001"
    at_github(project, ours, "push")
    seen = project.run("drift", "--detailed-exitcode")
    assert seen.code == 0
    assert f"to {ours}\n    way out: `reconcile adopt --unrecorded`" in seen.out


def test_targets_and_lists_that_fail(project: Project) -> None:
    """Only what is named is asked for; what could not be looked at is exit 1, drift or no drift."""
    registered(project)
    project.manifest("push", resource="acme/web", name="builds")
    project.run()
    project.sandbox.log.clear()
    assert project.run("drift", "--target", "graph:builds").out == "No drift: 1 webhook as recorded.\n"
    assert [entry.path for entry in project.sandbox.log] == ["/github/repos/acme/web/hooks"]
    unmatched = project.run("drift", "--target", "graph:nobody")
    assert unmatched.code == 7
    project.environment["GITHUB_TOKEN"] = ""
    failed = project.run("drift", "--detailed-exitcode")
    assert failed.code == 1
    assert "No drift: 0 webhooks as recorded. 2 lists could not be read." in failed.out


def test_without_a_state_nothing_is_recorded(project: Project) -> None:
    """It is said, no provider is asked, and no state is made."""
    project.manifest("push")
    project.sandbox.log.clear()
    seen = project.run("drift")
    assert (seen.code, seen.out) == (0, "No drift: 0 webhooks as recorded.\n")
    assert "there is no state" in seen.err
    assert list(project.sandbox.log) == []
    assert not (project.root / ".reconciler").exists()
