"""The canonical form of a project's files: what `fmt` makes of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.errors import Location, Problem
from reconciler.documents.formatting import REST, Canon, UnformattableError, formatted
from reconciler.documents.reading import read
from reconciler.manifests.gather import gather, shape
from reconciler.manifests.models import CredentialsSpec, DefaultsSpec, GuardsSpec, Manifest, ProjectFile, TriggerSpec
from reconciler.manifests.project import Reading

_CREDENTIALS = Canon(keys=("provider", REST, *list(CredentialsSpec.model_fields)[1:]))

PROJECT_CANON = Canon(
    keys=tuple(ProjectFile.model_fields),
    inner={
        "credentials": Canon(every=_CREDENTIALS),
        "defaults": Canon(keys=tuple(DefaultsSpec.model_fields)),
        "guards": Canon(keys=tuple(GuardsSpec.model_fields)),
    },
)

_TRIGGER = Canon(keys=tuple(TriggerSpec.model_fields), inner={"events": Canon(is_sorted=True)})

MANIFEST_CANON = Canon(keys=tuple(Manifest.model_fields), inner={"triggers": Canon(every=_TRIGGER)})


@dataclass(frozen=True, slots=True)
class Formatted:
    """A file whose text is not canonical: as it is, and as it should be."""

    path: Path
    name: str
    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True)
class Formatting:
    """The files to rewrite, how many were looked at, and the problems of those that are left alone."""

    changed: tuple[Formatted, ...]
    count: int
    problems: tuple[Problem, ...]


def format_project(reading: Reading) -> Formatting:
    """The canonical text of the project files and manifests. A file in which something is wrong is left alone."""
    if reading.project is None:
        return Formatting((), 0, reading.problems)
    project = reading.project
    root = project.root.resolve()
    gathered = gather(project)
    problems = [*reading.problems, *gathered.problems]
    for source in gathered.sources():
        if isinstance(source, Problem):
            problems.append(source)
        else:
            deque(shape(source, project.secrets, problems), maxlen=0)
    wrong = {problem.location.file for problem in problems if problem.location is not None}
    files = [(path.resolve(), _name(path, project.root), PROJECT_CANON) for path in project.files]
    files += ((root / name, name, MANIFEST_CANON) for name in gathered.files)
    changed = [found for path, name, canon in files if name not in wrong for found in _changed(path, name, canon)]
    problems += (item for item in changed if isinstance(item, Problem))
    rewritten = tuple(item for item in changed if isinstance(item, Formatted))
    return Formatting(rewritten, len(files), tuple(dict.fromkeys(problems)))


def _changed(path: Path, name: str, canon: Canon) -> Iterator[Formatted | Problem]:
    before = read(path, name)
    if isinstance(before, Problem):
        yield before
        return
    try:
        after = formatted(before, canon)
    except UnformattableError:
        message = "this file cannot be formatted without a change of what it says"
        hint = "its comments or texts of several lines stand in unusual places: mend them by hand"
        yield Problem("format", message, Location(name), hint=hint)
        return
    if after != before:
        yield Formatted(path, name, before, after)


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
