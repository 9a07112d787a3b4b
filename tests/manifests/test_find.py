"""Which files hold manifests, and that none lies outside the project."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from reconciler.manifests.find import find

FILES = ("webhooks/b.yaml", "webhooks/a.yml", "webhooks/deep/er/c.yaml", "webhooks/README.md", "webhooks/.hidden.yaml")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with some files."""
    make(tmp_path, FILES)
    return tmp_path


def make(root: Path, names: Iterable[str]) -> None:
    """Empty files of these names."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def names(entry: str, root: Path) -> list[str]:
    """The files of an entry without problems, relative to the project."""
    found = find(entry, root)
    assert found.refusals == ()
    return [path.relative_to(root.resolve()).as_posix() for path in found.files]


def code(entry: str, root: Path) -> str:
    """The code of an entry's only refusal, and that it gave no file."""
    found = find(entry, root)
    assert found.files == ()
    (refusal,) = found.refusals
    return refusal.code


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("webhooks", ["webhooks/a.yml", "webhooks/b.yaml", "webhooks/deep/er/c.yaml"]),
        (".", ["webhooks/a.yml", "webhooks/b.yaml", "webhooks/deep/er/c.yaml"]),
        ("webhooks/b.yaml", ["webhooks/b.yaml"]),
        ("webhooks/README.md", ["webhooks/README.md"]),
        ("webhooks/*.yaml", ["webhooks/b.yaml"]),
        ("webhooks/*", ["webhooks/a.yml", "webhooks/b.yaml", "webhooks/deep/er/c.yaml"]),
        ("webhooks/**/*.yaml", ["webhooks/b.yaml", "webhooks/deep/er/c.yaml"]),
        ("**/c.yaml", ["webhooks/deep/er/c.yaml"]),
        ("webhooks/**", ["webhooks/a.yml", "webhooks/b.yaml", "webhooks/deep/er/c.yaml"]),
        ("webhooks/[ab].y*", ["webhooks/a.yml", "webhooks/b.yaml"]),
        ("webhooks/.*.yaml", ["webhooks/.hidden.yaml"]),
        ("w?bhooks/deep/*/c.yaml", ["webhooks/deep/er/c.yaml"]),
    ],
)
def test_files_folders_and_globs(root: Path, entry: str, expected: list[str]) -> None:
    """Folders are read with all below them; names with a leading dot and other suffixes only where they are said."""
    assert names(entry, root) == expected


@pytest.mark.parametrize("entry", ["nothing/*.yaml", "webhooks/*.json", "empty", "**/nothing.yaml"])
def test_nothing_found_is_no_problem(root: Path, entry: str) -> None:
    """An empty folder, or a glob without a match, is an empty wish."""
    (root / "empty").mkdir()
    assert names(entry, root) == []


@pytest.mark.parametrize("entry", ["gone.yaml", "gone", "webhooks/b.yaml/x"])
def test_a_plain_path_must_exist(root: Path, entry: str) -> None:
    """A path without wildcards that leads nowhere is a problem."""
    assert code(entry, root) == "missing_file"


@pytest.mark.parametrize("entry", ["/etc", "../other", "webhooks/../../x", "~/x", "../*.yaml", "/etc/*.yaml", "a\\b"])
def test_no_entry_leaves_the_project(root: Path, entry: str) -> None:
    """Absolute paths and `..` are refused as they are written."""
    assert code(entry, root) == "outside"


@pytest.mark.parametrize("entry", ["link.yaml", "folder", ".", "*.yaml", "**/*.yaml", "folder/*", "fold*/secret.yaml"])
def test_symbolic_links_do_not_lead_out(tmp_path: Path, entry: str) -> None:
    """A link to a file or folder outside the project is refused, however it is reached."""
    make(tmp_path, ["outside/secret.yaml"])
    root = tmp_path / "project"
    root.mkdir()
    (root / "link.yaml").symlink_to(tmp_path / "outside/secret.yaml")
    (root / "folder").symlink_to(tmp_path / "outside")
    found = find(entry, root)
    assert found.files == ()
    assert {refusal.code for refusal in found.refusals} == {"outside"}


def test_links_inside_the_project_are_followed_once(root: Path) -> None:
    """A link to a file inside counts as that file; a link in a circle ends."""
    (root / "webhooks/again.yaml").symlink_to(root / "webhooks/b.yaml")
    (root / "webhooks/circle").symlink_to(root / "webhooks")
    assert names("webhooks", root) == ["webhooks/a.yml", "webhooks/b.yaml", "webhooks/deep/er/c.yaml"]
    assert names("**/b.yaml", root) == ["webhooks/b.yaml"]


def test_a_link_that_leads_nowhere_is_a_problem(root: Path) -> None:
    """What looks like a manifest and cannot be read is never passed over in silence."""
    (root / "webhooks/gone.yaml").symlink_to(root / "nowhere.yaml")
    (refusal,) = find("webhooks", root).refusals
    assert refusal.message == "'webhooks/gone.yaml' does not exist"


def test_a_link_in_a_circle_is_a_problem(root: Path) -> None:
    """A link that leads to itself cannot be read."""
    (root / "webhooks/loop.yaml").symlink_to(root / "webhooks/loop.yaml")
    (refusal,) = find("webhooks", root).refusals
    assert refusal.message.startswith("'webhooks/loop.yaml' ")


@pytest.mark.parametrize("entry", ["only", "only/pipe.yaml", "only/*.yaml"])
def test_a_fifo_is_no_manifest(root: Path, entry: str) -> None:
    """Only regular files are read."""
    (root / "only").mkdir()
    os.mkfifo(root / "only/pipe.yaml")
    assert code(entry, root) == "not_a_file"


def test_project_files_are_no_manifests(root: Path) -> None:
    """What is excluded is not found, even where the entry names its folder."""
    make(root, ["reconciler.yaml"])
    found = find(".", root, [root / "reconciler.yaml"])
    assert root.resolve() / "reconciler.yaml" not in found.files
