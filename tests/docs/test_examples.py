"""What the documentation shows as an example is valid, runs, and prints what is shown."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import os
import shutil
import subprocess
import sys
import threading
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from reconciler.cli.exits import ExitCode
from reconciler.core.errors import ConfigError
from reconciler.documents.compose import compose
from reconciler.documents.packaged import schemas_folder
from reconciler.providers.catalogue import load
from reconciler.providers.definition import definition
from reconciler.system import SystemClock
from reconciler.testing.sandbox import SandboxConfig, create_sandbox
from reconciler.testing.serving import served
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.loading import Loaded
from reconciler.wiring.loading import load as load_files
from tests.cli.support import CANARIES, Project, process_environment, serving
from tests.docs.pages import OURS, PROSE, ROOT, STORIES, Block, blocks, code, codes, commands, is_shown, prose, table
from tests.support.sandboxes import Receiver

pytestmark = pytest.mark.processes

TAGS = {"yaml project", "yaml manifest", "yaml overlay", "yaml provider", "yaml provider-part", "yaml ci"}
ELSEWHERE = {"sh", "text", "json plan", "python", "console"}
SANDBOX = "http://127.0.0.1:8787"
PORTAL = "http://site.test"
ALLOWED = {"RECONCILER_ALLOWED_HOSTS": "ghe.acme.dev, gitlab.acme.dev, api.forge.example"}
TOKENS = {f"SANDBOX_{name}": value for name, value in CANARIES.items()}


def only(name: str, info: str) -> Block:
    """The one block of a page with this info string."""
    (block,) = blocks(name, info)
    return block


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write a project's files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def project_of(name: str, folder: Path) -> None:
    """The project that a page describes: its project file, and its manifest and definition where it has them."""
    (folder / "webhooks").mkdir(parents=True, exist_ok=True)
    write(folder, {"reconciler.yaml": only(name, "yaml project").text})
    for number, block in enumerate(blocks(name, "yaml manifest")):
        write(folder, {f"webhooks/{number}.yaml": block.text})
    for block in blocks(name, "yaml provider"):
        write(folder, {"providers.d/forge.yaml": block.text})


def loaded(folder: Path, *files: str, environment: Mapping[str, str] = ALLOWED) -> Loaded:
    """The project as the command loads it."""
    return load_files(Inputs(directory=folder, files=tuple(Path(file) for file in files), environment=environment))


# -- YAML and JSON -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*OURS, *STORIES, *PROSE])
def test_every_block_says_what_it_is(name: str) -> None:
    """So that none escapes these tests: YAML is tagged with what it must be valid as."""
    for block in blocks(name):
        assert block.info in TAGS | ELSEWHERE, f"{name}.md: {block.info!r}"


@pytest.mark.parametrize(
    "name", ["files", "sandbox", "provider-format", "how-to/self-hosted", "how-to/write-a-provider"]
)
def test_projects_and_manifests_are_valid(name: str, tmp_path: Path) -> None:
    """A page's project, with its manifests, loads without a problem."""
    project_of(name, tmp_path)
    triggers = [trigger for wish in loaded(tmp_path).desired for trigger in wish.triggers]
    assert bool(triggers) == bool(blocks(name, "yaml manifest"))


@pytest.mark.parametrize("name", ["files", "sandbox"])
def test_overlays_are_valid(name: str, tmp_path: Path) -> None:
    """A page's overlay loads over its project, and its scope is in force."""
    project_of(name, tmp_path)
    overlay = only(name, "yaml overlay").text
    write(tmp_path, {"overlay.yaml": overlay})
    assert f"scope: {loaded(tmp_path, 'reconciler.yaml', 'overlay.yaml').project.scope}\n" in overlay


