"""`reconcile init`: the first files of a project."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.cli.asking import Check, answer
from reconciler.cli.exits import ExitCode
from reconciler.cli.output import Output, Streams
from reconciler.cli.project_flags import InitFlags
from reconciler.core.errors import ConfigError, Problem, ReconcilerError
from reconciler.documents.nearest import quoted, suggestion
from reconciler.documents.packaged import schemas_folder
from reconciler.documents.saving import create
from reconciler.manifests.models import NAME_PATTERN
from reconciler.manifests.project import DEFAULT_FILE
from reconciler.manifests.rules import TypeRules
from reconciler.manifests.starting import MANIFEST_SCHEMA, PROJECT_SCHEMA, Start, manifest_text, project_text
from reconciler.providers.catalogue import Definitions, known_definitions
from reconciler.settings.urls import base_url

_IGNORED = ".reconciler/"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def run(flags: InitFlags, output: Output) -> ExitCode:
    """Ask what is not said, write the files, and name the commands that come next. Writes over nothing."""
    folder = flags.directory or Path()
    _refuse_existing(folder / DEFAULT_FILE)
    start = _start(flags, output, folder)
    _refuse_existing(folder / start.manifest)
    for name, text in _files(start, folder).items():
        try:
            create(folder / name, text)
        except OSError as error:
            raise ReconcilerError(f"{folder / name} cannot be written: {error.strerror}") from error
        output.result(f"wrote  {name}")
    ignore = folder / ".gitignore"
    if _IGNORED.encode() not in ignore.read_bytes():
        message = f"add `{_IGNORED}` to {ignore}: state and encryption key do not belong in Git"
        output("init", level="warning", message=message)
    output.result(_next(start, flags.directory))
    return ExitCode.DONE


def _refuse_existing(path: Path) -> None:
    if path.exists() or path.is_symlink():
        hint = "`reconcile validate` checks what is there"
        raise ConfigError((Problem("exists", f"{path} is there already: nothing was written", hint=hint),))


def _files(start: Start, folder: Path) -> dict[str, str]:
    """The files to write; the schemas and the ignore file only where there are none."""
    files = {DEFAULT_FILE: project_text(start), start.manifest: manifest_text(start)}
    beside = {
        name: (schemas_folder() / Path(name).name).read_text("utf-8") for name in (PROJECT_SCHEMA, MANIFEST_SCHEMA)
    }
    beside[".gitignore"] = f"{_IGNORED}\n"
    return files | {name: text for name, text in beside.items() if not (folder / name).exists()}


@dataclass(frozen=True, slots=True)
class _Interview:
    """Asks for what the flags do not say."""

    flags: InitFlags
    streams: Streams

    def ask(self, question: str, flag: str, default: str, check: Check) -> str:
        """The answer to one question; `flag` is the field of the flags that says it beforehand."""
        given = getattr(self.flags, flag)
        if isinstance(given, list):
            given = ",".join(given)
        return answer(question, f"--{flag.replace('_', '-')}", given, default, check, self.streams)


def _start(flags: InitFlags, output: Output, folder: Path) -> Start:
    definitions = known_definitions()
    asked = _Interview(flags, output.streams)
    scope = asked.ask("Scope, the label of what this project owns", "scope", _name_of(folder), _scope_wrong)
    url = asked.ask("Base URL, where deliveries arrive", "base_url", "", _url_wrong)
    provider = asked.ask("Provider", "provider", "generic", lambda name: _unknown("provider", name, definitions))
    traits = definitions.traits[provider]
    kind = _type(asked, tuple(traits.types))
    rules = TypeRules(traits, traits.types[kind])
    resource = _resource(asked, rules, definitions[provider].types[kind].title)
    first = next(iter(rules.traits.events.names), "")
    events = asked.ask("Events, with commas between them", "event", first, lambda text: _events_wrong(rules, text))
    graph = asked.ask("Graph that they start", "graph", "my-graph", _line_wrong)
    fields = () if rules.traits.manual_only else _fields(definitions, provider)
    variable = re.sub("[^A-Z0-9]", "_", "_".join([provider, *fields[:1]]).upper())
    if fields:
        question = "Environment variable that holds the credentials"
        variable = asked.ask(question, "variable", variable, _variable_wrong)
    return Start(
        scope=scope,
        base_url=url,
        provider=provider,
        type=kind if len(traits.types) > 1 else "",
        resource=resource,
        events=tuple(dict.fromkeys(_split(events))),
        graph=graph,
        fields=fields,
        variable=variable,
        verified=traits.verified,
    )


def _type(asked: _Interview, types: Sequence[str]) -> str:
    if len(types) == 1 and asked.flags.type is None:
        return types[0]
    question = f"Type, one of {', '.join(types)}"
    return asked.ask(question, "type", types[0], lambda name: _unknown("type", name, types))


def _resource(asked: _Interview, rules: TypeRules, title: str) -> str:
    """The resource; not asked for where the credentials, or nothing at all, say which is meant."""
    needed = not rules.traits.manual_only and not rules.traits.default_resource
    if not needed and asked.flags.resource is None:
        return ""
    return asked.ask(f"Resource: {title}", "resource", "", lambda text: _resource_wrong(rules, text))


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


def _resource_wrong(rules: TypeRules, text: str) -> str:
    problem = rules.resource_problem(text)
    return "" if problem is None else ": ".join(filter(None, problem))


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
    steps = [f"  export {variable}=..." for variable in start.variables.values()]
    if not start.base_url:
        steps.append("  export RECONCILER_BASE_URL=https://...")
    steps += [f"  reconcile validate{at}", f"  reconcile plan{at}", f"  reconcile{at}"]
    return "\n".join(["", "Next:", *steps])
