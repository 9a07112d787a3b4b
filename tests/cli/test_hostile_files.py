"""Broken and hostile files: the real command ends soon, in little memory, with a message that says what to mend."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.support import Project, process_environment

pytestmark = pytest.mark.processes

SECONDS = 30
MEMORY = 1024**3

PROJECT = "version: 1\nscope: acme\nmanifests: [webhooks]\ndefaults: {user: me}\n"
GOOD = "graph: %s\ntriggers: [{provider: generic, events: [plain]}]\n"
MANUAL = "{provider: generic, events: [plain], name: %s}"

LIMITED = f"""
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
runpy.run_module("reconciler", run_name="__main__")
"""


@dataclass(frozen=True)
class Ended:
    """How a run of the real command ended."""

    code: int
    out: str
    err: str


def command(*arguments: str) -> Ended:
    """Run the command as a process of its own, with an end to its time and memory."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", LIMITED, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        env=process_environment({}),
    )
    assert "Traceback" not in done.stderr
    assert "this is a bug" not in done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


def _bomb() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(lines).encode()


FILES: dict[str, tuple[bytes, str]] = {
    "alias-bomb": (_bomb(), "unfold to more than 100,000 values"),
    "alias-of-itself": (b"graph: &a [*a]\n", "stands inside the value that it names"),
    "nested-lists": (b"[" * 100_000, "nested more than 64 levels deep"),
    "nested-mappings": (b"{a: " * 100_000, "nested more than 64 levels deep"),
    "nested-dashes": (b"- " * 100_000, "nested more than 64 levels deep"),
    "nested-keys": (b"? " * 100_000, "nested more than 64 levels deep"),
    "duplicate-key": (b"graph: a\ngraph: b\ntriggers: []\n", "2:1: the key 'graph' stands twice here, first on line 1"),
    "tab": (b"graph: a\ntriggers:\n\t- provider: generic\n", "indent with spaces"),
    "byte-order-mark": (b"\xef\xbb\xbfgraph: a\ntriggers: []\n", "byte order mark"),
    "utf-16": ("graph: a\n".encode("utf-16"), "UTF-16"),
    "latin-1": (b"graph: caf\xe9\ntriggers: []\n", "1:11: the file is not UTF-8 here"),
    "surrogate": (b"graph: \xed\xa0\x80\n", "not UTF-8 here"),
    "escaped-surrogate": (b'graph: "\\uD800"\ntriggers: []\n', "not valid YAML"),
    "nul": (b"graph: a\0b\n", "a NUL character is not allowed"),
    "control": (b"graph: a\x1b[31mb\n", "the control character U+001B"),
    "fifty-megabytes": (b"#" * (50 * 1024 * 1024), "larger than 10 MiB"),
    "one-line": (b"graph: " + b"x" * (9 * 1024 * 1024), "graph: must have at most 1000 characters"),
    "many-values": (b"triggers: [" + b"1," * 2_500_000 + b"]", "more than 2,000,000 values"),
    "many-problems": (b"".join(b"%d: x\n" % n for n in range(100_000)), "more than 100 problems"),
    "empty": (b"", "the file is empty"),
    "comments-alone": (b"# nothing\n", "the file is empty"),
    "no-mapping": (b"- graph\n", "expected a mapping"),
    "binary": (bytes(range(256)) * 100, "not UTF-8"),
    "python-tag": (b"graph: !!python/object/apply:os.system [id]\n", "tags ('!') are not supported"),
    "merge-key": (b"x: &x {graph: a}\n<<: *x\ntriggers: []\n", "merge keys ('<<') are not supported"),
    "huge-number": (b"graph: " + b"9" * 100_000 + b"\n", "a number of more than 400 digits"),
    "on": (GOOD.replace("events: [plain]", "events: [plain], manual: on").encode() % b"x", "found text"),
    "no": (GOOD.replace("events: [plain]", "events: [plain], protect: no").encode() % b"x", "found text"),
    "number-as-id": (GOOD.encode() % b"42", "put it in quotes if it is text"),
    "null-as-id": (GOOD.encode() % b"~", "the key 'graph' or 'preset' is missing"),
    "true-as-id": (GOOD.encode() % b"true", "expected text, found true or false"),
    "control-in-id": (GOOD.encode() % b'"a\\nb"', "must be one line of text"),
    "unclosed": (b"graph: 'a\n", "closing quote"),
    "two-colons": (b"graph: a: b\n", "second ': '"),
}
"""Contents of files by name, and what must be said of each."""


def _link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


