"""The secrets of webhooks, encrypted.

The last two of each are kept, so that a delivery signed with the old one still verifies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from reconciler.core.errors import StateError
from reconciler.core.model import Secret
from reconciler.core.ports import Write
from reconciler.store import meta
from reconciler.store.keys import KeyRing, Sealed
from reconciler.store.records import chunks
from reconciler.store.tables import secrets

KEPT = 2
"""How many versions of a webhook's secret are kept."""

_s = secrets.c
_reseal = (
    update(secrets)
    .where(_s.webhook_id == bindparam("row_id"), _s.version == bindparam("row_version"))
    .values(key_id=bindparam("new_key"), nonce=bindparam("new_nonce"), ciphertext=bindparam("new_ciphertext"))
)
_drop_old = delete(secrets).where(_s.webhook_id == bindparam("row_id"), _s.version <= bindparam("newest") - KEPT)


def of_webhook(connection: Connection, ring: KeyRing, webhook_id: str) -> tuple[Secret, ...]:
    """The secrets of `webhook_id`, newest first."""
    statement = (
        select(_s.version, _s.key_id, _s.nonce, _s.ciphertext)
        .where(_s.webhook_id == webhook_id)
        .order_by(_s.version.desc())
    )
    return tuple(
        Secret(ring.unseal(Sealed(key_id, nonce, ciphertext), _row(webhook_id, version)).decode())
        for version, key_id, nonce, ciphertext in connection.execute(statement)
    )


def put(connection: Connection, ring: KeyRing, writes: Sequence[Write]) -> None:
    """Add the secrets of `writes` as the newest, after what they forget; the newest is not added again.

    (A record written again after an interruption would else push the older secret out.)
    """
    forgotten = [write.record.id for write in writes if write.forget]
    for chunk in chunks(forgotten):
        connection.execute(delete(secrets).where(_s.webhook_id.in_(chunk)))
    changed = {write.record.id: write for write in writes if write.secret is not None}
    versions = _versions(connection, changed)
    rows = []
    for webhook_id, write in changed.items():
        version = versions.get(webhook_id, 0)
        if write.secret is None or (version and _same(connection, ring, webhook_id, write.secret)):
            continue
        sealed = ring.seal(write.secret.reveal().encode(), _row(webhook_id, version + 1))
        rows.append(
            {
                "webhook_id": webhook_id,
                "version": version + 1,
                "key_id": sealed.key_id,
                "nonce": sealed.nonce,
                "ciphertext": sealed.ciphertext,
                "created_at": write.record.updated_at,
            }
        )
    if rows:
        meta.check_sealing(connection, ring)
        connection.execute(insert(secrets), rows)
        connection.execute(_drop_old, [{"row_id": row["webhook_id"], "newest": row["version"]} for row in rows])


class Place(NamedTuple):
    """Where a walk over all secrets has come to."""

    webhook_id: str = ""
    version: int = 0


def reseal(connection: Connection, ring: KeyRing, after: Place, limit: int) -> tuple[int, Place | None]:
    """Seal up to `limit` secrets with the first key of `ring` that other keys seal, in order from `after` on.

    Tells how many were sealed and the place of the last one, None where no more are left. Raises `WrongKeyError` when
    a key is missing; each new ciphertext is opened again before it takes the place of the old one.
    """
    rest = or_(_s.webhook_id > after.webhook_id, (_s.webhook_id == after.webhook_id) & (_s.version > after.version))
    statement = (
        select(_s.webhook_id, _s.version, _s.key_id, _s.nonce, _s.ciphertext)
        .where(_s.key_id != ring.keys[0].id, rest)
        .order_by(_s.webhook_id, _s.version)
        .limit(limit)
    )
    rows = connection.execute(statement).all()
    if not rows:
        return 0, None
    connection.execute(_reseal, [_resealed(ring, *row) for row in rows])
    return len(rows), Place(rows[-1].webhook_id, rows[-1].version)


def sealed_otherwise(connection: Connection, key_id: str) -> int:
    """How many secrets another key than this one seals."""
    return connection.execute(select(func.count()).select_from(secrets).where(_s.key_id != key_id)).scalar_one()


def _resealed(ring: KeyRing, webhook_id: str, version: int, *sealed: Any) -> dict[str, object]:
    row = _row(webhook_id, version)
    plain = ring.unseal(Sealed(*sealed), row)
    renewed = ring.seal(plain, row)
    if ring.unseal(renewed, row) != plain:
        raise StateError(f"what was sealed for {row} does not open again: nothing was replaced")
    return {
        "row_id": webhook_id,
        "row_version": version,
        "new_key": renewed.key_id,
        "new_nonce": renewed.nonce,
        "new_ciphertext": renewed.ciphertext,
    }


def _versions(connection: Connection, changed: Mapping[str, Write]) -> dict[str, int]:
    found: dict[str, int] = {}
    for chunk in chunks(changed):
        statement = select(_s.webhook_id, func.max(_s.version)).where(_s.webhook_id.in_(chunk))
        rows = connection.execute(statement.group_by(_s.webhook_id))
        found.update((webhook_id, version) for webhook_id, version in rows)
    return found


def _same(connection: Connection, ring: KeyRing, webhook_id: str, secret: Secret) -> bool:
    return of_webhook(connection, ring, webhook_id)[0] == secret


def _row(webhook_id: str, version: int) -> str:
    return f"secret:{webhook_id}:{version}"
