"""An older schema brought to this version's by command: with a backup first."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from sqlalchemy import Connection

from reconciler.core.errors import LockedError, StateError
from reconciler.store import copying, files, leases, meta, sqlite
from reconciler.store.failures import translated
from reconciler.store.migrating import migrate_lazily
from reconciler.store.opening import no_state, older
from reconciler.store.schema import PACKAGED, Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """What was done: the schema `before` and `after`; `backup` is None where nothing had to be done."""

    state: Path
    before: str
    after: str
    backup: Path | None = None


def upgrade(url: str, now: float, schema: Schema = PACKAGED) -> Upgrade:
    """Migrate the store at `url`, after copying it to a new file beside it. No key is needed.

    Raises `LockedError` while a pass holds any of its scopes, and `StateError` where there is no store or it is newer
    than `schema`. A migration that fails leaves the store as it was, and the copy.
    """
    path = sqlite.path_of(url)
    with translated(path):
        if not path.exists() or not path.stat().st_size:
            raise no_state(path)
        with files.folder_lock(path.parent):
            sqlite.check_private(path)
            sqlite.check_writable(path)
            database = sqlite.WritingDatabase(path)
            try:
                revision = database.read(meta.revision)
                if revision is None:
                    raise no_state(path)
                if not older(path, revision, schema):
                    return Upgrade(state=path, before=revision, after=revision)
                database.read(lambda connection: _refuse_held(connection, now))
                backup = _backup(database, revision)
            finally:
                database.close()
            with sqlite.migrating(path) as connection:
                _refuse_held(connection, now)
                migrate_lazily(connection, schema)
            return Upgrade(state=path, before=revision, after=schema.head, backup=backup)


def _refuse_held(connection: Connection, now: float) -> None:
    for lease in leases.holders(connection, now):
        raise LockedError(f"the scope {lease.scope} is held by {lease.holder}: try again when its pass has ended")


def _backup(database: sqlite.Database, revision: str) -> Path:
    path = database.path
    endings = chain(("",), (f"-{number}" for number in count(2)))
    names = (path.with_name(f"{path.name}.{revision}.backup{ending}") for ending in endings)
    target = next(name for name in names if not os.path.lexists(name))

    def verify(connection: Connection) -> None:
        if meta.revision(connection) != revision:
            raise StateError(f"the backup {target} has another schema than the state: nothing was migrated")

    copying.copy(database, target, verify)
    return target
