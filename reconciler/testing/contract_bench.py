"""What the contract is tried on, and one case's world: a store, and whole passes over the provider."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from reconciler.core.fold import fold
from reconciler.core.model import Desired, Observed, Phase, Recorded, Subscriber, SubscriberKind, Trigger, TypeTraits
from reconciler.core.plan import Plan, PlanOptions
from reconciler.core.ports import Answer, Credentials, Provider, Registration, Target
from reconciler.engine.context import Ports, Scope, Stop
from reconciler.engine.reconciler import Reconciler, Report
from reconciler.engine.unit import Result
from reconciler.testing.memory_store import MemoryStore
from reconciler.testing.stand_ins import CountingEntropy, FixedCredentials, VirtualClock

SCOPE = "contract"
"""Of the records that a case makes."""
BASE_URL = "https://hooks.example.com"
MOVED_URL = "https://moved.example.com"
FOREIGN_URL = "https://ci.example.com/hook"


class ContractError(AssertionError):
    """A provider does not keep the contract."""


class Killed(BaseException):
    """The process dies at this point of a case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the contract is tried on: a provider, and a resource with two different events of its type.

    Where the type has one event only, it stands in both places. `clock` is the time in which the provider lives. `miss`
    has the provider send a delivery of an event that nobody takes; without it, nobody tries what is said of those.
    `keep_in` tells the receiver the store to keep a secret in that the provider tells during a create.
    """

    provider: Provider
    credentials: Credentials
    type: str
    resource: str
    events: tuple[str, str]
    clock: VirtualClock = field(default_factory=VirtualClock)
    miss: Callable[[str], Awaitable[None]] | None = None
    keep_in: Callable[[MemoryStore], None] | None = None

    @property
    def target(self) -> Target:
        """Where the provider's verbs go."""
        return Target(type=self.type, resource=self.resource, credentials=self.credentials)

    @property
    def kind(self) -> TypeTraits:
        """What the type can do."""
        return self.provider.traits.types[self.type]

    def can(self, *operations: str) -> bool:
        """Whether the provider has all of these calls."""
        return self.kind.operations.issuperset(operations)


class Interference:
    """The provider, with a way to lose its answers: `before` and `after` are raised once, around the next create."""

    def __init__(self, provider: Provider) -> None:
        self.before: BaseException | None = None
        self.after: BaseException | None = None
        self._provider = provider
        self.traits = provider.traits
        self.slot = provider.slot
        self.list = provider.list
        self.update = provider.update
        self.delete = provider.delete
        self.renew = provider.renew
        self.ping = provider.ping
        self.missing_permission = provider.missing_permission
        self.budget = provider.budget

    async def create(self, target: Target, registration: Registration) -> Answer:
        before, self.before = self.before, None
        if before:
            raise before
        answer = await self._provider.create(target, registration)
        after, self.after = self.after, None
        if after:
            raise after
        return answer


@dataclass
class Bench:
    """One case's world: a store, and passes over the subject."""

    subject: Subject
    store: MemoryStore = field(default_factory=MemoryStore)
    entropy: CountingEntropy = field(default_factory=CountingEntropy)
    base_url: str = BASE_URL

    def __post_init__(self) -> None:
        if self.subject.keep_in:
            self.subject.keep_in(self.store)
        self.interference = Interference(self.subject.provider)

    async def run(self, *events: str) -> Report:
        """One pass for a trigger with these events, or for none."""
        report = await self.attempt(*events)
        # What cannot be deleted is left, and said: that is no failure of the provider's.
        bad = (Result.FAILED, Result.ORPHANED) if self.subject.can("delete") else (Result.FAILED,)
        failed = report.applied.having(*bad)
        expect(not failed, f"a pass failed: {'; '.join(outcome.message for outcome in failed)}")
        return report

    async def attempt(self, *events: str) -> Report:
        """The same, whatever becomes of it."""
        options = PlanOptions(allow_destroy="100%")
        return await self._reconciler().run(self._wishes(events), options, {}, _yes, Stop())

    async def plan(self, *events: str) -> Plan:
        """What a pass would do."""
        return await self._reconciler().plan(self._wishes(events), PlanOptions())

    async def settled(self, *events: str) -> None:
        """Plan again, expect nothing."""
        plan = await self.plan(*events)
        left = [f"{step.action} ({step.reason}) {list(step.changes)}" for step in plan.steps]
        left += [problem.message for problem in plan.problems]
        expect(not left, f"the plan after an applied plan is not empty: {'; '.join(left)}")

    async def ours(self) -> Observed | None:
        """The one object at the provider that has our record's URL; None where the provider cannot list."""
        record = self.record()
        expect(record.phase is Phase.REGISTERED, f"the record is {record.phase}, not registered")
        if not self.subject.can("list"):
            return None
        found = [item for item in await self.objects() if item.url == self.record().url]
        expect(len(found) == 1, f"expected one object with the webhook's URL, the list shows {len(found)}")
        return found[0]

    async def objects(self) -> tuple[Observed, ...]:
        """All objects of the resource; none where the provider cannot list."""
        if not self.subject.can("list"):
            return ()
        return await self.subject.provider.list(self.subject.target)

    def record(self) -> Recorded:
        """The only record."""
        records = self.store.records(SCOPE)
        expect(len(records) == 1, f"expected one record, there are {len(records)}")
        return records[0]

    def _wishes(self, events: tuple[str, ...]) -> tuple[Desired, ...]:
        if not events:
            return ()
        subject, name = self.subject, self.subject.provider.traits.name
        trigger = Trigger(
            user="contract",
            subscriber=Subscriber(SubscriberKind.GRAPH, "contract"),
            provider=name,
            type=subject.type,
            resource=subject.resource,
            canonical=subject.resource,
            events=frozenset(events),
            credentials=subject.credentials.name,
        )
        return fold([trigger], {name: subject.provider.traits}).desired

    def _reconciler(self) -> Reconciler:
        name = self.subject.provider.traits.name
        ports = Ports(
            store=self.store,
            providers={name: self.interference},
            credentials=FixedCredentials({self.subject.credentials.name: self.subject.credentials}),
            clock=self.subject.clock,
            entropy=self.entropy,
        )
        scope = Scope(
            name=SCOPE,
            base_url=self.base_url,
            catalogue={name: self.subject.provider.traits},
            binding="contract",
            holder="contract",
        )
        return Reconciler(ports, scope)


async def _yes(plan: Plan) -> bool:
    return True


def expect(condition: bool, sentence: str) -> None:
    """Raises `ContractError` with the sentence where the condition does not hold."""
    if not condition:
        raise ContractError(sentence)
