"""Backups, the encryption key, a stuck lease, the scope and the schema, by command."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from reconciler.core.model import Secret
from reconciler.engine.leasing import LEASE_SECONDS
from reconciler.store.keys import KeySource, load
from reconciler.store.tables import METADATA
from tests.cli.state_support import fill, hold, in_sync, run, state
from tests.cli.support import Project, project_file

pytestmark = pytest.mark.journeys


@pytest.fixture
def filled(project: Project) -> Project:
    """A project with an auto and a manual webhook, both recorded."""
    return fill(project)


# -- backup ------------------------------------------------------------------------------------------------------------


def test_a_backup_can_take_the_place_of_the_state(filled: Project) -> None:
    """With the key beside it, the copy is the state: everything in sync."""
    done = run(filled, ["state", "backup", "BACKUP", "--format", "json"])
    assert done.code == 0
    assert done.document["key"] in load(KeySource(file=state(filled).with_name("key"))).ids
    assert done.document["records"] == 2
    state(filled).unlink()
    shutil.move(filled.root / "backup.db", state(filled))
    assert in_sync(filled)


def test_a_backup_replaces_no_file(filled: Project) -> None:
    """A file that exists stays as it is, exit 1."""
    filled.write("backup.db", "precious")
    done = run(filled, ["state", "backup", "BACKUP"])
    assert done.code == 1
    assert "exists already" in done.err
    assert (filled.root / "backup.db").read_text() == "precious"


# -- key ---------------------------------------------------------------------------------------------------------------


def test_rotate_makes_a_new_key(filled: Project) -> None:
    """Another key file, everything in sync, and words on what the old key is still good for."""
    file = state(filled).with_name("key")
    before = file.read_text()
    done = filled.run("key", "rotate", "--format", "json")
    assert done.code == 0
    assert done.document["resealed"] == 2
    assert done.document["dropped"] == list(load(KeySource(text=Secret(before))).ids)
    assert file.read_text() != before
    assert before.strip() not in done.out + done.err
    assert file.read_text().strip() not in done.out + done.err
    assert in_sync(filled)
    assert "Backups from before still need" in filled.run("key", "rotate").out


def test_rotate_to_a_given_key(filled: Project) -> None:
    """The first of several is the new one; the command says which may be dropped, and it may."""
    old = state(filled).with_name("key").read_text().strip()
    new = bytes(range(32)).hex()
    filled.environment["RECONCILER_KEY"] = new
    assert filled.run("plan").code == 1
    filled.environment["RECONCILER_KEY"] = old
    done = filled.run("key", "rotate")
    assert done.code == 7
    assert "RECONCILER_KEY=NEW,OLD" in done.err
    filled.environment["RECONCILER_KEY"] = f"{new},{old}"
    done = filled.run("key", "rotate")
    assert done.code == 0
    assert "from RECONCILER_KEY once no process uses it" in done.out
    filled.environment["RECONCILER_KEY"] = new
    assert in_sync(filled)


# -- unlock ------------------------------------------------------------------------------------------------------------


def test_unlock_shows_that_the_scope_is_free(filled: Project) -> None:
    """Given back or lapsed: there is nothing to free, and nothing is asked."""
    assert filled.run("unlock").out == "The scope acme is free.\n"
    hold(filled, -1)
    assert "The lease of host:42:abcd lapsed at" in filled.run("unlock").out
    assert filled.run("unlock", "--format", "json").document["freed"] is False


def test_unlock_frees_a_lease_that_would_not_end(filled: Project) -> None:
    """Longer than any pass takes it: shown, asked for, freed; the next pass runs at once."""
    hold(filled, 3600)
    assert filled.run("--lock-timeout", "0").code == 6
    assert filled.at_terminal("n\n", "unlock").code == 1
    assert filled.run("unlock").code == 7
    done = filled.at_terminal("y\n", "unlock", "--format", "json")
    assert "held by host:42:abcd until" in done.err
    assert (done.document["holder"], done.document["freed"]) == ("host:42:abcd", True)
    assert filled.run("--lock-timeout", "0").code == 0


def test_unlock_leaves_a_pass_at_work_alone(filled: Project) -> None:
    """A lease within its time is a living holder's, or ends by itself: only --force takes it."""
    hold(filled, LEASE_SECONDS)
    done = filled.run("unlock", "--yes")
    assert done.code == 6
    assert "--force" in done.err
    assert filled.run("unlock", "--yes", "--force").code == 0
    assert filled.run("--lock-timeout", "0").code == 0


