"""A whole small world for the engine: store, providers, clock and a reconciler over them, all in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core.drift import DriftReport
from reconciler.core.guard import Limits
from reconciler.core.model import Catalogue, Desired, Phase, Recorded, Secret, Trigger
from reconciler.core.plan import Plan, PlanOptions
from reconciler.engine.context import Ports, Scope, Stop
from reconciler.engine.drifting import drift
from reconciler.engine.points import Probe, unwatched
from reconciler.engine.reconciler import Reconciler, Report
from reconciler.testing.memory_provider import Held, MemoryProvider
from reconciler.testing.memory_store import MemoryStore
from reconciler.testing.stand_ins import CountingEntropy, FixedCredentials, VirtualClock, credentials
from tests.support.builders import BASE_URL, wishes
from tests.support.catalogue import CATALOGUE


async def yes(plan: Plan) -> bool:
    """Approve whatever is planned."""
    return True


@dataclass
class World:
    """What a test changes between two passes."""

    store: Any = field(default_factory=MemoryStore)
    clock: VirtualClock = field(default_factory=VirtualClock)
    entropy: CountingEntropy = field(default_factory=CountingEntropy)
    providers: dict[str, Any] = field(default_factory=dict)
    unresolved: frozenset[str] = frozenset()
    undeclared: frozenset[str] = frozenset()
    base_url: str = BASE_URL
    limits: Limits = field(default_factory=Limits)
    supplied: dict[str, Secret] = field(default_factory=dict)
    binding: str = "project"
    scope: str = "test"
    catalogue: Catalogue = field(default_factory=lambda: CATALOGUE)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    probe: Probe = unwatched

    def __post_init__(self) -> None:
        if not self.providers:
            self.providers = {
                name: MemoryProvider(traits, handshake=self.hand_over) for name, traits in CATALOGUE.items()
            }

    async def hand_over(self, webhook_id: str, secret: Secret) -> bool:
        """What an ingress on the store does where a provider tells its secret: another process, which nobody kills."""
        taken: bool = self.store.capture(self.scope, webhook_id, secret)
        return taken

    def provider(self, name: str = "acme") -> MemoryProvider:
        """One of the providers."""
        found = self.providers[name]
        assert isinstance(found, MemoryProvider)
        return found

    def reconciler(self, **changes: Any) -> Reconciler:
        """A reconciler over this world, as a new process would make it."""
        return Reconciler(self._ports(), self._project(**changes))

    async def drift(self, *targets: str, **changes: Any) -> DriftReport:
        """What drifted, as a new process would find it."""
        return await drift(self._ports(), self._project(**changes), targets)

    def _ports(self) -> Ports:
        known = {name: credentials(name, "acme") for name in {"main", "other"} - self.undeclared}
        return Ports(
            store=self.store,
            providers=self.providers,
            credentials=FixedCredentials(known, self.unresolved),
            clock=self.clock,
            entropy=self.entropy,
            progress=lambda event, /, **details: self.events.append((event, details)),
            probe=self.probe,
        )

    def _project(self, **changes: Any) -> Scope:
        scope = Scope(
            name=self.scope,
            base_url=self.base_url,
            catalogue=self.catalogue,
            binding=self.binding,
            holder="this process",
            default_user="alice",
            limits=self.limits,
            lock_timeout=3.0,
        )
        return replace(scope, **changes)

    async def run(self, *triggers: Trigger, stop: Stop | None = None, **options: Any) -> Report:
        """One pass for these triggers, approved."""
        return await self.pass_for(wishes(*triggers), stop=stop, **options)

    async def pass_for(self, desired: Sequence[Desired], stop: Stop | None = None, **options: Any) -> Report:
        """One pass for these webhooks, approved."""
        return await self.reconciler().run(desired, PlanOptions(**options), self.supplied, yes, stop or Stop())

    async def plan(self, *triggers: Trigger, **options: Any) -> Plan:
        """What a pass for these triggers would do."""
        return await self.reconciler().plan(wishes(*triggers), PlanOptions(**options))

    def records(self) -> list[Recorded]:
        """All records of the scope but tombstones."""
        return [record for record in self.store.records(self.scope) if record.phase is not Phase.TOMBSTONE]

    def record(self) -> Recorded:
        """The only record."""
        (record,) = self.records()
        return record

    def object(self, provider: str = "acme") -> Held:
        """The only object at a provider."""
        (held,) = self.provider(provider).everything()
        return held
