"""The first minutes: files that are valid at once, and nothing written over."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from reconciler.cli.main import run
from reconciler.cli.output import Streams
from reconciler.providers.catalogue import known_definitions
from tests.cli.support import Outcome, Terminal, Typed

GITHUB = ["--provider", "github", "--resource", "acme/api", "--event", "issues.opened", "--event", "push"]
TRAITS = known_definitions().traits
WITHOUT_RESOURCE = sorted(
    name for name, traits in TRAITS.items() if (first := next(iter(traits.types.values()))).default_resource
    or first.manual_only
)  # fmt: skip


def command(folder: Path, *arguments: str, stdin: io.StringIO | None = None, exported: str = "GITHUB_TOKEN") -> Outcome:
    """Run the command; at a terminal where something is typed."""
    out, err = io.StringIO(), Terminal() if stdin else io.StringIO()
    streams = Streams(
        stdin=stdin or io.StringIO(), stdout=out, stderr=err, environment={exported: "x"}, now=lambda: 0.0
    )
    code = run([*arguments, "-C", str(folder)], streams)
    return Outcome(int(code), out.getvalue(), err.getvalue())


def test_flags_alone_make_a_valid_project(tmp_path: Path) -> None:
    """The files are there, valid and in canonical form, and the next commands are named."""
    folder = tmp_path / "deploy"
    done = command(folder, "init", *GITHUB, "--scope", "acme", "--base-url", "https://hooks.acme.dev/")
    assert done.code == 0
    names = [line.removeprefix("wrote  ") for line in done.out.splitlines() if line.startswith("wrote")]
    assert names == [
        ".gitignore",
        "schemas/project.schema.json",
        "schemas/manifest.schema.json",
        "webhooks/my-graph.yaml",
        "reconciler.yaml",
    ]
    assert "export GITHUB_TOKEN=...\n" in done.out
    assert done.out.endswith(
        f"  reconcile validate -C {folder}\n  reconcile plan -C {folder}\n  reconcile -C {folder}\n"
    )
    assert command(folder, "validate").out == "Valid: 1 trigger for 1 webhook.\n"
    assert command(folder, "fmt", "--check").code == 0
    assert (folder / ".gitignore").read_text() == ".reconciler/\n"


def test_files_point_editors_at_their_schemas(tmp_path: Path) -> None:
    """The first line of each file names a schema that is there."""
    command(tmp_path, "init", *GITHUB)
    for path in (tmp_path / "reconciler.yaml", tmp_path / "webhooks" / "my-graph.yaml"):
        first = path.read_text().splitlines()[0]
        name = first.removeprefix("# yaml-language-server: $schema=")
        assert name != first
        assert (path.parent / name).is_file()


@pytest.mark.parametrize("provider", WITHOUT_RESOURCE)
def test_every_provider_that_needs_no_resource_starts_with_its_name_alone(tmp_path: Path, provider: str) -> None:
    """And an event where it has several; with what the last words say to export, the project is valid."""
    names = list(next(iter(TRAITS[provider].types.values())).events.names)
    done = command(tmp_path, "init", "--provider", provider, *(["--event", names[-1]] if len(names) > 1 else []))
    assert (done.code, done.err) == (0, "")
    exported = re.sub("export RECONCILER_BASE_URL", "", done.out).partition("export ")[2].partition("=")[0]
    validated = command(tmp_path, "validate", exported=exported or "NOTHING")
    assert (validated.code, validated.out) == (0, "Valid: 1 trigger for 1 webhook.\n")
    assert command(tmp_path, "fmt", "--check").code == 0


def test_on_a_terminal_it_asks_until_the_answer_is_good(tmp_path: Path) -> None:
    """An empty line takes the default; what is wrong is told, and asked again."""
    answers = ["", "hooks.acme.dev", "https://hooks.acme.dev", "githup", "github", "", "acme", "acme/api"]
    answers += ["isues", "issues, push", "", "", ""]
    with Typed("".join(f"{line}\n" for line in answers)) as stdin:
        done = command(tmp_path / "shop", "init", stdin=stdin)
    assert done.code == 0
    assert "Scope, the label of what this project owns [shop]: " in done.err
    assert "unknown provider 'githup' (did you mean 'github'?)" in done.err
    assert "no event 'isues' (did you mean 'issues'?)" in done.err
    assert "Environment variable that holds the credentials [GITHUB_TOKEN]: " in done.err
    project = (tmp_path / "shop" / "reconciler.yaml").read_text()
    assert "scope: shop\n" in project
    assert "base_url: https://hooks.acme.dev\n" in project
    assert "events: [issues, push]\n" in (tmp_path / "shop" / "webhooks" / "my-graph.yaml").read_text()


def test_the_end_of_input_is_no_answer(tmp_path: Path) -> None:
    """Nobody is asked for ever, and half a project is not written."""
    with Typed("") as stdin:
        done = command(tmp_path, "init", "--provider", "github", stdin=stdin)
    assert done.code == 7
    assert "Resource: a repository, as owner/name: \n" in done.err
    assert "no answer to " in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--provider", "githup"], "--provider: unknown provider 'githup' (did you mean 'github'?)"),
        (["--provider", "github"], "--resource is needed, e.g. owner/name (a repository, as owner/name)"),
        (["--provider", "github", "--type", "org"], "--resource is needed: an organization"),
        (["--provider", "github", "--resource", "acme"], "--resource: 'acme' is not a repository, as owner/name"),
        (GITHUB[:4], "--event is needed, e.g. branch_protection_configuration, "),
        (GITHUB[:4], "`reconcile providers github` lists all "),
        (["--provider", "github", "--type", "rep"], "--type: unknown type 'rep'"),
        ([*GITHUB, "--event", "isues"], "--event: no event 'isues'"),
        ([*GITHUB, "--variable", "ghp_canary!"], "an environment variable's name, not its value"),
        ([*GITHUB, "--base-url", "hooks"], "--base-url: "),
        ([*GITHUB, "--scope", "a b"], "--scope: "),
        ([*GITHUB, "--graph", " "], "--graph: "),
    ],
)
def test_a_wrong_flag_is_refused_before_anything_is_written(tmp_path: Path, arguments: list[str], words: str) -> None:
    """Exit 7 names the flag; the value of a secret that was taken for a name is not repeated."""
    done = command(tmp_path, "init", *arguments)
    assert done.code == 7
    assert words in done.err
    assert "ghp_canary" not in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["reconciler.yaml", "webhooks/my-graph.yaml"])
def test_nothing_is_written_over(tmp_path: Path, name: str) -> None:
    """A file that is there stays as it is, and no other is written."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine\n")
    done = command(tmp_path, "init", *GITHUB)
    assert done.code == 7
    assert f"{path} is there already: nothing was written" in done.err
    assert path.read_text() == "mine\n"
    assert [item for item in tmp_path.rglob("*") if item.is_file()] == [path]


