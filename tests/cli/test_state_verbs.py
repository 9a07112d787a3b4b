"""The records by hand: what each verb does and refuses, and that a pass afterwards finds what it should."""

from __future__ import annotations

import sqlite3

import pytest

from tests.cli.state_support import AUTO, MANUAL, fill, in_sync, listed, manual, opened, state
from tests.cli.support import Project
from tests.store.samples import lease, orphan

pytestmark = pytest.mark.journeys


@pytest.fixture
def filled(project: Project) -> Project:
    """A project with an auto and a manual webhook, both recorded."""
    return fill(project)


def words(arguments: list[str]) -> str:
    """The name of a case."""
    return " ".join(arguments[:2])


# -- list, show --------------------------------------------------------------------------------------------------------


def test_list_tells_phase_id_and_address(filled: Project) -> None:
    """One line for each record, and how many there are."""
    done = filled.run("state", "list")
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    assert [(line[0], line[2]) for line in lines[:2]] == [("registered", AUTO), ("manual", MANUAL)]
    assert lines[2] == ["2", "records"]


@pytest.mark.parametrize(
    ("filters", "addresses"),
    [
        (["--phase", "manual"], [MANUAL]),
        (["--phase", "manual", "--phase", "registered"], [AUTO, MANUAL]),
        (["--phase", "tombstone"], []),
        (["--target", "*@acme-github"], [AUTO]),
        (["--target", "graph:intake"], [MANUAL]),
        (["--target", "graph:triage", "--phase", "manual"], []),
    ],
    ids=" ".join,
)
def test_list_is_filtered(filled: Project, filters: list[str], addresses: list[str]) -> None:
    """By phase, and by address or what a webhook starts."""
    assert [record["address"] for record in listed(filled, *filters)] == addresses


def end(project: Project) -> None:
    """Both triggers are gone: what is left is a tombstone and, at the provider, an orphan."""
    for name in ("manual", "triage"):
        (project.root / "webhooks" / f"{name}.yaml").unlink()
    assert project.run("--allow-destroy", "100%").code == 0
    with opened(project) as store:
        store.add_orphan(lease(store), orphan())


def test_list_shows_tombstones_and_orphans(filled: Project) -> None:
    """What a pass has done with, and what is left at a provider, is in the state and can be seen."""
    end(filled)
    document = filled.run("state", "list", "--format", "json").document
    assert [record["phase"] for record in document["records"]] == ["tombstone"]
    assert [orphan["address"] for orphan in document["orphans"]] == [AUTO]
    lines = filled.run("state", "list", "--phase", "orphan").out.splitlines()
    assert lines == [f"orphan  orphan-1  {AUTO}", "0 records, 1 orphan"]


def test_show_tells_the_whole_record_and_no_secret(filled: Project) -> None:
    """By address or id, as JSON; the secret is not in it."""
    with opened(filled) as store:
        (record,) = [record for record in store.records("acme") if not record.key.manual]
        (secret,) = store.secrets(record.id)
    for name in (AUTO, record.id):
        done = filled.run("state", "show", name)
        assert done.document["id"] == record.id
        assert done.document["remote_id"] == record.remote_id
        assert (done.document["scope"], done.document["key_resource"]) == ("acme", "acme/api")
        assert secret.reveal() not in done.out
        assert record.secret not in done.out


def test_show_of_what_is_not_there_names_the_nearest(filled: Project) -> None:
    """A typo is exit 7 with a proposal."""
    done = filled.run("state", "show", "github/repo/acme/apo@acme-github")
    assert done.code == 7
    assert f"did you mean {AUTO}?" in done.err


def test_reading_goes_on_with_broken_manifests(filled: Project) -> None:
    """The records are there whatever the manifests say."""
    filled.write("webhooks/triage.yaml", "graph: [")
    assert len(listed(filled)) == 2
    assert filled.run("state", "show", MANUAL).code == 0


# -- mv ----------------------------------------------------------------------------------------------------------------


