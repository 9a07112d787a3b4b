"""`reconcile init`: the first files of a project."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.cli.asking import Check, Question, answer
from reconciler.cli.exits import ExitCode
from reconciler.cli.output import Output, Streams
from reconciler.cli.project_flags import InitFlags
from reconciler.cli.starting import kept_bytes, refuse_existing, require_writable
from reconciler.core.errors import ReconcilerError
from reconciler.core.model import SecretOrigin
from reconciler.documents.nearest import quoted, suggestion
from reconciler.documents.packaged import schemas_folder
from reconciler.documents.saving import create
from reconciler.manifests.models import NAME_PATTERN
from reconciler.manifests.project import DEFAULT_FILE
from reconciler.manifests.rules import TypeRules
from reconciler.manifests.starting import MANIFEST_SCHEMA, PROJECT_SCHEMA, Start, manifest_text, project_text
from reconciler.providers.catalogue import Definitions, known_definitions
from reconciler.settings.urls import base_url

_IGNORE_FILE = ".gitignore"
_IGNORED = ".reconciler/"
_SIGNING = "signing_secret"
_SHOWN = 3
"""How many of many events are named."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def run(flags: InitFlags, output: Output) -> ExitCode:
    """Ask what is not said, write the files, and name the commands that come next. Writes over nothing."""
    folder = flags.directory or Path()
    refuse_existing(folder / DEFAULT_FILE)
    require_writable([folder / DEFAULT_FILE])
    start = _start(flags, output, folder)
    refuse_existing(folder / start.manifest)
    kept = {name: kept_bytes(folder / name) for name in (PROJECT_SCHEMA, MANIFEST_SCHEMA, _IGNORE_FILE)}
    files = {name: text for name, text in _files(start).items() if kept.get(name) is None}
    require_writable(folder / name for name in files)
    for name, text in files.items():
        try:
            create(folder / name, text)
        except OSError as error:
            raise ReconcilerError(f"{folder / name} cannot be written: {error.strerror}") from error
        output.result(f"wrote  {name}")
    if _IGNORED.encode() not in (kept[_IGNORE_FILE] or _IGNORED.encode()):
        message = f"add `{_IGNORED}` to {folder / _IGNORE_FILE}: state and encryption key do not belong in Git"
        output("init", level="warning", message=message)
    output.result(_next(start, flags.directory))
    return ExitCode.DONE


def _files(start: Start) -> dict[str, str]:
    """The files to write. The project file is the last: with it there is a project, and whole."""
    schemas = {
        name: (schemas_folder() / Path(name).name).read_text("utf-8") for name in (PROJECT_SCHEMA, MANIFEST_SCHEMA)
    }
    ours = {start.manifest: manifest_text(start), DEFAULT_FILE: project_text(start)}
    return {_IGNORE_FILE: f"{_IGNORED}\n", **schemas, **ours}


@dataclass(frozen=True, slots=True)
class _Interview:
    """Asks for what the flags do not say."""

    flags: InitFlags
    streams: Streams

    def ask(self, text: str, flag: str, check: Check, default: str = "", needed: str = "") -> str:
        """The answer to one question; `flag` is the field of the flags that says it beforehand."""
        given = getattr(self.flags, flag)
        if isinstance(given, list):
            given = ",".join(given)
        named = f"--{flag.replace('_', '-')}"
        question = Question(text=text, flag=named, check=check, default=default, needed=needed)
        return answer(question, given, self.streams)


def _start(flags: InitFlags, output: Output, folder: Path) -> Start:
    definitions = known_definitions()
    asked = _Interview(flags, output.streams)
    scope = asked.ask("Scope, the label of what this project owns", "scope", _scope_wrong, _name_of(folder))
    url = asked.ask("Base URL, where deliveries arrive", "base_url", _url_wrong)
    provider = asked.ask("Provider", "provider", lambda name: _unknown("provider", name, definitions), "generic")
    traits = definitions.traits[provider]
    kind = _type(asked, tuple(traits.types))
    rules = TypeRules(traits, traits.types[kind])
    resource = _resource(asked, rules, definitions[provider].types[kind].title)
    events = _events(asked, rules)
    graph = asked.ask("Graph that they start", "graph", _line_wrong, "my-graph")
    fields = () if rules.traits.manual_only else _fields(definitions, provider)
    pasted = rules.traits.manual_only and traits.secret_origin is SecretOrigin.VENDOR
    variable = _variable(asked, provider, _SIGNING if pasted else next(iter(fields), ""))
    return Start(
        scope=scope,
        base_url=url,
        provider=provider,
        type=kind if len(traits.types) > 1 else "",
        resource=resource,
        events=events,
        graph=graph,
        fields=fields,
        variable=variable,
        verified=traits.verified,
        pasted=pasted,
    )


