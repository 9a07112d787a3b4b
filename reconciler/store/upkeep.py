"""What is done to a whole store by hand, which no pass does: another key, a copy, another name for a scope."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from reconciler.core.ports import Lease
from reconciler.store import copying, meta, renaming, rotation
from reconciler.store.rotation import Rotation
from reconciler.store.sql import SqlStore


def rename_scope(store: SqlStore, old: Lease, new: Lease, binding: str) -> None:
    """Give all of `old`'s scope to `new`'s, which is bound to `binding`; the same lease twice only binds.

    Raises `BlockedError` where the new scope holds something already.
    """
    store.database.write(lambda connection: renaming.rename(connection, old, new, binding))


def back_up(store: SqlStore, target: Path) -> str:
    """Copy the store to the new file `target`; returns the id of the key that opens the copy.

    Raises `StateError` when `target` exists or cannot be written, or the copy cannot be opened.
    """
    copying.copy(store.database, target, lambda connection: meta.unlock(connection, store.ring))
    return store.database.read(meta.sealing_key)


def rotate(store: SqlStore, lease: Lease) -> Generator[Rotation, None, None]:
    """Seal everything with another key: see `rotation.rotate`."""
    return rotation.rotate(store.database, store.ring.source, lease)
