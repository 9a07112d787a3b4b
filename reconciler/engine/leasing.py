"""The right to write in a scope: taken before the first write, renewed while the pass works, given back at its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from reconciler.core.errors import LeaseLostError, LockedError, StateError
from reconciler.core.ports import Clock, Lease, Store

LEASE_SECONDS = 15.0
RENEW_SECONDS = 5.0
FIRST_POLL_SECONDS = 0.05
LONGEST_POLL_SECONDS = 1.0


class Holding:
    """A lease that is being kept: `lease` is the present one, `check` refuses when it was lost or has lapsed."""

    def __init__(self, lease: Lease, clock: Clock) -> None:
        self.lease = lease
        self.lost = False
        self._clock = clock

    def check(self) -> Lease:
        """The lease, to be used at once. Raises `LeaseLostError` when this pass must not write any more."""
        if self.lost or self._clock.now() >= self.lease.expires_at:
            raise LeaseLostError(f"the lease of scope {self.lease.scope} was lost: another pass may be writing")
        return self.lease


@asynccontextmanager
async def held(store: Store, clock: Clock, scope: str, holder: str, patience: float) -> AsyncIterator[Holding]:
    """Hold the scope's lease, waiting for it up to `patience` seconds. Raises `LockedError` when it stays another's."""
    holding = Holding(await _acquire(store, clock, scope, holder, patience), clock)
    keeper = asyncio.create_task(_keep(holding, store, clock))
    try:
        yield holding
    finally:
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper
        if not holding.lost:
            await asyncio.to_thread(store.release, holding.lease)


async def _acquire(store: Store, clock: Clock, scope: str, holder: str, patience: float) -> Lease:
    deadline = clock.now() + patience
    poll = FIRST_POLL_SECONDS
    while True:
        lease = await asyncio.to_thread(store.acquire, scope, holder, clock.now(), LEASE_SECONDS)
        if lease:
            return lease
        if clock.now() >= deadline:
            raise LockedError(
                f"scope {scope} is locked by another pass (waited {patience:g} s; --lock-timeout waits longer, "
                "`reconcile unlock` shows who holds it)"
            )
        await clock.sleep(min(poll, deadline - clock.now()))
        poll = min(poll * 2, LONGEST_POLL_SECONDS)


async def _keep(holding: Holding, store: Store, clock: Clock) -> None:
    while True:
        await clock.sleep(RENEW_SECONDS)
        try:
            holding.lease = await asyncio.to_thread(store.renew, holding.lease, clock.now(), LEASE_SECONDS)
        except LeaseLostError:
            holding.lost = True
            return
        except StateError:
            # A busy store is asked again; meanwhile `check` refuses as soon as the lease has lapsed.
            continue
