"""The inbox of an open store: a pass has none, so whoever has one asks here."""

from __future__ import annotations

from reconciler.store.empty import EmptyStore
from reconciler.store.empty_inbox import EmptyInbox
from reconciler.store.inbox import StoredInbox
from reconciler.store.sql import SqlStore


def inbox_of(store: SqlStore | EmptyStore) -> StoredInbox | EmptyInbox:
    """The deliveries that a store keeps, and their dispatches; none where no store is."""
    if isinstance(store, EmptyStore):
        return EmptyInbox(store.refuse)
    return StoredInbox(store.database)
