"""A project in a folder of its own, and invented providers to compile it with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from reconciler.core.errors import ConfigError, Problem
from reconciler.core.model import (
    Catalogue,
    EventTraits,
    OptionTraits,
    ProviderTraits,
    Secret,
    SecretOrigin,
    TypeTraits,
)
from reconciler.manifests.compile import SecretJudge
from reconciler.manifests.known import Known
from reconciler.manifests.load import Loaded, load_triggers
from reconciler.manifests.project import Project, load_project, read_project
from reconciler.settings.environment import read_settings
from reconciler.settings.urls import ApiHome

EVENTS = EventTraits(names={"issues": "", "pull_request": "", "push": ""}, separator=".", wildcard="*")
ALL = frozenset({"create", "list", "update", "delete"})
REPO = TypeTraits(
    name="repo",
    events=EVENTS,
    operations=ALL,
    options={"level": OptionTraits()},
    canonical=("strip", "strip_slashes", "lowercase"),
    resource_schema={"type": "string", "pattern": "^[A-Za-z]+/[A-Za-z]+$", "description": "owner/name"},
    options_schema={
        "type": "object",
        "properties": {
            "level": {"enum": ["low", "high"], "description": "How loud."},
            "filters": {"type": "array", "items": {"type": "object", "required": ["kind"]}},
            "port": {"type": "integer", "minimum": 1, "maximum": 9},
        },
        "additionalProperties": False,
    },
)
ORG = TypeTraits(
    name="org",
    title="an organization, by its name",
    events=EVENTS,
    operations=ALL,
    resource_schema={"enum": ["acme", "ajax"]},
)
BOT = TypeTraits(name="bot", events=EVENTS, operations=ALL, default_resource="self")
PAPER = TypeTraits(name="plain", events=EventTraits(names={"sent": ""}))
NEEDY = TypeTraits(name="list", events=EventTraits(names={}, open=True), operations=ALL, default_resource="all")


def _provider(name: str, origin: SecretOrigin, *types: TypeTraits, verified: bool = True) -> ProviderTraits:
    return ProviderTraits(
        name=name, title=name, types={item.name: item for item in types}, secret_origin=origin, verified=verified
    )


CATALOGUE = {
    item.name: item
    for item in (
        _provider("forge", SecretOrigin.CALLER, REPO, ORG),
        _provider("chat", SecretOrigin.CALLER, BOT),
        _provider("paper", SecretOrigin.VENDOR, PAPER),
        _provider("naked", SecretOrigin.NONE, BOT, verified=False),
        _provider("open", SecretOrigin.RESPONSE, NEEDY),
        _provider("handed", SecretOrigin.HANDSHAKE, BOT),
    )
}

PROJECT = """\
version: 1
scope: acme
base_url: https://hooks.acme.dev
manifests: [webhooks]
credentials:
  main: {provider: forge, token: env/TOKEN}
  alices: {provider: forge, token: env/TOKEN, users: [alice]}
  bot: {provider: chat, token: env/TOKEN}
defaults: {user: platform, credentials: {forge: main, chat: bot}}
"""


class Folder:
    """A project's folder; `load` reads the project, `triggers` compiles it, `refusal` tells the problems."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("reconciler.yaml", PROJECT)
        self.environment: dict[str, str] = {}

    def write(self, name: str, text: str) -> Path:
        """Write a file; the common indentation of the text is taken away."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    def manifest(self, text: str, name: str = "webhooks/a.yaml") -> Path:
        """Write a manifest."""
        return self.write(name, text)

    def load(self, *files: str) -> Project:
        """The project of these files."""
        names = files or ("reconciler.yaml",)
        return load_project([self.root / name for name in names], read_settings(self.environment))

    def judged(self, judge: SecretJudge, known: Known | None = None) -> Loaded:
        """The manifests, compiled where somebody knows what is a secret and what is none."""
        return load_triggers(self.load(), CATALOGUE, _fingerprint, known=known, judge=judge)

    def compile(self, hosts: Mapping[str, set[str]] | None = None) -> Loaded:
        """The compiled manifests."""
        loaded = load_triggers(
            self.load(), CATALOGUE, _fingerprint, lambda provider: ApiHome(hosts=(hosts or {}).get(provider, set()))
        )
        assert loaded.problems == ()
        return loaded

    def problems(self, *files: str, catalogue: Catalogue = CATALOGUE) -> list[Problem]:
        """Every problem of the project and its manifests, in order."""
        names = files or ("reconciler.yaml",)
        reading = read_project([self.root / name for name in names], read_settings(self.environment))
        compiled = load_triggers(reading.project, catalogue, _fingerprint) if reading.project else None
        return list(ConfigError((*reading.problems, *(compiled.problems if compiled else ()))).problems)

    def refusal(self, *files: str, catalogue: Catalogue = CATALOGUE) -> list[str]:
        """Every problem of loading and compiling, as a person reads it."""
        told = [str(problem) for problem in self.problems(*files, catalogue=catalogue)]
        assert told
        return told


def _fingerprint(secret: Secret) -> str:
    return f"digest of {len(secret.reveal())}"
