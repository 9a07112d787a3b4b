"""Whether the project file agrees with the known providers: names, credentials, API hosts."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.errors import Problem
from reconciler.core.model import Catalogue
from reconciler.documents.nearest import quoted, suggestion
from reconciler.documents.positions import NodePath
from reconciler.manifests.project import Project
from reconciler.settings.credentials import ApiHosts
from reconciler.settings.urls import check_api_host


def disagreements(project: Project, catalogue: Catalogue, api_hosts: ApiHosts) -> Iterator[Problem]:
    """Everything in the project file that names something that does not exist or is not allowed."""
    for name, declared in project.credentials.items():
        place = ("credentials", name)
        if declared.provider not in catalogue:
            yield _unknown_provider(project, declared.provider, (*place, "provider"), catalogue)
        elif declared.api_url:
            try:
                check_api_host(declared.api_url, api_hosts(declared.provider), project.settings.allowed_hosts)
            except ValueError as error:
                yield project.problem("api_host", str(error), (*place, "api_url"))
    for provider, name in project.default_credentials.items():
        yield from _default(project, provider, name, catalogue)
    for provider in sorted(project.allow_unverified):
        if provider not in catalogue:
            entries = project.overlay.value["allow_unverified"]
            yield _unknown_provider(project, provider, ("allow_unverified", entries.index(provider)), catalogue)


def _default(project: Project, provider: str, name: str, catalogue: Catalogue) -> Iterator[Problem]:
    path = ("defaults", "credentials", provider)
    declared = project.credentials.get(name)
    if provider not in catalogue:
        yield _unknown_provider(project, provider, path, catalogue)
    elif declared is None:
        hint = suggestion(name, project.credentials)
        yield project.problem("unknown_credentials", "no credentials of this name are declared", path, hint)
    elif declared.provider != provider:
        message = f"the credentials {quoted(name)} are for {declared.provider}, not for {provider}"
        yield project.problem("credentials", message, path)


def _unknown_provider(project: Project, name: str, path: NodePath, catalogue: Catalogue) -> Problem:
    message = f"unknown provider {quoted(name)}"
    return project.problem("unknown_provider", message, path, suggestion(name, catalogue))
