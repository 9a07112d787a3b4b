"""A state that is locked, another's, missing, newer, damaged, unwritable: it is told, and nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.store.keys import KeySource
from reconciler.store.opening import open_for_writing
from tests.cli.state_support import AUTO, fill, hold, in_sync, listed, run, state
from tests.cli.support import Outcome, Project, process_environment

pytestmark = pytest.mark.journeys


@pytest.fixture
def filled(project: Project) -> Project:
    """A project with an auto and a manual webhook, both recorded."""
    return fill(project)


WRITING = [
    ["state", "mv", AUTO, f"alice:{AUTO}"],
    ["state", "rm", AUTO, "--yes"],
    ["forget", AUTO, "--yes"],
    ["key", "rotate"],
    ["scope", "rename", "acme", "acme", "--yes"],
]
"""Every verb that writes under the scope's lease."""

ALL = [
    *WRITING,
    ["state", "list"],
    ["state", "show", AUTO],
    ["state", "backup", "BACKUP"],
    ["unlock"],
    ["db", "upgrade"],
]


def words(arguments: list[str]) -> str:
    """The name of a case."""
    return " ".join(arguments[:2])


@pytest.mark.parametrize("arguments", WRITING, ids=words)
def test_verbs_that_write_wait_for_the_lease(filled: Project, arguments: list[str]) -> None:
    """While a pass holds the scope: exit 6, and nothing is changed."""
    hold(filled, 3600)
    before = listed(filled)
    assert filled.run(*arguments, "--lock-timeout", "0").code == 6
    assert listed(filled) == before


@pytest.mark.parametrize("arguments", [*WRITING[:-1], ["unlock"]], ids=words)
def test_verbs_that_write_respect_the_binding(filled: Project, tmp_path: Path, arguments: list[str]) -> None:
    """Another project's scope: exit 3, with the way to take it over."""
    shutil.copytree(filled.root, tmp_path / "other")
    filled.environment["RECONCILER_STATE"] = f"sqlite:///{state(filled)}"
    other = Project(tmp_path / "other", filled.origin, filled.sandbox, filled.environment)
    done = other.run(*arguments)
    assert done.code == 3
    assert "reconcile scope rename acme acme" in done.err


@pytest.mark.parametrize(
    "arguments", [item for item in ALL if item[:2] not in (["state", "list"], ["state", "show"])], ids=words
)
def test_verbs_make_no_state(project: Project, arguments: list[str]) -> None:
    """Where none is: exit 1 with a hint, and none appears."""
    done = run(project, arguments)
    assert done.code == 1
    assert "there is no state file" in done.err
    assert not (project.root / ".reconciler").exists()


def newer(path: Path) -> str:
    """A newer version has been at work."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    return "the schema 9999, newer than"


def garbage(path: Path) -> str:
    """Somebody wrote over the file."""
    path.write_bytes(b"not a database at all, " * 100)
    return "is no SQLite database"


def torn(path: Path) -> str:
    """A page in the middle is lost."""
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    return "is damaged"


def keyless(path: Path) -> str:
    """The key is gone."""
    path.with_name("key").unlink()
    return "is missing"


def open_to_others(path: Path) -> str:
    """Everybody may read it."""
    path.chmod(0o644)
    return "chmod 600"


@pytest.mark.parametrize("harm", [newer, garbage, torn, open_to_others])
def test_a_state_that_cannot_be_used_is_told_and_left_alone(filled: Project, harm: Any) -> None:
    """By readers, writers and upgrades alike: exit 1 with words on what is wrong.

    No traceback, no provider called, not a byte of the file changed.
    """
    told = harm(state(filled))
    before, calls = state(filled).read_bytes(), len(filled.sandbox.log)
    for arguments in ([], ["plan"], ["status"], ["state", "list"], ["db", "upgrade"], *WRITING[:1], ["key", "rotate"]):
        done = run(filled, arguments)
        assert (arguments, done.code) == (arguments, 1)
        assert told in done.err
        assert "bug" not in done.err
        assert len(filled.sandbox.log) == calls
        assert state(filled).read_bytes() == before
        assert not (filled.root / "backup.db").exists()


def test_a_missing_key_is_told_and_not_replaced(filled: Project) -> None:
    """Nothing but an upgrade can do without it."""
    told = keyless(state(filled))
    for arguments in ([], ["plan"], *WRITING, ["state", "list"], ["state", "backup", "BACKUP"]):
        done = run(filled, arguments)
        assert (arguments, done.code) == (arguments, 1)
        assert told in done.err
        assert not state(filled).with_name("key").exists()


def test_open_for_writing_is_what_makes_a_state(project: Project) -> None:
    """The verbs above refuse what a pass would make."""
    open_for_writing(f"sqlite:///{state(project)}", KeySource()).close()
    assert json.loads(project.run("state", "list", "--format", "json").out) == {"records": [], "orphans": []}


# -- disks -------------------------------------------------------------------------------------------------------------

LIMITED = """
import resource, sys
from reconciler.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
main()
"""


def limited(project: Project, size: int, *arguments: str) -> Outcome:
    """Run the command where no file may grow beyond `size` bytes: the write fails, as it does on a full disk."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", LIMITED, str(size), "-C", str(project.root), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=process_environment(project.environment),
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def test_a_pass_on_a_full_disk_makes_no_webhook_twice(filled: Project) -> None:
    """No room for the record: told, nothing made without one; with room again a pass completes, one webhook each."""
    resources = ", ".join(f"acme/repo{number:03}" for number in range(60))
    text = "graph: many\ntriggers:\n  - provider: github\n    type: repo\n    events: [push]\n"
    filled.write("webhooks/many.yaml", f"{text}    resources: [{resources}]\n")
    done = limited(filled, state(filled).stat().st_size)
    assert done.code in {1, 4}
    assert "the disk is full, over a quota, or failing" in done.err
    assert "Traceback" not in done.err
    assert filled.run().code == 0
    urls = [webhook.url for webhook in filled.sandbox.github.webhooks()]
    assert len(urls) == len(set(urls)) == 61
    assert "In sync: 62 webhooks" in filled.run("plan").out


def test_a_verb_on_a_full_disk_loses_nothing(filled: Project) -> None:
    """Whatever it could not write, the state is what it was, and the verbs work once there is room."""
    before = listed(filled)
    target = str(filled.root / "backup.db")
    writing = [item for item in ALL if item[1:2] not in (["list"], ["show"])]
    for arguments in writing:
        given = [target if argument == "BACKUP" else argument for argument in arguments]
        done = limited(filled, 8, *given)
        assert (arguments, done.code) == (arguments, 1)
        assert "the disk is full, over a quota, or failing" in done.err
        assert listed(filled) == before
        assert not (filled.root / "backup.db").exists()
    assert in_sync(filled)
    assert [run(filled, arguments).code for arguments in (["key", "rotate"], ["state", "backup", "BACKUP"])] == [0, 0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to read-only folders")
@pytest.mark.parametrize("arguments", [[], *ALL], ids=words)
def test_a_read_only_state_is_told_to_whoever_writes(filled: Project, arguments: list[str]) -> None:
    """Exit 1 with words for writers; readers read on."""
    filled.manifest("push", "issues")
    folder = state(filled).parent
    folder.chmod(0o500)
    done = run(filled, arguments)
    folder.chmod(0o700)
    reads = arguments[:2] in (["state", "list"], ["state", "show"], ["state", "backup"])
    assert done.code == (0 if reads else 1)
    assert reads or "read-only" in done.err
