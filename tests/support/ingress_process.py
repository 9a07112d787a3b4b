"""`reconcile ingress` as a process of its own, over a real state with one recorded webhook."""

from __future__ import annotations

import asyncio
import hmac
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from reconciler.core.model import Phase, Recorded, Relation, Secret, Subscriber, SubscriberKind, WebhookKey
from reconciler.core.ports import Write
from reconciler.store.keys import KeySource
from reconciler.store.opening import open_for_writing
from reconciler.store.sql import SqlStore
from reconciler.system import SystemClock
from tests.cli.support import process_environment

ID = "1f51d05d-fc68-47e4-a4f9-460f18081e83"
SECRET = Secret("canary-0123456789abcdef")
PATH = f"/webhooks/github/{ID}"
_NOTHING: Mapping[str, str] = MappingProxyType({})


def webhook(**changes: object) -> Recorded:
    """A registered webhook at GitHub that a graph wants pushes of."""
    fields: dict[str, object] = {
        "id": ID,
        "key": WebhookKey("alice", "github", "repo", manual=False, resource="acme/api", credentials="main"),
        "phase": Phase.REGISTERED,
        "resource": "acme/api",
        "url": f"https://hooks.example.com{PATH}",
        "events": frozenset({"push"}),
        "relations": (Relation(Subscriber(SubscriberKind.GRAPH, "triage"), "", ("push",)),),
        "remote_id": "1",
        "created_at": 1.0,
        "updated_at": 1.0,
    }
    return Recorded(**fields | changes)  # type: ignore[arg-type]


def project(root: Path, extra: str = "") -> Path:
    """A project whose state holds that webhook."""
    (root / "webhooks").mkdir(parents=True)
    (root / "reconciler.yaml").write_text(
        f"version: 1\nscope: acme\nbase_url: https://hooks.example.com\nmanifests: [webhooks]\n{extra}"
    )
    record(root, webhook(), SECRET)
    return root


def record(root: Path, kept: Recorded, *secrets: Secret) -> None:
    """Write a webhook into the state, as a pass would."""
    with store_of(root) as store:
        lease = store.acquire("acme", "a test", SystemClock().now(), 60)
        assert lease is not None
        store.write(lease, [Write(record=kept, secret=secret) for secret in secrets] or [Write(record=kept)])
        store.release(lease)


def store_of(root: Path) -> SqlStore:
    """The state of a project."""
    return open_for_writing(f"sqlite:///{root}/.reconciler/state.db", KeySource())


@dataclass
class Running:
    """The process, where it listens, and what it said since: lines of JSON, and anything else that it wrote."""

    process: subprocess.Popen[str]
    port: int
    metrics: str = ""
    log: list[str] = field(default_factory=list)

    def told(self, event: str) -> list[dict[str, Any]]:
        """The lines of log about an event."""
        return [line for line in map(json.loads, self.log) if line["event"] == event]

    def ended(self) -> str:
        """Wait for its end; all that it said."""
        self.process.wait(20)
        self._reading.join(20)
        return "".join(self.log)

    def listen(self, stderr: IO[str]) -> None:
        """Read what it says, so that it never has to wait for that."""
        self._reading = threading.Thread(target=lambda: self.log.extend(stderr), daemon=True)
        self._reading.start()


@contextmanager
def running(
    root: Path, *arguments: str, environment: Mapping[str, str] = _NOTHING, stdout: int = subprocess.DEVNULL
) -> Iterator[Running]:
    """The ingress as a process, once it is ready."""
    process = subprocess.Popen(  # noqa: S603 - our own command
        [
            *(sys.executable, "-m", "reconciler", "-C", str(root), "ingress"),
            *("--port", "0", "--log-format", "json", *arguments),
        ],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env=process_environment({}) | environment,
    )
    try:
        assert process.stderr is not None
        urls: dict[str, str] = {}
        for line in process.stderr:
            told = json.loads(line)
            urls[told["event"]] = told.get("url", "")
            if "ingress_ready" in urls:
                break
        ingress = Running(process, int(urls["ingress_ready"].rpartition(":")[2]), urls.get("ingress_metrics", ""))
        ingress.listen(process.stderr)
        yield ingress
        process.kill()
        ingress.ended()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def delivery(number: int, *, secret: Secret = SECRET, more: str = "", path: str = PATH) -> bytes:
    """The bytes of a push, signed as GitHub does."""
    body = json.dumps({"ref": "refs/heads/main", "number": number}).encode()
    signature = hmac.digest(secret.reveal().encode(), body, "sha256").hex()
    return (
        f"POST {path} HTTP/1.1\r\nHost: hooks.example.com\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\n"
        f"X-GitHub-Delivery: d{number}\r\nX-Hub-Signature-256: sha256={signature}\r\n{more}"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def sent(port: int, raw: bytes) -> int:
    """The status of the answer to some bytes; 0 where the server hung up without any."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(raw)
        head = await reader.readuntil(b"\r\n\r\n")
        return int(head.split()[1])
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0
    finally:
        writer.close()
