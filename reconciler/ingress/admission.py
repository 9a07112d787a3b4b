"""Which webhook a request is for: looked up by its id, kept in memory for a moment, never taken from the URL.

A pass may change a webhook or its secret at any time, in another process. So what is in memory is good for about a
second, and before a signature is refused for good, the webhook is read once more, unless that happened just now. A
webhook is written before its provider is called, so the first request is never too early.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from reconciler.core.capture import may_be_told
from reconciler.core.errors import StateError
from reconciler.core.model import Phase, Secret
from reconciler.ingress.ports import Found, Kind, Ports, Vendor
from reconciler.verify.request import Facts
from reconciler.verify.schemes import Verifier, verifier

V = TypeVar("V")

FRESH: Final = 1.0
"""Seconds for which a webhook in memory is good."""

RECENT: Final = 0.05
"""What was read so many seconds ago is not read again for a signature that does not match, or an id of nobody's."""

REMEMBERED: Final = 10_000
"""How many webhooks are in memory at most, and how many ids that are none's."""

THREADS: Final = 4
"""How many webhooks are read at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A webhook that requests are verified for; `at` is when it was read, in the loop's time.

    `verify` has the keys that the secrets were then.
    """

    found: Found
    vendor: Vendor
    kind: Kind
    facts: Facts
    disabled: bool
    at: float
    verify: Verifier


class Admission:
    """Looks webhooks up: from memory, else in a thread, each id once at a time.

    `patience` is how many seconds one waits for the store. The threads are its own: those that the application shares
    may all be waiting to write.
    """

    def __init__(self, ports: Ports, patience: float) -> None:
        self._ports = ports
        self._patience = patience
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="webhooks")
        self._known: dict[str, Admitted] = {}
        self._absent: dict[str, float] = {}
        self._flights: dict[str, asyncio.Task[Admitted | None]] = {}

    def remembered(self, webhook_id: str, now: float) -> Admitted | None:
        """The webhook, if it is in memory and still good."""
        known = self._known.get(webhook_id)
        return known if known is not None and now - known.at < FRESH else None

    def familiar(self, webhook_id: str) -> bool:
        """Whether it was there when it was last looked for, however long ago."""
        return webhook_id in self._known

    def recent(self, admitted: Admitted) -> bool:
        """Whether it was read just now."""
        return asyncio.get_running_loop().time() - admitted.at < RECENT

    async def look_up(self, webhook_id: str) -> Admitted | None:
        """The webhook as the store has it, each id read once at a time; None where there is none.

        Raises `StateError`.
        """
        absent_at = self._absent.get(webhook_id)
        if absent_at is not None and asyncio.get_running_loop().time() - absent_at < RECENT:
            return None
        flight = self._flights.get(webhook_id)
        if flight is None:
            flight = self._flights[webhook_id] = asyncio.create_task(self._read(webhook_id))
            flight.add_done_callback(lambda done: self._landed(webhook_id, done))
        try:
            async with asyncio.timeout(self._patience):
                return await asyncio.shield(flight)
        except TimeoutError:
            raise StateError("the state takes too long to be read: a stalled disk") from None

    async def capture(self, admitted: Admitted, secret: Secret) -> bool:
        """Keep the secret that the provider told. Raises `StateError`."""
        kept = await asyncio.to_thread(self._ports.webhooks.capture, admitted.found, secret)
        self._known.pop(admitted.found.record.id, None)
        return kept

    async def _read(self, webhook_id: str) -> Admitted | None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        found = await loop.run_in_executor(self._threads, self._ports.webhooks.find, webhook_id)
        admitted = self._admitted(found, began) if found is not None else None
        if admitted is None:
            self._known.pop(webhook_id, None)
            _put(self._absent, webhook_id, began)
        else:
            self._absent.pop(webhook_id, None)
            _put(self._known, webhook_id, admitted)
        return admitted

    def _landed(self, webhook_id: str, done: asyncio.Task[Admitted | None]) -> None:
        del self._flights[webhook_id]
        if not done.cancelled():
            done.exception()  # whoever waited was told; nobody may be left by now

    def _admitted(self, found: Found, at: float) -> Admitted | None:
        """None for a provider or a type that no definition knows any more: nothing could be verified."""
        record = found.record
        vendor = self._ports.vendors.get(record.key.provider)
        kind = vendor.kinds.get(record.key.type) if vendor is not None else None
        if vendor is None or kind is None:
            return None
        capturing = may_be_told(record, bool(found.secrets), self._ports.clock.now())
        return Admitted(
            found=found,
            vendor=vendor,
            kind=kind,
            facts=Facts(resource=record.resource, provider_id=record.remote_id, capturing=capturing),
            disabled=record.phase is Phase.TOMBSTONE,
            at=at,
            verify=verifier(vendor.scheme, found.secrets),
        )


def _put(remembered: dict[str, V], key: str, value: V) -> None:
    remembered.pop(key, None)
    remembered[key] = value
    if len(remembered) > REMEMBERED:
        del remembered[next(iter(remembered))]
