"""Work on the store by hand, without the manifests and without a provider: in a project's scope, under its lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from reconciler.core.errors import ConfigError, Problem, ScopeBoundError
from reconciler.core.ports import Clock, Lease, Progress
from reconciler.engine.leasing import Holding, held
from reconciler.manifests.project import Project
from reconciler.store.opening import open_existing
from reconciler.store.sql import SqlStore
from reconciler.store.upgraded import Upgrade
from reconciler.store.upgrading import upgrade
from reconciler.system import SystemClock, SystemEntropy
from reconciler.wiring.actor import present_actor
from reconciler.wiring.binding import origin_of
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.loading import load_project_of
from reconciler.wiring.records import Records
from reconciler.wiring.scribing import Scribe
from reconciler.wiring.session import announce, holder_of, key_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A project's store, opened to write; `binding` is what the project would bind a scope to."""

    project: Project
    store: SqlStore
    binding: str
    clock: Clock
    scribe: Scribe

    @property
    def scope(self) -> str:
        """The project's scope."""
        return self.project.scope

    @property
    def records(self) -> Records:
        """The records of the project's scope."""
        return Records(self.store, self.scope, self.project.default_user)

    def require_binding(self) -> None:
        """Refuse to work in another project's scope. Raises `ScopeBoundError`."""
        bound = self.store.binding(self.scope)
        if bound and bound != self.binding:
            raise ScopeBoundError(self.scope, bound, self.binding)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A store that is opened, and the scope's lease while it is kept."""

    opened: Opened
    holding: Holding

    @property
    def lease(self) -> Lease:
        """The lease, to write with at once. Raises `LeaseLostError`."""
        return self.holding.check()


@asynccontextmanager
async def opening(inputs: Inputs, progress: Progress) -> AsyncIterator[Opened]:
    """A project's store, opened to write without a lease; none is made where none is.

    Raises `ConfigError` and `StateError`.
    """
    project = load_project_of(inputs)
    store = await asyncio.to_thread(open_existing, project.state, key_source(project))
    try:
        await asyncio.to_thread(announce, store, project.scope, progress)
        origin = await asyncio.to_thread(origin_of, project.files[0])
        actor, clock = await asyncio.to_thread(present_actor), SystemClock()
        scribe = Scribe(clock=clock, entropy=SystemEntropy(), actor=actor, commit=origin.commit)
        yield Opened(project=project, store=store, binding=origin.binding, clock=clock, scribe=scribe)
    finally:
        await asyncio.to_thread(store.close)


@asynccontextmanager
async def keeping(inputs: Inputs, progress: Progress, lock_timeout: float) -> AsyncIterator[Kept]:
    """The same under the scope's lease, which is waited for and kept as by a pass.

    Raises `LockedError` and `ScopeBoundError` too.
    """
    async with opening(inputs, progress) as opened:
        await asyncio.to_thread(opened.require_binding)
        async with leased(opened, (opened.scope,), lock_timeout) as (holding,):
            yield Kept(opened=opened, holding=holding)


@asynccontextmanager
async def leased(opened: Opened, scopes: tuple[str, ...], lock_timeout: float) -> AsyncIterator[tuple[Holding, ...]]:
    """Hold the leases of several scopes, taken in one order by everybody. Raises `LockedError`."""
    holder = holder_of(SystemEntropy())
    async with AsyncExitStack() as stack:
        holdings = {
            scope: await stack.enter_async_context(held(opened.store, opened.clock, scope, holder, lock_timeout))
            for scope in sorted(set(scopes))
        }
        yield tuple(holdings[scope] for scope in scopes)


def upgraded(inputs: Inputs) -> Upgrade:
    """Bring a project's store to the schema of this version. Raises `ConfigError`, `LockedError` and `StateError`."""
    project = load_project_of(inputs)
    return upgrade(project.state, SystemClock().now())


def require_scope(opened: Opened, scope: str) -> None:
    """Raise `ConfigError` where a scope is not in the store, with those that are."""
    known = opened.store.scopes()
    if scope not in known:
        hint = f"it holds {', '.join(known)}" if known else "it holds none"
        raise ConfigError((Problem("scope_unmatched", f"the state has no scope {scope}", hint=hint),))
