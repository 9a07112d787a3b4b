"""Help, and what it costs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer

from reconciler.cli import lazy
from reconciler.cli.app import build, parse
from reconciler.cli.flags import CommonFlags
from reconciler.cli.usage import usage_text
from tests.cli.support import process_environment

pytestmark = pytest.mark.processes

HEAVY = ("pydantic", "sqlalchemy", "httpcore2", "jsonschema", "alembic", "cryptography", "apscheduler", "yaml")
HEAVY += ("httpx2", "starlette", "uvicorn", "httptools", "rich")

VERBS = ["plan", "validate", "status", "show", "urls", "schema", "ping", "renew", "history", "daemon"]
VERBS += ["ingress", "send", "apply", "explain", "diagram", "drift", "adopt", "export", "recover"]
VERBS += ["init", "fmt", "completion", "forget", "unlock"]
VERBS += ["providers", "orphans", "sandbox", "deliveries", "state", "key", "scope", "db"]

BESIDE_A_PASS = ("core.drift", "core.inbox", "engine.drifting", "engine.recovering", "engine.resolving")
BESIDE_A_PASS += ("store.inbox", "store.inboxes", "store.retention", "store.upkeep", "store.rotation", "store.renaming")
BESIDE_A_PASS += ("wiring.saved_plans", "render.settlements")

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart"

FAMILIES = {"deliveries", "state", "key", "scope", "db"}
"""Words that do nothing without the verb behind them."""


def every_verb() -> list[list[str]]:
    """Each verb, and each verb of a verb, as it is typed."""
    commands = typer.main.get_command(build()).commands
    inner = [[name, verb] for name, command in commands.items() for verb in getattr(command, "commands", ())]
    return [*([name] for name in commands), *inner]


def python(code: str) -> str:
    """The output of a fresh interpreter."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(  # noqa: S603 - our own interpreter
        command, capture_output=True, text=True, check=True, env=process_environment({})
    )
    return done.stdout


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--help"], ()),
        (["--no-such-flag"], ()),
        # Typer converts the values of flags with pydantic, which it brings along itself.
        (["plan", "--help"], ("pydantic",)),
        (["no-such-verb"], ("pydantic",)),
    ],
    ids=str,
)
def test_help_and_mistakes_load_nothing_heavy(arguments: list[str], allowed: tuple[str, ...]) -> None:
    """Neither models nor the store nor an HTTP client are imported to print help or to refuse a typo."""
    code = f"""
import io, sys
from reconciler.cli.main import run
from reconciler.cli.output import Streams
run({arguments!r}, Streams(stdin=sys.stdin, stdout=sys.stdout, stderr=io.StringIO(), environment={{}}, now=lambda: 0.0))
print("LOADED", sorted(set({HEAVY!r}) & set(sys.modules) - set({allowed!r})))
"""
    assert "LOADED []" in python(code)


def test_validating_loads_only_what_it_needs() -> None:
    """Neither the engine with its event loop, nor the store, nor a validator that simple options do not need."""
    code = f"""
import io, sys
from reconciler.cli.main import run
from reconciler.cli.output import Streams
streams = Streams(stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stdout, environment={{}}, now=lambda: 0.0)
print("CODE", int(run(["validate", "-C", {str(QUICKSTART)!r}], streams)))
unneeded = {{*{HEAVY!r}, "asyncio", "reconciler.engine"}} - {{"pydantic", "yaml"}}
print("LOADED", sorted(unneeded & set(sys.modules)))
"""
    printed = python(code)
    assert "CODE 0" in printed
    assert "LOADED []" in printed


def test_a_pass_loads_no_other_verb_and_nothing_that_verifies() -> None:
    """What other verbs take, and what proves deliveries, are classes by the dozen that a pass has no use for."""
    code = """
import sys
from reconciler.cli import lazy
from reconciler.cli.app import parse
print(parse(["-C", "deploy", "--dry-run"]).verb, parse(["plan"]).verb)
lazy.load_anew("pass"), lazy.load_anew("plan")
print("LOADED", [name for name in sys.modules if name.startswith("reconciler.cli.flags_")
    or name in ("reconciler.verify.kinds", "reconciler.verify.delivery", "reconciler.verify.request",
    "reconciler.providers.blocks.proofs", "reconciler.providers.blocks.deliveries")])
"""
    printed = python(code)
    assert printed.startswith("pass plan\n")
    assert "LOADED []" in printed


