"""Canonical files: rewritten in one step, or told; what is wrong is left alone."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from reconciler.cli.main import run
from reconciler.cli.output import Streams
from reconciler.documents import saving
from tests.cli.support import Outcome

PROJECT = """\
# of the project
version: 1
manifests: [webhooks]
scope: acme # the label
credentials:
  gh: {token: env/T, provider: github}
"""
CANONICAL_PROJECT = """\
# of the project
version: 1
scope: acme # the label
manifests: [webhooks]
credentials:
  gh: {provider: github, token: env/T}
"""
MANIFEST = """\
triggers:
- events: [push, issues.opened] # why
  provider: github
  type: repo
  resource: acme/api
  credentials: gh
graph: g
user: u
"""
CANONICAL = """\
graph: g
user: u
triggers:
  - provider: github
    type: repo
    resource: acme/api
    events: [issues.opened, push] # why
    credentials: gh
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A valid project, none of whose files is canonical."""
    (tmp_path / "webhooks").mkdir()
    (tmp_path / "reconciler.yaml").write_text(PROJECT)
    (tmp_path / "webhooks" / "a.yaml").write_text(MANIFEST)
    return tmp_path


def command(folder: Path, *arguments: str) -> Outcome:
    """Run the command."""
    out, err = io.StringIO(), io.StringIO()
    streams = Streams(stdin=io.StringIO(), stdout=out, stderr=err, environment={}, now=lambda: 0.0)
    return Outcome(int(run([*arguments, "-C", str(folder)], streams)), out.getvalue(), err.getvalue())


def test_the_files_of_a_project_are_rewritten(folder: Path) -> None:
    """Keys in the order of the documentation, events sorted, comments kept; the second time nothing changes."""
    done = command(folder, "fmt")
    assert (done.code, done.out) == (0, "formatted  reconciler.yaml\nformatted  webhooks/a.yaml\n")
    assert (folder / "reconciler.yaml").read_text() == CANONICAL_PROJECT
    assert (folder / "webhooks" / "a.yaml").read_text() == CANONICAL
    again = command(folder, "fmt")
    assert (again.code, again.out) == (0, "2 files in canonical form.\n")


def test_check_writes_nothing_and_exits_1(folder: Path) -> None:
    """For pipelines: the files are named, the next command too, and all stays as it is."""
    done = command(folder, "fmt", "--check")
    assert done.code == 1
    assert done.out == "would change  reconciler.yaml\nwould change  webhooks/a.yaml\n"
    assert "run `reconcile fmt`" in done.err
    assert (folder / "webhooks" / "a.yaml").read_text() == MANIFEST
    command(folder, "fmt")
    assert command(folder, "fmt", "--check").code == 0


def test_a_file_with_problems_is_left_alone(folder: Path) -> None:
    """It is told with its place, exit 7, and what is right beside it is formatted all the same."""
    wrong = MANIFEST + "colour: red\n"
    (folder / "webhooks" / "b.yaml").write_text(wrong)
    done = command(folder, "fmt")
    assert done.code == 7
    assert "webhooks/b.yaml:9:1: colour: unknown key 'colour'" in done.err
    assert (folder / "webhooks" / "b.yaml").read_text() == wrong
    assert (folder / "webhooks" / "a.yaml").read_text() == CANONICAL


def test_a_project_file_with_problems_is_left_alone(folder: Path) -> None:
    """Its own problem keeps it as it is."""
    wrong = PROJECT.replace("version: 1", "version: 2")
    (folder / "reconciler.yaml").write_text(wrong)
    assert command(folder, "fmt").code == 7
    assert (folder / "reconciler.yaml").read_text() == wrong


def test_a_file_that_cannot_be_kept_is_told(folder: Path) -> None:
    """What canonical form would change in meaning is a problem, and stays."""
    text = "graph: g\nuser: u\ntriggers: []\n---\ngraph: h\nuser: u\ntriggers: []\n---\npreset: |\n  p"
    (folder / "webhooks" / "a.yaml").write_text(text)
    done = command(folder, "fmt")
    assert done.code == 7
    assert (folder / "webhooks" / "a.yaml").read_text() == text


def test_the_mode_of_a_file_stays(folder: Path) -> None:
    """A file that others may not read is not opened to them."""
    path = folder / "webhooks" / "a.yaml"
    path.chmod(0o640)
    command(folder, "fmt")
    assert path.stat().st_mode & 0o777 == 0o640
    assert [item.name for item in path.parent.iterdir()] == ["a.yaml"]


def test_what_somebody_else_wrote_meanwhile_stays(tmp_path: Path) -> None:
    """A file is replaced only where it still holds what was read."""
    path = tmp_path / "a.yaml"
    path.write_bytes(b"theirs")
    assert not saving.replace(path, b"read before", b"ours")
    assert path.read_bytes() == b"theirs"


def test_a_write_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    """Nothing half written, and no file beside it."""
    path = tmp_path / "a.yaml"
    path.write_bytes(b"before")
    with pytest.raises(TypeError):
        saving.replace(path, b"before", None)  # type: ignore[arg-type] # what makes a write fail
    assert [item.read_bytes() for item in tmp_path.iterdir()] == [b"before"]


def test_the_examples_are_in_canonical_form() -> None:
    """What we show is what the command makes."""
    quickstart = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
    assert command(quickstart, "fmt", "--check").code == 0
