"""The way in: a project's triggers from its files, and every problem of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reconciler.core.errors import Problem
from reconciler.core.model import Catalogue, Secret, Trigger
from reconciler.manifests.agreement import disagreements, mistaken
from reconciler.manifests.compile import Compiler, Fingerprint, SecretJudge, no_judge
from reconciler.manifests.gather import Contents, Source, gather, shape
from reconciler.manifests.known import Decoder, Known, encode
from reconciler.manifests.project import Project
from reconciler.settings.credentials import ApiHomes, no_homes


@dataclass(frozen=True, slots=True)
class Loaded:
    """The triggers in the order of files, the secrets that manual ones refer to, the manifest files, what is wrong.

    `secrets` is keyed by reference; `files` are relative to the project, and `digest` tells their contents from all
    others. With `problems` the triggers are those that are right all the same: enough to look for what is wrong among
    them.
    """

    triggers: tuple[Trigger, ...]
    secrets: Mapping[str, Secret] = field(repr=False)
    files: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    digest: str = ""


def load_triggers(
    project: Project,
    catalogue: Catalogue,
    fingerprint: Fingerprint,
    api_homes: ApiHomes = no_homes,
    known: Known | None = None,
    judge: SecretJudge = no_judge,
) -> Loaded:
    """Find, read, check and compile the manifests of a project, and check the project against the catalogue.

    `fingerprint` is the store's keyed digest, `api_homes` tells where a provider's API is and which hosts are free.
    What is in doubt in the project leads to no further problems. Files are read one at a time; `known` saves to compile
    those that were found to be right before, and is used only where nothing in the project is in doubt. `judge` tells
    why a secret proves nothing at a provider.
    """
    found = tuple(disagreements(project, catalogue, api_homes))
    project = replace(project, doubts=project.doubts.also(mistaken(project, catalogue)))
    gathered = gather(project)
    reader = _Reader(project, Compiler(project, catalogue, fingerprint, judge))
    known = None if found or project.doubts.paths else known
    for source in gathered.sources():
        if isinstance(source, Problem):
            reader.problems.append(source)
        else:
            reader.read(source, known)
    compiler = reader.compiler
    problems = (*found, *gathered.problems, *reader.problems, *compiler.all_problems())
    return Loaded(tuple(compiler.triggers), compiler.secrets, gathered.files, problems, digest=reader.contents.digest)


class _Reader:
    """Reads files, and keeps what is wrong with their text and shape."""

    def __init__(self, project: Project, compiler: Compiler) -> None:
        self.compiler = compiler
        self.contents = Contents()
        self.problems: list[Problem] = []
        self._secrets = project.secrets
        self._decoder = Decoder()

    def read(self, source: Source, known: Known | None) -> None:
        """Compile a file, or take what it was compiled to before."""
        self.contents.add(source)
        if known is not None and self._remembered(source, known):
            return
        wished = self.compiler.file(shape(source, self._secrets, self.problems))
        # One problem is enough for the whole pass to be refused: then nothing is remembered any more.
        if known is not None and not self.problems and not any(self.compiler.all_problems()):
            known.put(source, encode(wished))

    def _remembered(self, source: Source, known: Known) -> bool:
        text = known.get(source)
        found = None if text is None else self._decoder.decode(text, source.name)
        return found is not None and self.compiler.again(found)
