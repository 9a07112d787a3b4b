"""What a store knows about itself: its schema's revision and the keys that belong to it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, insert, inspect, select

from reconciler.core.errors import StateError
from reconciler.core.model import Secret
from reconciler.store import keys, schema, tables
from reconciler.store.errors import WrongKeyError

_FINGERPRINT_KEY = "fingerprint_key"
_RETIRED_KEYS = "retired_keys"
_OURS = frozenset({"meta", "scopes", "webhooks"})
"""Tables that every schema of ours has."""


class Fingerprints:
    """Keyed digests of secrets (HMAC-SHA256, RFC 2104), with a key that outlives every change of encryption keys."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, secret: Secret) -> str:
        """64 hexadecimal digits."""
        return hmac.new(self._key, secret.reveal().encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def passing_fingerprints() -> Fingerprints:
    """Fingerprints of this process only, for a store that does not exist: nothing is recorded, so all differ."""
    return Fingerprints(os.urandom(keys.KEY_BYTES))


def revision(connection: Connection) -> str | None:
    """The schema's revision, or None in an empty database; raises `StateError` when it is no store of ours."""
    names = inspect(connection).get_table_names()
    if not names:
        return None
    rows: Sequence[str] = ()
    if tables.alembic_version.name in names:
        rows = connection.execute(select(tables.alembic_version.c.version_num)).scalars().all()
    if len(rows) != 1 or not _OURS.issubset(names):
        raise StateError(
            "the state is a database of another program: name another file, database or schema with `state:`"
        )
    return str(rows[0])


def initialise(connection: Connection, ring: keys.KeyRing) -> None:
    """Create the tables of the packaged schema and the fingerprint key, in the caller's one transaction."""
    tables.METADATA.create_all(connection)
    tables.alembic_version.create(connection)
    connection.execute(insert(tables.alembic_version).values(version_num=schema.HEAD))
    sealed = ring.seal(os.urandom(keys.KEY_BYTES), _FINGERPRINT_KEY)
    connection.execute(insert(tables.meta).values(name=_FINGERPRINT_KEY, value=_packed(sealed)))


def unlock(connection: Connection, ring: keys.KeyRing) -> Fingerprints:
    """Check that the key of this store is at hand; raises `StateError` naming the missing one."""
    return Fingerprints(ring.unseal(_sealed_fingerprint_key(connection), _FINGERPRINT_KEY))


def reseal(connection: Connection, ring: keys.KeyRing) -> None:
    """Seal the fingerprint key, which stays the same, with the first key of `ring`."""
    sealed = ring.seal(ring.unseal(_sealed_fingerprint_key(connection), _FINGERPRINT_KEY), _FINGERPRINT_KEY)
    _put(connection, _FINGERPRINT_KEY, _packed(sealed))


def sealing_key(connection: Connection) -> str:
    """The id of the key that the fingerprint key is sealed with."""
    return _sealed_fingerprint_key(connection).key_id


def retire(connection: Connection, key_ids: Iterable[str], successor: str) -> None:
    """Let nothing be sealed with these keys any more; `successor` is the one to use."""
    retired = {*_retired(connection), *key_ids} - {successor}
    _put(connection, _RETIRED_KEYS, ",".join(sorted(retired)))


def check_sealing(connection: Connection, ring: keys.KeyRing) -> None:
    """Raise `WrongKeyError` when the key that `ring` seals with was replaced.

    Whoever read the keys before they were rotated must not seal with one that is thrown away soon.
    """
    if ring.keys[0].id in _retired(connection):
        raise WrongKeyError(
            f"the encryption key {ring.keys[0].id} was replaced by `reconcile key rotate`: "
            "give this process the new one (in RECONCILER_KEY the first of several seals)"
        )


def _retired(connection: Connection) -> frozenset[str]:
    value = _value(connection, _RETIRED_KEYS)
    return frozenset(value.split(",")) if value else frozenset()


def _sealed_fingerprint_key(connection: Connection) -> keys.Sealed:
    value = _value(connection, _FINGERPRINT_KEY)
    if value is None:
        raise StateError("the store is damaged: its fingerprint key is gone; put back a backup")
    return _unpacked(value)


def _value(connection: Connection, name: str) -> str | None:
    return connection.execute(select(tables.meta.c.value).where(tables.meta.c.name == name)).scalar()


def _put(connection: Connection, name: str, value: str) -> None:
    connection.execute(delete(tables.meta).where(tables.meta.c.name == name))
    connection.execute(insert(tables.meta).values(name=name, value=value))


def _packed(sealed: keys.Sealed) -> str:
    return ".".join((sealed.key_id, _text(sealed.nonce), _text(sealed.ciphertext)))


def _unpacked(value: str) -> keys.Sealed:
    try:
        key_id, nonce, ciphertext = value.split(".")
        return keys.Sealed(key_id, base64.b64decode(nonce), base64.b64decode(ciphertext))
    except ValueError:
        raise StateError("the store is damaged: its fingerprint key cannot be read; put back a backup") from None


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