def test_garbage_waits_before_anything_is_loaded() -> None:
    """Loading the command makes most of its objects: by then Python looks for garbage seldom already."""
    code = """
import gc, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "reconciler.cli.main":
            print("THRESHOLD", gc.get_threshold()[0])
sys.meta_path.insert(0, Watch())
sys.argv = ["reconcile", "--version"]
from reconciler.cli.entrance import main
main()
"""
    printed = python(code)
    assert int(printed.partition("THRESHOLD ")[2].split()[0]) >= 100_000


def test_a_pass_loads_no_inbox_and_nothing_that_other_verbs_do() -> None:
    """Deliveries, drift, upkeep of the store, orphans to settle and saved plans to read: none is a part of a pass."""
    code = f"""
import sys
from reconciler.cli import lazy
lazy.load_anew("pass"), lazy.load_anew("plan")
print("LOADED", [name for name in {BESIDE_A_PASS!r} if "reconciler." + name in sys.modules])
"""
    assert "LOADED []" in python(code)


def test_what_a_pass_does_not_load_is_there() -> None:
    """Names of modules that are gone would pass for modules that are not loaded."""
    assert [name for name in BESIDE_A_PASS if find_spec(f"reconciler.{name}") is None] == []


def test_help_lists_exactly_the_verbs_that_exist() -> None:
    """A verb is there or absent, never a stub; each has a module."""
    group = typer.main.get_command(build())
    assert list(group.commands) == VERBS
    assert set(lazy.MODULES) == {"pass", *(" ".join(verb) for verb in every_verb())} - FAMILIES


@pytest.mark.parametrize("verb", sorted(lazy.MODULES))
def test_every_verb_has_a_module_that_runs_it(verb: str) -> None:
    """The table of verbs leads to real modules."""
    assert callable(lazy.load(verb).run)


@pytest.mark.parametrize("verb", [[], *every_verb()], ids=" ".join)
def test_every_help_has_an_example(verb: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Help ends with a line to copy."""
    assert parse([*verb, "--help"]) == 0
    assert "Example: reconcile" in capsys.readouterr().out


def test_common_flags_stand_before_or_after_a_verb() -> None:
    """-C, -f, --log-format and -v mean the same in both places; the nearer one wins, files and -v add up."""
    before = parse(["-C", "a", "-f", "x.yaml", "--log-format", "json", "-v", "plan"])
    after = parse(["plan", "-C", "a", "-f", "x.yaml", "--log-format", "json", "-v"])
    assert before == after
    both = parse(["-C", "a", "-f", "x.yaml", "-v", "plan", "-C", "b", "-f", "y.yaml", "-v"])
    assert isinstance(both, CommonFlags)
    assert (str(both.directory), [str(file) for file in both.files or ()], both.verbose) == (
        "b",
        ["x.yaml", "y.yaml"],
        2,
    )


def test_flags_reach_verbs_of_verbs() -> None:
    """What stands before `sandbox` is known to `sandbox fire`."""
    flags = parse(["-v", "sandbox", "--log-format", "json", "fire", "github", "push"])
    assert isinstance(flags, CommonFlags)
    assert (flags.verb, flags.verbose, flags.log_format) == ("sandbox fire", 1, "json")


@pytest.mark.parametrize("verb", [[], *every_verb()], ids=" ".join)
def test_a_verb_is_parsed_without_the_others(verb: list[str]) -> None:
    """Only the verbs that are spoken of are prepared, and yet every flag, value and mistake counts as ever."""
    for arguments in (verb, ["-v", *verb, "-C", "plan"], [*verb, "key", "state"], [*verb, "--no-such-flag"]):
        assert outcome(partial(parse, arguments)) == outcome(partial(whole, arguments))


def whole(words: list[str]) -> object:
    """What the whole command line makes of the words."""
    return typer.main.get_command(build()).main(args=words, prog_name="reconcile", standalone_mode=False)


def outcome(work: Callable[[], object]) -> object:
    """What came of it: flags, or a usage error in its words."""
    try:
        return work()
    except typer.TyperException as error:
        return usage_text(error, "reconcile")


def test_a_plan_takes_the_flags_of_a_pass() -> None:
    """All but --dry-run and --yes."""
    shape = ["--no-refresh", "--no-prune", "--target", "graph:*", "--allow-destroy", "40%", "--allow-change", "3"]
    shape += ["--allow-protected", "a", "--lock-timeout", "5", "--detailed-exitcode", "--format", "json"]
    planned, passed = parse(["plan", *shape]), parse(shape)
    assert planned.options() == passed.options()
    assert planned.options().document() == {
        "refresh": False,
        "prune": False,
        "targets": ["graph:*"],
        "allow_destroy": "40%",
        "allow_change": "3",
        "allow_protected": ["a"],
    }
