"""What one webhook's work needs, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from reconciler.core.errors import ConfigError, ErrorKind, TerminalError
from reconciler.core.ingress_url import ingress_url
from reconciler.core.model import Desired, Recorded, Secret
from reconciler.core.plan import Step
from reconciler.core.ports import Provider, Registration, Target, Write
from reconciler.engine.calling import Retrying, nothing
from reconciler.engine.context import Ports, Scope, Secrets, Stop
from reconciler.engine.leasing import Holding
from reconciler.engine.observing import Gates

T = TypeVar("T")


class Result(StrEnum):
    """How a step ended."""

    DONE = "done"
    ORPHANED = "orphaned"
    """Done, but something is left at the provider and recorded as an orphan."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """Not begun: the pass was asked to stop, or an earlier step that it builds on failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One step and how it ended; `message` says why it failed or what was left behind."""

    step: Step
    result: Result
    message: str = ""
    webhook_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A step's surroundings: ports, scope, the lease to write under, the gates to call through, whether to stop."""

    ports: Ports
    scope: Scope
    holding: Holding
    gates: Gates
    supplied: Secrets
    stop: Stop

    @property
    def now(self) -> float:
        """UNIX seconds."""
        return self.ports.clock.now()

    def url(self, provider: str, webhook_id: str) -> str:
        """The ingress URL of a webhook."""
        return ingress_url(self.scope.base_url, provider, webhook_id)

    async def write(self, *writes: Write) -> None:
        """Write records in one transaction."""
        await asyncio.to_thread(self.ports.store.write, self.holding.check(), writes)

    async def secret_of(self, webhook_id: str) -> Secret | None:
        """The newest recorded secret of a webhook."""
        secrets = await asyncio.to_thread(self.ports.store.secrets, webhook_id)
        return secrets[0] if secrets else None

    def fingerprint(self, secret: Secret | None) -> str:
        """The keyed fingerprint to record; empty where there is no secret."""
        return self.ports.store.fingerprint(secret) if secret else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """One provider's verbs for one target: gated, retried, and only under a lease that is still ours."""

    provider: Provider
    target: Target
    unit: Unit

    async def call(self, attempt: Callable[[], Awaitable[T]], recover: Callable[[], Awaitable[T | None]]) -> T:
        """Call with retries; `recover` is asked after an attempt of uncertain outcome."""
        retrying = Retrying(clock=self.unit.ports.clock, entropy=self.unit.ports.entropy, stop=self.unit.stop)
        async with self.unit.gates.of(self.provider.traits.name, self.target.credentials.name):
            return await retrying.call(lambda: self._checked(attempt), recover)

    async def repeat(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Call with retries what may be repeated without harm."""
        return await self.call(attempt, nothing)

    async def _checked(self, attempt: Callable[[], Awaitable[T]]) -> T:
        self.unit.holding.check()
        return await attempt()


def target_of(ports: Ports, source: Desired | Recorded) -> Target:
    """Where calls for a webhook go. Raises `TerminalError` where its credentials are missing or unresolved."""
    key = source.key
    try:
        credentials = ports.credentials.get(key.credentials)
    except ConfigError as error:
        raise TerminalError(str(error), kind=ErrorKind.AUTH) from error
    if credentials is None:
        message = f"credentials {key.credentials} are not declared in the project file"
        raise TerminalError(message, kind=ErrorKind.AUTH)
    return Target(type=key.type, resource=source.resource, credentials=credentials)


def remote(unit: Unit, source: Desired | Recorded) -> Remote:
    """The way to the provider of a webhook. Raises `TerminalError` where its credentials are missing or unresolved."""
    target = target_of(unit.ports, source)
    return Remote(provider=unit.ports.providers[source.key.provider], target=target, unit=unit)


def registration(recorded: Recorded, secret: Secret | None) -> Registration:
    """What the provider is asked to have for a record."""
    return Registration(
        webhook_id=recorded.id,
        url=recorded.url,
        events=recorded.events,
        secret=secret,
        options=recorded.options,
    )
