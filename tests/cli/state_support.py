"""A project whose state is worked on by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reconciler.store.keys import KeySource
from reconciler.store.opening import open_existing
from reconciler.store.sql import SqlStore
from reconciler.system import SystemClock
from tests.cli.support import Outcome, Project

AUTO = "github/repo/acme/api@acme-github"
MANUAL = "github/repo/graph:intake"


def fill(project: Project) -> Project:
    """An auto and a manual webhook, both recorded."""
    project.manifest("push")
    manual(project, "intake")
    assert project.run().code == 0
    return project


def manual(project: Project, graph: str) -> None:
    """A manifest of a manual webhook."""
    trigger = "{provider: github, type: repo, resource: acme/web, events: [push], manual: true}"
    project.write("webhooks/manual.yaml", f"graph: {graph}\ntriggers:\n  - {trigger}\n")


def state(project: Project) -> Path:
    """The state file."""
    return project.root / ".reconciler" / "state.db"


def opened(project: Project) -> SqlStore:
    """The store, as another process has it."""
    return open_existing(f"sqlite:///{state(project)}", KeySource())


def run(project: Project, arguments: list[str]) -> Outcome:
    """Run a verb; BACKUP is a file beside the project."""
    target = str(project.root / "backup.db")
    return project.run(*(target if argument == "BACKUP" else argument for argument in arguments))


def listed(project: Project, *arguments: str) -> list[dict[str, Any]]:
    """The records that are listed."""
    records = project.run("state", "list", "--format", "json", *arguments).document["records"]
    assert isinstance(records, list)
    return records


def in_sync(project: Project) -> bool:
    """Whether a pass would do nothing."""
    return "In sync: 2 webhooks" in project.run("plan").out


def hold(project: Project, seconds: float) -> None:
    """Somebody takes the scope and is never heard of again."""
    with opened(project) as store:
        assert store.acquire("acme", "host:42:abcd", SystemClock().now(), seconds)
