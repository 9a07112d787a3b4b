"""Plans without a refresh that are answered from memory: the same as ever, and only while nothing has changed."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.core.plan import PlanOptions
from reconciler.store.keys import KeySource
from reconciler.store.opening import open_for_writing
from reconciler.testing.sandbox import Sandbox
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.verdicts import Verdict, recall
from tests.cli.support import Outcome, Project, process_environment, project_file

pytestmark = pytest.mark.journeys

DEFINITION = "providers.d/tracker.yaml"
MANUAL = """\
graph: intake
triggers:
  - {provider: slack, manual: true, events: [message], secret: env/SIGNING}
  - {provider: slack, manual: true, name: two, events: [message], secret: file/signing}
"""
OPTIONS = PlanOptions(refresh=False)


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory, server: tuple[str, Sandbox]) -> Project:
    """A project in sync: auto, manual and leased webhooks, and one in a slot; a copy of its folder stands beside it."""
    origin, sandbox = server
    sandbox.reset()
    project = Project(root=tmp_path_factory.mktemp("remembered") / "project", origin=origin, sandbox=sandbox)
    table = f"  table: {{provider: airtable, token: env/AIRTABLE, api_url: {origin}/airtable/v0}}\n"
    project.write("reconciler.yaml", project_file(origin).replace("defaults:", f"{table}defaults:"))
    project.environment |= {"AIRTABLE": "pat_canary0005", "SIGNING": "signing0006"}
    project.manifest("push", "issues.opened")
    project.write("webhooks/bot.yaml", "graph: bot\ntriggers:\n- {provider: telegram, events: [message]}\n")
    leased = "{provider: airtable, resource: app00000000000001, events: [tableData], credentials: table}"
    project.write("webhooks/leased.yaml", f"preset: leased\ntriggers:\n- {leased}\n")
    project.write("signing", "signing0007\n")
    project.write("webhooks/intake.yaml", MANUAL)
    done = project.run()
    assert done.code == 0, done
    shutil.copytree(project.root, project.root.with_name("pristine"))
    return project


@pytest.fixture
def settled(applied: Project) -> Project:
    """That project as it was, some time later."""
    shutil.rmtree(applied.root)
    shutil.copytree(applied.root.with_name("pristine"), applied.root)
    return replace(applied, environment=dict(applied.environment), ahead=60.0)


def plan(project: Project, *more: str) -> Outcome:
    """A plan without a refresh."""
    return project.run("plan", "--no-refresh", *more)


def known(project: Project, options: PlanOptions = OPTIONS, files: tuple[str, ...] = ()) -> Verdict | None:
    """What memory says."""
    inputs = Inputs(directory=project.root, files=tuple(map(Path, files)), environment=project.environment)
    return recall(inputs, options, project.now())


def cache(project: Project) -> Path:
    """The folder of the cache."""
    return project.root / ".reconciler" / "cache"


def memory(project: Project) -> Path:
    """The file of the only verdict."""
    (path,) = cache(project).glob("verdict-*")
    return path


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("--format", "json"),
        ("--format", "markdown"),
        ("--detailed-exitcode",),
        ("--no-prune",),
        ("--target", "graph:*"),
        ("--allow-destroy", "100%", "--allow-change", "3"),
        ("--log-format", "text"),
    ],
    ids=" ".join,
)
def test_memory_says_what_a_look_says(settled: Project, more: tuple[str, ...]) -> None:
    """Stdout, stderr and exit code are the same, byte for byte, whatever the format and the options."""
    first = plan(settled, *more)
    assert len(list(cache(settled).glob("verdict-*"))) == 1
    assert plan(settled, *more) == first
    assert (first.code, "in scope acme" in first.err) == (0, True)


def test_memory_answers_without_a_look(settled: Project) -> None:
    """The dry run of a pass is the same plan; what `--out` saved of it can be applied."""
    plan(settled)
    found = known(settled)
    assert found is not None
    assert (found.plan.in_sync, found.records, found.orphans) == (5, 5, 0)
    assert settled.run("--dry-run", "--no-refresh") == plan(settled)
    told = plan(settled, "--out", str(settled.root / "plan.json"))
    assert "the plan is in" in told.err
    assert settled.run("apply", str(settled.root / "plan.json")).code == 0


def test_memory_loads_nothing_heavy(settled: Project) -> None:
    """Neither the store nor an HTTP client nor the engine: whatever would take longer than the answer itself."""
    plan(settled)
    code = f"""
