"""The project: its files read, overlaid, checked and joined with what the environment says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from reconciler.core.errors import ConfigError, Location, Problem
from reconciler.core.guard import Limits
from reconciler.documents.compose import Document
from reconciler.documents.nearest import nearest, quoted
from reconciler.documents.positions import NodePath, path_text
from reconciler.documents.reading import read_documents
from reconciler.documents.validation import problems as validation_problems
from reconciler.manifests.models import RESERVED_KEYS, CredentialsSpec, ProjectFile, checked_state
from reconciler.manifests.overlay import Overlay
from reconciler.manifests.salvage import NO_DOUBTS, Doubts, salvage
from reconciler.manifests.targets import target_declarations, target_problems
from reconciler.settings.credentials import CredentialsDeclaration
from reconciler.settings.environment import Settings
from reconciler.settings.secrets import STATE_FOLDER, SecretReader, parse_reference
from reconciler.settings.targets import TO_THE_LOG, TargetDeclaration

DEFAULT_FILE = "reconciler.yaml"

_SQLITE = "sqlite:///"
_ANYTHING = (("credentials",), ("defaults",), ("providers",), ("allow_unverified",))
"""What manifests rely on and a file that cannot be read may have said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project as the rest of the program uses it.

    `root` is the folder of the first project file: every relative path of every project file is relative to it, so an
    overlay means the same wherever it lies. `base_url` is None where nobody says it. `state` is the URL of the store,
    an SQLite path made absolute; `key_file` lies beside an SQLite store. `files` are the project files.
    With `doubts`, about values at these paths of the project files, it serves to check manifests and nothing else.
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
    targets: tuple[TargetDeclaration, ...] = (TO_THE_LOG,)
    doubts: Doubts = NO_DOUBTS

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


@dataclass(frozen=True, slots=True)
class Reading:
    """A project as far as its files are right, None where they say nothing, and everything that is wrong with them."""

    project: Project | None
    problems: tuple[Problem, ...]


def load_project(paths: Sequence[Path], settings: Settings) -> Project:
    """Read the project files, later ones over earlier ones; the environment goes before them.

    Raises `ConfigError` with every problem of all of them. A missing base URL is no problem here: who needs one asks
    for it.
    """
    reading = read_project(paths, settings)
    if reading.project is None or reading.problems:
        raise ConfigError(reading.problems)
    return reading.project


def read_project(paths: Sequence[Path], settings: Settings) -> Reading:
    """As `load_project`, and what is right in wrong files, so that the manifests can be checked as well."""
    root = paths[0].absolute().parent
    documents, problems = _read(paths, root)
    if not documents:
        return Reading(None, tuple(problems))
    overlay = Overlay(tuple(documents))
    state = settings.state and _environment_state(settings.state, problems)
    # A file that could not be read may say anything that the others do not say.
    complete = len(documents) == len(paths)
    model, doubts, found = _validated(overlay, _reader(root, settings))
    told = {problem.location for problem in problems}
    problems += [
        problem for problem in found if problem.location not in told and (complete or problem.code != "missing_key")
    ]
    if model is None:
        return Reading(None, tuple(problems))
    missing = dict(_missing_folders(model, overlay, root, doubts))
    problems += missing.values()
    problems += target_problems(model, overlay, settings.allowed_hosts, doubts)
    doubts = doubts.also([*missing, *(() if complete else _ANYTHING)])
    if doubts.inside("allow_unverified"):
        # Which provider a wrong entry means is not known, so it may be any.
        doubts = doubts.also([("allow_unverified",)])
    files = tuple(path.absolute() for path in paths)
    return Reading(_project(model, overlay, settings, files, state or model.state, doubts), tuple(problems))


def _validated(overlay: Overlay, reader: SecretReader) -> tuple[ProjectFile | None, Doubts, list[Problem]]:
    try:
        return ProjectFile.model_validate(overlay.value, context=reader), NO_DOUBTS, []
    except ValidationError as error:
        found = validation_problems(error, overlay, ProjectFile, RESERVED_KEYS)
        model, doubts = salvage(ProjectFile, overlay.value, error) or (None, NO_DOUBTS)
        return model, doubts, [_with_credentials_hint(problem) for problem in found]


