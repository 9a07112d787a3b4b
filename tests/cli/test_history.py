"""The audit log: who did what to which webhook, when, why, and what came of it."""

from __future__ import annotations

import getpass
import json
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.diff import Change
from reconciler.core.ports import Outcome
from reconciler.render.history import entry_text
from reconciler.render.painter import PLAIN
from reconciler.system import SystemClock
from reconciler.testing.faults import Fault
from tests.cli.state_support import AUTO, MANUAL, fill, hold, opened
from tests.cli.support import Project
from tests.store.samples import entry, lease, orphan

pytestmark = pytest.mark.journeys


def entries(project: Project, *arguments: str) -> list[dict[str, Any]]:
    """The log as JSON has it."""
    document = project.run("history", "--format", "json", *arguments).document
    assert document["version"] == 1
    told: list[dict[str, Any]] = document["entries"]
    return told


def id_of(project: Project) -> str:
    """The id of the auto webhook."""
    return str(project.run("show", AUTO, "--format", "json").document["id"])


def actions(told: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Action and address of each."""
    return [(item["action"], item["address"]) for item in told]


def commit(project: Project) -> None:
    """The project's folder becomes a repository with a commit."""
    somebody = ("-c", "user.email=a@b", "-c", "user.name=a")
    for words in (("init", "-q"), (*somebody, "commit", "-qm", "first", "--allow-empty")):
        subprocess.run(["git", "-C", str(project.root), *words], check=True)  # noqa: S603, S607 # our own words


def test_a_pass_is_told_newest_first(project: Project) -> None:
    """Who ran it, on what, which commit, what was done to which webhook, why, and what came of it."""
    project.manifest("push")
    project.run()
    commit(project)
    project.manifest("push", "issues")
    project.run()

    newest, oldest = entries(project)

    assert (newest["action"], newest["reason"], newest["outcome"]) == ("update", "manifest_changed", "done")
    assert (oldest["action"], oldest["reason"], oldest["outcome"]) == ("create", "declared", "done")
    for told in (newest, oldest):
        assert (told["user"], told["host"]) == (getpass.getuser(), socket.gethostname())
        assert (told["address"], told["webhook_id"]) == (AUTO, id_of(project))
    assert (oldest["commit"], len(newest["commit"])) == (None, 40)
    assert {"field": "events", "before": ["push"], "after": ["issues", "push"]} in newest["changes"]
    text = project.run("history").out
    assert f"update (manifest_changed)  {AUTO}  done" in text
    assert f"by {getpass.getuser()}@{socket.gethostname()} at {newest['commit'][:12]}, webhook" in text
    assert "events +issues" in text


def test_a_failure_is_told_with_its_words(project: Project) -> None:
    """What did not go well stays in the log."""
    project.manifest("push")
    project.sandbox.faults.add(Fault(path="*/hooks", method="POST", status=422, body={"message": "too many hooks"}))
    project.run()

    [told] = entries(project)

    assert (told["action"], told["outcome"]) == ("create", "failed")
    assert "too many hooks" in told["message"]
    assert "too many hooks" in project.run("history").out


def test_no_secret_is_in_the_log(project: Project) -> None:
    """Neither a credential nor the secret of a webhook, in the output or in the columns."""
    fill(project)
    with opened(project) as store:
        secrets = [secret.reveal() for record in store.records("acme") for secret in store.secrets(record.id)]
    done = project.run("history", "--format", "json")
    for hidden in (*secrets, *project.environment.values()):
        assert hidden not in done.out


@pytest.mark.parametrize("kind", ["id", "beginning", "address"])
def test_one_webhook_is_named_in_three_ways(project: Project, kind: str) -> None:
    """By its id, the beginning of that, or its address; nothing of another is told."""
    fill(project)
    webhook_id = id_of(project)
    name = {"id": webhook_id, "beginning": webhook_id[:8], "address": AUTO}[kind]

    assert actions(entries(project, "--webhook", name)) == [("create", AUTO)]


def test_an_address_leads_to_what_was_there_before(project: Project) -> None:
    """After a webhook was removed its log remains, and after a move its log from before belongs to it."""
    fill(project)
    assert project.run("state", "mv", MANUAL, "github/repo/graph:contact").code == 0
    assert actions(entries(project, "--webhook", "github/repo/graph:contact")) == [
        ("move", "github/repo/graph:contact"),
        ("create", MANUAL),
    ]
    project.run("state", "rm", AUTO, "--yes")
    assert actions(entries(project, "--webhook", AUTO)) == [("forget", AUTO), ("create", AUTO)]


def test_a_webhook_without_a_log_has_an_empty_one(project: Project) -> None:
    """It is recorded, and nothing is known of its past."""
    fill(project)
    with opened(project) as store:
        store._database.write(lambda connection: connection.exec_driver_sql("DELETE FROM history"))

    for name in (AUTO, id_of(project)):
        assert project.run("history", "--webhook", name).out == "No history.\n"
        assert entries(project, "--webhook", name) == []


@pytest.mark.parametrize("name", ["github/repo/acme/none@acme-github", "zzz", ""])
def test_a_name_that_means_nothing_is_refused(project: Project, name: str) -> None:
    """Exit 7 with what is expected; an empty name is no name, and tells of all."""
    fill(project)

    done = project.run("history", "--webhook", name)

    if name:
        assert (done.code, done.out) == (7, "")
        assert f"nothing is recorded of a webhook {name}" in done.err
    else:
        assert done.code == 0


def test_a_beginning_that_means_several_is_refused(project: Project) -> None:
    """Exit 7: say more of it."""
    fill(project)
    log(project, entry(1, webhook_id="abcd-1"), entry(2, webhook_id="abcd-2"))

    done = project.run("history", "--webhook", "abcd")

    assert done.code == 7
    assert "abcd means several webhooks" in done.err


def log(project: Project, *added: Any) -> None:
    """Add lines to the log."""
    with opened(project) as store:
        held = lease(store, "acme", "a test")
        store.write(held, (), added)
        store.release(held)


def test_the_limit_counts_from_the_newest(project: Project) -> None:
    """So many and no more."""
    fill(project)
    at = SystemClock().now()
    log(project, *(entry(number, at=at + number) for number in range(5)))

    assert [item["id"] for item in entries(project, "--limit", "2")] == ["entry-00004", "entry-00003"]
    assert project.run("history", "--limit", "0").code == 7


def test_a_scope_without_a_past_has_no_history(project: Project) -> None:
    """Without a state none is made; a look never is an entry."""
    assert project.run("history").out == "No history.\n"
    assert entries(project) == []
    assert project.run("history", "--webhook", "abc").code == 7
    assert not (project.root / ".reconciler").exists()


@pytest.mark.parametrize(
    ("host", "held", "outcome"),
    [
        ("host", 3600.0, "begun"),
        ("elsewhere", 3600.0, "interrupted"),
        ("host", None, "interrupted"),
        ("host", -1.0, "interrupted"),
    ],
)
def test_what_nobody_is_at_work_on_was_interrupted(
    project: Project, host: str, held: float | None, outcome: str
) -> None:
    """Begun, and the scope is free, lapsed or held from another machine: the process died."""
    fill(project)
    log(project, entry(at=SystemClock().now() + 1, host=host))
    if held is not None:
        hold(project, held)

    assert entries(project)[0]["outcome"] == outcome
    assert f"  {outcome}\n" in project.run("history").out


def test_an_id_that_is_the_secret_is_shortened(project: Project) -> None:
    """Of a provider without other proof, and of one that nobody knows any more, the log shows eight characters."""
    fill(project)
    webhook_id = "1f51d05d-fc68-47e4-a4f9-460f18081e83"
    url = f"https://hooks.example.com/webhooks/slant3d/{webhook_id}"
    for number, provider in enumerate(("slant3d", "alice:slant3d", "unheard-of", "github")):
        changes = (Change("url", None, url), Change("events", ["a"], None))
        address = f"{provider}/orders/self@main"
        log(project, entry(number, webhook_id=webhook_id, address=address, changes=changes, message=f"left {url}"))

    told = {
        item["address"].partition("/")[0]: json.dumps(item) for item in entries(project) if "self@" in item["address"]
    }

    assert webhook_id in told.pop("github")
    for text in told.values():
        assert webhook_id not in text
        assert text.count(webhook_id[:8]) == 3
    assert {item["address"] for item in entries(project, "--webhook", webhook_id[:8])} >= {"slant3d/orders/self@main"}


def test_every_verb_that_changes_records_by_hand_is_in_the_log(project: Project) -> None:
    """Forget, rm of an orphan, move, and another name for the scope."""
    fill(project)
    with opened(project) as store:
        held = lease(store, "acme", "a test")
        store.add_orphan(held, orphan())
        store.release(held)
    project.run("forget", AUTO, "--yes")
    project.run("state", "rm", "orphan-1", "--yes")
    project.run("state", "mv", MANUAL, "github/repo/graph:contact")
    text = (project.root / "reconciler.yaml").read_text()
    project.write("reconciler.yaml", text.replace("scope: acme", "scope: fresh"))
    assert project.run("scope", "rename", "acme", "fresh", "--yes").code == 0

    told = entries(project)

    assert [item["action"] for item in told[:4]] == ["rename", "move", "forget", "forget"]
    assert [item["reason"] for item in told[:4]] == ["asked_for"] * 4
    assert [item["outcome"] for item in told[:4]] == ["done"] * 4
    assert told[0]["changes"] == [{"field": "scope", "before": "acme", "after": "fresh"}]
    assert told[1]["changes"] == [{"field": "address", "before": MANUAL, "after": "github/repo/graph:contact"}]
    assert told[2]["webhook_id"] == "webhook-1"
    assert len(told) == 6


def test_words_from_outside_steer_no_terminal() -> None:
    """Control characters are spelled out."""
    text = entry_text(replace(entry(), message="a\x1b[31m", outcome=Outcome.FAILED), "failed", PLAIN)
    assert "\x1b" not in text
