"""Every command block of the README and of the documentation is run, and does what the page says."""

from __future__ import annotations

import inspect
import re
import shutil
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from reconciler.documents.compose import compose
from reconciler.store.postgres import Address
from reconciler.testing.sandbox import Sandbox
from tests.cli.support import CANARIES, serving
from tests.docs.pages import DOCS, ROOT, STORIES, Block, blocks, is_shown, lines
from tests.docs.shells import Bash, Ports, shell, syntax_error
from tests.docs.test_examples import quickstart

README = "../README"
EMBED = "../examples/embed_fastapi/README"
CONTRIBUTING = "../CONTRIBUTING"
DATABASE = ("postgresql+psycopg://webhooks@db.acme.dev/webhooks", "postgresql://webhooks@db.acme.dev/webhooks")
"""The database of the page on PostgreSQL, as it is given and as it is shown."""

TOKENS = {f"SANDBOX_{name}": value for name, value in CANARIES.items()} | {"GITHUB_TOKEN_STAGING": "ghp_staging"}

pytestmark = [pytest.mark.timeout(300), pytest.mark.stories]
"""Each runs many processes, and is not of the default suite; a busy machine takes its time over them."""

NOT_RUN: Mapping[tuple[str, str], str] = {
    (
        README,
        "make demo",
    ): "`make test` is what runs this test; the demo is run below, in an environment that is there already",
    (CONTRIBUTING, "make test"): "the same",
    (EMBED, "curl -X DELETE"): "WEBHOOK_ID is for the reader to fill in; tests/examples deactivates a graph",
}
"""Blocks that no test runs, by page and how they begin, each with the reason. Their syntax is checked."""

