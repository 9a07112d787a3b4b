"""Fetching what a verification needs: keys, certificates, the provider's own answer.

Keys and certificates are kept in memory. One of them is fetched once at a time, however many wait; where a newer copy
cannot be had, the old one serves on; a failure is remembered for some seconds. Senders can name certificates, and keys
that nobody has: what they can make us fetch is rationed. Whatever cannot be had has the status 0, which no verification
takes for a refusal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from reconciler.core.model import Recorded
from reconciler.ingress.limits import Buckets
from reconciler.ingress.ports import Fetch
from reconciler.verify.request import Fetched, Need, NeedKind

NONE = Fetched(status=0)

SECONDS: Final = 8.0
"""For one fetch; senders wait ten or so."""

MAX_BODY: Final = 256 * 1024
"""Bytes; nothing that is needed is longer."""

KEPT: Final[Mapping[NeedKind, float]] = MappingProxyType({NeedKind.KEYS: 3600.0, NeedKind.CERTIFICATE: 86_400.0})
"""Seconds for which an answer is good; for kinds that are kept at all."""

STALE: Final = 7 * 86_400.0
"""Seconds for which an old answer serves on while no newer one can be had."""

FAILED: Final = 5.0
"""Seconds for which a failure is not tried again."""

REFRESHED: Final = 60.0
"""Seconds between two refreshes that senders ask for."""

REMEMBERED: Final = 256
"""Answers in memory at most."""

AT_ONCE: Final = 32
"""Fetches at a time."""

_FETCHES_PER_SECOND, _FETCHES_AT_FIRST = 5.0, 50.0


@dataclass(slots=True)
class _Held:
    """The newest answer to a need, when it was had, and when something was last tried; in the loop's time."""

    fetched: Fetched
    had_at: float
    tried_at: float

    def usable(self, now: float) -> Fetched:
        """The answer, while it is not too old to go by."""
        return self.fetched if now - self.had_at < STALE else NONE


class Fetcher:
    """Answers needs, from one event loop."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._held: dict[str, _Held] = {}
        self._flights: dict[str, asyncio.Task[Fetched]] = {}
        self._ration = Buckets(_FETCHES_PER_SECOND, _FETCHES_AT_FIRST, 2)
        self._running = 0

    async def __call__(self, need: Need, record: Recorded) -> Fetched:
        """What a need asks for, with status 0 where it cannot be had."""
        if need.kind not in KEPT:
            return await self._called(need, record)
        now = asyncio.get_running_loop().time()
        held = self._held.get(need.url)
        if held is None or self._worth_trying(held, need, now):
            return await self._once(need, record, now)
        return NONE if need.refresh else held.usable(now)

    @staticmethod
    def _worth_trying(held: _Held, need: Need, now: float) -> bool:
        since = now - held.tried_at
        if need.refresh:
            return since >= (REFRESHED if held.fetched.ok else FAILED)
        good = held.fetched.ok and now - held.had_at < KEPT[need.kind]
        return not good and since >= FAILED

    async def _once(self, need: Need, record: Recorded, now: float) -> Fetched:
        """Fetch it, or wait for whoever does so already."""
        flight = self._flights.get(need.url)
        if flight is None:
            if need.url not in self._held and not self._ration.take("", now):
                return NONE
            flight = self._flights[need.url] = asyncio.create_task(self._kept(need, record))
            flight.add_done_callback(lambda _: self._flights.pop(need.url, None))
        return await asyncio.shield(flight)

    async def _kept(self, need: Need, record: Recorded) -> Fetched:
        fetched = await self._called(need, record)
        now = asyncio.get_running_loop().time()
        held = self._held.pop(need.url, None)
        if fetched.ok or held is None or not held.fetched.ok:
            held = _Held(fetched, now, now)
        else:
            held.tried_at = now
        self._held[need.url] = held
        if len(self._held) > REMEMBERED:  # failures first: senders can name what is not there
            failed = (url for url, each in self._held.items() if not each.fetched.ok)
            del self._held[next(failed, next(iter(self._held)))]
        return fetched if need.refresh else held.usable(now)

    async def _called(self, need: Need, record: Recorded) -> Fetched:
        if self._running >= AT_ONCE:
            return NONE
        self._running += 1
        try:
            async with asyncio.timeout(SECONDS):
                fetched = await self._fetch(need, record)
        except TimeoutError:
            return NONE
        finally:
            self._running -= 1
        return fetched if len(fetched.body) <= MAX_BODY else NONE