def test_mv_keeps_the_url_of_a_manual_webhook(filled: Project) -> None:
    """A graph with another name: after the same change in the manifest, nothing is to be done and nothing to paste."""
    before = filled.run("urls", "--format", "json").document["webhooks"][0]["url"]
    done = filled.run("state", "mv", MANUAL, "github/repo/graph:contact%2Fform/main")
    assert done.code == 0
    assert "github/repo/graph:contact%2Fform/main" in done.out
    manual(filled, "contact/form")
    text = (filled.root / "webhooks" / "manual.yaml").read_text()
    filled.write("webhooks/manual.yaml", text.replace("manual: true", "manual: true, name: main"))
    assert in_sync(filled)
    assert filled.run("urls", "--format", "json").document["webhooks"][0]["url"] == before


def test_mv_gives_a_webhook_to_another_user(filled: Project) -> None:
    """No provider is called, and the object at the provider stays the same one."""
    calls = len(filled.sandbox.log)
    before = filled.run("state", "show", AUTO).document
    assert filled.run("state", "mv", AUTO, f"alice:{AUTO}").code == 0
    assert len(filled.sandbox.log) == calls
    filled.manifest("push", extra="user: alice\n")
    assert in_sync(filled)
    after = filled.run("state", "show", f"alice:{AUTO}").document
    assert (after["id"], after["remote_id"], after["url"]) == (before["id"], before["remote_id"], before["url"])


def test_mv_follows_renamed_credentials(filled: Project) -> None:
    """Credentials that are called otherwise in the project file."""
    text = (filled.root / "reconciler.yaml").read_text().replace("acme-github", "main-github")
    filled.write("reconciler.yaml", text)
    assert filled.run("state", "mv", AUTO, "github/repo/acme/api@main-github").code == 0
    assert in_sync(filled)


@pytest.mark.parametrize(
    ("address", "new", "code", "words"),
    [
        (AUTO, "github/repo/acme/web@acme-github", 7, "resource and identity stay"),
        (AUTO, "gitlab/repo/acme/api@acme-github", 7, "provider, type"),
        (AUTO, MANUAL, 7, "expected [USER:]github/repo/acme/api@CREDENTIALS"),
        (AUTO, "github/repo/acme/api@nobody", 7, "no credentials nobody for github"),
        (AUTO, "github/repo/acme/api@acme-gitlab", 7, "no credentials acme-gitlab for github"),
        (AUTO, "alice/github/repo/acme/api@acme-github", 7, "expected [USER:]"),
        (AUTO, AUTO, 7, "its address already"),
        (MANUAL, AUTO, 7, "expected graph:ID or preset:ID"),
        (MANUAL, "github/repo/graph:", 7, "expected graph:ID or preset:ID"),
        ("github/repo/acme/none@acme-github", AUTO, 7, "no webhook is recorded"),
    ],
)
def test_mv_refuses_what_is_not_a_new_name(filled: Project, address: str, new: str, code: int, words: str) -> None:
    """Nothing may change that the object at the provider depends on; the state stays as it is."""
    before = listed(filled)
    done = filled.run("state", "mv", address, new)
    assert done.code == code
    assert words in done.err
    assert listed(filled) == before


def test_mv_replaces_no_other_record(filled: Project) -> None:
    """A target that exists is exit 3."""
    filled.manifest("push", name="more", extra="user: alice\n")
    filled.run()
    done = filled.run("state", "mv", AUTO, f"alice:{AUTO}")
    assert done.code == 3
    assert "recorded at" in done.err


def test_mv_respects_the_users_of_credentials(filled: Project) -> None:
    """Credentials that are for one user are not handed to another by way of the state."""
    text = (filled.root / "reconciler.yaml").read_text()
    filled.write("reconciler.yaml", text.replace("provider: github,", "provider: github, users: [platform],"))
    done = filled.run("state", "mv", AUTO, f"alice:{AUTO}")
    assert done.code == 7
    assert "not for alice" in done.err