def _project(
    model: ProjectFile, overlay: Overlay, settings: Settings, files: tuple[Path, ...], state: str, doubts: Doubts
) -> Project:
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
        providers=tuple(root / folder for _, folder in _certain(model.providers, "providers", doubts)),
        credentials={name: _declaration(name, spec, overlay, doubts) for name, spec in model.credentials.items()},
        default_user=model.defaults.user or "",
        default_credentials=dict(model.defaults.credentials),
        limits=Limits(**model.guards.model_dump()),
        allow_unverified=frozenset(name for _, name in _certain(model.allow_unverified, "allow_unverified", doubts)),
        settings=settings,
        overlay=overlay,
        targets=target_declarations(model, overlay, doubts) or (TO_THE_LOG,),
        doubts=doubts,
    )


def _certain(entries: Sequence[str], key: str, doubts: Doubts) -> list[tuple[int, str]]:
    """The entries of a list that are right and mean something, with their indexes."""
    return [(index, entry) for index, entry in enumerate(entries) if (key, index) not in doubts.paths]


def _declaration(name: str, spec: CredentialsSpec, overlay: Overlay, doubts: Doubts) -> CredentialsDeclaration:
    place = ("credentials", name)
    users_in_doubt = {(*place, "users")} & (doubts.paths | doubts.around)
    return CredentialsDeclaration(
        name=name,
        provider="" if (*place, "provider") in doubts.paths else spec.provider,
        fields={key: parse_reference(text) for key, text in spec.references.items()},
        api_url=spec.api_url or "",
        users=None if spec.users is None or users_in_doubt else frozenset(spec.users),
        location=overlay.locate(place),
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
        problems += (_with_the_folder(problem, shown) for problem in composition.problems)
        for extra in composition.documents[1:]:
            problems.append(Problem("documents", "a project file holds one document only", extra.locate()))
        documents += composition.documents[:1]
    return documents, problems


def _with_the_folder(problem: Problem, path: Path) -> Problem:
    """A project file that is not there is most often looked for in the wrong folder."""
    if problem.code != "missing_file":
        return problem
    folder = path.parent.resolve()
    if folder.is_dir():
        message = f"there is no project file {path.name!r} in the folder {folder}"
    else:
        message = f"there is no folder {folder}, where the project file was looked for"
    hint = "`reconcile init` starts a project; or name its folder: `reconcile -C FOLDER validate`"
    return replace(problem, message=message, hint=hint)


def _environment_state(text: str, problems: list[Problem]) -> str:
    try:
        return checked_state(text)
    except ValueError as error:
        problems.append(Problem("environment", f"RECONCILER_STATE: {error}"))
        return ""


def _missing_folders(
    model: ProjectFile, overlay: Overlay, root: Path, doubts: Doubts
) -> Iterator[tuple[NodePath, Problem]]:
    """Folders of `providers:` that are not there, or not below the project's folder."""
    for index, folder in _certain(model.providers, "providers", doubts):
        path = ("providers", index)
        real = (root / folder).resolve()
        if not real.is_relative_to(root.resolve()):
            message = "provider definitions are read from the project's folder only"
        elif not real.is_dir():
            message = f"there is no folder {quoted(folder)} beside the project file"
        else:
            continue
        yield path, Problem("providers", message, overlay.locate(path), path_text(path))


def _with_credentials_hint(problem: Problem) -> Problem:
    """Any key of an entry of `credentials:` can name a secret, so a typo shows as a bad reference."""
    place, _, key = problem.path.rpartition(".")
    if not place.startswith("credentials") or problem.code != "value":
        return problem
    meant = nearest(key, CredentialsSpec.model_fields)
    return replace(problem, hint=f"did you mean the key {quoted(meant)}?") if meant not in {None, key} else problem
