"""Where a manager's state is, and under which URL deliveries arrive: given, or read from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from reconciler.core.errors import ConfigError, Problem
from reconciler.core.model import Secret
from reconciler.settings.environment import read_settings
from reconciler.settings.urls import base_url

DEFAULT_STATE = "sqlite:///.reconciler/state.db"

DEFAULT_SCOPE = "library"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerSettings:
    """Everything that a manager is told once.

    `base_url` is where the platform takes deliveries; webhooks arrive at `{base_url}/webhooks/{provider}/{id}`. `state`
    is the URL of the store (a relative path is relative to the working directory), `key` its encryption key (else the
    key file beside the store). `scope` keeps the library's webhooks apart from every project's. `allow_unverified`
    names the providers whose deliveries may come without proof. `providers` are folders with further definitions;
    `allowed_hosts` are API hosts that credentials may name besides the vendors' own. `lock_timeout` is how many seconds
    a call waits for others to finish writing.
    """

    base_url: str = ""
    state: str = field(default=DEFAULT_STATE, repr=False)
    key: Secret | None = field(default=None, repr=False)
    scope: str = DEFAULT_SCOPE
    allow_unverified: frozenset[str] = frozenset()
    providers: tuple[Path, ...] = ()
    allowed_hosts: frozenset[str] = frozenset()
    lock_timeout: float = 60.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings that the command `reconcile` would take from the environment.

        `RECONCILER_BASE_URL` (else `PLATFORM_BASE_URL`), `RECONCILER_STATE`, `RECONCILER_KEY` and
        `RECONCILER_ALLOWED_HOSTS`; the rest keeps its defaults: change it with `dataclasses.replace`.
        Raises `ConfigError` for a variable that makes no sense.
        """
        given = read_settings(environment)
        return cls(
            base_url=given.base_url or "",
            state=given.state or DEFAULT_STATE,
            key=given.key,
            allowed_hosts=given.allowed_hosts,
        )

    def checked(self) -> Self:
        """These settings, their base URL without a slash at its end; raises `ConfigError` where it is none."""
        if not self.base_url:
            return self
        try:
            return replace(self, base_url=base_url(self.base_url))
        except ValueError as error:
            raise ConfigError((Problem("base_url", f"base_url: {error}"),)) from None
