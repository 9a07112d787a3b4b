"""Reading the library's own records."""

from __future__ import annotations

import asyncio

from reconciler.core.model import Phase, Recorded, WebhookKey
from reconciler.core.ports import Store
from reconciler.manager.errors import ForeignWebhookError, WebhookNotFoundError
from reconciler.manager.ports import ManagerPorts

BINDING = "library"
"""What a scope of the library is bound to, so that no project can use it too."""


class Records:
    """The records of one provider in the library's scope."""

    def __init__(self, ports: ManagerPorts, scope: str) -> None:
        self._ports = ports
        self._provider = ports.provider.traits.name
        self._scope = scope

    async def store(self) -> Store:
        """The store, opened."""
        return await asyncio.to_thread(self._ports.store)

    async def of_key(self, key: WebhookKey) -> list[Recorded]:
        """The records of one wish: the live one, and what is left of its predecessors."""
        store = await self.store()
        records = await asyncio.to_thread(store.records, self._scope)
        return [record for record in records if record.key == key]

    async def one(self, webhook_id: str) -> Recorded | None:
        """A record by its id, or None where this provider has none."""
        store = await self.store()
        record = await asyncio.to_thread(store.record, self._scope, webhook_id)
        return record if record and record.key.provider == self._provider else None

    async def found(self, webhook_id: str) -> Recorded:
        """A record by its id; raises `WebhookNotFoundError` where there is none, or only a tombstone."""
        record = await self.one(webhook_id)
        if record is None or record.phase is Phase.TOMBSTONE:
            raise self._unknown(webhook_id)
        return record

    async def owned(self, webhook_id: str, user_id: str) -> Recorded:
        """A user's own record, tombstones too; raises `WebhookNotFoundError` or `ForeignWebhookError`."""
        record = await self.one(webhook_id)
        if record is None:
            raise self._unknown(webhook_id)
        if record.key.user != user_id:
            raise ForeignWebhookError(f"webhook {webhook_id} does not belong to user {user_id}")
        return record

    def _unknown(self, webhook_id: str) -> WebhookNotFoundError:
        return WebhookNotFoundError(f"there is no webhook {webhook_id} of {self._provider}")
