"""The manifests of a project: files found, read and checked for their shape."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from reconciler.core.errors import Problem
from reconciler.documents.compose import Document
from reconciler.documents.positions import path_text
from reconciler.documents.reading import read_documents
from reconciler.documents.validation import problems as validation_problems
from reconciler.manifests.find import find
from reconciler.manifests.models import RESERVED_KEYS, Manifest
from reconciler.manifests.overlay import Overlay
from reconciler.settings.secrets import SecretReader


@dataclass(frozen=True, slots=True)
class Gathered:
    """Manifests of the right shape, each with its document; the files they came from; and what is wrong."""

    manifests: tuple[tuple[Manifest, Document], ...]
    files: tuple[str, ...]
    problems: tuple[Problem, ...]


def gather(entries: Iterable[str], overlay: Overlay, excluded: Collection[Path], reader: SecretReader) -> Gathered:
    """Find, read and check the manifests of `entries`, the value of `manifests:` in the project files.

    Files are named relative to the project's folder, `reader.root`. `excluded` are the project files.
    """
    root = reader.root.resolve()
    problems: list[Problem] = []
    files: dict[str, Path] = {}
    for index, entry in enumerate(entries):
        found = find(entry, root, excluded)
        files.update((path.relative_to(root).as_posix(), path) for path in found.files)
        place = ("manifests", index)
        where = overlay.locate(place)
        problems += (Problem(item.code, item.message, where, path_text(place)) for item in found.refusals)
    names = tuple(sorted(files))
    manifests = tuple(pair for name in names for pair in _read(files[name], name, reader, problems))
    return Gathered(manifests, names, tuple(problems))


def _read(path: Path, name: str, reader: SecretReader, problems: list[Problem]) -> Iterator[tuple[Manifest, Document]]:
    """The manifests of one file; what is wrong with it goes to `problems`."""
    composition = read_documents(path, name)
    problems += composition.problems
    for document in composition.documents:
        try:
            yield Manifest.model_validate(document.value, context=reader), document
        except ValidationError as error:
            problems += validation_problems(error, document, Manifest, RESERVED_KEYS)
