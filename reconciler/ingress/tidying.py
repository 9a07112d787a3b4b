"""Letting go of what the inbox has kept for long enough: at the start, and every hour after."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from reconciler.core.errors import StateError
from reconciler.core.inbox import Inbox, Retention
from reconciler.core.ports import Clock, Progress
from reconciler.ingress.dispatching import Stopping

EVERY: Final = 3600.0
"""Seconds."""

RETENTION: Final = Retention()
"""How long deliveries and their keys are kept."""


class Tidying:
    """Drops what is older, or more, than is kept, of some scopes of one inbox. Several may be at it at once."""

    def __init__(self, inbox: Inbox, scopes: Sequence[str], clock: Clock, progress: Progress) -> None:
        self._inbox = inbox
        self._scopes = scopes
        self._clock = clock
        self._progress = progress

    async def run(self, stop: Stopping) -> None:
        """Go on until the end is asked for."""
        ending = asyncio.create_task(stop.wait())
        try:
            while not stop.requested:
                for scope in self._scopes:
                    await self._tidy(scope)
                sleeping = asyncio.ensure_future(self._clock.sleep(EVERY))
                await asyncio.wait({sleeping, ending}, return_when=asyncio.FIRST_COMPLETED)
                sleeping.cancel()
        finally:
            ending.cancel()

    async def _tidy(self, scope: str) -> None:
        try:
            dropped = await asyncio.to_thread(self._inbox.expire, scope, RETENTION, self._clock.now())
        except StateError as error:
            message = f"old deliveries are not dropped, which is tried again within the hour: {error}"
            self._progress("ingress_untidied", level="warning", message=message)
            return
        if dropped:
            message = f"dropped {dropped} deliveries of scope {scope} that were kept for long enough"
            self._progress("ingress_tidied", level="debug", message=message, deliveries=dropped)