import sys
from reconciler.cli.main import run
from reconciler.cli.output import Streams
environment, now = {settled.environment!r}, {settled.now()}
streams = Streams(stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr, environment=environment, now=lambda: now)
print("CODE", int(run(["plan", "--no-refresh", "-C", {str(settled.root)!r}], streams)))
heavy = ["sqlalchemy", "alembic", "httpcore2", "jsonschema", "apscheduler", "asyncio", "reconciler.engine"]
print("LOADED", [name for name in heavy if name in sys.modules])
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(  # noqa: S603 - our own interpreter
        command, capture_output=True, text=True, check=True, env=process_environment({})
    )
    assert done.stdout == "In sync: 5 webhooks, nothing to do.\nCODE 0\nLOADED []\n"


def test_whoever_asks_for_more_logs_sees_the_steps(settled: Project) -> None:
    """They are taken, then, and not remembered."""
    plan(settled)
    assert "asking for 0 lists" in plan(settled, "-v").err


def edit(name: str, text: str = "# more\n") -> Callable[[Project], None]:
    """Add to a file, or make it."""

    def work(project: Project) -> None:
        path = project.root / name
        before = path.read_text() if path.exists() else ""
        project.write(name, before + text)

    return work


def environment(**values: str) -> Callable[[Project], None]:
    """Set variables; empty ones are taken away."""

    def work(project: Project) -> None:
        project.environment |= values
        for name in [name for name, value in values.items() if not value]:
            del project.environment[name]

    return work


def on(name: str, work: Callable[[Path], object]) -> Callable[[Project], None]:
    """Do something to a file or folder of the project."""

    def change(project: Project) -> None:
        work(project.root / name)

    return change


def statement(text: str) -> Callable[[Project], None]:
    """Change the state by hand."""

    def work(project: Project) -> None:
        with closing(sqlite3.connect(project.root / ".reconciler" / "state.db")) as connection:
            connection.execute(text)
            connection.commit()

    return work


def lease(project: Project) -> None:
    """Another process takes the lease of another scope, and gives it back."""
    state = project.root / ".reconciler" / "state.db"
    with open_for_writing(f"sqlite:///{state}", KeySource()) as store:
        taken = store.acquire("other", "somebody", project.now(), 15.0)
        assert taken
        store.release(taken)


def remote(project: Project) -> None:
    """The project becomes another one: it is in Git, by another name than its scope is bound to."""
    subprocess.run(["git", "init", "-q", str(project.root)], check=True)  # noqa: S603, S607 - as a user would
    command = ["git", "-C", str(project.root), "remote", "add", "origin", "https://git.example.com/a.git"]
    subprocess.run(command, check=True)  # noqa: S603 - as a user would


def another_key(path: Path) -> None:
    """Other bytes in the key file."""
    path.write_text("00" * 32)


def looked(project: Project) -> Outcome:
    """A plan without its digest: without a state, that depends on fingerprints which no other process has."""
    told = plan(project, "--detailed-exitcode")
    return replace(told, out=re.sub("digest [0-9a-f]{8}", "", told.out))


def copied(path: Path) -> None:
    """The same bytes at the same times, in another file."""
    copy = Path(shutil.copy2(path, path.with_name("copy")))
    copy.replace(path)


def unreadable(path: Path) -> None:
    """A link that leads out of the project."""
    path.unlink()
    path.symlink_to("/nowhere")


