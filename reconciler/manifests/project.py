"""The project: its files read, overlaid, checked and joined with what the environment says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from reconciler.core.errors import ConfigError, Location, Problem
from reconciler.core.guard import Limits
from reconciler.core.model import Json
from reconciler.documents.compose import Document
from reconciler.documents.nearest import nearest, quoted
from reconciler.documents.positions import NodePath, path_text
from reconciler.documents.reading import read_documents
from reconciler.documents.validation import problems as validation_problems
from reconciler.manifests.gather import gather
from reconciler.manifests.models import RESERVED_KEYS, CredentialsSpec, ProjectFile, checked_state
from reconciler.manifests.overlay import Overlay
from reconciler.settings.credentials import CredentialsDeclaration
from reconciler.settings.environment import Settings
from reconciler.settings.secrets import STATE_FOLDER, SecretReader, parse_reference

DEFAULT_FILE = "reconciler.yaml"

_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project as the rest of the program uses it.

    `root` is the folder of the first project file: every relative path of every project file is relative to it, so an
    overlay means the same wherever it lies. `base_url` is None where nobody says it. `state` is the URL of the store,
    an SQLite path made absolute; `key_file` lies beside an SQLite store. `files` are the project files.
    """

    root: Path
    files: tuple[Path, ...]
    scope: str
    base_url: str | None
    state: str = field(repr=False)
    key_file: Path
    manifests: tuple[str, ...]
    providers: tuple[Path, ...]
    credentials: Mapping[str, CredentialsDeclaration]
    default_user: str
    default_credentials: Mapping[str, str]
    limits: Limits
    allow_unverified: frozenset[str]
    settings: Settings = field(repr=False)
    overlay: Overlay = field(repr=False)

    @property
    def secrets(self) -> SecretReader:
        """Reads what the references of this project refer to."""
        return _reader(self.root, self.settings)

    def locate(self, path: NodePath = ()) -> Location:
        """Where the value at `path` stands in the project files."""
        return self.overlay.locate(path)

    def problem(self, code: str, message: str, path: NodePath, hint: str = "") -> Problem:
        """A problem with the value at `path` of the project files."""
        return Problem(code, message, self.locate(path), path_text(path), hint)


def load_project(paths: Sequence[Path], settings: Settings) -> Project:
    """Read the project files, later ones over earlier ones; the environment goes before them.

    Raises `ConfigError` with every problem of all of them and, where they can still be found, of the manifests. A
    missing base URL is no problem here: who needs one asks for it.
    """
    root = paths[0].absolute().parent
    documents, problems = _read(paths, root)
    if not documents:
        raise ConfigError(tuple(problems))
    overlay = Overlay(tuple(documents))
    reader = _reader(root, settings)
    state = settings.state and _environment_state(settings.state, problems)
    try:
        model = ProjectFile.model_validate(overlay.value, context=reader)
    except ValidationError as error:
        found = validation_problems(error, overlay, ProjectFile, RESERVED_KEYS)
        problems += (_with_credentials_hint(problem) for problem in found)
        problems += gather(_entries(overlay.value), overlay, paths, reader).problems
        raise ConfigError(tuple(problems)) from None
    problems += _missing_folders(model, overlay, root)
    if problems:
        problems += gather(model.manifests, overlay, paths, reader).problems
        raise ConfigError(tuple(problems))
    return _project(model, overlay, settings, tuple(path.absolute() for path in paths), state or model.state)


def _project(model: ProjectFile, overlay: Overlay, settings: Settings, files: tuple[Path, ...], state: str) -> Project:
    root = files[0].parent
    store = root / state.removeprefix(_SQLITE) if state.startswith(_SQLITE) else None
    return Project(
        root=root,
        files=files,
        scope=model.scope,
        base_url=settings.base_url or model.base_url,
        state=f"{_SQLITE}{store}" if store else state,
        key_file=store.with_name("key") if store else root / STATE_FOLDER / "key",
        manifests=tuple(model.manifests),
        providers=tuple(root / folder for folder in model.providers),
        credentials={name: _declaration(name, spec, overlay) for name, spec in model.credentials.items()},
        default_user=model.defaults.user or "",
        default_credentials=dict(model.defaults.credentials),
        limits=Limits(**model.guards.model_dump()),
        allow_unverified=frozenset(model.allow_unverified),
        settings=settings,
        overlay=overlay,
    )


def _declaration(name: str, spec: CredentialsSpec, overlay: Overlay) -> CredentialsDeclaration:
    return CredentialsDeclaration(
        name=name,
        provider=spec.provider,
        fields={key: parse_reference(text) for key, text in spec.references.items()},
        api_url=spec.api_url or "",
        users=None if spec.users is None else frozenset(spec.users),
        location=overlay.locate(("credentials", name)),
    )


def _reader(root: Path, settings: Settings) -> SecretReader:
    return SecretReader(root, settings.environment, settings.secret_dirs)


def _read(paths: Sequence[Path], root: Path) -> tuple[list[Document], list[Problem]]:
    documents: list[Document] = []
    problems: list[Problem] = []
    for path in paths:
        shown = path.absolute()
        name = shown.relative_to(root).as_posix() if shown.is_relative_to(root) else str(path)
        composition = read_documents(path, name)
        problems += composition.problems
        for extra in composition.documents[1:]:
            problems.append(Problem("documents", "a project file holds one document only", extra.locate()))
        documents += composition.documents[:1]
    return documents, problems


def _environment_state(text: str, problems: list[Problem]) -> str:
    try:
        return checked_state(text)
    except ValueError as error:
        problems.append(Problem("environment", f"RECONCILER_STATE: {error}"))
        return ""


def _entries(value: Json) -> list[str]:
    """Those entries of `manifests:` that can be looked at although the project file is wrong elsewhere."""
    entries = value.get("manifests") if isinstance(value, dict) else None
    return [entry for entry in entries if isinstance(entry, str) and entry] if isinstance(entries, list) else []


def _missing_folders(model: ProjectFile, overlay: Overlay, root: Path) -> list[Problem]:
    """Folders of `providers:` that are not there, or not below the project's folder."""
    problems = []
    for index, folder in enumerate(model.providers):
        path = ("providers", index)
        real = (root / folder).resolve()
        if not real.is_relative_to(root.resolve()):
            message = "provider definitions are read from the project's folder only"
        elif not real.is_dir():
            message = f"there is no folder {quoted(folder)} beside the project file"
        else:
            continue
        problems.append(Problem("providers", message, overlay.locate(path), path_text(path)))
    return problems


def _with_credentials_hint(problem: Problem) -> Problem:
    """Any key of an entry of `credentials:` can name a secret, so a typo shows as a bad reference."""
    place, _, key = problem.path.rpartition(".")
    if not place.startswith("credentials") or problem.code != "value":
        return problem
    meant = nearest(key, CredentialsSpec.model_fields)
    return replace(problem, hint=f"did you mean the key {quoted(meant)}?") if meant not in {None, key} else problem
