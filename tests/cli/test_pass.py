"""One pass, as a user runs it: plan, apply, again, edit, drop."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.cli.support import CANARIES, Project

pytestmark = pytest.mark.journeys

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "plan.schema.json").read_text())
ADDRESS = "github/repo/acme/api@acme-github"


def hooks(project: Project) -> list[tuple[str, ...]]:
    """The events of each webhook that the GitHub stand-in holds."""
    return [subscription.events for subscription in project.sandbox.github.webhooks()]


def test_a_first_pass_registers_what_the_manifests_want(project: Project) -> None:
    """A new project: one create per webhook, and afterwards nothing is left to do."""
    project.manifest("issues.opened", "push")
    done = project.run()
    assert done.code == 0
    assert done.out.startswith(f"+  {ADDRESS}  issues, push  declared  webhooks/triage.yaml:3\n")
    assert "Applied: 1 done." in done.out
    assert hooks(project) == [("issues", "push")]
    again = project.run()
    assert again.out == "In sync: 1 webhook, nothing to do.\n"
    assert again.code == 0


def test_an_edited_event_is_an_update(project: Project) -> None:
    """Changing an event changes the webhook in place."""
    project.manifest("issues", "push")
    project.run()
    project.manifest("issues", "release")
    planned = project.run("--dry-run")
    assert planned.out.startswith(f"~  {ADDRESS}  events +release -push  manifest_changed  webhooks/triage.yaml:3\n")
    assert hooks(project) == [("issues", "push")]
    assert project.run().code == 0
    assert hooks(project) == [("issues", "release")]


def test_a_dropped_trigger_is_a_prune(project: Project) -> None:
    """Removing the last trigger of a webhook deregisters it."""
    project.manifest("push")
    project.manifest("push", resource="acme/web", name="builds")
    project.run()
    (project.root / "webhooks" / "builds.yaml").unlink()
    done = project.run()
    assert "-  github/repo/acme/web@acme-github  -  dangling  was graph:builds" in done.out
    assert done.code == 0
    assert len(hooks(project)) == 1


def test_without_prune_what_dangles_stays(project: Project) -> None:
    """--no-prune leaves it registered and recorded."""
    project.manifest("push")
    project.manifest("push", resource="acme/web", name="builds")
    project.run()
    (project.root / "webhooks" / "builds.yaml").unlink()
    assert project.run("--no-prune").code == 0
    assert len(hooks(project)) == 2


def test_drift_is_seen_and_repaired(project: Project) -> None:
    """What somebody deleted at the provider is registered again."""
    project.manifest("push")
    project.run()
    project.sandbox.github.reset()
    done = project.run()
    assert "deleted_at_provider" in done.out
    assert hooks(project) == [("push",)]


def test_a_dry_run_leaves_no_trace(project: Project) -> None:
    """No store, no key, no lock, no folder; the missing state is said loudly."""
    project.manifest("push")
    before = sorted(project.root.rglob("*"))
    for arguments in (["--dry-run"], ["plan"]):
        done = project.run(*arguments)
        assert done.code == 0
        assert "1 create" in done.out
        assert "warning: there is no state at" in done.err
    assert sorted(project.root.rglob("*")) == before
    assert {entry.method for entry in project.sandbox.log} == {"GET"}


def test_every_pass_says_which_state_it_used(project: Project) -> None:
    """The state and the number of its records stand on stderr, never on stdout."""
    project.manifest("push")
    project.run()
    done = project.run()
    assert f"state {project.root}/.reconciler/state.db: 1 record in scope acme" in done.err
    assert "state.db" not in done.out


def test_json_goes_to_stdout_alone_and_meets_its_schema(project: Project) -> None:
    """The plan is one JSON document; so is the report, which holds the plan."""
    project.manifest("issues", "push")
    planned = project.run("plan", "--format", "json")
    jsonschema.validate(planned.document, SCHEMA)
    assert planned.document["summary"]["create"] == 1
    applied = project.run("--format", "json")
    jsonschema.validate(applied.document["plan"], SCHEMA)
    assert applied.document["plan"]["digest"] == planned.document["digest"]
    assert [outcome["result"] for outcome in applied.document["outcomes"]] == ["done"]


def test_logs_may_be_json_lines(project: Project) -> None:
    """--log-format json makes every line on stderr an object with time, level, event and message."""
    project.manifest("push")
    done = project.run("--log-format", "json", "-v")
    lines = [json.loads(line) for line in done.err.splitlines()]
    assert {"state", "listed", "applied"} <= {line["event"] for line in lines}
    assert all({"time", "level", "event", "message"} <= line.keys() for line in lines)


def test_targets_select_actions(project: Project) -> None:
    """Only what a target names is acted on; a target may be a graph."""
    project.manifest("push")
    project.manifest("push", resource="acme/web", name="builds")
    assert project.run("--target", "graph:builds").code == 0
    assert len(hooks(project)) == 1
    assert "1 create; 1 in sync" in project.run("plan").out


def test_no_secret_is_ever_printed(project: Project) -> None:
    """Neither a token nor a minted secret shows up on stdout or stderr, whatever the verb and format."""
    text = "graph: pay\ntriggers:\n  - {provider: stripe, events: [charge.succeeded]}\n"
    text += "  - {provider: telegram, events: [message]}\n  - {provider: generic, events: [plain], manual: true}\n"
    project.write("webhooks/pay.yaml", text)
    project.manifest("push")
    outcomes = [project.run("-v", "--format", "json")]
    project.manifest("issues")
    verbs = (["plan", "--format", "json"], ["status"], ["urls"], ["show", ADDRESS], ["orphans"], ["ping", ADDRESS], [])
    outcomes += [project.run("-v", *arguments) for arguments in verbs]
    secret = project.run("urls", "--show-secrets", "--format", "json").document["webhooks"][0]["secret"]
    printed = "".join(outcome.out + outcome.err for outcome in outcomes)
    for canary in (*CANARIES.values(), CANARIES["TELEGRAM_TOKEN"].partition(":")[2], secret, "whsec_"):
        assert canary not in printed


def test_the_state_may_come_from_the_environment(project: Project, tmp_path: Path) -> None:
    """RECONCILER_STATE and RECONCILER_BASE_URL go before the project file."""
    project.manifest("push")
    project.environment |= {
        "RECONCILER_STATE": f"sqlite:///{tmp_path}/elsewhere/state.db",
        "RECONCILER_BASE_URL": "https://other.example.com",
    }
    assert project.run().code == 0
    assert (tmp_path / "elsewhere" / "state.db").exists()
    assert project.sandbox.github.webhooks()[0].url.startswith("https://other.example.com/webhooks/github/")


def test_project_files_overlay_each_other(project: Project) -> None:
    """-f may be given before and after a verb; later files win."""
    project.manifest("push")
    project.write("staging.yaml", "scope: staging\n")
    done = project.run("-f", "reconciler.yaml", "plan", "-f", "staging.yaml", "--format", "json")
    assert done.document["scope"] == "staging"