def test_the_definition_is_valid_and_so_is_every_part(tmp_path: Path) -> None:
    """The worked example loads; each part takes the place of its blocks, and the whole still loads."""
    whole = only("provider-format", "yaml provider").text
    write(tmp_path, {"forge.yaml": whole})
    assert load(tmp_path / "forge.yaml", "forge").name == "forge"
    values = compose(whole.encode(), "forge.yaml").documents[0].value
    parts = blocks("provider-format", "yaml provider-part")
    assert len(parts) >= 10
    for part in parts:
        assert definition(values | compose(part.text.encode(), "part").documents[0].value).name == "forge"


def test_reserved_words_are_refused_as_such() -> None:
    """Each word of the table, put in its place, is told to be reserved; so is a list of steps."""
    values = compose(only("provider-format", "yaml provider").text.encode(), "forge.yaml").documents[0].value
    words = [
        (code(row["where"]), word) for row in table("provider-format", "where", "word") for word in codes(row["word"])
    ]
    for path, word in [*words, ("operations.list", [])]:
        changed = json.loads(json.dumps(values))
        *way, last = path.split(".")
        place = changed
        for step in way:
            place = place[step]
        place[last] = word
        with pytest.raises(ValidationError, match="reserved"):
            definition(changed)


def test_a_definitions_own_host_needs_the_operators_leave(tmp_path: Path) -> None:
    """As the page says: whoever can edit the project must not be able to send a secret elsewhere."""
    project_of("provider-format", tmp_path)
    with pytest.raises(
        ConfigError, match=r"credentials\.acme-forge\.provider: .*'api\.forge\.example'.*RECONCILER_ALLOWED_HOSTS"
    ):
        loaded(tmp_path, environment={})


def test_the_plan_is_valid_by_its_schema() -> None:
    """The JSON that is shown has every key, and no other."""
    schema = json.loads((schemas_folder() / "plan.schema.json").read_text(encoding="utf-8"))
    plan = json.loads(only("cli", "json plan").text)
    Draft202012Validator(schema).validate(plan)
    shown = {code(row["verb"]): codes(row["keys at the top"]) for row in table("cli", "verb", "keys at the top")}
    assert shown["plan"] == list(plan)


# -- console -----------------------------------------------------------------------------------------------------------


