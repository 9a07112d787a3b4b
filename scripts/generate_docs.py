"""Write `docs/reference/*.md` from the code; run it after a change of a verb, model or definition, a test compares."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from typer.main import get_command

from reconciler.cli import exits
from reconciler.cli.app import PROGRAM, build
from reconciler.cli.exits import ExitCode
from reconciler.core.model import SecretOrigin
from reconciler.manifests import models
from reconciler.providers.blocks.base import Source
from reconciler.providers.catalogue import known_definitions
from reconciler.providers.definition import Definition
from reconciler.render.schema import plan_schema

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"

WIDTH = 100
"""Columns of a verb's help, whatever the terminal."""

FILE_MODELS: Mapping[str, tuple[type[BaseModel], ...]] = {
    "Project file": (
        models.ProjectFile,
        models.CredentialsSpec,
        models.DefaultsSpec,
        models.GuardsSpec,
        models.TargetSpec,
        models.HttpTargetSpec,
        models.LogTargetSpec,
        models.RetrySpec,
    ),
    "Manifest": (models.Manifest, models.TriggerSpec),
}

OPERATIONS = ("create", "list", "update", "delete", "ping", "renew")

ORIGINS: Mapping[SecretOrigin, str] = {
    SecretOrigin.CALLER: "ours, sent with create and update",
    SecretOrigin.RESPONSE: "the vendor's, told once in the answer to create",
    SecretOrigin.HANDSHAKE: "the vendor's, told to the ingress while create is in flight: it must be reachable then",
    SecretOrigin.FETCH: "the vendor's, asked for after every create and update",
    SecretOrigin.VENDOR: "the vendor's, pasted: a manifest's `secret` refers to it",
    SecretOrigin.NONE: "none",
}


def rendered(name: str) -> str:
    """The text of one page."""
    title, write = PAGES[name]
    note = "<!-- Written by scripts/generate_docs.py from the code: change that, and run it again. -->"
    return "\n".join([f"# {title}", "", note, "", *write()]).rstrip() + "\n"


# -- cli and exit codes ------------------------------------------------------------------------------------------------


def _cli() -> Iterator[str]:
    yield "Every verb's own `--help`. What the verbs mean, and how they fit together, is told in [cli.md](../cli.md)."
    for path, text in _helps(get_command(build()), PROGRAM):
        yield from ("", f"## {path}", "", "```text", *text.splitlines(), "```")


def _helps(command: Any, path: str, parent: Any = None) -> Iterator[tuple[str, str]]:
    context = command.context_class(command, info_name=path.rpartition(" ")[2], parent=parent, terminal_width=WIDTH)
    yield path, command.get_help(context).rstrip()
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from _helps(child, f"{path} {name}", context)


def _exit_codes() -> Iterator[str]:
    yield "Where several apply, the first of this table is used. What to do about each is told in"
    yield "[cli.md](../cli.md#exit-codes)."
    yield ""
    causes = {code: [kind for kind, of in exits._ERRORS if of is code] for code in ExitCode}  # noqa: SLF001 - the one table
    rows = [
        (
            f"`{int(code)}`",
            f"`{code.name}`",
            exits.MEANINGS.get(code, "done"),
            _listed(kind.__name__ for kind in causes[code]),
        )
        for code in (*exits._FIRST_THAT_APPLIES, ExitCode.DONE)  # noqa: SLF001 - the one order
    ]
    yield from _table(("code", "name", "stderr says", "errors of the library that lead to it"), rows)


# -- files and JSON ----------------------------------------------------------------------------------------------------


def _files() -> Iterator[str]:
    yield "Keys, types and defaults, from the models that check the files. What the keys do is told in"
    yield "[files.md](../files.md). The same as JSON Schemas, for editors:"
    yield "[project](../../schemas/project.schema.json), [manifest](../../schemas/manifest.schema.json);"
    yield "`reconcile schema NAME` prints them."
    for title, kinds in FILE_MODELS.items():
        yield from ("", f"## {title}")
        for kind in kinds:
            yield from ("", f"### {_title(kind.__name__)}", "", _sentence(kind.__doc__), "")
            schema = kind.model_json_schema()
            required = schema.get("required", [])
            rows = [
                (f"`{key}`", _type(value), _default(key, value, required), value.get("description", ""))
                for key, value in schema["properties"].items()
            ]
            yield from _table(("key", "type", "default", "meaning"), rows)


def _json() -> Iterator[str]:
    schema: Any = plan_schema()
    yield "The document of `reconcile plan --format json`, from its schema: [plan](../../schemas/plan.schema.json),"
    yield "`reconcile schema plan`. Every other verb's keys are listed in [cli.md](../cli.md#json). Keys are added over"
    yield "time, never changed or removed."
    for name, shape in {"plan": schema, **schema["$defs"]}.items():
        yield from ("", f"## {_title(name)}", "", _sentence(shape["description"]), "")
        rows = [
            (f"`{key}`", _type(value), "yes" if key in shape["required"] else "where there is one")
            for key, value in shape["properties"].items()
        ]
        yield from _table(("key", "type", "always there"), rows)


