"""The secrets of webhooks, encrypted.

The last two of each are kept, so that a delivery signed with the old one still verifies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from reconciler.core.model import Secret
from reconciler.core.ports import Write
from reconciler.store.keys import KeyRing, Sealed
from reconciler.store.records import chunks
from reconciler.store.tables import secrets

KEPT = 2
"""How many versions of a webhook's secret are kept."""

_s = secrets.c
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
    """Add the secrets of `writes` as the newest; one that is the newest already is not added again.

    (A record written again after an interruption would else push the older secret out.)
    """
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
        connection.execute(insert(secrets), rows)
        connection.execute(_drop_old, [{"row_id": row["webhook_id"], "newest": row["version"]} for row in rows])


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
