"""The documentation says what the code does."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from typer.main import get_command

from reconciler import ManagerSettings, WebhookManager
from reconciler.cli import exits, lazy
from reconciler.cli.app import build
from reconciler.cli.flags import COMMON
from reconciler.cli.output import Streams
from reconciler.core.errors import ErrorKind
from reconciler.core.guard import Limits
from reconciler.core.plan import Action, Reason
from reconciler.manifests import models
from reconciler.providers import answers, api_definition, definition
from reconciler.providers.blocks import base, calls, deliveries, proofs, recovery, resources, secrets
from reconciler.render.plan_text import SYMBOLS
from reconciler.settings.environment import read_settings
from reconciler.testing.faults import Fault
from reconciler.testing.sandbox import ROOTS, FireOrder, SandboxConfig, create_sandbox
from tests.cli.support import Terminal
from tests.docs.pages import DOCS, OURS, PROSE, STORIES, code, codes, headings, page, prose, table, table_after
from tests.support.sandboxes import Clock

PAGES = sorted(path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md"))

BLOCK_MODELS: Mapping[str, type[BaseModel]] = {
    "`api`:": calls.Api,
    "## 2. `types`": resources.Type,
    "`resource`:": resources.Resource,
    "An option:": resources.Option,
    "Each is one call:": calls.Step,
    "`body`:": calls.Body,
    "## 3. `lookups`": calls.Lookup,
    "## 4. `operations`": calls.Operations,
    "## 6. `identity`": resources.Identity,
    "## 7. `events`": resources.Events,
    "## 8. `fields`": resources.Fields,
    "## 9. `secret`": secrets.SecretRule,
    "## 11. `handshakes`": deliveries.Handshake,
    "## 12. `delivery`": deliveries.Delivery,
    "## 13. `lifecycle`": resources.Lifecycle,
    "`lease`:": resources.Lease,
    "`permission`:": resources.Permission,
    "`rate`:": resources.Rate,
    "## 14. `limits`": resources.Limits,
    "## 15. `errors`": calls.Errors,
    "A rule:": calls.ErrorRule,
    "## 17. `recover`": recovery.Recover,
    "`row`, each a JMESPath:": recovery.LogRow,
    "`inject`:": recovery.Injection,
}
"""The model behind each table of keys in provider-format.md, by the line that the table follows."""

PROOFS: tuple[type[BaseModel], ...] = get_args(proofs.Proof)

VARIANTS: Mapping[str, tuple[type[BaseModel], ...]] = {
    "scheme": (calls.BearerAuth, calls.HeaderAuth, calls.PathAuth, *PROOFS),
    "kind": (calls.SinglePage, calls.LinkPages, calls.CursorPages, calls.NumberedPages, calls.NextUrlPages),
    "from": (
        deliveries.HeaderEventRule,
        deliveries.BodyEventRule,
        deliveries.KeyEventRule,
        deliveries.ConstantEventRule,
        deliveries.AnyEventRule,
    ),
}
"""The models behind the tables of variants, by the key that tells them apart."""


def fields_of(model: type[BaseModel]) -> dict[str, Any]:
    """The keys of a model as they are written."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