def _type(schema: Mapping[str, Any]) -> str:
    """A JSON Schema in a few words."""
    if schema.get("$ref", "").endswith("/JsonValue"):
        return "any value"
    if "$ref" in schema:
        name = _title(schema["$ref"].rpartition("/")[2])
        return f"[{name.lower()}](#{name.lower().replace(' ', '-')})"
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return _listed(str(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"] if each != {"type": "null"})
    if isinstance(schema.get("type"), list):
        return " or ".join(schema["type"])
    return _simple_type(schema)


def _simple_type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "any value")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"mapping to {_type(values)}" if isinstance(values, dict) else "mapping"
    bounds = [f"{words} {schema[key]}" for key, words in _BOUNDS.items() if key in schema]
    return f"{kind}, {', '.join(bounds)}" if bounds else str(kind)


_BOUNDS = {"minimum": "at least", "maximum": "at most"}


def _default(key: str, schema: Mapping[str, Any], required: Sequence[str]) -> str:
    if key in required:
        return "required"
    value = schema.get("default")
    return f"`{value if isinstance(value, str) else json.dumps(value)}`" if value not in (None, "", [], {}) else ""


# -- providers ---------------------------------------------------------------------------------------------------------


def _providers() -> Iterator[str]:
    definitions = known_definitions()
    yield "What each definition that comes with the package can do. How to read and write one is told in"
    yield "[provider-format.md](../provider-format.md); the words are those of [the index](../index.md#words)."
    yield from ("", "## What each can do", "")
    rows = [row for definition in definitions.values() for row in _matrix(definition)]
    yield from _table(
        ("provider", "type", "registered", *OPERATIONS, "secret", "proof", "lease", "missed deliveries"), rows
    )
    yield ""
    yield "Without `update`, a change is a replace. Without `list`, a doubtful webhook becomes an orphan, and drift is"
    yield "not seen. Without `delete`, a prune leaves the webhook at the vendor, and its deliveries are refused."
    for definition in definitions.values():
        yield from _provider(definition)


def _matrix(definition: Definition) -> Iterator[tuple[str, ...]]:
    for name, kind in definition.types.items():
        operations = definition.operations_of(name)
        recover = definition.recover_of(name)
        lease = getattr(kind, "lease", None) or getattr(definition.lifecycle, "lease", None)
        yield (
            f"[{definition.name}](#{definition.name})",
            f"`{name}`",
            "by API" if "create" in operations else "by hand",
            *("yes" if operation in operations else "-" for operation in OPERATIONS),
            str(definition.secret.origin),
            _proof(definition),
            "yes" if lease else "-",
            "-" if recover is None else "sent again" if recover.redeliver else "taken from its log",
        )


def _provider(definition: Definition) -> Iterator[str]:
    file = f"[providers.d/{definition.name}.yaml](../../providers.d/{definition.name}.yaml)"
    yield from ("", f"## {definition.name}", "", f"{definition.title}: {file}", "")
    if definition.api:
        yield f"- API: `{definition.api.url}`"
    if definition.auth:
        yield f"- Credentials: `{definition.auth.field}`"
    yield f"- Secret: {ORIGINS[definition.secret.origin]}"
    yield f"- Proof: {_proof_in_full(definition)}"
    if definition.limits.per_resource:
        yield f"- Webhooks per resource: at most {definition.limits.per_resource}"
    yield ""
    rows = [(f"`{name}`", kind.title, _count(definition, name)) for name, kind in definition.types.items()]
    yield from _table(("type", "a resource is", "events"), rows)
    yield from _options(definition)
    yield from ("", "Sources:", "")
    yield from (f"- {_source(source)}" for source in _sources(definition))


def _options(definition: Definition) -> Iterator[str]:
    rows = []
    for name in definition.types:
        for option, block in definition.options_of(name).items():
            what = block.option_schema.get("description", "")
            default = "" if block.default is None else f"`{json.dumps(block.default, ensure_ascii=False)}`"
            rows.append((f"`{option}`", f"`{name}`", default, "yes" if block.identity else "-", what))
    if rows:
        yield ""
        yield from _table(("option", "type", "default", "tells webhooks apart", "meaning"), rows)


def _count(definition: Definition, kind: str) -> str:
    more = ", and any other name" if definition.events.open else ""
    finer = f"; finer ones after `{definition.events.separator}`" if definition.events.separator else ""
    return f"{len(definition.events_of(kind))}{more}{finer}"


def _proof(definition: Definition) -> str:
    return "none" if definition.verify == "none" else definition.verify.scheme


def _proof_in_full(definition: Definition) -> str:
    if definition.verify == "none":
        return "none; `allow_unverified` must name it"
    rule = definition.verify.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"source"})
    return ", ".join(f"{key} `{value if isinstance(value, str) else json.dumps(value)}`" for key, value in rule.items())


def _sources(definition: Definition) -> list[tuple[str, str]]:
    """Every document that the definition cites, once, in its order."""
    return list(dict.fromkeys((source.title, source.url or "") for source in _cited(definition)))


def _cited(value: object) -> Iterator[Source]:
    if isinstance(value, Source):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _cited(getattr(value, name))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _cited(each)
    elif isinstance(value, tuple):
        for each in value:
            yield from _cited(each)


def _source(source: tuple[str, str]) -> str:
    title, url = source
    return f"[{title}]({url})" if url else title


# -- Markdown ----------------------------------------------------------------------------------------------------------


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"| {' | '.join('---' for _ in header)} |"
    for row in rows:
        cells = " | ".join(cell.replace("|", "\\|") for cell in row)
        yield f"| {cells} |"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split())


def _title(name: str) -> str:
    """`CredentialsSpec` as `Credentials`."""
    plain = name.removesuffix("Spec").removesuffix("File")
    return plain[:1].upper() + plain[1:]


PAGES: Mapping[str, tuple[str, Callable[[], Iterator[str]]]] = {
    "cli": ("Every verb", _cli),
    "exit-codes": ("Exit codes", _exit_codes),
    "files": ("Keys of the files", _files),
    "json": ("The plan as JSON", _json),
    "providers": ("Providers", _providers),
}
"""Each page's file name, title and text."""


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in PAGES:
        (FOLDER / f"{name}.md").write_text(rendered(name), encoding="utf-8")


if __name__ == "__main__":
    main()