GUIDES = sorted({path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")} - {*STORIES})


def is_run(block: Block) -> bool:
    """Whether a block is for a test to run."""
    return not any(block.page == page and block.text.startswith(begin) for page, begin in NOT_RUN)


def run_all(block: Block, session: Bash) -> None:
    """Run a script, paragraph by paragraph; a change that is pending is no failure where the exit code says so."""
    before = len(session.codes())
    for paragraph in re.split(r"\n{2,}", block.text):
        code, printed = session.run(paragraph)
        assert code in {0, 2}, f"{block.page}.md: exit {code} of\n{paragraph}\n{printed}"
    for code, arguments in session.codes()[before:]:
        allowed = {0, 2} if "--detailed-exitcode" in arguments else {0}
        assert code in allowed, f"{block.page}.md: `reconcile {arguments}` ended with {code}"


def show_all(block: Block, session: Bash) -> None:
    """Run a console session; each command prints what is shown below it."""
    for line, shown in lines(block):
        _, printed = session.run(line)
        assert is_shown(shown, printed.splitlines()), f"{block.page}.md: `{line}` printed\n{printed}"


@contextmanager
def project(folder: Path, page: str, script: str = "") -> Iterator[Bash]:
    """A shell in a copy of the example; the sandbox is there, unless the script starts its own."""
    with serving() as (origin, _):
        own = re.search(r"^reconcile sandbox (--|&)", script, re.MULTILINE)
        ports = Ports() if own else Ports(p8787=int(origin.rpartition(":")[2]))
        if page == EMBED:
            shutil.copytree(ROOT / "examples" / "embed_fastapi", folder / "project")
        else:
            quickstart(folder / "project", f"http://127.0.0.1:{ports.real('8787')}")
        with shell(folder, folder / "project", ports, TOKENS) as session:
            for block in blocks(page):
                if block.title:
                    session.write(block.title, block.text)
            yield session


class Moved(Ports):
    """A page's database is the test's."""

    def __init__(self, url: str, **given: int) -> None:
        super().__init__(**given)
        self._url = url

    def real(self, text: str) -> str:
        return super().real(text).replace(f"{DATABASE[0]}?sslmode=verify-full", self._url)

    def shown(self, text: str) -> str:
        return super().shown(text.replace(Address.of(self._url).location, DATABASE[1]))


@contextmanager
def story(name: str, home: Path, folder: Path, request: pytest.FixtureRequest) -> Iterator[Bash]:
    """A shell in an empty folder. The pages on pipelines name no `api_url`: an overlay leads them to the sandbox."""
    if name in {"how-to/ci", "how-to/postgres"}:
        url = request.getfixturevalue("postgres") if name == "how-to/postgres" else ""
        with reaching("acme-github", home, {}, folder, url) as (session, _):
            yield session
    else:
        with shell(home, folder, Ports(), {}) as session:
            yield session


@pytest.mark.parametrize("name", STORIES)
def test_a_story_goes_as_it_is_told(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """From an empty folder to the end of the page: its files are written, its commands run, its output is printed."""
    (tmp_path / "empty").mkdir()
    with story(name, tmp_path, tmp_path / "empty", request) as session:
        for block in blocks(name):
            if block.title:
                session.write(block.title, block.text)
            elif block.info == "sh":
                run_all(block, session)
            elif block.info == "console":
                show_all(block, session)


@pytest.mark.parametrize(
    "block",
    [block for name in (*GUIDES, EMBED, CONTRIBUTING) for block in blocks(name, "sh") if is_run(block)],
    ids=lambda block: f"{block.page}: {block.text.splitlines()[-1][:40]}",
)
def test_a_script_of_a_guide_runs(block: Block, tmp_path: Path) -> None:
    """Each by itself, in the quickstart's folder, with the sandbox in reach."""
    with project(tmp_path, block.page, block.text) as session:
        run_all(block, session)


def test_every_script_is_well_formed() -> None:
    """Also the few that no test runs; and each of those is there."""
    scripts = [block for name in (*GUIDES, *STORIES, README, EMBED, CONTRIBUTING) for block in blocks(name, "sh")]
    for block in scripts:
        assert syntax_error(block.text) == "", block.page
    assert len([block for block in scripts if not is_run(block)]) == len(NOT_RUN)


# -- pipelines ---------------------------------------------------------------------------------------------------------

RUNNER = {
    "WEBHOOKS_GITHUB_TOKEN": "ghp_runner",
    "NUMBER": "7",
    "CI_API_V4_URL": "https://gitlab.example/api/v4",
    "CI_PROJECT_ID": "1",
    "CI_MERGE_REQUEST_IID": "7",
    "PLAN_COMMENT_TOKEN": "glpat-runner",
}


def jobs(block: Block) -> Iterator[tuple[str, list[str]]]:
    """The jobs of a pipeline, each with its scripts in their order."""
    (document,) = compose(block.text.encode(), block.title).documents
    for name, job in document.value.get("jobs", document.value).items():
        steps = [step["run"] for step in job.get("steps", ()) if "run" in step] if isinstance(job, dict) else []
        scripts = job.get("script", steps) if isinstance(job, dict) else []
        if scripts:
            yield name, scripts


@pytest.mark.parametrize("block", blocks("how-to/ci", "yaml ci"), ids=lambda block: block.title)
def test_a_pipeline_does_its_three_jobs(block: Block, tmp_path: Path) -> None:
    """Each is valid YAML by our strict reading, and its scripts run: check, plan with a comment, apply."""
    (tmp_path / "checkout").mkdir()
    summary = tmp_path / "summary.md"
    environment = RUNNER | {"GITHUB_STEP_SUMMARY": str(summary)}
    done: list[str] = []
    with reaching("acme-github", tmp_path, environment, tmp_path / "checkout") as (session, origin):
        for file in blocks("how-to/ci"):
            if file.title and file.info != "yaml ci":
                session.write(file.title, file.text)
        for name, scripts in jobs(block):
            done.append(name)
            for script in scripts:
                run_all(Block(block.page, "sh", script), session)
        assert [len(origin.github.webhooks()), done] == [1, ["check", "plan", "apply"]]
    assert not summary.exists() or "acme/api" in summary.read_text(encoding="utf-8")


# -- README ------------------------------------------------------------------------------------------------------------


@contextmanager
def reaching(
    credentials: str, home: Path, environment: Mapping[str, str], folder: Path, database: str = ""
) -> Iterator[tuple[Bash, Sandbox]]:
    """A shell whose projects reach the sandbox in GitHub's place: an overlay gives these credentials its URL.

    `database` is a state URL that stands for the page's.
    """
    with serving() as (origin, sandbox):
        overlay = home / "overlay.yaml"
        overlay.write_text(f"credentials: {{{credentials}: {{provider: github, api_url: {origin}/github}}}}\n")
        port = int(origin.rpartition(":")[2])
        ports = Moved(database, p8787=port) if database else Ports(p8787=port)
        with shell(home, folder, ports, environment, str(overlay)) as session:
            yield session, sandbox


def test_the_readmes_five_lines_reach_a_repository(tmp_path: Path) -> None:
    """As they stand, but for GitHub's address: a plan of one create; then in a pipeline, to the daemon's first pass."""
    real, pipeline = (block for block in blocks(README, "sh") if is_run(block))
    (tmp_path / "work").mkdir()
    with reaching("gh", tmp_path, {}, tmp_path / "work") as (session, sandbox):
        run_all(real, session)
        _, printed = session.run("reconcile -C hooks --dry-run")
        assert "+  github/repo/owner/repo@gh" in printed
        assert sandbox.github.webhooks() == []
        run_all(pipeline, session)
        (made,) = sandbox.github.webhooks()
        assert set(made.events) == {"issues", "pull_request"}
        session.run("reconcile -C hooks")


def test_the_readmes_plan_is_what_the_demos_edit_leads_to(tmp_path: Path) -> None:
    """The quickstart is applied and edited as `scripts/demo.sh` edits it; stdout is then what the README shows."""
    (block,) = blocks(README, "console")
    demo = (ROOT / "scripts" / "demo.sh").read_text(encoding="utf-8")
    edits = re.findall(r"^run (sed|rm) (.*)$", demo, re.MULTILINE)
    assert len(edits) == 2
    with project(tmp_path / "examples", README) as session:
        (tmp_path / "examples" / "project").rename(tmp_path / "examples" / "quickstart")
        session.run(f"cd '{tmp_path}' && reconcile -C examples/quickstart --yes")
        for program, rest in edits:
            code, printed = session.run(f"{program} {rest}")
            assert code == 0, printed
        ((line, shown),) = lines(block)
        _, printed = session.run(f"{line} 2>/dev/null")
        assert printed.splitlines() == list(shown)


def test_the_demo_runs_to_its_end(tmp_path: Path) -> None:
    """`make demo` is this script in an environment of its own: applied, edited, delivered, and a forgery refused."""
    with shell(tmp_path, ROOT, Ports(), {}) as session:
        code, printed = session.run("bash scripts/demo.sh")
    assert code == 0, printed
    assert "verified: push" in printed
    assert "refused: HTTP 404" in printed


@pytest.mark.parametrize("page", [README, "how-to/embed"])
async def test_the_programs_of_a_page_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph is activated, and its webhook is at the provider; where the page deactivates, it is gone again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECONCILER_BASE_URL", "https://hooks.acme.dev")
    names: dict[str, Any] = {}
    with serving() as (origin, sandbox):
        for number, block in enumerate(blocks(page, "python")):
            source = block.text.replace('Secret("...")}', f'Secret("ghp_any")}}, api_url="{origin}/github"')
            types.FunctionType(compile(source, f"{page}.md, block {number}", "exec"), names)()
        rest = {"repository": "acme/api", "events": ["issues"]}
        known = inspect.signature(names["activate"]).parameters
        done = await names["activate"]("alice", "triage", **{key: rest[key] for key in rest if key in known})
        (made,) = sandbox.github.webhooks()
        assert set(made.events) == {"issues"}
        if "deactivate" in names:
            status, started = await names["deliver"]("github", done, unsigned(made.url))
            assert (status, started) == (401, [])
            assert await names["deactivate"]("alice", "triage", done)
            assert sandbox.github.webhooks() == []


def unsigned(url: str) -> Request:
    """A request that proves nothing."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    scope = {"type": "http", "method": "POST", "path": url, "query_string": b"", "headers": [(b"host", b"hooks.test")]}
    return Request(scope, receive)