# -- pages -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    """Relative links name a file that exists, and their anchors a heading of it."""
    for target in re.findall(r"\]\(([^)]+)\)", prose(name)):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        source = DOCS / f"{name}.md"
        path = (source.parent / file).resolve() if file else source
        assert path.is_file(), f"{name}.md links to {target}"
        if anchor:
            titles = headings(path.relative_to(DOCS).with_suffix("").as_posix())
            known = {re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in known, f"{name}.md links to {target}"


def test_the_map_names_every_page_and_explains_each_word_once() -> None:
    """A newcomer finds each page from the index, and one meaning for each word."""
    linked = set(re.findall(r"\]\(([a-z/-]+)\.md\)", page("index")))
    assert linked == set(PAGES) - {"index"}
    words = [word for row in table("index", "word") for word in row["word"].split(", ")]
    assert len(words) == len(set(words))
    for word in ("manifest", "trigger", "webhook", "scope", "drift", "orphan", "tombstone", "slot", "dispatch"):
        assert word in words


@pytest.mark.parametrize("name", [*OURS, *STORIES, *PROSE])
def test_pages_use_our_words(name: str) -> None:
    """No synonym of a word that has one meaning, outside code."""
    text = re.sub(r"`[^`]*`", "", prose(name))
    for synonym in (r"\bhooks?\b", "workflow", "subscription id", "callback", "consumer", "listener"):
        assert re.search(synonym, text, re.IGNORECASE) is None, f"{name}.md says {synonym}"


# -- cli.md ------------------------------------------------------------------------------------------------------------


def test_every_verb_is_described() -> None:
    """The table of verbs is the list of what can be run; `reconcile` alone is the pass."""
    shown = [re.sub(r" [][A-Z. ]+$", "", code(row["verb"])) for row in table_after("cli", "## Verbs")]
    assert sorted("pass" if verb == "reconcile" else verb for verb in shown) == sorted(lazy.MODULES)


def _options(command: Any, verb: str) -> Iterator[tuple[str, str, Any]]:
    for option in command.params:
        if option.param_type_name == "option":
            yield "/".join([*option.opts, *option.secondary_opts]), verb, option
    for name, child in getattr(command, "commands", {}).items():
        yield from _options(child, name if verb == "pass" else f"{verb} {name}")


def test_every_flag_is_described_with_its_default_and_verbs() -> None:
    """The table of flags is what the parser takes."""
    verbs: dict[str, set[str]] = {}
    options: dict[str, Any] = {}
    for flag, verb, option in _options(get_command(build()), "pass"):
        verbs.setdefault(flag, set()).add(verb)
        options[flag] = option
    rows = {code(row["flag"]): row for row in table("cli", "flag")}
    assert set(rows) == set(verbs)
    for flag, row in rows.items():
        common = options[flag].name in COMMON
        assert common == (row["verbs"] == "every"), flag
        assert common or set(row["verbs"].split(", ")) == verbs[flag], flag
        default = options[flag].default
        if options[flag].required:
            assert row["default"] == "required"
        elif isinstance(default, float | int) and not isinstance(default, bool) and default:
            assert code(row["default"]) == f"{default:g}", flag
        elif isinstance(default, str) and default:
            assert code(row["default"]) == default, flag


def test_every_exit_code_stands_in_its_place() -> None:
    """The table of exit codes is in the order in which they are chosen."""
    shown = [int(row["code"]) for row in table("cli", "code", "meaning")]
    assert shown == [*map(int, exits._FIRST_THAT_APPLIES), int(exits.ExitCode.DONE)]


def test_actions_and_reasons_are_described() -> None:
    """Each with the symbol that a plan shows."""
    shown = {code(row["action"]): codes(row["symbol"]) for row in table("cli", "action")}
    symbols = {action: [SYMBOLS[action]] if action in SYMBOLS else [] for action in Action}
    assert shown == {str(action): symbol for action, symbol in symbols.items()}
    assert [code(row["reason"]) for row in table("cli", "reason")] == [str(reason) for reason in Reason]


# -- files.md ----------------------------------------------------------------------------------------------------------


class Asked(dict[str, str]):
    """An environment that remembers which variables were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def get(self, name: str, default: Any = None) -> Any:
        """Nothing is set."""
        self.names.append(name)
        return default


def test_every_environment_variable_is_described() -> None:
    """The table holds what the settings and the terminal ask the environment for."""
    asked = Asked()
    read_settings(asked)
    streams = Streams(stdin=Terminal(), stdout=Terminal(), stderr=Terminal(), environment=asked, now=Clock())
    streams.painter(Terminal())
    assert [code(row["variable"]) for row in table("files", "variable")] == asked.names


@pytest.mark.parametrize(
    ("line", "model"),
    [
        ("## Project file", models.ProjectFile),
        ("### One entry of `credentials`", models.CredentialsSpec),
        ("### `defaults`", models.DefaultsSpec),
        ("### `guards`", models.GuardsSpec),
        ("## Manifest", models.Manifest),
        ("### One trigger", models.TriggerSpec),
    ],
)
def test_every_key_of_a_file_is_described(line: str, model: type[BaseModel]) -> None:
    """The tables hold the keys of the models, and say which are required."""
    rows = {code(row["key"]): row["default"] for row in table_after("files", line)}
    assert list(rows) == list(model.model_fields)
    for key, field in model.model_fields.items():
        assert field.is_required() == (rows[key] == "required"), key
        if isinstance(field.default, int) and not isinstance(field.default, bool):
            assert int(code(rows[key])) == field.default


def test_reserved_keys_and_default_guards_are_those_of_the_code() -> None:
    """What a later version brings is named, and the numbers are one."""
    (line,) = [line for line in page("files").splitlines() if line.startswith("- Reserved for later")]
    assert set(codes(line)) == set(models.RESERVED_KEYS)
    assert dataclasses.asdict(Limits()) == {name: field.default for name, field in fields_of(models.GuardsSpec).items()}


# -- library.md, sandbox.md --------------------------------------------------------------------------------------------


def test_every_operation_of_the_library_is_described() -> None:
    """Each public name of `WebhookManager` has its heading."""
    shown = [code(title) for title in headings("library") if title.startswith("`")]
    public = [name for name, _ in inspect.getmembers(WebhookManager) if not name.startswith("_")]
    assert sorted(shown) == sorted(public)
    settings = [field.name for field in dataclasses.fields(ManagerSettings)]
    assert [code(row["setting"]) for row in table("library", "setting")] == settings


def test_roots_controls_orders_and_faults_of_the_sandbox_are_described() -> None:
    """The tables hold what the sandbox serves and takes."""
    assert {code(row["provider"]): code(row["root"]) for row in table("sandbox", "provider")} == dict(ROOTS)
    routes = create_sandbox(SandboxConfig(now=Clock()))._controls()
    served = {
        (method, f"/_sandbox{route.path}") for route in routes for method in route.methods or () if method != "HEAD"
    }
    assert {(code(row["method"]), code(row["path"])) for row in table("sandbox", "method", "path")} == served
    for line, kind in (("`POST /_sandbox/fire` takes:", FireOrder), ("## Faults", Fault)):
        shown = {code(row["key"]) for row in table_after("sandbox", line)}
        assert shown == {field.name for field in dataclasses.fields(kind)}


# -- provider-format.md ------------------------------------------------------------------------------------------------


def test_the_seventeen_blocks_stand_in_their_order() -> None:
    """As the format's own description lists them; whatever else a definition holds is told before them."""
    shown = [code(title) for title in headings("provider-format") if re.match(r"\d+\. `", title)]
    listed = codes((definition.__doc__ or "").replace("``", "`").partition("have their place")[2])
    assert len(shown) == 17
    assert shown == listed[:17]
    before = [code(row["key"]) for row in table_after("provider-format", "## Before the blocks")]
    assert sorted([*shown, *before]) == sorted(definition.Definition.model_fields)


@pytest.mark.parametrize("line", BLOCK_MODELS)
def test_every_key_of_a_block_is_described(line: str) -> None:
    """The tables hold the keys of the models, and mark exactly those that are reserved."""
    model = BLOCK_MODELS[line]
    rows = table_after("provider-format", line)
    assert [code(next(iter(row.values()))) for row in rows] == list(fields_of(model))
    properties = model.model_json_schema()["properties"]
    for row in rows:
        key, meaning = list(row.values())[:2]
        reserved = properties[code(key)].get("description", "").startswith("reserved")
        assert reserved == meaning.startswith("reserved"), key


@pytest.mark.parametrize("column", VARIANTS)
def test_every_variant_of_a_block_is_described(column: str) -> None:
    """The tables hold the variants and their keys; `verify: none` is one without a model."""
    described = {code(row[column]): codes(row["keys"]) for row in table("provider-format", column, "keys")}
    variants = {"none": list[str]()} if column == "scheme" else {}
    for model in VARIANTS[column]:
        key, field = next(iter(fields_of(model).items()))
        assert key == column
        variants[get_args(field.annotation)[0]] = list(fields_of(model))[1:]
    assert described == variants


def test_placeholders_and_error_kinds_are_those_of_the_code() -> None:
    """What may stand in each operation, and what each status means."""
    shown = {
        code(row["operation"]): set(codes(row["placeholders"]))
        for row in table("provider-format", "operation", "placeholders")
    }
    assert shown == {name: set(words) for name, words in api_definition.WORDS.items()}
    asked = {
        code(row["call"]): set(codes(next(text for key, text in row.items() if key.startswith("placeholders"))))
        for row in table("provider-format", "call")
    }
    assert asked == {name: set(words) for name, words in api_definition.LOG_WORDS.items()}
    kinds = {code(row["kind"]): row["default for"] for row in table("provider-format", "kind", "means")}
    assert list(kinds) == list(get_args(calls.Kind)) == ["retryable", "throttled", *map(str, ErrorKind)]
    for kind, statuses in kinds.items():
        for status in re.findall(r"\d+", statuses):
            assert str(answers._default_kind(int(status))) == kind


def test_reserved_words_are_those_of_the_code() -> None:
    """Every word that the blocks reserve stands in the table, and no other."""
    source = "".join(inspect.getsource(module) for module in (base, calls, deliveries, proofs, resources, secrets))
    lists = re.findall(r'reserving\("\w+", \(([^)]*)\)', source)
    reserved = sorted(word for words in lists for word in re.findall(r'"(\w+)"', words))
    shown = [word for row in table("provider-format", "where", "word") for word in codes(row["word"])]
    assert reserved
    assert sorted(shown) == reserved
