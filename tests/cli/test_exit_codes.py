"""What the command tells its caller, code by code."""

from __future__ import annotations

import pytest

from reconciler.cli import exits
from reconciler.cli.exits import ExitCode
from reconciler.core.errors import (
    BlockedError,
    ConfigError,
    LeaseLostError,
    LockedError,
    MissingConfigError,
    ReconcilerError,
    ScopeBoundError,
    StalePlanError,
    StateError,
)
from reconciler.store.keys import KeySource
from reconciler.store.opening import open_for_writing
from reconciler.system import SystemClock
from reconciler.testing.faults import Fault
from tests.cli.support import Project

pytestmark = pytest.mark.journeys

MANY = [f"acme/repo{number:02}" for number in range(12)]


def many(project: Project, resources: list[str]) -> None:
    """A manifest with a trigger for each of many repositories."""
    text = "graph: many\ntriggers:\n  - provider: github\n    type: repo\n    events: [push]\n"
    project.write("webhooks/many.yaml", f"{text}    resources: [{', '.join(resources)}]\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-such-flag"],
        ["no-such-verb"],
        ["--dry-run", "plan"],
        ["--yes", "status"],
        ["--format", "json", "plan"],
        ["plan", "--yes"],
        ["plan", "--dry-run"],
        ["plan", "--format", "yaml"],
        ["plan", "--allow-destroy", "many"],
        ["daemon"],
        ["daemon", "--interval", "0"],
        ["show"],
        ["schema", "nothing"],
        ["--lock-timeout", "-1"],
        ["sandbox", "--port", "1", "requests"],
    ],
    ids=" ".join,
)
def test_7_for_wrong_usage(project: Project, arguments: list[str]) -> None:
    """A usage error is told on stderr in words, and the code is never click's own."""
    done = project.run(*arguments)
    assert done.code == 7
    assert done.out == ""
    assert done.err.startswith("error: ")
    assert "exit 7: invalid configuration or usage" in done.err


def test_7_with_every_problem_of_every_file(project: Project) -> None:
    """All problems come in one run with file, line and column; no provider is called and no store is made."""
    project.manifest("isues")
    project.write("webhooks/other.yaml", "graph: other\ntriggers:\n  - provder: github\n    events: [push]\n")
    done = project.run()
    assert done.code == 7
    assert "\nwebhooks/triage.yaml:6:14: triggers[0].events[0]: " in done.err
    assert "webhooks/other.yaml:3:5: triggers[0].provder: " in done.err
    assert "'provider'" in done.err
    assert len(project.sandbox.log) == 0
    assert not (project.root / ".reconciler").exists()


def test_7_for_a_target_that_matches_nothing(project: Project) -> None:
    """A typo in --target must not look like success."""
    project.manifest("push")
    done = project.run("--target", "github/repo/acme/ap@*")
    assert done.code == 7
    assert "matches no webhook" in done.err


def test_7_without_a_base_url(project: Project) -> None:
    """A missing base URL is told before any call or write."""
    project.manifest("push")
    text = (project.root / "reconciler.yaml").read_text()
    project.write("reconciler.yaml", text.replace("base_url: https://hooks.example.com\n", ""))
    for arguments in ([], ["--dry-run"]):
        done = project.run(*arguments)
        assert done.code == 7
        assert "RECONCILER_BASE_URL" in done.err
    assert len(project.sandbox.log) == 0
    assert not (project.root / ".reconciler").exists()


def test_6_while_another_pass_holds_the_scope(project: Project) -> None:
    """The lock is waited for as long as --lock-timeout says."""
    project.manifest("push")
    with open_for_writing(f"sqlite:///{project.root}/.reconciler/state.db", KeySource()) as store:
        assert store.acquire("acme", "somebody", SystemClock().now(), 3600)
        done = project.run("--lock-timeout", "0")
    assert done.code == 6
    assert "another pass holds the scope" in done.err


def test_3_for_a_guard_and_the_flag_that_passes_it(project: Project) -> None:
    """Too many prunes are held back while the rest goes on; --yes passes no guard, the flag does."""
    many(project, MANY)
    assert project.run().code == 0
    many(project, [*MANY[:6], "acme/new"])
    done = project.run("--yes")
    assert done.code == 3
    assert "guard max_prune_percent: 6 of 12 webhooks (50%)" in done.out
    assert "Applied: 1 done." in done.out
    assert len(project.sandbox.github.webhooks()) == 13
    assert project.run("--allow-destroy", "6").code == 0
    assert len(project.sandbox.github.webhooks()) == 7


