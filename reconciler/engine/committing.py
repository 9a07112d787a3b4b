"""Group commit: what many units write at the same time goes into one transaction, and each waits for its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from reconciler.core.errors import StateError
from reconciler.core.model import Orphan
from reconciler.core.ports import Entry, Store, Write
from reconciler.engine.leasing import Holding


@dataclass(slots=True, kw_only=True)
class _Request:
    """What one caller wants in the store: writes, or a record to be deleted."""

    writes: Sequence[Write] = ()
    entries: Sequence[Entry] = ()
    deleted: str = ""
    orphans: Sequence[Orphan] = ()
    error: BaseException | None = None
    done: bool = False
    durable: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Committer:
    """Writes to the store under a lease, one transaction at a time.

    Whatever is asked for while one is under way is gathered for the next, so that a slow disk makes transactions
    larger, not more. A caller goes on when its own part is durable.
    """

    def __init__(self, store: Store, holding: Holding) -> None:
        self._store = store
        self._holding = holding
        self._waiting: list[_Request] = []
        self._working: asyncio.Task[None] | None = None

    async def write(self, writes: Sequence[Write], entries: Sequence[Entry] = ()) -> None:
        """Insert or replace records and entries, all or none. Raises `StateError` or `LeaseLostError`."""
        await self._ask(_Request(writes=writes, entries=entries))

    async def delete(self, webhook_id: str, orphans: Sequence[Orphan] = (), entries: Sequence[Entry] = ()) -> None:
        """Drop a record, leaving orphans and entries behind. Raises `StateError` or `LeaseLostError`."""
        await self._ask(_Request(deleted=webhook_id, orphans=orphans, entries=entries))

    async def _ask(self, request: _Request) -> None:
        self._waiting.append(request)
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        await request.durable

    async def _work(self) -> None:
        """Carry out what waits, until nothing does. A caller that was cancelled meanwhile wants nothing any more."""
        batch: list[_Request] = []
        try:
            while self._waiting:
                await self._gathered()
                batch, self._waiting = [item for item in self._waiting if not item.durable.done()], []
                await asyncio.to_thread(self._carry_out, batch)
                for request in batch:
                    _settle(request)
        finally:
            # Cancelled: nobody may wait for ever.
            for request in (*batch, *self._waiting):
                request.durable.cancel()

    async def _gathered(self) -> None:
        """Wait while each turn of the loop brings somebody who asks: a busy loop makes few transactions, and large."""
        known = 0
        while len(self._waiting) > known:
            known = len(self._waiting)
            await asyncio.sleep(0)

    def _carry_out(self, batch: Sequence[_Request]) -> None:
        """In a thread: the writes of all in one transaction, then each deletion. Failures are left in the requests."""
        try:
            self._write([request for request in batch if not request.deleted])
            for request in batch:
                if request.deleted:
                    self._delete(request)
        except BaseException as error:  # noqa: BLE001 # handed to every caller whose part was not carried out
            for request in batch:
                if not request.done:
                    request.error = error

    def _write(self, requests: Sequence[_Request]) -> None:
        """One transaction; where it is refused, one for each, so that only the guilty fails."""
        if not requests:
            return
        writes = tuple(chain.from_iterable(request.writes for request in requests))
        entries = tuple(chain.from_iterable(request.entries for request in requests))
        try:
            self._store.write(self._holding.check(), writes, entries)
        except StateError as error:
            if len(requests) > 1:
                for request in requests:
                    self._write([request])
                return
            requests[0].error = error
        _mark(requests)

    def _delete(self, request: _Request) -> None:
        try:
            self._store.delete(self._holding.check(), request.deleted, request.orphans, request.entries)
        except StateError as error:
            request.error = error
        _mark([request])


def _mark(requests: Iterable[_Request]) -> None:
    for request in requests:
        request.done = True


def _settle(request: _Request) -> None:
    """Let the caller go on, or raise; one that was cancelled meanwhile does not listen."""
    if request.durable.done():
        return
    if request.error is None:
        request.durable.set_result(None)
    else:
        request.durable.set_exception(request.error)
