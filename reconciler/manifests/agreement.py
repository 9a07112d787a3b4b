"""Whether the project file agrees with the known providers: names, credentials, API hosts."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.errors import Problem
from reconciler.core.model import Catalogue
from reconciler.documents.nearest import nearest, quoted, suggestion
from reconciler.documents.positions import NodePath
from reconciler.manifests.project import Project
from reconciler.settings.credentials import ApiHomes
from reconciler.settings.urls import check_api


def disagreements(project: Project, catalogue: Catalogue, api_homes: ApiHomes) -> Iterator[Problem]:
    """Everything in the project file that names something that does not exist or is not allowed."""
    for name, declared in project.credentials.items():
        place = ("credentials", name)
        if declared.provider and declared.provider not in catalogue:
            yield from _unknown_provider(project, declared.provider, (*place, "provider"), catalogue)
        elif declared.provider:
            try:
                check_api(api_homes(declared.provider), declared.api_url, project.settings.allowed_hosts)
            except ValueError as error:
                field = "api_url" if declared.api_url else "provider"
                yield project.problem("api_host", str(error), (*place, field))
    for provider, name in project.default_credentials.items():
        yield from _default(project, provider, name, catalogue)
    for provider in sorted(project.allow_unverified):
        if provider not in catalogue:
            entries = project.overlay.value["allow_unverified"]
            path = ("allow_unverified", entries.index(provider))
            yield from _unknown_provider(project, provider, path, catalogue)


def mistaken(project: Project, catalogue: Catalogue) -> Iterator[NodePath]:
    """What is in doubt because the project file says it of a provider that does not exist."""
    for places, named in (
        (("defaults", "credentials"), project.default_credentials),
        (("allow_unverified",), project.allow_unverified),
    ):
        for provider in named:
            if provider not in catalogue:
                meant = nearest(provider, catalogue)
                yield (*places, meant) if meant is not None else places


def _default(project: Project, provider: str, name: str, catalogue: Catalogue) -> Iterator[Problem]:
    path = ("defaults", "credentials", provider)
    declared = project.credentials.get(name)
    if provider not in catalogue:
        yield from _unknown_provider(project, provider, path, catalogue)
    elif declared is None:
        if not project.doubts.about("credentials", name):
            hint = suggestion(name, project.credentials)
            yield project.problem("unknown_credentials", "no credentials of this name are declared", path, hint)
    elif declared.provider != provider and declared.provider in catalogue:
        message = f"the credentials {quoted(name)} are for {declared.provider}, not for {provider}"
        yield project.problem("credentials", message, path)


def _unknown_provider(project: Project, name: str, path: NodePath, catalogue: Catalogue) -> Iterator[Problem]:
    """Nothing where definitions are missing: the provider may be among them."""
    if not project.doubts.inside("providers"):
        message = f"unknown provider {quoted(name)}"
        yield project.problem("unknown_provider", message, path, suggestion(name, catalogue))
