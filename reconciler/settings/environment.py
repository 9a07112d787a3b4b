"""Process settings, read once from the environment: what the operator says outside the repository."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from reconciler.core.errors import ConfigError, Problem
from reconciler.core.model import Secret
from reconciler.settings.urls import base_url

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of this process; None or empty where the environment is silent.

    `environment` is what `env/NAME` references read. `pipeline` tells that this is a job of a pipeline (`CI` is set),
    whose machine is thrown away.
    """

    base_url: str | None = None
    state: str | None = field(default=None, repr=False)
    key: Secret | None = None
    allowed_hosts: frozenset[str] = frozenset()
    secret_dirs: tuple[Path, ...] = ()
    allow_exec: bool = False
    pipeline: bool = False
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings; an empty variable counts as absent. Raises `ConfigError` with every problem."""
    reader = _Reader(environment)
    settings = Settings(
        base_url=reader.read("RECONCILER_BASE_URL", base_url) or reader.read("PLATFORM_BASE_URL", base_url),
        state=reader.read("RECONCILER_STATE", str),
        key=reader.read("RECONCILER_KEY", Secret),
        allowed_hosts=reader.read("RECONCILER_ALLOWED_HOSTS", _hosts) or frozenset(),
        secret_dirs=reader.read("RECONCILER_SECRET_DIRS", _folders) or (),
        allow_exec=reader.read("RECONCILER_ALLOW_EXEC", _switch) or False,
        pipeline=environment.get("CI", "").strip().casefold() not in {"", "0", "false"},
        environment=environment,
    )
    if reader.problems:
        raise ConfigError(tuple(reader.problems))
    return settings


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self.problems: list[Problem] = []
        self._environment = environment

    def read(self, name: str, convert: Callable[[str], _T]) -> _T | None:
        """The converted value of a variable, or None where it is absent, empty or wrong."""
        text = self._environment.get(name, "").strip()
        if not text:
            return None
        try:
            return convert(text)
        except ValueError as error:
            self.problems.append(Problem("environment", f"{name}: {error}"))
            return None


def _hosts(text: str) -> frozenset[str]:
    hosts = frozenset(host.casefold().rstrip(".") for host in text.replace(",", " ").split())
    if any("/" in host or "*" in host for host in hosts):
        raise ValueError("expected host names with commas between them, without scheme, path or wildcard")
    return hosts


def _folders(text: str) -> tuple[Path, ...]:
    folders = tuple(Path(part) for part in text.split(os.pathsep) if part)
    if not all(folder.is_absolute() for folder in folders):
        raise ValueError(f"expected absolute folders with {os.pathsep!r} between them")
    return folders


def _switch(text: str) -> bool:
    word = text.casefold()
    if word not in {"1", "true", "0", "false"}:
        raise ValueError("expected 1 or 0")
    return word in {"1", "true"}
