"""What a pass works with: the ports it was given, and the project it is for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.guard import Limits
from reconciler.core.model import Catalogue, Json, Secret
from reconciler.core.ports import Clock, CredentialStore, Entropy, Progress, Provider, Store
from reconciler.engine.points import Probe, unwatched


def silent(event: str, /, **details: Json) -> None:
    """A `Progress` that tells nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The outside, as protocols."""

    store: Store
    providers: Mapping[str, Provider]
    credentials: CredentialStore
    clock: Clock
    entropy: Entropy
    progress: Progress = silent
    probe: Probe = unwatched


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The project that a pass is for. `binding` says which project owns the scope; `holder` who holds its lease.

    `actor` and `host` tell the audit log who runs it, and where.

    `concurrency` bounds the calls in flight for one provider and credential, where the provider takes so many.
    """

    name: str
    base_url: str
    catalogue: Catalogue
    binding: str
    holder: str
    actor: str = ""
    host: str = ""
    default_user: str = ""
    limits: Limits = field(default_factory=Limits)
    commit: str = ""
    tool_version: str = ""
    concurrency: int = 64
    lock_timeout: float = 60.0


class Stop:
    """Asks a running pass to finish what is in flight and to begin nothing more."""

    def __init__(self) -> None:
        self._requested = asyncio.Event()

    @property
    def requested(self) -> bool:
        """Whether it was asked for."""
        return self._requested.is_set()

    def request(self) -> None:
        """Ask; it cannot be taken back."""
        self._requested.set()

    async def wait(self) -> None:
        """Until it is asked for."""
        await self._requested.wait()


Secrets = Mapping[str, Secret]
"""Secrets that users supplied, by their fingerprints."""
