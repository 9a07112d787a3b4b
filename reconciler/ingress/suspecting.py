"""Repetitions that no vendor sends: what was delivered before, under another id of the provider's.

The id often stands in a header that nobody signed. Whoever captured a request can send it again under an id of their
own, or without any; it is not kept again, and this says so aloud.
"""

from __future__ import annotations

import asyncio
from typing import Final

from reconciler.core.deliveries import Delivery
from reconciler.core.errors import StateError
from reconciler.core.inbox import Inbox
from reconciler.core.ports import Progress

MOST: Final = 2
"""Looks at a time; of a storm of repetitions a few are enough."""


class Suspicion:
    """Looks at repetitions, a few at a time, behind the back of whoever waits for an answer."""

    def __init__(self, inbox: Inbox, progress: Progress) -> None:
        self._inbox = inbox
        self._progress = progress
        self._looking: set[asyncio.Task[None]] = set()

    def look(self, repeated: Delivery, kept_id: str) -> None:
        """Look at a delivery that was not kept, for `kept_id` was."""
        if len(self._looking) < MOST:
            task = asyncio.create_task(self._look(repeated, kept_id))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)

    async def _look(self, repeated: Delivery, kept_id: str) -> None:
        try:
            found = await asyncio.to_thread(self._inbox.delivery, repeated.scope, kept_id)
        except StateError:
            return
        if found is not None and found[0].provider_delivery_id != repeated.provider_delivery_id:
            message = (
                f"{repeated.provider}: what is delivery {kept_id} came again under another id, or none; it was not "
                "kept again (a captured request, perhaps)"
            )
            self._progress("ingress_repeated", level="warning", message=message, delivery=kept_id)
