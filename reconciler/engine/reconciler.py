"""One pass: observe, plan, guard, apply, report."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace

from reconciler.core import quota
from reconciler.core.build import Situation, build
from reconciler.core.errors import (
    BlockedError,
    ConfigError,
    ErrorKind,
    MissingConfigError,
    TerminalError,
)
from reconciler.core.guard import check
from reconciler.core.model import Desired, Group, Observation, Orphan, Recorded, TypeTraits
from reconciler.core.plan import Action, Plan, PlanOptions
from reconciler.core.ports import Credentials
from reconciler.engine import journal
from reconciler.engine.applying import Applied, apply, carry_out
from reconciler.engine.committing import Committer
from reconciler.engine.context import Ports, Scope, Secrets, Stop
from reconciler.engine.knowing import Known, known_of, require_ours
from reconciler.engine.leasing import Holding, held
from reconciler.engine.observing import (
    Groups,
    doubtful_groups,
    every_group,
    gone_orphans,
    observe,
    resolve,
    seen_ids,
)
from reconciler.engine.pacing import Gates
from reconciler.engine.permissions import missing_permissions
from reconciler.engine.points import Point, Side
from reconciler.engine.registering import renew_record
from reconciler.engine.unit import Unit, target_of

Approve = Callable[[Plan], Awaitable[bool]]
"""Asked before anything of a plan is applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a pass did: the plan it followed, what became of it, and the orphans known at its end."""

    plan: Plan
    applied: Applied
    orphans: tuple[Orphan, ...] = ()


def require_base_url(base_url: str | None) -> None:
    """Refuse to go on without a base URL. Raises `MissingConfigError`."""
    if not base_url:
        raise MissingConfigError(
            "no base URL: set base_url in the project file, or RECONCILER_BASE_URL, to where deliveries arrive"
        )


class Reconciler:
    """Plans and applies for one scope, through the ports it is given."""

    def __init__(self, ports: Ports, scope: Scope) -> None:
        self._ports = ports
        self._scope = scope
        self._gates = Gates(ports, scope)

    async def plan(self, desired: Sequence[Desired], options: PlanOptions) -> Plan:
        """What a pass would do; reads only. Without `options.refresh` no provider is asked.

        Raises `MissingConfigError` without a base URL, and `ConfigError` for a target that matches nothing.
        """
        known = await known_of(self._ports, self._scope)
        groups = every_group(desired, known, self._scope) if options.refresh else {}
        plan, _ = await self._plan(desired, known, groups, options)
        return await self._permitted(plan, Stop()) if options.refresh else plan

    async def run(
        self, desired: Sequence[Desired], options: PlanOptions, supplied: Secrets, approve: Approve, stop: Stop
    ) -> Report:
        """Plan and apply under the scope's lease. `approve` is asked once, when there is something to apply.

        Even without `options.refresh`, providers are asked where something is made or was interrupted. Raises
        `LockedError`, `LeaseLostError`, `ScopeBoundError`, `StateError` and what `plan` raises.
        """
        store, scope = self._ports.store, self._scope
        require_base_url(self._scope.base_url)
        async with self.holding() as holding:
            known = await known_of(self._ports, self._scope)
            if options.refresh:
                groups = every_group(desired, known, scope)
            else:
                groups = doubtful_groups(desired, known, scope, self._slots(desired))
            plan, gone = await self._plan(desired, known, groups, options, stop)
            plan = await self._permitted(plan, stop)
            applied = Applied()
            if plan.applicable and await approve(plan):
                await self._bind()
                applied = await apply(plan, self.unit(holding, supplied, stop))
            if applied.outcomes or not plan.applicable:
                await self._tidy(known, gone, holding)
            orphans = await asyncio.to_thread(store.orphans, scope.name)
        return Report(plan=plan, applied=applied, orphans=tuple(orphans))

    def holding(self) -> AbstractAsyncContextManager[Holding]:
        """Hold the scope's lease, waiting for it as long as the scope says."""
        scope = self._scope
        return held(self._ports.store, self._ports.clock, scope.name, scope.holder, scope.lock_timeout)

    def unit(self, holding: Holding, supplied: Secrets, stop: Stop | None = None) -> Unit:
        """What single steps are carried out with, under a lease that is held."""
        return Unit(
            ports=self._ports,
            scope=self._scope,
            holding=holding,
            commits=Committer(self._ports.store, holding),
            gates=self._gates,
            supplied=supplied,
            stop=stop or Stop(),
        )

    async def ensure(self, wish: Desired, recorded: Sequence[Recorded], supplied: Secrets, holding: Holding) -> str:
        """Bring one webhook to what is wished, its provider looked at first. Returns its id.

        `recorded` are the records that may be its own. Raises `BlockedError` where the plan is blocked or its group
        cannot be listed, and `ProviderError` where applying fails.
        """
        known = Known(records=tuple(recorded), orphans=(await known_of(self._ports, self._scope)).orphans)
        groups = every_group([wish], Known(), self._scope)
        plan, _ = await self._plan([wish], known, groups, PlanOptions(prune=False))
        for step in plan.steps:
            if step.action is Action.BLOCKED:
                raise BlockedError(f"{plan.address(step)} is blocked ({step.reason}): {step.way_out}")
        if plan.held:
            raise BlockedError("; ".join(problem.message for problem in plan.problems))
        await self._bind()
        webhook_id = next((record.id for record in recorded if not record.replaced), "")
        for step in plan.steps:
            outcome = await carry_out(step, self.unit(holding, supplied))
            webhook_id = outcome.webhook_id if step.desired else webhook_id
        return webhook_id

    async def remove(self, recorded: Recorded, holding: Holding) -> None:
        """Deregister one webhook and drop its record, its provider looked at first; a manual one becomes a tombstone.

        What the provider keeps, or cannot be found out there, becomes an orphan. Raises `RetryableError` where the
        provider cannot answer now: the record stays, marked, and this can be repeated.
        """
        known = Known(records=(recorded,))
        plan, _ = await self._plan((), known, every_group((), known, self._scope), PlanOptions())
        if plan.held:
            # In a slot only the list tells whose webhook it is; elsewhere the recorded id does.
            doubtful = replace(recorded, remote_id="") if recorded.slot else recorded
            plan, _ = await self._plan((), Known(records=(doubtful,)), {}, PlanOptions())
        for step in plan.steps:
            await carry_out(step, self.unit(holding, {}))

    async def renew(self, recorded: Recorded, holding: Holding) -> None:
        """Renew the lease of one webhook now, whenever it ends. Raises `ProviderError`, also where it has no lease."""
        if "renew" not in self._described(recorded).operations:
            raise TerminalError(f"{recorded.key.provider} has no call to renew a webhook", kind=ErrorKind.UNSUPPORTED)
        entry = journal.by_hand(self._ports, self._scope, Action.RENEW, recorded)
        await renew_record(replace(self.unit(holding, {}), entry=entry), recorded)

    async def forget(self, recorded: Recorded, holding: Holding) -> None:
        """Drop the record alone; whatever is at the provider stays there."""
        entry = journal.by_hand(self._ports, self._scope, Action.FORGET, recorded)
        await replace(self.unit(holding, {}), entry=entry).drop(recorded, ())

    async def ping(self, recorded: Recorded) -> None:
        """Have the provider send a test delivery.

        Raises `ProviderError`, also where it has no such call, and `ScopeBoundError`.
        """
        await require_ours(self._ports, self._scope)
        self._described(recorded)
        target = target_of(self._ports, recorded)
        await self._ports.providers[recorded.key.provider].ping(target, recorded.remote_id)

    async def listed(self, groups: Groups) -> Mapping[Group, Observation]:
        """What the providers have now in some groups, given with the resources as they are written; reads only."""
        return await observe(groups, self._ports, self._gates, Stop())

    async def _bind(self) -> None:
        self._ports.probe(Point.BIND, Side.BEFORE)
        scope = self._scope
        await asyncio.to_thread(self._ports.store.bind, scope.name, scope.binding, scope.base_url)
        self._ports.probe(Point.BIND, Side.AFTER)

    async def _plan(
        self, desired: Sequence[Desired], known: Known, groups: Groups, options: PlanOptions, stop: Stop | None = None
    ) -> tuple[Plan, tuple[Orphan, ...]]:
        """The plan, and the orphans that are gone from their provider by now."""
        require_base_url(self._scope.base_url)
        store, scope = self._ports.store, self._scope
        await require_ours(self._ports, scope)
        base_urls = {scope.base_url, *await asyncio.to_thread(store.base_urls, scope.name)}
        observed = await observe(groups, self._ports, self._gates, stop or Stop())
        situation = Situation(
            scope=scope.name,
            base_url=scope.base_url,
            default_user=scope.default_user,
            desired=desired,
            recorded=known.records,
            orphans=known.orphans,
            observed=observed,
            now=self._ports.clock.now(),
            catalogue=scope.catalogue,
            options=options,
            slots=await asyncio.to_thread(store.slots),
            slot_of=self._slots(desired),
            known_ids=await asyncio.to_thread(store.known_ids, seen_ids(observed, base_urls)),
            base_urls=frozenset(base_urls),
            elsewhere=self._elsewhere(desired),
            tool_version=scope.tool_version,
            commit=scope.commit,
        )
        plan = build(situation)
        if unmatched := tuple(problem for problem in plan.problems if problem.code == "target_unmatched"):
            raise ConfigError(unmatched)
        plan = check(plan, scope.limits, quota.refusals(plan, situation))
        return plan, gone_orphans(known.orphans, observed, base_urls)

    def _elsewhere(self, desired: Sequence[Desired]) -> frozenset[tuple[str, str]]:
        """The credentials that lead to a server other than the vendor's; a stand-in on loopback plays the vendor."""
        named = {(wish.key.provider, wish.key.credentials) for wish in desired if not wish.key.manual}
        found = ((place, resolve(self._ports, place[1])) for place in named)
        return frozenset(
            place for place, credentials in found if isinstance(credentials, Credentials) and credentials.elsewhere
        )

    async def _permitted(self, plan: Plan, stop: Stop) -> Plan:
        """The plan without the steps whose credentials lack a permission, as the provider itself says."""
        missing = await missing_permissions(plan, self._ports, self._gates, stop)
        return replace(plan, refusals=(*plan.refusals, *missing))

    def _slots(self, desired: Sequence[Desired]) -> dict[tuple[str, str], str]:
        """The slot that each credential leads to, of those that are wanted where there is room for one webhook only."""
        slots = {}
        for key in {wish.key for wish in desired if not wish.key.manual}:
            if self._scope.catalogue[key.provider].types[key.type].slot:
                credentials = resolve(self._ports, key.credentials)
                if isinstance(credentials, Credentials):
                    # A token without the vendor's form leads nowhere; the list call says so, and freezes the group.
                    with suppress(TerminalError):
                        slots[key.provider, key.credentials] = self._ports.providers[key.provider].slot(credentials)
        return slots

    def _described(self, recorded: Recorded) -> TypeTraits:
        """What can be done with a webhook. Raises `TerminalError` where no definition tells that any more."""
        provider = self._scope.catalogue.get(recorded.key.provider)
        kind = provider.types.get(recorded.key.type) if provider else None
        if kind is None:
            message = f"no definition tells of {recorded.key.provider} (type {recorded.key.type}): put it back"
            raise TerminalError(message, kind=ErrorKind.UNSUPPORTED)
        return kind

    async def _tidy(self, known: Known, gone: Sequence[Orphan], holding: Holding) -> None:
        """Forget what has come to its end: old tombstones, and orphans that are no more."""
        for record in known.expired:
            left = () if record.key.manual else (self._abandoned(record),)
            self._ports.probe(Point.TIDY, Side.BEFORE)
            entries = (journal.outlived(self._ports, self._scope, record),)
            await asyncio.to_thread(self._ports.store.delete, holding.check(), record.id, left, entries)
            self._ports.probe(Point.TIDY, Side.AFTER)
        for orphan in gone:
            self._ports.probe(Point.TIDY, Side.BEFORE)
            entries = (journal.outlived(self._ports, self._scope, orphan),)
            await asyncio.to_thread(self._ports.store.remove_orphan, holding.check(), orphan.id, entries)
            self._ports.probe(Point.TIDY, Side.AFTER)

    def _abandoned(self, record: Recorded) -> Orphan:
        """What is left of a webhook whose provider cannot delete, when its tombstone has had its time."""
        return Orphan(
            id=self._ports.entropy.webhook_id(),
            webhook_id=record.id,
            address=record.key.address(self._scope.default_user),
            group=record.key.group,
            remote_id=record.remote_id,
            url=record.url,
            reason="the provider has no call to delete it",
            created_at=self._ports.clock.now(),
        )
