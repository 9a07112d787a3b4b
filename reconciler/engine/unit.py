"""What one webhook's work needs, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

from reconciler.core.errors import ConfigError, ErrorKind, TerminalError
from reconciler.core.ingress_url import ingress_url
from reconciler.core.model import Desired, Orphan, Recorded, Secret
from reconciler.core.plan import Action, Step
from reconciler.core.ports import Entry, Provider, Registration, Target, Write
from reconciler.core.ports import Outcome as Ending
from reconciler.engine import journal
from reconciler.engine.calling import Retrying, nothing
from reconciler.engine.committing import Committer
from reconciler.engine.context import Ports, Scope, Secrets, Stop
from reconciler.engine.leasing import Holding
from reconciler.engine.pacing import Gates
from reconciler.engine.points import Point, Side

T = TypeVar("T")

LAST = frozenset({Point.CONFIRM, Point.LOCAL})
"""The effects with which an action is done, and its line in the audit log with it."""


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
    """A step's surroundings: ports, scope, the lease to write under, the gates to call through, whether to stop.

    `entry` is the step's line in the audit log: it is written along with whatever the step writes. `made` is the id
    that was minted for it, once that is written, so that the line of a failure tells it too.
    """

    ports: Ports
    scope: Scope
    holding: Holding
    commits: Committer
    gates: Gates
    supplied: Secrets
    stop: Stop
    entry: Entry | None = None
    made: list[str] = field(default_factory=list)

    def of(self, step: Step) -> Unit:
        """The surroundings of one step, with its line in the audit log."""
        return replace(self, entry=journal.begun(self.ports, self.scope, step), made=[])

    @property
    def now(self) -> float:
        """UNIX seconds."""
        return self.ports.clock.now()

    def url(self, provider: str, webhook_id: str) -> str:
        """The ingress URL of a webhook."""
        return ingress_url(self.scope.base_url, provider, webhook_id)

    async def write(self, point: Point, *writes: Write) -> None:
        """Write records, all or none; comes back when they are durable."""
        entries = self._entries(writes[-1].record.id, last=point in LAST)
        self.ports.probe(point, Side.BEFORE)
        await self.commits.write(writes, entries)
        if self.entry and not self.entry.webhook_id:
            self.made[:] = [writes[-1].record.id]
        self.ports.probe(point, Side.AFTER)

    async def drop(self, recorded: Recorded, orphans: Sequence[Orphan]) -> None:
        """Delete a record, leaving `orphans` behind, in one transaction."""
        entries = self._entries(recorded.id, last=not orphans)
        self.ports.probe(Point.DROP, Side.BEFORE)
        await self.commits.delete(recorded.id, orphans, entries)
        self.ports.probe(Point.DROP, Side.AFTER)

    async def log(self, outcome: Outcome) -> None:
        """Complete the step's line in the audit log, unless its last effect has done that."""
        if self.entry is None or (outcome.result is Result.DONE and not self._goes_on):
            return
        step, ending = outcome.step, Ending(outcome.result.value)
        webhook_id = outcome.webhook_id or "".join(self.made)
        entry = journal.ended(self.entry, step, ending, outcome.message, webhook_id)
        self.ports.probe(Point.LOG, Side.BEFORE)
        await self.commits.write((), (entry,))
        self.ports.probe(Point.LOG, Side.AFTER)

    @property
    def _goes_on(self) -> bool:
        """Whether a step has more to do when its webhook is made: a replacement removes the old one."""
        return self.entry is not None and self.entry.action == Action.REPLACE

    def _entries(self, webhook_id: str, *, last: bool) -> tuple[Entry, ...]:
        if self.entry is None:
            return ()
        outcome = Ending.DONE if last and not self._goes_on else self.entry.outcome
        return (replace(self.entry, webhook_id=self.entry.webhook_id or webhook_id, outcome=outcome),)

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

    async def call(
        self, point: Point, attempt: Callable[[], Awaitable[T]], recover: Callable[[], Awaitable[T | None]]
    ) -> T:
        """Call with retries; `recover` is asked after an attempt of uncertain outcome."""
        return await self._retrying().call(lambda: self._checked(point, attempt), recover)

    async def repeat(self, point: Point, attempt: Callable[[], Awaitable[T]]) -> T:
        """Call with retries what may be repeated without harm."""
        return await self.call(point, attempt, nothing)

    async def read(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Call with retries what changes nothing there."""
        return await self._retrying().repeat(attempt)

    async def once(self, point: Point, attempt: Callable[[], Awaitable[T]]) -> T:
        """Call once, for what happens within another call; `point` names the effect."""
        return await self._checked(point, attempt)

    def _retrying(self) -> Retrying:
        unit = self.unit
        gate = unit.gates.to(self.provider, self.target.credentials)
        return Retrying(clock=unit.ports.clock, entropy=unit.ports.entropy, gate=gate, stop=unit.stop)

    async def _checked(self, point: Point, attempt: Callable[[], Awaitable[T]]) -> T:
        self.unit.holding.check()
        self.unit.ports.probe(point, Side.BEFORE)
        result = await attempt()
        self.unit.ports.probe(point, Side.AFTER)
        return result


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
