"""The state in PostgreSQL, as machines that are thrown away after each job use it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reconciler.store.opening import open_existing
from reconciler.system import SystemClock
from tests.cli.state_support import AUTO, MANUAL, manual
from tests.cli.support import CANARIES, Outcome, Project, project_file
from tests.cli.test_daemon import events
from tests.store.samples import KEY, OTHER_KEY, source
from tests.support.postgres import PASSWORD

pytestmark = pytest.mark.journeys


@pytest.fixture
def runner(project: Project, postgres: str) -> Project:
    """A project whose state is an empty database; the password and the key come from the environment."""
    project.environment |= {"RECONCILER_STATE": postgres, "RECONCILER_KEY": KEY, "CI": "true"}
    project.manifest("push")
    manual(project, "intake")
    return project


def thrown_away(project: Project) -> Project:
    """The same checkout on a new machine: nothing that a command left there is left."""
    shutil.rmtree(project.root / ".reconciler", ignore_errors=True)
    return project


def test_machines_that_are_thrown_away_share_one_state(runner: Project) -> None:
    """A plan on an empty database makes nothing; a pass, then other machines: in sync, and every verb works.

    Each names the state on stderr, none leaves anything in the folder, and nothing prints a secret.
    """
    planned = runner.run("plan")
    assert "warning: there is no state at postgresql://postgres@/postgres?host=" in planned.err
    assert "Plan: 2 create; 0 in sync." in planned.out
    outcomes = [planned, runner.run("-v")]
    assert outcomes[-1].code == 0, outcomes[-1].err
    assert "(the state is new)" in outcomes[-1].err
    secret = runner.run("urls", "--show-secrets", "--format", "json").document["webhooks"][0]["secret"]

    def on_another_machine(*arguments: str, code: int = 0) -> Outcome:
        done = thrown_away(runner).run(*arguments)
        assert done.code == code, f"{arguments}: {done.err}"
        assert not (runner.root / ".reconciler").exists()
        outcomes.append(done)
        return done

    synced = on_another_machine("plan", "-v")
    assert synced.out == "In sync: 2 webhooks, nothing to do.\n"
    assert "state postgresql://postgres@/postgres?host=" in synced.err
    assert "2 records in scope acme" in synced.err
    assert on_another_machine("status", "--format", "json").document["state"].startswith("postgresql://postgres@/")
    assert len(on_another_machine("state", "list", "--format", "json").document["records"]) == 2
    assert on_another_machine("state", "show", AUTO).document["address"] == AUTO
    on_another_machine("state", "mv", MANUAL, f"{MANUAL}/moved")
    on_another_machine("state", "mv", f"{MANUAL}/moved", MANUAL)
    assert "has the schema" in on_another_machine("db", "upgrade").out
    refused = on_another_machine("state", "backup", "copy.db", code=1)
    assert "`pg_dump`" in refused.err
    runner.environment["RECONCILER_KEY"] = f"{OTHER_KEY},{KEY}"
    on_another_machine("key", "rotate")
    runner.environment["RECONCILER_KEY"] = OTHER_KEY
    assert on_another_machine("plan").out == synced.out
    on_another_machine("state", "rm", MANUAL, "--yes")
    on_another_machine("--yes", "--format", "json")
    assert on_another_machine("plan").out == synced.out
    printed = "".join(outcome.out + outcome.err for outcome in outcomes)
    for canary in (PASSWORD, secret, KEY, OTHER_KEY, *CANARIES.values()):
        assert canary not in printed


def test_a_reviewed_plan_is_applied_on_another_machine(runner: Project) -> None:
    """The digest is the same there, and so is the answer to a second attempt: it was applied."""
    assert runner.run("plan", "--out", str(runner.root / "plan.json")).code == 0
    assert thrown_away(runner).run("apply", str(runner.root / "plan.json")).code == 0
    again = thrown_away(runner).run("apply", str(runner.root / "plan.json"))
    assert again.code == 5
    assert "was applied already" in again.err


def test_a_held_scope_is_waited_for_and_can_be_unlocked(runner: Project) -> None:
    """The lease stands in the database, so that it holds between machines; `unlock` frees one from a wrong clock."""
    assert runner.run().code == 0
    with open_existing(runner.environment["RECONCILER_STATE"], source(KEY)) as store:
        assert store.acquire("acme", "other:42:abcd", SystemClock().now(), 10_000.0)

    locked = runner.run("--lock-timeout", "0")
    assert locked.code == 6
    unlocked = runner.run("unlock", "--yes")
    assert unlocked.code == 0
    assert "other:42:abcd" in unlocked.out
    assert runner.run("--lock-timeout", "0").code == 0


def test_a_scope_is_renamed_in_the_database(runner: Project) -> None:
    """All records go along."""
    assert runner.run().code == 0
    runner.write("reconciler.yaml", project_file(runner.origin).replace("scope: acme", "scope: new"))

    assert runner.run("scope", "rename", "acme", "new", "--yes").code == 0

    assert "In sync: 2 webhooks" in runner.run("plan").out


def test_a_key_is_never_made_where_it_would_be_lost(runner: Project) -> None:
    """In a job of a pipeline, a new state without RECONCILER_KEY is refused before anything is made."""
    del runner.environment["RECONCILER_KEY"]

    refused = runner.run()

    assert refused.code == 1
    assert "CI is set" in refused.err
    assert "openssl rand -base64 32" in refused.err
    assert runner.sandbox.github.webhooks() == []
    assert not (runner.root / ".reconciler").exists()


def test_a_key_that_is_made_is_told_loudly(runner: Project) -> None:
    """Elsewhere it is made beside the project, once, with a warning; another machine without it is refused."""
    del runner.environment["RECONCILER_KEY"], runner.environment["CI"]

    made = runner.run()
    assert made.code == 0
    assert f"warning: the encryption key of this state was made, and is nowhere but in {key_file(runner)}" in made.err
    assert "RECONCILER_KEY" in made.err
    assert "key of this state was made" not in runner.run("--yes").err
    lost = thrown_away(runner).run()
    assert lost.code == 1
    assert "of this store is missing: set RECONCILER_KEY, or put back the key file" in lost.err


def test_a_server_that_is_away_is_told(runner: Project) -> None:
    """Exit 1 with the place and what the client library says; no call is made, and no password is shown."""
    runner.environment["RECONCILER_STATE"] = "postgresql://acme:canary-password-0005@127.0.0.1:1/hooks"

    for arguments in ([], ["plan"], ["state", "list"], ["db", "upgrade"], ["status"]):
        refused = runner.run(*arguments)
        assert refused.code == 1
        assert "the state postgresql://acme@127.0.0.1:1/hooks cannot be reached: " in refused.err
        assert PASSWORD not in refused.out + refused.err
    assert runner.sandbox.github.webhooks() == []


@pytest.mark.processes
def test_the_daemon_keeps_its_state_in_the_database(runner: Project) -> None:
    """Its first pass records there."""
    process = runner.spawn("daemon", "--interval", "3600", "--log-format", "json")
    try:
        assert "applied" in events(process, "pass")
        process.terminate()
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 143
    assert PASSWORD not in err
    assert "In sync: 2 webhooks" in runner.run("plan").out


def key_file(project: Project) -> Path:
    """Where a key is made that is not given."""
    return project.root / ".reconciler" / "key"
