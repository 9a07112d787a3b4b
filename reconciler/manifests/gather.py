"""The manifests of a project: files found, read one at a time, and checked for their shape."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from reconciler.core.errors import Problem
from reconciler.documents.compose import Document, compose
from reconciler.documents.reading import read
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
class Source:
    """The bytes of one manifest file, and what tells them from all others. Files are named relative to the project."""

    name: str
    data: bytes
    digest: str


@dataclass(frozen=True, slots=True)
class Gathered:
    """The manifest files of a project by name, and what is wrong with how the project names them."""

    paths: Mapping[str, Path]
    problems: tuple[Problem, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """The names in their order."""
        return tuple(self.paths)

    def sources(self) -> Iterator[Source | Problem]:
        """The files in the order of their names, each read when its turn comes; or why one cannot be read."""
        for name, path in self.paths.items():
            data = read(path, name)
            yield data if isinstance(data, Problem) else Source(name, data, hashlib.sha256(data).hexdigest())


def gather(project: Project) -> Gathered:
    """Find the manifests of a project; nothing is read yet."""
    root = project.root.resolve()
    problems: list[Problem] = []
    files: dict[str, Path] = {}
    for index, entry in enumerate(project.manifests):
        if ("manifests", index) in project.doubts.paths:
            continue
        found = find(entry, root, project.files)
        files.update((path.relative_to(root).as_posix(), path) for path in found.files)
        problems += (project.problem(item.code, item.message, ("manifests", index)) for item in found.refusals)
    return Gathered(dict(sorted(files.items())), tuple(problems))


def shape(source: Source, reader: SecretReader, problems: list[Problem]) -> Iterator[Shaped]:
    """The manifests of one file; what is wrong with its text and their shape goes to `problems`."""
    composition = compose(source.data, source.name)
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


class Contents:
    """A running digest of files: equal when their names, their order and all their bytes are."""

    def __init__(self) -> None:
        self._sum = hashlib.sha256()

    def add(self, source: Source) -> None:
        """Take one more file."""
        self._sum.update(f"{len(source.name.encode('utf-8', 'surrogatepass'))}:".encode())
        self._sum.update(source.name.encode("utf-8", "surrogatepass"))
        self._sum.update(source.digest.encode())

    @property
    def digest(self) -> str:
        """64 hexadecimal digits."""
        return self._sum.hexdigest()


def digest_of_files(project: Project) -> str | None:
    """The digest of all manifests as they are now; None where one of them is missing or cannot be read."""
    gathered, contents = gather(project), Contents()
    for source in gathered.sources():
        if isinstance(source, Problem):
            return None
        contents.add(source)
    return None if gathered.problems else contents.digest