def test_mv_leaves_slots_to_a_pass(filled: Project) -> None:
    """Other credentials may be another bot's: only a pass finds that out."""
    text = (filled.root / "reconciler.yaml").read_text()
    twin = f"  twin: {{provider: telegram, token: env/TELEGRAM_TOKEN, api_url: {filled.origin}/telegram}}\ndefaults:"
    filled.write("reconciler.yaml", text.replace("defaults:", twin))
    filled.write("webhooks/bot.yaml", "graph: bot\ntriggers:\n  - {provider: telegram, events: [message]}\n")
    assert filled.run().code == 0
    (address,) = [item["address"] for item in listed(filled, "--target", "graph:bot")]
    done = filled.run("state", "mv", address, address.replace("@acme-telegram", "@twin"))
    assert done.code == 3
    assert "the slot" in done.err


# -- rm, forget --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [["forget"], ["state", "rm"]], ids=words)
def test_the_object_of_a_removed_record_stays_and_is_told(filled: Project, verb: list[str]) -> None:
    """The record is gone, the provider was not called, and the next pass is blocked as was said."""
    calls = len(filled.sandbox.log)
    done = filled.run(*verb, AUTO, "--yes")
    assert done.code == 0
    assert "stays at github as `unrecorded`" in done.out
    assert len(filled.sandbox.log) == calls
    assert [record["address"] for record in listed(filled)] == [MANUAL]
    planned = filled.run("plan")
    assert planned.code == 3
    assert "unrecorded" in planned.out


@pytest.mark.parametrize("verb", [["forget"], ["state", "rm"]], ids=words)
def test_nothing_is_removed_without_a_yes(filled: Project, verb: list[str]) -> None:
    """At a terminal the question says what is left behind; elsewhere --yes must be said."""
    done = filled.at_terminal("n\n", *verb, AUTO)
    assert done.code == 1
    assert "stays at github" in done.err
    assert "nothing was changed" in done.err
    silent = filled.run(*verb, AUTO)
    assert silent.code == 7
    assert "--yes" in silent.err
    assert len(listed(filled)) == 2
    assert filled.at_terminal("y\n", *verb, AUTO).code == 0
    assert len(listed(filled)) == 1


@pytest.mark.parametrize("verb", [["forget"], ["state", "rm"]], ids=words)
def test_a_protected_record_is_named_to_be_removed(filled: Project, verb: list[str]) -> None:
    """--yes passes no guard; the flag does."""
    filled.manifest("push", extra="    protect: true\n")
    filled.run()
    done = filled.run(*verb, AUTO, "--yes")
    assert done.code == 3
    assert f"--allow-protected {AUTO}" in done.err
    assert filled.run(*verb, AUTO, "--yes", "--allow-protected", AUTO).code == 0


def test_rm_removes_tombstones_and_orphans(filled: Project) -> None:
    """By id or address, whatever its phase."""
    end(filled)
    (record,) = listed(filled)
    removed = filled.run("state", "rm", record["id"], "--yes", "--format", "json").document
    assert removed == {"address": MANUAL, "id": record["id"], "phase": "tombstone", "left_at_provider": None}
    done = filled.run("state", "rm", AUTO, "--yes")
    assert "nobody looks for it any more" in done.out
    assert filled.run("state", "list", "--format", "json").document == {"records": [], "orphans": []}


def test_an_address_of_several_things_is_refused(filled: Project) -> None:
    """A tombstone and the manual webhook that came after it: the ids tell them apart."""
    with opened(filled) as store:
        (record,) = [record for record in store.records("acme") if record.key.manual]
    (filled.root / "webhooks" / "manual.yaml").unlink()
    assert filled.run("--allow-destroy", "100%").code == 0
    connection = sqlite3.connect(state(filled))
    with connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(webhooks)")]
        taken = ", ".join("'another'" if name == "id" else f'"{name}"' for name in columns)
        connection.execute(f"INSERT INTO webhooks SELECT {taken} FROM webhooks WHERE id = ?", (record.id,))  # noqa: S608
    connection.close()
    done = filled.run("state", "rm", MANUAL, "--yes")
    assert done.code == 7
    assert f"{record.id} (tombstone)" in done.err
    assert "another (tombstone)" in done.err
    assert filled.run("state", "rm", "another", "--yes").code == 0