def _type(asked: _Interview, types: Sequence[str]) -> str:
    if len(types) == 1 and asked.flags.type is None:
        return types[0]
    question = f"Type, one of {', '.join(types)}"
    return asked.ask(question, "type", lambda name: _unknown("type", name, types), types[0])


def _resource(asked: _Interview, rules: TypeRules, title: str) -> str:
    """The resource; not asked for where the credentials, or nothing at all, say which is meant."""
    implied = rules.traits.manual_only or rules.traits.default_resource
    if implied and asked.flags.resource is None:
        return ""
    example = re.search(r", as (\S+/\S+)", title)
    needed = f", e.g. {example[1]} ({title})" if example else f": {title}"

    def wrong(text: str) -> str:
        return "" if rules.resource_problem(text) is None else f"{quoted(text)} is not {title}"

    return asked.ask(f"Resource: {title}", "resource", wrong, needed=needed)


def _events(asked: _Interview, rules: TypeRules) -> tuple[str, ...]:
    """The events. Where there is one only, it is meant; among many nobody can guess which."""
    names = list(rules.traits.events.names)
    default = names[0] if len(names) == 1 else ""
    few = ", ".join(names[:_SHOWN]) or "a name in the vendor's words"
    more = f"; `reconcile providers {rules.provider.name}` lists all {len(names)}" if len(names) > _SHOWN else ""
    needed = "" if default else f", e.g. {few}{more}"
    question = "Events, with commas between them"
    text = asked.ask(question, "event", lambda text: _events_wrong(rules, text), default, needed)
    return tuple(dict.fromkeys(_split(text)))


def _variable(asked: _Interview, provider: str, field: str) -> str:
    """The environment variable of the provider's secret; not asked for where there is none."""
    variable = re.sub("[^A-Z0-9]", "_", f"{provider}_{field}".upper())
    what = "signing secret" if field == _SIGNING else "credentials"
    question = f"Environment variable that holds the {what}"
    if not field and asked.flags.variable is None:
        return variable
    return asked.ask(question, "variable", _variable_wrong, variable)


def _fields(definitions: Definitions, provider: str) -> tuple[str, ...]:
    """The secrets that the provider's calls are authorised with."""
    auth = definitions[provider].auth
    return (auth.field,) if auth is not None else ()


def _name_of(folder: Path) -> str:
    name = re.sub("[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip(".-")
    return name if re.match(NAME_PATTERN, name) else "my-project"


def _scope_wrong(text: str) -> str:
    return "" if re.fullmatch(NAME_PATTERN, text) else "a scope is a short name of letters, digits, '.', '_' and '-'"


def _url_wrong(text: str) -> str:
    try:
        base_url(text or "https://hooks.example.com")
    except ValueError as error:
        return str(error)
    return ""


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = list(known)
    return "" if name in names else f"unknown {what} {quoted(name)} ({suggestion(name, names)})"


def _events_wrong(rules: TypeRules, text: str) -> str:
    names = _split(text)
    if not names:
        return "name one event at least"
    wrong = [f"no event {quoted(name)} ({rules.event_hint(name)})" for name in names if not rules.knows(name)]
    return ", ".join(wrong)


def _line_wrong(text: str) -> str:
    return "" if text and text.isprintable() and text == text.strip() else "must be one line of text"


def _variable_wrong(text: str) -> str:
    return "" if _VARIABLE.fullmatch(text) else "an environment variable's name, not its value"


def _split(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]


def _next(start: Start, directory: Path | None) -> str:
    """The commands to run next."""
    at = f" -C {shlex.quote(str(directory))}" if directory else ""
    steps = [f"  export {variable}=..." for variable in start.exported]
    if not start.base_url:
        steps.append("  export RECONCILER_BASE_URL=https://...")
    steps += [f"  reconcile validate{at}", f"  reconcile plan{at}", f"  reconcile{at}"]
    return "\n".join(["", "Next:", *steps])
