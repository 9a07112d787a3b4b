"""The way in: a project's triggers from its files, or every problem of all of them in one `ConfigError`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.errors import ConfigError
from reconciler.core.model import Catalogue, Secret, Trigger, WebhookKey
from reconciler.manifests.agreement import disagreements
from reconciler.manifests.compile import Fingerprint, compile_manifests
from reconciler.manifests.gather import gather
from reconciler.manifests.project import Project
from reconciler.settings.credentials import ApiHosts, no_hosts


@dataclass(frozen=True, slots=True)
class Loaded:
    """The triggers in the order of files, the secrets that manual ones refer to, and the manifest files.

    `secrets` is keyed as folding keys the manual webhook that a secret is for; `files` are relative to the project.
    """

    triggers: tuple[Trigger, ...]
    secrets: Mapping[WebhookKey, Secret] = field(repr=False)
    files: tuple[str, ...]


def load_triggers(
    project: Project, catalogue: Catalogue, fingerprint: Fingerprint, api_hosts: ApiHosts = no_hosts
) -> Loaded:
    """Find, read, check and compile the manifests of a project.

    `fingerprint` is the store's keyed digest, `api_hosts` tells the API hosts of a provider's built-in definition.
    Raises `ConfigError` with every problem of project and manifests.
    """
    gathered = gather(project.manifests, project.overlay, project.files, project.secrets)
    compiled = compile_manifests(gathered.manifests, project, catalogue, fingerprint)
    problems = (*disagreements(project, catalogue, api_hosts), *gathered.problems, *compiled.problems)
    if problems:
        raise ConfigError(problems)
    return Loaded(compiled.triggers, compiled.secrets, gathered.files)
