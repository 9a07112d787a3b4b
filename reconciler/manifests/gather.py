"""The manifests of a project: files found, read and checked for their shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from reconciler.core.errors import Problem
from reconciler.documents.compose import Document
from reconciler.documents.reading import read_documents
from reconciler.documents.validation import problems as validation_problems
from reconciler.manifests.find import find
from reconciler.manifests.models import RESERVED_KEYS, Manifest
from reconciler.manifests.project import Project
from reconciler.manifests.salvage import NO_DOUBTS, Doubts, salvage
from reconciler.settings.secrets import SecretReader


@dataclass(frozen=True, slots=True)
class Shaped:
    """A manifest as far as its shape is right, and what is in doubt where it is not."""

    manifest: Manifest
    document: Document
    doubts: Doubts = NO_DOUBTS


@dataclass(frozen=True, slots=True)
class Gathered:
    """The manifests, the files they came from, and what is wrong with their text and shape."""

    manifests: tuple[Shaped, ...]
    files: tuple[str, ...]
    problems: tuple[Problem, ...]


def gather(project: Project) -> Gathered:
    """Find, read and check the manifests of a project. Files are named relative to its folder."""
    root = project.root.resolve()
    problems: list[Problem] = []
    files: dict[str, Path] = {}
    for index, entry in enumerate(project.manifests):
        if ("manifests", index) in project.doubts.paths:
            continue
        found = find(entry, root, project.files)
        files.update((path.relative_to(root).as_posix(), path) for path in found.files)
        problems += (project.problem(item.code, item.message, ("manifests", index)) for item in found.refusals)
    names = tuple(sorted(files))
    reader = project.secrets
    manifests = tuple(shaped for name in names for shaped in _read(files[name], name, reader, problems))
    return Gathered(manifests, names, tuple(problems))


def _read(path: Path, name: str, reader: SecretReader, problems: list[Problem]) -> Iterator[Shaped]:
    """The manifests of one file; what is wrong with it goes to `problems`."""
    composition = read_documents(path, name)
    problems += composition.problems
    for document in composition.documents:
        try:
            yield Shaped(Manifest.model_validate(document.value, context=reader), document)
        except ValidationError as error:
            # What could not be read is empty, which is told already.
            told = {problem.location for problem in composition.problems}
            found = validation_problems(error, document, Manifest, RESERVED_KEYS)
            problems += (problem for problem in found if problem.location not in told)
            salvaged = salvage(Manifest, document.value, error)
            if salvaged is not None:
                yield Shaped(salvaged[0], document, salvaged[1])
