"""Reading the files and the environment: nothing is opened, asked or made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.errors import ConfigError
from reconciler.core.fold import fold
from reconciler.core.model import Desired, Secret, Trigger
from reconciler.manifests.load import load_triggers
from reconciler.manifests.project import DEFAULT_FILE, Project, load_project
from reconciler.providers.catalogue import Definitions, known_definitions
from reconciler.settings.environment import read_settings
from reconciler.wiring.inputs import Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A valid project. In `desired` a vendor-minted secret is called by its name in `secrets`."""

    project: Project
    definitions: Definitions
    desired: tuple[Desired, ...]
    secrets: Mapping[str, Secret] = field(repr=False)


def load(inputs: Inputs) -> Loaded:
    """The project with its manifests. Raises `ConfigError` with every problem of all files and the environment."""
    project = load_project_of(inputs)
    definitions = known_definitions(project.providers)
    names = _SecretNames()
    folded = fold(_triggers(project, definitions, names), definitions.traits)
    if folded.problems:
        raise ConfigError(folded.problems)
    return Loaded(project=project, definitions=definitions, desired=folded.desired, secrets=names.secrets)


def load_project_of(inputs: Inputs) -> Project:
    """The project alone. Raises `ConfigError` with every problem of its files and of the environment."""
    files = inputs.files or (Path(DEFAULT_FILE),)
    return load_project([inputs.directory / file for file in files], read_settings(inputs.environment))


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


def _triggers(project: Project, definitions: Definitions, names: _SecretNames) -> tuple[Trigger, ...]:
    own = definitions.check()
    try:
        loaded = load_triggers(project, definitions.traits, names, definitions.trusted_hosts)
    except ConfigError as error:
        raise ConfigError(tuple(dict.fromkeys((*own, *error.problems)))) from None
    if own:
        raise ConfigError(own)
    return loaded.triggers
