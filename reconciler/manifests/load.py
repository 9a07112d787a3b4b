"""The way in: a project's triggers from its files, and every problem of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reconciler.core.errors import Problem
from reconciler.core.model import Catalogue, Secret, Trigger, WebhookKey
from reconciler.manifests.agreement import disagreements, mistaken
from reconciler.manifests.compile import Fingerprint, compile_manifests
from reconciler.manifests.gather import gather
from reconciler.manifests.project import Project
from reconciler.settings.credentials import ApiHomes, no_homes


@dataclass(frozen=True, slots=True)
class Loaded:
    """The triggers in the order of files, the secrets that manual ones refer to, the manifest files, what is wrong.

    `secrets` is keyed as folding keys the manual webhook that a secret is for; `files` are relative to the project.
    With `problems` the triggers are those that are right all the same: enough to look for what is wrong among them.
    """

    triggers: tuple[Trigger, ...]
    secrets: Mapping[WebhookKey, Secret] = field(repr=False)
    files: tuple[str, ...]
    problems: tuple[Problem, ...] = ()


def load_triggers(
    project: Project, catalogue: Catalogue, fingerprint: Fingerprint, api_homes: ApiHomes = no_homes
) -> Loaded:
    """Find, read, check and compile the manifests of a project, and check the project against the catalogue.

    `fingerprint` is the store's keyed digest, `api_homes` tells where a provider's API is and which hosts are free.
    What is in doubt in the project leads to no further problems.
    """
    found = tuple(disagreements(project, catalogue, api_homes))
    project = replace(project, doubts=project.doubts.also(mistaken(project, catalogue)))
    gathered = gather(project)
    compiled = compile_manifests(gathered.manifests, project, catalogue, fingerprint)
    problems = (*found, *gathered.problems, *compiled.problems)
    return Loaded(compiled.triggers, compiled.secrets, gathered.files, problems)
