"""A secret that a provider tells while a webhook is being registered: kept by whoever receives it, without the lease.

The pass that registers holds the lease, and waits for its provider, which waits for the receiver. So this writes only
where that pass writes nothing: the first secret of a webhook whose registration is not confirmed.
"""

from __future__ import annotations

from sqlalchemy import Connection

from reconciler.core.model import Phase, Secret
from reconciler.core.ports import Write
from reconciler.store import records, vaults
from reconciler.store.keys import KeyRing


def capture(connection: Connection, ring: KeyRing, scope: str, webhook_id: str, secret: Secret) -> bool:
    """Keep the first secret of a webhook that is being registered; False where it is not, or has one."""
    record = records.one(connection, scope, webhook_id)
    if record is None or record.phase is not Phase.PENDING or vaults.of_webhook(connection, ring, webhook_id):
        return False
    vaults.put(connection, ring, [Write(record=record, secret=secret)])
    return True
