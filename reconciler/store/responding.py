"""Answers of providers, kept between passes so that they can be asked for conditionally (RFC 9110, section 13.1.2).

What a provider lists may hold somebody's URL, which can be a secret: bodies are sealed as secrets are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, select, update

from reconciler.core.errors import StateError
from reconciler.core.ports import Response
from reconciler.store import meta
from reconciler.store.database import Database
from reconciler.store.keys import KeyRing, Sealed
from reconciler.store.tables import responses

LARGEST = 2**20
"""How many bytes the body of an answer may have to be kept."""
UNUSED_SECONDS = 30 * 86400.0
"""After how long without being used an answer is dropped."""
_TOUCH_SECONDS = 86400.0
_PENDING = 100
_PENDING_BYTES = 4 * 2**20

_r = responses.c
_drop = delete(responses).where(_r.key == bindparam("row_key"))
_touch = update(responses).where(_r.key == bindparam("row_key")).values(used_at=bindparam("now"))


class StoredResponses:
    """The `core.ports.ResponseCache` of a store. No method raises: what cannot be read or kept costs a call only.

    `put` gathers; many are written at once, and the rest with `flush`. `ring` gives the keys of now, `now` UNIX
    seconds. May be used by several threads at once.
    """

    def __init__(self, database: Database, ring: Callable[[], KeyRing], now: Callable[[], float]) -> None:
        self._database = database
        self._ring = ring
        self._now = now
        self._lock = threading.Lock()
        self._pending: dict[str, Response] = {}
        self._used: set[str] = set()
        self._bytes = 0

    def get(self, key: str) -> Response | None:
        """The answer kept for `key`; None where none is, or it does not open."""
        with self._lock:
            if key in self._pending:
                return self._pending[key]
        try:
            row = self._database.read(lambda connection: connection.execute(_found(key)).first())
            if row is None:
                return None
            link, _, body = self._ring().unseal(Sealed(*row[1:4]), _name(key)).partition(b"\n")
        except StateError:
            return None
        if self._database.writable and row[4] < self._now() - _TOUCH_SECONDS:
            with self._lock:
                self._used.add(key)
        return Response(etag=row[0], body=body, link=link.decode())

    def put(self, key: str, response: Response) -> None:
        """Keep the answer in the place of an earlier one, unless it is too large or nothing may be written."""
        if not self._database.writable or len(response.body) > LARGEST:
            return
        with self._lock:
            self._pending[key] = response
            self._bytes += len(response.body)
            full = len(self._pending) >= _PENDING or self._bytes >= _PENDING_BYTES
        if full:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        with self._lock:
            pending, used = self._pending, self._used
            self._pending, self._used, self._bytes = {}, set(), 0
        if not pending and not used:
            return
        try:
            self._database.write(lambda connection: _write(connection, self._ring(), pending, used, self._now()))
        except StateError:
            return  # a full disk, a busy file, a key that was replaced: the pass does not depend on it


def clear(connection: Connection) -> None:
    """Drop all answers."""
    connection.execute(delete(responses))


def _found(key: str) -> Select[Any]:
    return select(_r.etag, _r.key_id, _r.nonce, _r.ciphertext, _r.used_at).where(_r.key == key)


def _write(connection: Connection, ring: KeyRing, pending: Mapping[str, Response], used: set[str], now: float) -> None:
    if used:
        connection.execute(_touch, [{"row_key": key, "now": now} for key in sorted(used)])
    if not pending:
        return
    meta.check_sealing(connection, ring)
    connection.execute(_drop, [{"row_key": key} for key in sorted(pending)])
    connection.execute(insert(responses), [_row(ring, key, pending[key], now) for key in sorted(pending)])
    connection.execute(delete(responses).where(_r.used_at < now - UNUSED_SECONDS))


def _row(ring: KeyRing, key: str, response: Response, now: float) -> dict[str, object]:
    sealed = ring.seal(response.link.encode() + b"\n" + response.body, _name(key))  # no header holds a line break
    return {
        "key": key,
        "etag": response.etag,
        "key_id": sealed.key_id,
        "nonce": sealed.nonce,
        "ciphertext": sealed.ciphertext,
        "used_at": now,
    }


def _name(key: str) -> str:
    return f"response:{key}"