# -- scope, db ---------------------------------------------------------------------------------------------------------


def test_a_renamed_scope_is_in_sync(filled: Project) -> None:
    """New name in the project file, renamed in the state: nothing is made anew."""
    filled.write("reconciler.yaml", project_file(filled.origin).replace("scope: acme", "scope: platform"))
    done = filled.run("scope", "rename", "acme", "platform", "--yes", "--format", "json")
    assert done.code == 0
    assert (done.document["before"], done.document["scope"], done.document["records"]) == ("acme", "platform", 2)
    assert in_sync(filled)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [("acme", "platform", "write `scope: platform`"), ("acne", "acme", "it holds acme")],
)
def test_a_scope_is_renamed_to_what_the_project_says(filled: Project, old: str, new: str, words: str) -> None:
    """A name that the project does not use, or a scope that does not exist, is exit 7."""
    done = filled.run("scope", "rename", old, new, "--yes")
    assert done.code == 7
    assert words in done.err


def test_scopes_are_not_merged(filled: Project) -> None:
    """A new name that is in use is exit 3."""
    filled.write("reconciler.yaml", project_file(filled.origin).replace("scope: acme", "scope: platform"))
    filled.manifest("push", resource="acme/other")
    assert filled.run().code == 0
    done = filled.run("scope", "rename", "acme", "platform", "--yes")
    assert done.code == 3
    assert "never merged" in done.err


def test_a_project_that_moved_takes_its_scope_along(filled: Project, tmp_path: Path) -> None:
    """The same name twice re-binds: the project works in its new place, and no more in the old one."""
    shutil.copytree(filled.root, tmp_path / "moved")
    filled.environment["RECONCILER_STATE"] = f"sqlite:///{state(filled)}"
    moved = Project(tmp_path / "moved", filled.origin, filled.sandbox, filled.environment)
    assert moved.run("plan").code == 3
    assert moved.at_terminal("n\n", "scope", "rename", "acme", "acme").code == 1
    assert moved.run("scope", "rename", "acme", "acme", "--yes").code == 0
    assert in_sync(moved)
    assert filled.run("plan").code == 3


FIRST = {"meta", "scopes", "base_urls", "webhooks", "relations", "secrets", "orphans"}
"""The tables of the first schema."""


def old_schema(project: Project) -> None:
    """The state as the first version made it."""
    connection = sqlite3.connect(state(project))
    with connection:
        for table in reversed(METADATA.sorted_tables):
            if table.name not in FIRST:
                connection.execute(f"DROP TABLE {table.name}")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()


def test_upgrade_migrates_after_a_backup(filled: Project) -> None:
    """A dry run refuses the old schema and names the verb; afterwards it plans, and the copy is there."""
    old_schema(filled)
    refused = filled.run("plan")
    assert refused.code == 1
    assert "reconcile db upgrade" in refused.err
    done = filled.run("db", "upgrade", "--format", "json")
    assert done.code == 0
    assert done.document["before"] == "0001"
    assert Path(done.document["backup"]).stat().st_mode & 0o777 == 0o600
    assert in_sync(filled)
    assert "nothing to do" in filled.run("db", "upgrade").out


def test_nothing_is_upgraded_under_a_pass(filled: Project) -> None:
    """Exit 6 while anybody holds a scope."""
    hold(filled, 3600)
    old_schema(filled)
    assert filled.run("db", "upgrade").code == 6