def test_small_projects_are_not_guarded_by_shares(project: Project) -> None:
    """Below min_existing a share says nothing; an empty wish is held back all the same."""
    project.manifest("push")
    project.run()
    (project.root / "webhooks" / "triage.yaml").unlink()
    done = project.run("--yes")
    assert done.code == 3
    assert "--allow-destroy 100%" in done.out
    assert project.run("--allow-destroy", "100%").code == 0
    assert not project.sandbox.github.webhooks()


def test_3_for_what_is_blocked_with_the_way_out(project: Project) -> None:
    """Two credentials of one bot want the same slot: the second is blocked, in a plan and in a pass."""
    extra = "  twin: {provider: telegram, token: env/TELEGRAM_TOKEN, api_url: ORIGIN/telegram}\n"
    text = (project.root / "reconciler.yaml").read_text()
    project.write("reconciler.yaml", text.replace("defaults:", extra.replace("ORIGIN", project.origin) + "defaults:"))
    text = "graph: a\ntriggers:\n  - {provider: telegram, events: [message]}\n"
    project.write("webhooks/a.yaml", f"{text}  - {{provider: telegram, events: [message], credentials: twin}}\n")
    for arguments in (["--dry-run"], []):
        done = project.run(*arguments)
        assert done.code == 3
        assert "slot_taken" in done.out
        assert "way out: " in done.out


def test_4_when_something_was_applied_and_something_failed(project: Project) -> None:
    """One failure stops no other webhook, and the report names it."""
    project.manifest("push")
    project.manifest("push", resource="acme/web", name="builds")
    project.sandbox.faults.add(Fault(path="/github/repos/acme/web/hooks", method="POST", status=422))
    done = project.run()
    assert done.code == 4
    assert "failed  +  github/repo/acme/web@acme-github" in done.out
    assert "Applied: 1 done, 1 failed." in done.out


def test_4_and_1_when_a_list_failed(project: Project) -> None:
    """What cannot be listed is left alone; a pass says 4, a plan says 1, and an auth failure is never 0."""
    project.manifest("push")
    project.sandbox.faults.add(Fault(path="/github/*", method="GET", status=401))
    assert project.run("--dry-run").code == 1
    done = project.run()
    assert done.code == 4
    assert "! github/repo/acme/api@acme-github: cannot list the webhooks" in done.out
    assert {entry.method for entry in project.sandbox.log} == {"GET"}


def test_1_for_a_store_that_others_can_read(project: Project) -> None:
    """A state file with open permissions is refused in words."""
    project.manifest("push")
    project.run()
    (project.root / ".reconciler" / "state.db").chmod(0o644)
    done = project.run()
    assert done.code == 1
    assert "Traceback" not in done.err


def test_2_only_for_those_who_ask(project: Project) -> None:
    """Pending changes are 0 without --detailed-exitcode."""
    project.manifest("push")
    assert project.run("plan").code == 0
    assert project.run("plan", "--detailed-exitcode").code == 2
    assert project.run("--dry-run", "--detailed-exitcode").code == 2
    assert project.run("status", "--detailed-exitcode").code == 2
    project.run()
    assert project.run("plan", "--detailed-exitcode").code == 0
    assert project.run("status", "--detailed-exitcode").code == 0
    assert project.run("orphans", "--detailed-exitcode").code == 0


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError(()), 7),
        (MissingConfigError("x"), 7),
        (LockedError("x"), 6),
        (LeaseLostError("x"), 6),
        (StalePlanError("x"), 5),
        (ScopeBoundError("a", "b", "c"), 3),
        (BlockedError("x"), 3),
        (StateError("x"), 1),
        (ReconcilerError("x"), 1),
    ],
)
def test_each_error_has_its_code(error: ReconcilerError, code: int) -> None:
    """The one table from errors to codes."""
    assert exits.of_error(error) == code


def test_the_first_that_applies_wins() -> None:
    """7, 6, 5, 3, 4, 1, 2, 0, in this order."""
    order = [7, 6, 5, 3, 4, 1, 2, 0]
    for index, code in enumerate(order):
        assert exits.first(ExitCode(other) for other in order[index:]) == code


class Broken(dict[str, str]):
    """An environment with a bug in it."""

    def get(self, name: str, default: str | None = None) -> str | None:
        """Fails for our own settings."""
        if name.startswith("RECONCILER_"):
            raise ZeroDivisionError("a text that may hold anything")
        return default


def test_a_bug_is_called_one_and_shows_its_traceback_on_request(project: Project) -> None:
    """An unexpected exception is our fault: a short message without its text, and where it happened only with -v."""
    project.environment = Broken()
    done = project.run("plan")
    assert done.code == 1
    assert "error: this is a bug in reconcile (ZeroDivisionError); -v shows where" in done.err
    assert "a text that may hold anything" not in done.err
    assert "Traceback" in project.run("plan", "-v").err
