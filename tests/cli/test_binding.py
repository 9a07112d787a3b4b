"""Which project a scope belongs to."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from reconciler.wiring.binding import origin_of, without_credentials
from tests.cli.support import Project


def git(folder: Path, *arguments: str) -> None:
    """Run Git in a folder."""
    program = shutil.which("git")
    if program is None:
        pytest.skip("Git is not installed")
    subprocess.run([program, "-C", str(folder), *arguments], check=True, capture_output=True)  # noqa: S603 - Git itself


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/acme/webhooks.git",
        "https://robot:s3cret@github.com/acme/webhooks.git",
        "https://github.com/acme/webhooks/",
        "ssh://git@github.com/acme/webhooks.git",
        "git@github.com:acme/webhooks.git",
    ],
)
def test_every_clone_of_a_repository_is_the_same_project(remote: str) -> None:
    """HTTPS or SSH, with a token or without: the binding is host and path."""
    assert without_credentials(remote) == "github.com/acme/webhooks"


def test_local_remotes_keep_their_path() -> None:
    """A remote that is a folder is named by it."""
    assert without_credentials("/srv/git/webhooks.git") == "/srv/git/webhooks"
    assert without_credentials("file:///srv/git/webhooks.git") == "/srv/git/webhooks"


def test_in_git_the_remote_and_the_path_in_the_repository_count(tmp_path: Path) -> None:
    """Wherever the clone lies, the project is the same; without a remote the resolved path counts."""
    file = tmp_path / "clone" / "deploy" / "reconciler.yaml"
    file.parent.mkdir(parents=True)
    file.touch()
    git(tmp_path, "init", "-q", "clone")
    assert origin_of(file).binding == str(file.resolve())
    git(tmp_path / "clone", "remote", "add", "origin", "https://x:y@git.acme.dev/acme/webhooks.git")
    assert origin_of(file).binding == "git.acme.dev/acme/webhooks//deploy/reconciler.yaml"
    assert origin_of(file).commit == ""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    git(tmp_path / "clone", *who, "commit", "-q", "--allow-empty", "-m", "first")
    assert len(origin_of(file).commit) == 40


def test_another_project_may_not_use_the_scope(project: Project, tmp_path: Path) -> None:
    """The scope is bound at its first write; whoever else uses it with the same state is refused with exit 3."""
    project.manifest("push")
    project.environment["RECONCILER_STATE"] = f"sqlite:///{tmp_path}/state.db"
    assert project.run().code == 0
    shutil.copytree(project.root, tmp_path / "other")
    other = Project(tmp_path / "other", project.origin, project.sandbox, project.environment)
    for arguments in (["plan"], []):
        done = other.run(*arguments)
        assert done.code == 3
        assert "belongs to" in done.err