class Shell:
    """Runs `reconcile` as a process of its own, in a project's folder."""

    def __init__(self, folder: Path, origin: str) -> None:
        self._folder = folder
        self._origin = origin
        self._environment = process_environment(TOKENS | ALLOWED | {"PYTHONPATH": str(ROOT)})

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit code and all that was printed, as it would be with the sandbox at its own port."""
        where = ("--url", self._origin) if arguments[:2] in {("sandbox", "fire"), ("sandbox", "requests")} else ()
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "reconciler", *arguments, *where],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        text = done.stdout.replace(f"{self._folder}{os.sep}", "").replace(self._origin, SANDBOX)
        return done.returncode, text


@contextmanager
def sandbox_for(receiver: ASGIApp) -> Iterator[str]:
    """A sandbox on loopback, in a thread of its own, whose deliveries go to `receiver`."""
    sandbox = create_sandbox(SandboxConfig(now=SystemClock().now, forward_to=PORTAL, receiver=receiver))
    loop = asyncio.new_event_loop()
    begun, ended = threading.Event(), asyncio.Event()
    origins: list[str] = []

    async def serve() -> None:
        async with served(sandbox) as origin:
            origins.append(origin)
            begun.set()
            await ended.wait()

    def work() -> None:
        loop.run_until_complete(serve())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert begun.wait(10)
        yield origins[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()


def quickstart(folder: Path, origin: str) -> None:
    """A copy of the quickstart that speaks to the sandbox at `origin`."""
    shutil.copytree(ROOT / "examples" / "quickstart", folder, ignore=shutil.ignore_patterns(".reconciler"))
    file = folder / "reconciler.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace(SANDBOX, origin), encoding="utf-8")


@pytest.mark.parametrize("name", ["cli", "files", "sandbox", "provider-format", "concepts"])
def test_sessions_print_what_is_shown(name: str, tmp_path: Path) -> None:
    """The commands of a page, one after another in one project, end well and print the lines below them."""
    receiver = Receiver()
    receiver.status = 202
    folder = tmp_path / "project"
    with sandbox_for(receiver) as origin:
        quickstart(folder, origin)
        if name == "provider-format":
            shutil.rmtree(folder)
            project_of(name, folder)
        shell = Shell(folder, origin)
        session = commands(name)
        assert session
        for command in session:
            status, text = shell.run(*command.arguments)
            assert is_shown(command.shown, text.splitlines()), f"reconcile {command.arguments} printed\n{text}"
            assert status == ExitCode.DONE


def test_json_has_the_keys_that_are_told(tmp_path: Path) -> None:
    """Each verb that prints JSON prints the keys of the table, in their order."""
    rows = table("cli", "verb", "keys at the top")
    told = {code(row["verb"]): codes(row["keys at the top"].partition(";")[0]) for row in rows}
    del told["deliveries show"]  # needs a delivery: test_deliveries.py has some
    told["adopt"] = told["plan"]  # with --dry-run
    with serving() as (origin, sandbox):
        quickstart(tmp_path / "project", origin)
        project = Project(root=tmp_path / "project", origin=origin, sandbox=sandbox, environment=dict(TOKENS))
        words = {verb: verb.split() for verb in told} | {"reconcile": []}
        words["show"] = ["show", "github/repo/acme/api@acme-github"]
        words["ping"] = ["ping", "github/repo/acme/api@acme-github"]
        words["renew"] += ["--all-due"]
        words["explain"] += ["github/repo/acme/api@acme-github"]
        words["plan"] += ["--out", str(tmp_path / "plan.json")]
        words["apply"] += [str(tmp_path / "plan.json")]
        words["providers test"] += [str(ROOT / "providers.d" / "github.yaml")]
        words["sandbox fire"] += ["github", "push", "--url", origin]
        words["sandbox requests"] += ["--url", origin]
        address = "github/repo/acme/web@acme-github"
        words["state mv"] += [address, f"alice:{address}"]
        words["state backup"] += [str(tmp_path / "backup.db")]
        words["scope rename"] += ["quickstart", "quickstart", "--yes"]
        words["forget"] += [f"alice:{address}", "--yes"]
        words["state rm"] += ["github/repo/acme/api@acme-github", "--yes"]
        words["adopt"] += ["--unrecorded", "--dry-run"]
        words["orphans resolve"] += ["--all", "--yes"]
        words["deliveries replay"] += ["--since", "2h", "--yes"]
        words["deliveries retry"] += ["--all"]
        words["send"] += ["github", "push", "--webhook", "github/repo/acme/api@acme-github"]
        order = ["reconcile", *(verb for verb in words if verb != "reconcile")]
        printed = {verb: list(project.run(*words[verb], "--format", "json").document) for verb in order}
    assert printed == told


# -- Python ------------------------------------------------------------------------------------------------------------


async def test_the_library_page_is_a_program_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its blocks, in their order and in one namespace, as in `python -m asyncio`; its own assertions hold."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}

    async def receiver(scope: Scope, receive: Receive, send: Send) -> None:
        await names["app"](scope, receive, send)

    sandbox = create_sandbox(SandboxConfig(now=SystemClock().now, forward_to=PORTAL, receiver=receiver))
    async with served(sandbox) as origin:
        for number, block in enumerate(blocks("library", "python")):
            source = block.text.replace(SANDBOX, origin)
            compiled = compile(source, f"library.md, block {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = types.FunctionType(compiled, names)()
            if inspect.isawaitable(result):
                await result
    assert sandbox.github.webhooks() == []
    assert names["runs"]


def test_the_errors_of_the_library_can_be_imported_from_the_package() -> None:
    """Whoever catches one finds it where everything else is."""
    public = sys.modules["reconciler"].__all__
    assert {code(row["error"]) for row in table("library", "error")} <= set(public)
    assert "ReconcilerError" in prose("library")