STATE = ".reconciler/state.db"
CHANGES: dict[str, Callable[[Project], None]] = {
    "a comment in a manifest": edit("webhooks/triage.yaml"),
    "a new manifest": edit("webhooks/new.yaml", "graph: new\ntriggers: []\n"),
    "a manifest is gone": on("webhooks/triage.yaml", Path.unlink),
    "a manifest is renamed": on("webhooks/triage.yaml", lambda path: path.rename(path.with_name("z.yaml"))),
    "a manifest cannot be read": on("webhooks/triage.yaml", unreadable),
    "a comment in the project file": edit("reconciler.yaml"),
    "the project file is wrong": edit("reconciler.yaml", "wrong: true\n"),
    "the base URL moves": environment(RECONCILER_BASE_URL="https://other.example.com"),
    "the platform's base URL": environment(PLATFORM_BASE_URL="https://other.example.com"),
    "another state": environment(RECONCILER_STATE="sqlite:///other.db"),
    "another host is allowed": environment(RECONCILER_ALLOWED_HOSTS="example.com"),
    "another folder of secrets": environment(RECONCILER_SECRET_DIRS="/srv"),
    "another token, perhaps another slot": environment(TELEGRAM_TOKEN="434343:canary0003"),
    "a token is gone": environment(GITHUB_TOKEN=""),
    "another signing secret": environment(SIGNING="other"),
    "no signing secret": environment(SIGNING=""),
    "another secret in a file": edit("signing", "more"),
    "a secret's file is gone": on("signing", Path.unlink),
    "a wrong key": on(".reconciler/key", another_key),
    "a key that others can read": on(".reconciler/key", lambda path: path.chmod(0o644)),
    "no key": on(".reconciler/key", Path.unlink),
    "another key in the environment": environment(RECONCILER_KEY="00" * 32),
    "a pass of another scope": lease,
    "a record changed": statement("UPDATE webhooks SET remote_id = '1' WHERE provider = 'github'"),
    "a state that others can read": on(STATE, lambda path: path.chmod(0o640)),
    "a copy of the state": on(STATE, copied),
    "somebody is writing": on(f"{STATE}-wal", Path.touch),
    "somebody began to write": on(f"{STATE}-journal", Path.touch),
    "no state": on(STATE, Path.unlink),
    "another project": remote,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_memory_is_silent_after_any_change(settled: Project, change: Callable[[Project], None]) -> None:
    """Of a file, a secret, the environment, the key, the state or the project's name; the look itself is then taken."""
    plan(settled)
    assert known(settled) is not None
    change(settled)
    assert known(settled) is None
    told = looked(settled)
    shutil.rmtree(cache(settled), ignore_errors=True)
    assert looked(settled) == told


@pytest.mark.parametrize(
    "text",
    [
        lambda text: text.replace('"in_sync": 5', '"in_sync": 6'),
        lambda text: "0" * 32 + text[32:],
        lambda text: text[:-1],
        lambda text: text.partition("\n")[2],
        lambda _: "",
        lambda _: "\udcff",
    ],
)
def test_memory_that_was_tampered_with_is_no_memory(settled: Project, text: Callable[[str], str]) -> None:
    """Whoever lacks the encryption key cannot make the command say that all is well."""
    plan(settled)
    path = memory(settled)
    path.write_bytes(text(path.read_text()).encode("utf-8", "surrogateescape"))
    assert known(settled) is None


@pytest.mark.parametrize("mode", [0o644, 0o620, 0o606])
def test_memory_that_others_can_touch_is_no_memory(settled: Project, mode: int) -> None:
    """Nor is one in a folder that others can look into."""
    plan(settled)
    memory(settled).chmod(mode)
    assert known(settled) is None
    memory(settled).chmod(0o600)
    assert known(settled) is not None
    cache(settled).chmod(0o700 | mode & 0o77)
    assert known(settled) is None


def test_memory_of_other_options_or_files_is_another(settled: Project) -> None:
    """Nor is there any of a plan with a refresh."""
    plan(settled)
    assert known(settled, PlanOptions(refresh=False, prune=False)) is None
    assert known(settled, PlanOptions(refresh=True)) is None
    assert known(settled, files=("reconciler.yaml",)) is not None
    settled.write("more.yaml", "guards: {min_existing: 3}\n")
    assert known(settled, files=("reconciler.yaml", "more.yaml")) is None


def test_a_definition_of_the_project_counts(settled: Project) -> None:
    """A new one, or a comment in one, is a change."""
    text = (settled.root / "reconciler.yaml").read_text()
    settled.write("reconciler.yaml", f"{text}providers: [providers.d]\n")
    builtin = Path(__file__).resolve().parents[2] / "providers.d" / "generic.yaml"
    settled.write(DEFINITION, builtin.read_text().replace("name: generic", "name: tracker", 1))
    assert plan(settled).code == 0
    assert known(settled) is not None
    edit(DEFINITION)(settled)
    assert known(settled) is None


def test_memory_ends_where_a_lease_must_be_renewed(settled: Project) -> None:
    """It holds until then, to the second; and never before it was made."""
    plan(settled)
    with closing(sqlite3.connect(settled.root / STATE)) as connection:
        (end,) = connection.execute("SELECT min(lease_expires_at) FROM webhooks").fetchone()
    assert known(settled) is not None
    ahead = 2 * 86_400.0
    inputs = Inputs(directory=settled.root, environment=settled.environment)
    assert recall(inputs, OPTIONS, end - ahead - 1) is not None
    assert recall(inputs, OPTIONS, end - ahead) is None
    assert recall(inputs, OPTIONS, settled.now() - 3600) is None


def test_memory_of_what_lives_for_ever_has_no_end(project: Project) -> None:
    """Where no webhook expires, a verdict holds until something changes."""
    project.manifest("push")
    project.run()
    project.ahead = 60.0
    plan(project)
    project.ahead = 10 * 365 * 86_400.0
    assert known(project) is not None


def test_memory_waits_until_the_next_change_shows(settled: Project) -> None:
    """A state that was written a moment ago may be written again and look the same: nothing is remembered yet."""
    settled.ahead = 0.0
    edit("webhooks/triage.yaml")(settled)
    lease(settled)
    plan(settled)
    assert known(settled) is None
    settled.ahead = 60.0
    plan(settled)
    assert known(settled) is not None


def test_only_what_is_in_sync_is_remembered(settled: Project) -> None:
    """Neither a plan with something to do, nor one that leaves something dangling, nor one over no records."""
    settled.manifest("push")
    assert "1 update" in plan(settled).out
    (settled.root / "webhooks" / "triage.yaml").unlink()
    assert "1 dangling webhook left" in plan(settled, "--no-prune").out
    assert list(cache(settled).glob("verdict-*")) == []


def test_a_commit_is_told_as_it_is_now(settled: Project) -> None:
    """A new commit changes nothing that is planned, and is named in the plan all the same."""
    for arguments in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", "-C", str(settled.root), *arguments], check=True)  # noqa: S603, S607 - as a user would
    plan(settled)
    assert plan(settled, "--format", "json").document["commit"] is None
    names = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    command = ["git", "-C", str(settled.root), *names, "commit", "-qm", "first"]
    subprocess.run(command, check=True)  # noqa: S603 - as a user would
    assert known(settled) is not None
    assert len(plan(settled, "--format", "json").document["commit"]) == 40


def test_what_was_left_at_providers_is_still_warned_of(settled: Project) -> None:
    """An orphan is no change that a plan shows, and is told by memory too."""
    statement(
        "INSERT INTO orphans (id, scope, webhook_id, address, provider, type, resource, credentials, remote_id, url,"
        " reason, created_at) VALUES ('o', 'acme', 'w', 'a', 'github', 'repo', 'a/b', 'acme-github', '1', 'u', 'r', 0)"
    )(settled)
    first = plan(settled)
    assert "1 orphan at the providers" in first.err
    found = known(settled)
    assert found is not None
    assert found.orphans == 1
    assert plan(settled) == first


def test_no_secret_is_in_the_cache(settled: Project) -> None:
    """Neither tokens nor signing secrets; only the references to them."""
    plan(settled)
    kept = b"".join(path.read_bytes() for path in cache(settled).iterdir())
    assert b"env/SIGNING" in kept
    assert b"canary" not in kept
    assert b"signing000" not in kept


def test_the_cache_may_be_deleted_at_any_time(settled: Project) -> None:
    """The answers stay the same, and so they do where nothing can be cached."""
    first = plan(settled)
    shutil.rmtree(cache(settled))
    assert plan(settled) == first
    shutil.rmtree(cache(settled))
    cache(settled).write_text("in the way")
    assert plan(settled) == first
