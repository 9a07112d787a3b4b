"""Another encryption key: everything is sealed anew, in steps after each of which the process may die.

Until the last step both keys are at hand, so that whatever either of them sealed can be opened. No step undoes what an
earlier one did: to begin again is to go on.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from reconciler.core.errors import ConfigError, Problem, StateError
from reconciler.core.ports import Lease
from reconciler.store import keys, leases, meta, responding, vaults
from reconciler.store.database import Database
from reconciler.store.failures import translated
from reconciler.store.keys import KeyRing, KeySource

BATCH = 500
"""How many secrets one transaction seals anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """How far a rotation has come. Keys are told by their ids.

    `resealed` of `total` secrets were sealed anew by this run; with `done`, nothing needs the keys `dropped` any more.
    `file` is the key file, None where the keys come from RECONCILER_KEY.
    """

    key: str
    dropped: tuple[str, ...]
    file: Path | None
    total: int = 0
    resealed: int = 0
    done: bool = False


def rotate(database: Database, source: KeySource, lease: Lease, batch: int = BATCH) -> Generator[Rotation, None, None]:
    """Seal everything with another key, told after each step that is on disk.

    In a key file with one key, a new one is put in front, and the others are dropped at the end. Where several are
    given, the first is the new one: what an interrupted rotation left is finished. Raises `ConfigError` where
    RECONCILER_KEY holds one key, `LeaseLostError`, and `StateError`. Nothing is opened for writing meanwhile: the
    caller's iteration holds the lock of the state's, or the key's, folder.
    """
    file = None if source.text else source.file
    with translated(database.called), database.keys_kept(file):
        if file and len(keys.load(source).ids) < 2:
            keys.put_first(file)
        ring = keys.load(source)
        told = _begun(ring, file)
        yield told
        told = replace(told, total=database.write(lambda connection: _begin(connection, ring, lease)))
        yield told
        place: vaults.Place | None = vaults.Place()
        while place is not None:
            step = partial(_step, ring=ring, lease=lease, after=place, batch=batch)
            sealed, place = database.write(step)
            if sealed:
                told = replace(told, resealed=told.resealed + sealed)
                yield told
        database.write(lambda connection: _finish(connection, ring, lease))
        yield told
        if file:
            keys.keep_first(file)
        yield replace(told, done=True)


def _begun(ring: KeyRing, file: Path | None) -> Rotation:
    new, *old = ring.ids
    if not old:
        message = "RECONCILER_KEY holds one key, and there is no other to rotate to"
        hint = "make one with `openssl rand -base64 32` and put it in front: RECONCILER_KEY=NEW,OLD"
        raise ConfigError((Problem("one_key", message, hint=hint),))
    return Rotation(key=new, dropped=tuple(old), file=file)


def _begin(connection: Connection, ring: KeyRing, lease: Lease) -> int:
    """From here on nobody seals with an old key. Returns how many secrets are to be sealed anew."""
    leases.check(connection, lease)
    new, *old = ring.ids
    meta.retire(connection, old, new)
    responding.clear(connection)  # cheaper to ask for again than to seal anew
    return vaults.sealed_otherwise(connection, new)


def _step(
    connection: Connection, ring: KeyRing, lease: Lease, after: vaults.Place, batch: int
) -> tuple[int, vaults.Place | None]:
    leases.check(connection, lease)
    meta.check_sealing(connection, ring)
    return vaults.reseal(connection, ring, after, batch)


def _finish(connection: Connection, ring: KeyRing, lease: Lease) -> None:
    leases.check(connection, lease)
    meta.check_sealing(connection, ring)
    if left := vaults.sealed_otherwise(connection, ring.keys[0].id):
        raise StateError(f"{left} secrets are still sealed with an old key: run `reconcile key rotate` again")
    meta.reseal(connection, ring)
