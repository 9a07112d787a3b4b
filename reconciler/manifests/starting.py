"""The first files of a project, in canonical form and with comments that say what else there is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconciler.documents.scalars import spelled

MANIFESTS = "webhooks"
PROJECT_SCHEMA = "schemas/project.schema.json"
MANIFEST_SCHEMA = "schemas/manifest.schema.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a new project is about. What is empty is left out; `fields` are the secrets that its credentials hold.

    `type` is empty where the provider has one only, `resource` where the credentials say which is meant, `fields`
    where nothing is registered by us. `pasted` tells that the vendor mints the secret of deliveries, and a person
    copies it: then `variable` holds that.
    """

    scope: str
    base_url: str
    provider: str
    type: str
    resource: str
    events: tuple[str, ...]
    graph: str
    fields: tuple[str, ...]
    variable: str
    verified: bool
    pasted: bool = False

    @property
    def manifest(self) -> str:
        """The manifest's file, relative to the project."""
        return f"{MANIFESTS}/{re.sub('[^A-Za-z0-9._-]+', '-', self.graph).strip('.-') or 'first'}.yaml"

    @property
    def variables(self) -> dict[str, str]:
        """The environment variable of each field of the credentials."""
        return {
            field: self.variable if not number else f"{self.variable}_{field.upper().replace('-', '_')}"
            for number, field in enumerate(self.fields)
        }

    @property
    def exported(self) -> tuple[str, ...]:
        """The environment variables that must be set before the files are valid."""
        return (*self.variables.values(), *((self.variable,) if self.pasted else ()))


def project_text(start: Start) -> str:
    """The project file."""
    lines = [
        f"# yaml-language-server: $schema={PROJECT_SCHEMA}",
        "version: 1",
        "# Only webhooks that were recorded under this label are ever changed or removed.",
        f"scope: {spelled(start.scope)}",
        "# Deliveries arrive below this URL; RECONCILER_BASE_URL and PLATFORM_BASE_URL go before it.",
        f"base_url: {spelled(start.base_url)}" if start.base_url else "# base_url: https://hooks.example.com",
        f"manifests: [{MANIFESTS}]",
    ]
    name = spelled(start.provider)
    if start.fields:
        secrets = "".join(f", {field}: env/{variable}" for field, variable in start.variables.items())
        lines += [
            "credentials:",
            "  # Only where to find a secret, never the secret itself.",
            f"  {name}: {{provider: {name}{secrets}}}",
        ]
    lines += ["defaults:", "  user: platform"]
    if start.fields:
        lines.append(f"  credentials: {{{name}: {name}}}")
    if not start.verified:
        lines += ["# Deliveries of these carry no proof of their sender.", f"allow_unverified: [{name}]"]
    return "\n".join(lines) + "\n"


def manifest_text(start: Start) -> str:
    """The manifest."""
    lines = [
        f"# yaml-language-server: $schema=../{MANIFEST_SCHEMA}",
        "# What starts this graph. Further graphs and presets: files beside this one, or documents below a `---`.",
        f"graph: {spelled(start.graph)}",
        "triggers:",
        f"  - provider: {spelled(start.provider)}",
    ]
    if start.type:
        lines.append(f"    type: {spelled(start.type)}")
    if start.resource:
        lines.append(f"    resource: {spelled(start.resource)}")
    lines.append(f"    events: [{', '.join(spelled(event) for event in sorted(start.events))}]")
    if start.pasted:
        lines += ["    # Minted by the vendor; only where to find it, never the secret itself."]
        lines += [f"    secret: env/{start.variable}"]
    return "\n".join(lines) + "\n"
