"""Files of definitions: the built-in ones and a project's own, listed by file name and read when asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError

from reconciler.core.errors import ConfigError, Location, Problem
from reconciler.core.model import Catalogue, Json, ProviderTraits
from reconciler.documents.packaged import providers_folder
from reconciler.documents.reading import read_documents
from reconciler.documents.validation import problems as told
from reconciler.providers.api_definition import ApiDefinition, api_definition
from reconciler.providers.blocks.base import PROVIDER_PATTERN
from reconciler.providers.traits import provider_traits
from reconciler.settings.urls import ApiHome

D_co = TypeVar("D_co", bound=ApiDefinition, covariant=True)

_NAME: Final = re.compile(PROVIDER_PATTERN)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a definition is read from, and whether it comes with this package."""

    path: Path
    builtin: bool


class DefinitionFiles(Mapping[str, D_co]):
    """Definitions by provider name, in the order of names; `read` makes one of its file and its name.

    Listing names parses nothing. Asking for one loads it: `KeyError` where there is none, `ConfigError` with every
    problem, by file, line and column, where its file is wrong. `problems` tells what is wrong with the folders: a
    folder that is missing, a name that a built-in definition has, or that stands twice.
    """

    def __init__(self, read: Callable[[Path, str], D_co], builtin: Path, own: Iterable[Path] = ()) -> None:
        self._read = read
        self._sources: dict[str, _Source] = {}
        self._loaded: dict[str, D_co] = {}
        found = list(self._scan(builtin, builtin=True))
        for folder in own:
            found += self._scan(folder, builtin=False)
        self.problems: tuple[Problem, ...] = tuple(found)
        self._sources = dict(sorted(self._sources.items()))

    def __getitem__(self, name: str) -> D_co:
        if name not in self._loaded:
            self._loaded[name] = self._read(self._sources[name].path, name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def comes_with_us(self, name: str) -> bool:
        """Whether a definition is part of this package, and none that a project brought along."""
        return name in self._sources and self._sources[name].builtin

    def __len__(self) -> int:
        return len(self._sources)

    def __contains__(self, name: object) -> bool:
        return name in self._sources

    def check(self) -> tuple[Problem, ...]:
        """Every problem of the folders and of the project's own files; the built-in ones are checked when used."""
        found = list(self.problems)
        for name, source in self._sources.items():
            if not source.builtin:
                try:
                    self[name]
                except ConfigError as error:
                    found.extend(error.problems)
        return tuple(found)

    def api_home(self, name: str) -> ApiHome:
        """Where a provider's API is. Only a built-in definition vouches for its hosts."""
        if name not in self:
            return ApiHome()
        found = self[name]
        return ApiHome(found.api.url if found.api else "", found.hosts if self._sources[name].builtin else ())

    @property
    def traits(self) -> Catalogue:
        """The same providers as core sees them; loads as lazily."""
        return _Traits(self)

    def _scan(self, folder: Path, *, builtin: bool) -> Iterator[Problem]:
        if not folder.is_dir():
            yield Problem("missing_folder", "the folder of provider definitions does not exist", Location(str(folder)))
            return
        for path in sorted(folder.glob("*.yaml")):
            name, where = path.stem, Location(str(path))
            if not _NAME.fullmatch(name):
                yield Problem("provider_name", "the file is not named NAME.yaml after a provider", where)
            elif name not in self._sources:
                self._sources[name] = _Source(path, builtin)
            elif self._sources[name].builtin:
                yield Problem("shadowed_provider", f"{name!r} is a built-in provider: use another name", where)
            else:
                other = self._sources[name].path
                yield Problem("duplicate_provider", f"the provider {name!r} is defined in {other} as well", where)


class _Traits(Mapping[str, ProviderTraits]):
    """A view of definitions as traits, made once each."""

    def __init__(self, definitions: Mapping[str, ApiDefinition]) -> None:
        self._definitions = definitions
        self._made: dict[str, ProviderTraits] = {}

    def __getitem__(self, name: str) -> ProviderTraits:
        if name not in self._made:
            self._made[name] = provider_traits(self._definitions[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._definitions)

    def __len__(self) -> int:
        return len(self._definitions)

    def __contains__(self, name: object) -> bool:
        return name in self._definitions


ApiDefinitions = DefinitionFiles[ApiDefinition]


def api_definitions() -> ApiDefinitions:
    """What a pass needs of the definitions that come with this package."""
    return DefinitionFiles(lambda path, name: load_with(api_definition, ApiDefinition, path, name), providers_folder())


def load_with(validate: Callable[[Json], D_co], model: type[ApiDefinition], path: Path, name: str) -> D_co:
    """The definition in a file that must be called `name`; raises `ConfigError` with every problem."""
    composition = read_documents(path, str(path))
    if composition.problems:
        raise ConfigError(composition.problems)
    document, *others = composition.documents
    if others:
        message = "a file of a provider definition holds one document"
        raise ConfigError((Problem("documents", message, others[0].locate()),))
    try:
        loaded = validate(document.value)
    except ValidationError as error:
        raise ConfigError(told(error, document, model)) from None
    if loaded.name != name:
        message = f"the name must be {name!r}, as the file is called"
        raise ConfigError((Problem("provider_name", message, document.locate(("name",)), "name"),))
    return loaded
