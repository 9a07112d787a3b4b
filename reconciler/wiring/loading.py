"""Reading the files and the environment: nothing is opened, asked or made."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.core.errors import ConfigError
from reconciler.core.fold import fold
from reconciler.core.model import Desired, Secret
from reconciler.manifests.known import Known
from reconciler.manifests.load import load_triggers
from reconciler.manifests.project import DEFAULT_FILE, Project, load_project, read_project
from reconciler.providers.definition_files import ApiDefinitions, api_definitions
from reconciler.settings.environment import read_settings
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.versions import digest_of_definitions


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A valid project. In `desired` a vendor-minted secret is called by its name in `secrets`.

    `references` are the same secrets by what manifests refer to them with; `manifests_digest` and `definitions_digest`
    tell the contents of those files from all others.
    """

    project: Project
    definitions: ApiDefinitions
    desired: tuple[Desired, ...]
    secrets: Mapping[str, Secret] = field(repr=False)
    references: Mapping[str, Secret] = field(repr=False, default_factory=dict)
    manifests_digest: str = ""
    definitions_digest: str = ""


Remembering = Callable[[Project, str], AbstractContextManager[Known | None]]
"""Opens what is known of a project's files, by the digest of the provider definitions."""


def load(inputs: Inputs, remembering: Remembering = lambda _project, _digest: nullcontext()) -> Loaded:
    """The project with its manifests. Raises `ConfigError` with every problem of all files and the environment.

    What is right is checked whatever is wrong beside it, so nothing has to be mended before the rest is told.
    """
    reading = read_project(_files(inputs), read_settings(inputs.environment))
    project = reading.project
    if project is None:
        raise ConfigError(reading.problems)
    definitions_digest = digest_of_definitions(project.providers)
    definitions = _definitions(project.providers)
    if definitions.problems:
        project = replace(project, doubts=project.doubts.also([("providers",)]))
    names = _SecretNames()
    with remembering(project, definitions_digest) as known:
        judge = _Judge(project.providers)
        loaded = load_triggers(project, definitions.traits, names, definitions.api_home, known, judge)
    folded = fold(loaded.triggers, definitions.traits)
    problems = (*definitions.check(), *reading.problems, *loaded.problems, *folded.problems)
    if problems:
        raise ConfigError(tuple(dict.fromkeys(problems)))
    return Loaded(
        project=project,
        definitions=definitions,
        desired=folded.desired,
        secrets=names.secrets,
        references=loaded.secrets,
        manifests_digest=loaded.digest,
        definitions_digest=definitions_digest,
    )


def load_recorded(inputs: Inputs) -> Loaded:
    """The project without its manifests, for what works on records: those are there whatever the manifests say.

    Raises `ConfigError` with every problem of the project file, the environment and the provider definitions.
    """
    project = load_project_of(inputs)
    definitions = _definitions(project.providers)
    if problems := definitions.check():
        raise ConfigError(problems)
    return Loaded(project=project, definitions=definitions, desired=(), secrets={})


def load_project_of(inputs: Inputs) -> Project:
    """The project alone. Raises `ConfigError` with every problem of its files and of the environment."""
    return load_project(_files(inputs), read_settings(inputs.environment))


def _files(inputs: Inputs) -> list[Path]:
    return [inputs.directory / file for file in inputs.files or (Path(DEFAULT_FILE),)]


def _definitions(own: Sequence[Path]) -> ApiDefinitions:
    """What a pass needs of each. A project's own are read whole, so that all that is wrong with them is told."""
    if not own:
        return api_definitions()
    catalogue = importlib.import_module("reconciler.providers.catalogue")
    whole: ApiDefinitions = catalogue.known_definitions(own)
    return whole


class _Judge:
    """Tells why a secret proves nothing at a provider. What can tell is loaded for the first: few projects have one."""

    def __init__(self, own: Iterable[Path]) -> None:
        self._own = own
        self._judge: Callable[[str, Secret], str] | None = None

    def __call__(self, provider: str, secret: Secret) -> str:
        if self._judge is None:
            self._judge = importlib.import_module("reconciler.wiring.supplied").Judge(self._own)
        return self._judge(provider, secret)


class _SecretNames:
    """Stands in for the store's fingerprints while files are read: equal secrets get equal names, which tell nothing.

    So files are found to be valid before the store is opened, or made.
    """

    def __init__(self) -> None:
        self.secrets: dict[str, Secret] = {}
        self._names: dict[Secret, str] = {}

    def __call__(self, secret: Secret) -> str:
        name = self._names.setdefault(secret, f"supplied-{len(self._names) + 1}")
        self.secrets[name] = secret
        return name
