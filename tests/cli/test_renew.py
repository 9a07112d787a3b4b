"""`reconcile renew`: leases are renewed by hand, for addresses or for all that are due."""

from __future__ import annotations

import io
import json
from datetime import datetime
from typing import Any

import pytest

from reconciler.cli.main import run
from reconciler.cli.output import Streams
from reconciler.system import SystemClock
from tests.cli.support import Outcome, Project

pytestmark = pytest.mark.journeys

BASE = "airtable/base/app00000000000001@main"
OTHER = "airtable/base/app00000000000002@main"
DAY = 86_400.0


@pytest.fixture
def leased(project: Project) -> Project:
    """A project with webhooks in two bases, which live for a week, and one that lives for ever."""
    text = (project.root / "reconciler.yaml").read_text()
    credentials = (
        f"credentials:\n  main: {{provider: airtable, token: env/AIRTABLE, api_url: {project.origin}/airtable/v0}}"
    )
    project.write("reconciler.yaml", text.replace("credentials:", credentials, 1))
    project.environment["AIRTABLE"] = "pat_canary0005"
    project.manifest("push")
    bases = "resources: [app00000000000001, app00000000000002]"
    trigger = f"{{provider: airtable, {bases}, events: [tableData], credentials: main}}"
    project.write("webhooks/bases.yaml", f"graph: bases\ntriggers:\n  - {trigger}\n")
    assert project.run().code == 0
    return project


def at(project: Project, later: float, *arguments: str) -> Outcome:
    """Run the command at a terminal whose clock is ahead."""
    out, err = io.StringIO(), io.StringIO()
    now = SystemClock().now() + later
    streams = Streams(stdin=io.StringIO(), stdout=out, stderr=err, environment=project.environment, now=lambda: now)
    return Outcome(int(run(["-C", str(project.root), *arguments], streams)), out.getvalue(), err.getvalue())


def lease_of(project: Project, address: str) -> float:
    """Until when a webhook lives, as recorded."""
    told: Any = project.run("show", address, "--format", "json").document["lease_expires_at"]
    return datetime.fromisoformat(told).timestamp()


def refreshed(project: Project) -> list[str]:
    """The paths of the renewals that the sandbox was asked for."""
    told = project.run("sandbox", "requests", "--url", project.origin, "--format", "json").document["requests"]
    return [item["path"] for item in told if item["path"].endswith("/refresh")]


def test_a_named_webhook_is_renewed_at_once(leased: Project) -> None:
    """Whenever its lease ends, and it alone; the new end is recorded and told."""
    done = leased.run("renew", BASE)
    assert (done.code, done.out[:-22]) == (0, f"Renewed {BASE} until ")
    assert len(refreshed(leased)) == 1
    assert "/bases/app00000000000001/" in refreshed(leased)[0]
    told = leased.run("renew", BASE, "--format", "json").document
    assert told["failed"] == []
    assert [item["address"] for item in told["renewed"]] == [BASE]
    assert datetime.fromisoformat(told["renewed"][0]["lease_expires_at"]).timestamp() == lease_of(leased, BASE)


def test_all_that_are_due_are_renewed(leased: Project) -> None:
    """Two days before the end, or after it: nothing today, both in five days; what lives for ever is left alone."""
    assert leased.run("renew", "--all-due").out == "No lease is due.\n"
    assert refreshed(leased) == []
    done = at(leased, 5.5 * DAY, "renew", "--all-due")
    assert done.code == 0
    assert [line.split()[1] for line in done.out.splitlines()] == [BASE, OTHER]


def test_one_failure_stops_no_other(leased: Project) -> None:
    """The other is renewed; exit 4, and the failure is told with its address."""
    base = leased.sandbox.airtable
    (gone,) = (item for item in base.webhooks() if item.resource == "app00000000000001")
    base._webhooks.pop(gone.id)
    done = leased.run("renew", BASE, OTHER, "--format", "json")
    assert done.code == 4
    assert [item["address"] for item in done.document["renewed"]] == [OTHER]
    assert [item["address"] for item in done.document["failed"]] == [BASE]
    assert f"{BASE}: cannot renew" in done.err
    assert leased.run("renew", BASE).code == 1


def test_what_has_no_lease_cannot_be_renewed(leased: Project) -> None:
    """Exit 1, and why."""
    done = leased.run("renew", "github/repo/acme/api@acme-github")
    assert done.code == 1
    assert "github has no call to renew a webhook" in done.err


@pytest.mark.parametrize("arguments", [(), (BASE, "--all-due")])
def test_it_must_be_said_what_to_renew(leased: Project, arguments: tuple[str, ...]) -> None:
    """Addresses or --all-due, one of the two; else exit 7 and no call."""
    done = leased.run("renew", *arguments)
    assert done.code == 7
    assert "say --all-due" in done.err
    assert refreshed(leased) == []


def test_an_unknown_address_is_told(leased: Project) -> None:
    """With the nearest one."""
    done = leased.run("renew", BASE.replace("1@", "3@"))
    assert done.code == 7
    assert "did you mean airtable/base/app0000000000000" in done.err


def test_an_unknown_address_among_others_renews_none(leased: Project) -> None:
    """A typo is told before the first call."""
    done = leased.run("renew", BASE, BASE.replace("1@", "3@"))
    assert done.code == 7
    assert refreshed(leased) == []


def test_another_projects_scope_is_not_renewed(leased: Project) -> None:
    """The scope is bound to a project: from elsewhere exit 3, and no call."""
    moved = leased.root.parent / "elsewhere"
    leased.root.rename(moved)
    elsewhere = Project(root=moved, origin=leased.origin, sandbox=leased.sandbox, environment=leased.environment)
    done = elsewhere.run("renew", BASE)
    assert done.code == 3
    assert refreshed(elsewhere) == []


def test_a_pass_renews_by_itself(leased: Project) -> None:
    """The same that `renew` does is planned when a lease ends soon, and never held back."""
    base = leased.sandbox.airtable
    for webhook in base._webhooks.values():
        webhook.expires = SystemClock().now() + DAY
    plan = leased.run("plan", "--format", "json").document
    assert [(item["action"], item["reason"]) for item in plan["actions"]] == [("renew", "lease_expiring")] * 2
    assert json.dumps(plan).count("pat_canary0005") == 0
    assert leased.run().code == 0
    assert leased.run("plan", "--detailed-exitcode").code == 0
