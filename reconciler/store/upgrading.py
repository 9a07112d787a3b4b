"""An older schema brought to this version's by command: of a state file with a backup first."""

from __future__ import annotations

import os
from itertools import chain, count
from pathlib import Path

from sqlalchemy import Connection

from reconciler.core.errors import StateError
from reconciler.store import copying, files, meta, sqlite
from reconciler.store.backends import server_of
from reconciler.store.failures import translated
from reconciler.store.migrating import migrate_lazily
from reconciler.store.readying import no_state, older, refuse_held
from reconciler.store.schema import PACKAGED, Schema
from reconciler.store.upgraded import Upgrade


def upgrade(url: str, now: float, schema: Schema = PACKAGED) -> Upgrade:
    """Migrate the store at `url`; a state file after copying it to a new file beside it. No key is needed.

    Raises `LockedError` while a pass holds any of its scopes, and `StateError` where there is no store or it is newer
    than `schema`. A migration that fails leaves the store as it was, and the copy.
    """
    if server := server_of(url):
        return server.upgrade(url, now, schema)
    path = sqlite.path_of(url)
    with translated(sqlite.called(path)):
        if not path.exists() or not path.stat().st_size:
            raise no_state(sqlite.called(path))
        with files.folder_lock(path.parent):
            sqlite.check_private(path)
            sqlite.check_writable(path)
            database = sqlite.WritingDatabase(path)
            try:
                revision = database.read(meta.revision)
                if revision is None:
                    raise no_state(database.called)
                if not older(database.called, revision, schema):
                    return Upgrade(state=str(path), before=revision, after=revision)
                database.read(lambda connection: refuse_held(connection, now))
                backup = _backup(database, revision)
            finally:
                database.close()
            with sqlite.migrating(path) as connection:
                refuse_held(connection, now)
                migrate_lazily(connection, schema)
            return Upgrade(state=str(path), before=revision, after=schema.head, backup=backup)


def _backup(database: sqlite.WritingDatabase, revision: str) -> Path:
    path = database.path
    endings = chain(("",), (f"-{number}" for number in count(2)))
    names = (path.with_name(f"{path.name}.{revision}.backup{ending}") for ending in endings)
    target = next(name for name in names if not os.path.lexists(name))

    def verify(connection: Connection) -> None:
        if meta.revision(connection) != revision:
            raise StateError(f"the backup {target} has another schema than the state: nothing was migrated")

    copying.copy(database, target, verify)
    return target