PLACES: dict[str, tuple[Callable[[Path], object], str]] = {
    "fifo": (os.mkfifo, "is not a regular file"),
    "device": (_link("/dev/zero"), "is a symbolic link that leads outside the project's folder"),
    "outside": (_link("/etc/passwd"), "is a symbolic link that leads outside the project's folder"),
    "upwards": (_link("../../elsewhere.yaml"), "is a symbolic link that leads outside the project's folder"),
    "loop": (_link("loop.yaml"), "cannot be read"),
    "nowhere": (_link("gone.yaml"), "does not exist"),
}
"""What is no file of the project, by name: how it is made, and what must be said of it."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The lines of one run over all of them: every problem of every file is told."""
    root = tmp_path_factory.mktemp("hostile") / "project"
    (root / "webhooks").mkdir(parents=True)
    (root.parent / "elsewhere.yaml").write_text(GOOD % "elsewhere")
    (root / "reconciler.yaml").write_text(PROJECT)
    (root / "webhooks" / "good.yaml").write_text(GOOD % "good")
    for name, (content, _) in FILES.items():
        (root / "webhooks" / f"{name}.yaml").write_bytes(content)
    for name, (make, _) in PLACES.items():
        make(root / "webhooks" / f"{name}.yaml")
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    done = command("validate", "-C", str(root))
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < max(before, MEMORY // 1024)
    assert done.code == 7
    assert "\x1b" not in done.out + done.err
    return done.out.splitlines()


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_broken_file_is_told_with_its_place(told: list[str], name: str) -> None:
    """Its name, a line, and what to mend; the others are told all the same."""
    lines = [line for line in told if line.startswith(f"webhooks/{name}.yaml:")]
    assert any(FILES[name][1] in line for line in lines), lines


@pytest.mark.parametrize("name", sorted(PLACES))
def test_what_is_no_file_of_the_project_is_told(told: list[str], name: str) -> None:
    """Nothing is waited for, and nothing outside the project is read."""
    assert any(f"'webhooks/{name}.yaml' {PLACES[name][1]}" in line for line in told)


def test_a_good_file_has_no_problem(told: list[str]) -> None:
    """Nor does what was never reached by a link show up."""
    assert not any(name in line for line in told for name in ("good.yaml:", "root:", "elsewhere.yaml:"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with an empty folder of manifests."""
    (tmp_path / "webhooks").mkdir()
    (tmp_path / "reconciler.yaml").write_text(PROJECT)
    return tmp_path


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("../elsewhere", "never outside its folder"),
        ("/etc", "never outside its folder"),
        ("webhooks/../../x", "never outside its folder"),
        ("gone", "'gone' does not exist"),
    ],
)
def test_manifests_are_looked_for_inside_alone(root: Path, entry: str, words: str) -> None:
    """An entry that leads out, or nowhere, is a problem of the project file."""
    (root / "reconciler.yaml").write_text(PROJECT.replace("[webhooks]", f"[{entry}]"))
    done = command("validate", "-C", str(root))
    assert done.code == 7
    assert f"reconciler.yaml:3:13: manifests[0]: {words}" in done.out.replace(
        "manifests are named relative to the project file and ", ""
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_bytes(b"[" * 100_000), "nested more than 64 levels deep"),
        (lambda path: path.write_bytes(b"#" * (50 * 1024 * 1024)), "larger than 10 MiB"),
        (os.mkfifo, "not a regular file"),
        (_link("/dev/zero"), "not a regular file"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
        (_link("reconciler.yaml"), "cannot be read"),
        (lambda _: None, "there is no project file"),
    ],
    ids=["empty", "nested", "large", "fifo", "device", "folder", "loop", "missing"],
)
def test_a_hostile_project_file_is_told(root: Path, make: Callable[[Path], object], words: str) -> None:
    """The project file is read with the same care."""
    (root / "reconciler.yaml").unlink()
    make(root / "reconciler.yaml")
    done = command("validate", "-C", str(root))
    assert done.code == 7
    assert words in done.out


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(root: Path) -> None:
    """What looks like a manifest is never passed over."""
    path = root / "webhooks" / "a.yaml"
    path.write_text(GOOD % "g")
    path.chmod(0)
    done = command("validate", "-C", str(root))
    assert done.code == 7
    assert "webhooks/a.yaml:1:1: the file cannot be read: Permission denied" in done.out


def test_an_empty_folder_is_a_wish_for_nothing(root: Path) -> None:
    """It is valid; what it would prune is for the guard."""
    done = command("validate", "-C", str(root))
    assert (done.code, done.out) == (0, "Valid: 0 triggers for 0 webhooks.\n")


def test_an_emptied_folder_is_held_back_by_the_guard(project: Project) -> None:
    """Exit 3, every webhook stays, and the flag that passes the guard is named."""
    project.manifest("push")
    assert project.run().code == 0
    (project.root / "webhooks" / "triage.yaml").unlink()
    done = project.run()
    assert done.code == 3
    assert "--allow-destroy 100%" in done.out + done.err
    assert len(project.sandbox.github.webhooks()) == 1


def test_names_that_differ_in_case_are_different(root: Path) -> None:
    """Files, graphs, users and names of webhooks: nothing is folded, nothing is lost."""
    (root / "webhooks" / "bot.yaml").write_text(GOOD % "bot")
    (root / "webhooks" / "Bot.yaml").write_text(GOOD % "Bot")
    (root / "webhooks" / "BOT.yaml").write_text(f"graph: BOT\ntriggers: [{MANUAL % 'a'}, {MANUAL % 'A'}]\n")
    (root / "webhooks" / "user.yaml").write_text("user: ME\n" + GOOD % "bot")
    done = command("validate", "-C", str(root))
    assert (done.code, done.out) == (0, "Valid: 5 triggers for 5 webhooks.\n")


def test_resources_are_compared_as_the_provider_compares_them(project: Project) -> None:
    """`Acme/API` and `acme/api` are one repository, and so one webhook."""
    project.manifest("push", resource="acme/api", name="a")
    project.manifest("push", resource="Acme/API", name="A")
    assert project.run("validate").out == "Valid: 2 triggers for 1 webhook.\n"


def test_a_file_that_changes_while_it_is_read_is_valid_or_told(root: Path) -> None:
    """Half of a file may be read, and whatever it says is judged like any other; nothing else goes wrong."""
    path = root / "webhooks" / "busy.yaml"
    text = "".join(f"---\n{GOOD % f'g{n}'}" for n in range(2000)).encode()
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            path.write_bytes(text)
            path.write_bytes(text[: len(text) // 2])
            path.unlink()

    path.write_bytes(text)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        endings = {command("validate", "-C", str(root)).code for _ in range(3)}
    finally:
        stop.set()
        writer.join()
    assert endings <= {0, 7}
