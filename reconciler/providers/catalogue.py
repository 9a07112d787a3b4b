"""Every known provider, with all that its definition says: what comes with this package and a project's own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from reconciler.documents.packaged import providers_folder
from reconciler.providers.definition import Definition, definition
from reconciler.providers.definition_files import DefinitionFiles, load_with

Definitions = DefinitionFiles[Definition]


def known_definitions(own: Iterable[Path] = ()) -> Definitions:
    """The definitions that come with this package and those in a project's own folders."""
    return definitions_in(providers_folder(), own)


def definitions_in(builtin: Path, own: Iterable[Path] = ()) -> Definitions:
    """The definitions in the folder of those that count as built-in, and in a project's own."""
    return DefinitionFiles(load, builtin, own)


def load(path: Path, name: str) -> Definition:
    """The definition in a file that must be called `name`; raises `ConfigError` with every problem."""
    return load_with(definition, Definition, path, name)
