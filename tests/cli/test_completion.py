"""Completion as a shell sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.support import Project, process_environment

pytestmark = pytest.mark.processes

TYPE_A_LINE = """
source <({python} -m reconciler completion bash)
reconcile() {{ {python} -m reconciler; }}
COMP_LINE="$1"; COMP_POINT=${{#1}}
_reconcile_completion reconcile
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(line: str) -> list[str]:
    """What Bash offers at the end of a line."""
    script = TYPE_A_LINE.format(python=sys.executable)
    done = subprocess.run(  # noqa: S603 - our own script
        ["/bin/bash", "-c", script, "bash", line],
        capture_output=True,
        text=True,
        check=True,
        env=process_environment({}),
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("reconcile vali", ["validate"]),
        ("reconcile plan --allow-d", ["--allow-destroy"]),
        ("reconcile schema ", ["project", "manifest", "provider", "plan"]),
        ("reconcile sandbox fire tele", ["telegram"]),
        ("reconcile init --provider git", ["gitea", "github", "gitlab"]),
        ("reconcile completion f", ["fish"]),
    ],
)
def test_verbs_flags_and_names_are_completed(line: str, expected: list[str]) -> None:
    """What the command knows by itself."""
    assert completed(line) == expected


def test_addresses_of_what_is_recorded_are_completed(project: Project) -> None:
    """From the store alone; of an address, what comes after the last character at which Bash ends a word."""
    project.manifest("push")
    project.write("webhooks/form.yaml", "graph: form\ntriggers: [{provider: generic, events: [plain]}]\n")
    assert project.run("--yes").code == 0
    at = f"reconcile show -C {project.root} "
    assert completed(at) == ["generic/plain/graph:form", "github/repo/acme/api@acme-github"]
    assert completed(f"reconcile -C {project.root} show git") == ["github/repo/acme/api@acme-github"]
    assert completed(f"{at}github/repo/acme/api@acme") == ["acme-github"]
    assert completed(f"{at}generic/plain/graph:") == ["form"]


def test_a_project_of_its_own_brings_its_providers(project: Project) -> None:
    """The names of files in its folders of definitions are names of providers."""
    project.write("own/forge.yaml", "")
    path = project.root / "reconciler.yaml"
    path.write_text(path.read_text() + "providers: [own]\n")
    assert completed(f"reconcile -C {project.root} sandbox fire for") == ["forge"]


def test_where_nothing_can_be_found_nothing_is_said(tmp_path: Path) -> None:
    """A folder without a project completes nothing, without a word on either stream."""
    assert completed(f"reconcile show -C {tmp_path} ") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_its_script(project: Project, shell: str) -> None:
    """It is printed, to be put where the shell looks for it, and asks the command by its variable."""
    done = project.run("completion", shell)
    assert done.code == 0
    assert "_RECONCILE_COMPLETE" in done.out
