"""Records, orphans and keys to test stores with."""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.core.errors import StateError
from reconciler.core.model import (
    Group,
    Orphan,
    Phase,
    Recorded,
    Relation,
    Secret,
    Subscriber,
    SubscriberKind,
    WebhookKey,
)
from reconciler.core.ports import Entry, Lease, Store, Write
from reconciler.store.keys import KeySource
from reconciler.store.opening import open_for_reading, open_for_writing

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER_KEY = base64.b64encode(bytes(range(1, 33))).decode()
SCOPE = "acme"
BASE_URL = "https://hooks.acme.dev"


def url(path: Path) -> str:
    """The state URL of a file."""
    return f"sqlite:///{path}"


def source(*keys: str) -> KeySource:
    """Keys as the environment would give them."""
    return KeySource(text=Secret(",".join(keys)))


def key(resource: str = "acme/api") -> WebhookKey:
    """The key of an auto webhook."""
    return WebhookKey("platform", "github", "repo", manual=False, resource=resource, credentials="acme-github")


def recorded(number: int = 1, **fields: Any) -> Recorded:
    """A record that differs from others in id and resource; `fields` replace the rest."""
    webhook_id = f"00000000-0000-4000-8000-{number:012d}"
    values: Mapping[str, Any] = {
        "id": webhook_id,
        "key": key(f"acme/api-{number}"),
        "phase": Phase.REGISTERED,
        "resource": f"Acme/API-{number}",
        "url": f"{BASE_URL}/webhooks/github/{webhook_id}",
        "events": frozenset({"issues", "push"}),
        "relations": (Relation(Subscriber(SubscriberKind.GRAPH, "triage-bot"), "", ("issues.opened", "push")),),
        "remote_id": str(number),
        "created_at": 100.0,
        "updated_at": 200.0,
    }
    return Recorded(**{**values, **fields})


def orphan(number: int = 1) -> Orphan:
    """Something left behind; later numbers are younger."""
    return Orphan(
        id=f"orphan-{number}",
        webhook_id=f"webhook-{number}",
        address="github/repo/acme/api@acme-github",
        group=Group("github", "repo", "acme/api", "acme-github"),
        remote_id=str(number),
        url=f"{BASE_URL}/webhooks/github/webhook-{number}",
        reason="the credentials are gone",
        created_at=float(number),
    )


def entry(number: int = 1, **fields: Any) -> Entry:
    """An entry of the audit log; later numbers are newer. `fields` replace the rest."""
    values: Mapping[str, Any] = {
        "id": f"entry-{number:05d}",
        "at": float(number),
        "user": "alice",
        "host": "runner-7",
        "commit": "0123abc",
        "webhook_id": f"webhook-{number}",
        "address": "github/repo/acme/api@acme-github",
        "action": "create",
        "reason": "new",
    }
    return Entry(**{**values, **fields})


def lease(store: Store, scope: str = SCOPE, holder: str = "pass-1") -> Lease:
    """A lease that is free to be had."""
    taken = store.acquire(scope, holder, now=0.0, seconds=15.0)
    assert taken is not None
    return taken


def put(store: Store, *records: Recorded, scope: str = SCOPE) -> None:
    """Record `records` under a lease taken for that."""
    held = lease(store, scope)
    store.write(held, [Write(record=record) for record in records])
    store.release(held)


def listing(folder: Path) -> dict[str, int]:
    """Every path below `folder` with its modification time in nanoseconds."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def open_and_sign(state: str) -> str:
    """Open the store at the URL `state` to write, and tell how it fingerprints; for other processes and threads."""
    with open_for_writing(state, KeySource()) as store:
        return store.fingerprint(Secret("s"))


def open_and_look_for_alembic(state: str) -> bool:
    """Whether creating, opening and reading a store loads Alembic into a fresh process."""
    for opener in (open_for_writing, open_for_writing, open_for_reading):
        opener(state, KeySource()).close()
    return "alembic" in sys.modules


def open_and_look_for_the_driver(state: str) -> bool:
    """Whether opening a store loads the driver of PostgreSQL into a fresh process."""
    for opener in (open_for_writing, open_for_reading):
        opener(state, KeySource()).close()
    return "psycopg" in sys.modules


def open_without_the_driver(state: str) -> str:
    """What is said where the driver of PostgreSQL is not installed."""
    sys.modules["psycopg"] = None  # type: ignore[assignment]  # Python's way to say that there is no such module
    try:
        open_for_writing(state, KeySource()).close()
    except StateError as error:
        return str(error)
    return ""