def test_what_lies_beside_stays(tmp_path: Path) -> None:
    """A schema or ignore file of one's own is kept; what the latter lacks is told."""
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "manifest.schema.json").write_text("{}")
    (tmp_path / ".gitignore").write_text("*.log\n")
    done = command(tmp_path, "init", *GITHUB)
    assert done.code == 0
    assert "add `.reconciler/` to" in done.err
    assert (tmp_path / "schemas" / "manifest.schema.json").read_text() == "{}"
    assert (tmp_path / ".gitignore").read_text() == "*.log\n"


def test_a_secret_that_the_vendor_mints_is_referred_to(tmp_path: Path) -> None:
    """The manifest names an environment variable, one's own where that is said, and the last words export it."""
    slack = ["init", "--provider", "slack", "--event", "app_mention"]
    done = command(tmp_path / "a", *slack)
    assert "  export SLACK_SIGNING_SECRET=...\n" in done.out
    assert "    secret: env/SLACK_SIGNING_SECRET\n" in (tmp_path / "a" / "webhooks" / "my-graph.yaml").read_text()
    assert command(tmp_path / "a", "validate", exported="SLACK_SIGNING_SECRET").code == 0
    assert "export MINE=..." in command(tmp_path / "b", *slack, "--variable", "MINE").out
    assert "    secret: env/MINE\n" in (tmp_path / "b" / "webhooks" / "my-graph.yaml").read_text()


@pytest.mark.parametrize("name", [".gitignore/", "schemas", "schemas/project.schema.json/", "webhooks"])
def test_what_stands_in_the_way_is_told_before_the_first_file(tmp_path: Path, name: str) -> None:
    """A folder in the place of a file, or a file in that of a folder: exit 1, and no half of a project."""
    path = tmp_path / name
    if name.endswith("/"):
        path.mkdir(parents=True)
    else:
        path.write_text("")
    before = sorted(tmp_path.rglob("*"))
    done = command(tmp_path, "init", *GITHUB)
    assert done.code == 1
    assert "nothing was written" in done.err
    assert "bug" not in done.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_project_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    """`-C` names a folder, there or not yet."""
    (tmp_path / "file").write_text("")
    done = command(tmp_path / "file", "init", *GITHUB)
    assert done.code == 1
    assert f"{tmp_path / 'file'} is no folder" in done.err


def test_names_that_yaml_reads_as_something_else_are_quoted(tmp_path: Path) -> None:
    """A graph may be called `true` or `7`."""
    command(tmp_path, "init", *GITHUB, "--graph", "true")
    assert 'graph: "true"\n' in (tmp_path / "webhooks" / "true.yaml").read_text()
    assert command(tmp_path, "validate").code == 0
