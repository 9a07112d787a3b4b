"""What a delivery costs the ingress: durable deliveries, refusals, slow clients, each beside a plain application.

    python benchmarks/ingress.py [--seconds 5] [--connections 64] [--rounds 3]

The ingress runs as a process of its own on the first core, over a new SQLite state (write-ahead log, each commit
synchronised); the load comes from the others, over loopback, as signed GitHub deliveries of 2 KB, no two alike. Prints
requests per second, latency, CPU per request (user and system, of the whole process) and peak memory. Nothing is
handed on meanwhile: `reconcile ingress` does that in the same process. The yardstick is `ingress_yardstick.py`, in turn
with the ingress, under the same load: on a machine that does other work as well, compare CPU, and ratios of one run.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import hmac
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import ingress_yardstick

from reconciler.core.inbox import Filter
from reconciler.core.model import Phase, Recorded, Relation, Secret, Subscriber, SubscriberKind, WebhookKey
from reconciler.core.ports import Write
from reconciler.ingress.app import app
from reconciler.ingress.limits import Limits
from reconciler.ingress.serving import fast_loop, prepare_process, served
from reconciler.store.inboxes import inbox_of
from reconciler.store.keys import KeySource
from reconciler.store.opening import open_existing, open_for_writing
from reconciler.wiring.ingress import open_ingress
from reconciler.wiring.inputs import Inputs

WEBHOOK = "11111111-1111-4111-8111-111111111111"
SECRET = b"bench-secret"
PATH = f"/webhooks/github/{WEBHOOK}"
SLOW = 64
WARM = 2000
"""Deliveries before the first that counts."""


def project(folder: Path) -> Path:
    """A project with one recorded webhook, to which one graph listens."""
    (folder / "webhooks").mkdir(parents=True)
    text = "version: 1\nscope: bench\nbase_url: https://hooks.example.com\nmanifests: [webhooks]\n"
    (folder / "reconciler.yaml").write_text(text)
    with open_for_writing(f"sqlite:///{folder}/.reconciler/state.db", KeySource()) as store:
        lease = store.acquire("bench", "benchmark", time.monotonic(), 60)
        assert lease is not None
        key = WebhookKey("alice", "github", "repo", manual=False, resource="acme/api", credentials="main")
        record = Recorded(
            id=WEBHOOK,
            key=key,
            phase=Phase.REGISTERED,
            resource="acme/api",
            url=f"https://hooks.example.com{PATH}",
            events=frozenset({"push"}),
            relations=(Relation(Subscriber(SubscriberKind.GRAPH, "triage"), "", ("push",)),),
            remote_id="1",
        )
        store.write(lease, [Write(record=record, secret=Secret(SECRET.decode()))])
        store.release(lease)
    return folder


def serve(folder: Path) -> None:
    """The process under test."""
    os.sched_setaffinity(0, {0})
    gc.set_threshold(100_000, 20, 100)  # as the command has it

    async def main() -> None:
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        quiet: Callable[..., None] = lambda event, /, **details: None  # noqa: E731 - a progress that tells nobody
        async with open_ingress(Inputs(directory=folder, files=(), environment={}), quiet) as opened:
            ingress = app(opened.ports(), Limits(rate=1e9, burst=1e9))
            prepare_process()
            async with served(ingress, "127.0.0.1", 0) as here:
                print(here.origin, flush=True)
                await ended.wait()
            await ingress.aclose()

    with asyncio.Runner(loop_factory=fast_loop) as runner:
        runner.run(main())


@contextmanager
def serving(what: str, folder: Path) -> Iterator[tuple[int, int]]:
    """The process and its port."""
    process = subprocess.Popen([sys.executable, __file__, what, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline().rpartition(":")[2])
    finally:
        process.terminate()
        process.wait()


def body_of(number: int) -> bytes:
    """A push of about 2 KB."""
    commits = [
        {
            "id": f"{number:020d}{index:020x}",
            "message": "change " * 8,
            "author": {"name": "A U Thor", "email": "a@example.com"},
            "added": [f"src/f{index}.py"],
            "modified": ["README.md"],
        }
        for index in range(8)
    ]
    body = {"ref": "refs/heads/main", "repository": {"full_name": "acme/api", "id": 12345}, "commits": commits}
    body["pad"] = "x" * max(0, 2036 - len(json.dumps(body)))
    return json.dumps(body).encode()


def request_of(number: int, *, genuine: bool) -> bytes:
    """The bytes of a delivery."""
    body = body_of(number)
    signature = hmac.digest(SECRET if genuine else b"another", body, "sha256").hex()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\n"
        f"X-GitHub-Delivery: {number:032x}\r\nX-Hub-Signature-256: sha256={signature}\r\n"
        f"User-Agent: GitHub-Hookshot/bench\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Load(asyncio.Protocol):
    """One connection: a request, its answer, the next one. All of them share what is to be sent."""

    def __init__(self, requests: Iterator[bytes], latencies: list[float], statuses: dict[bytes, int]) -> None:
        self._requests = requests
        self._latencies = latencies
        self._statuses = statuses
        self._transport: asyncio.Transport | None = None
        self._sent = 0.0
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._next()

    def data_received(self, data: bytes) -> None:
        self._latencies.append(time.perf_counter() - self._sent)
        status = data[9:12]
        self._statuses[status] = self._statuses.get(status, 0) + 1
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(None)

    def _next(self) -> None:
        assert self._transport is not None
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(request)


async def load(port: int, requests: list[bytes], connections: int, seconds: float) -> dict[str, object]:
    """Send as fast as answers come; what is not sent in time is left."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    statuses: dict[bytes, int] = {}
    ends = time.perf_counter() + seconds

    def until() -> Iterator[bytes]:
        for request in requests:
            if time.perf_counter() > ends:
                return
            yield request

    waiting = until()
    began = time.perf_counter()
    made = [
        await loop.create_connection(lambda: Load(waiting, latencies, statuses), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(protocol.over for _, protocol in made))
    took = time.perf_counter() - began
    cuts = statistics.quantiles(latencies, n=100)
    return {
        "requests": len(latencies),
        "per_second": round(len(latencies) / took),
        "p50_ms": round(cuts[49] * 1000, 2),
        "p99_ms": round(cuts[98] * 1000, 2),
        "statuses": {status.decode(): number for status, number in statuses.items()},
    }


async def slow(port: int, seconds: float) -> None:
    """Clients that send a large body one byte at a time."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n".encode()
    made = [await asyncio.open_connection("127.0.0.1", port) for _ in range(SLOW)]
    ends = time.perf_counter() + seconds
    for _, writer in made:
        writer.write(head + b"x" * 60_000)
    while time.perf_counter() < ends:
        for _, writer in made:
            if not writer.is_closing():
                writer.write(b"x")
        await asyncio.sleep(0.2)
    for _, writer in made:
        writer.close()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int, name: str) -> float:
    """`VmRSS` or `VmHWM` of a process in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024, 1)


def measured(pid: int, port: int, requests: list[bytes], arguments: argparse.Namespace) -> dict[str, object]:
    """One run, with its CPU."""
    before = cpu_seconds(pid)
    with asyncio.Runner(loop_factory=fast_loop) as runner:
        result = runner.run(load(port, requests, arguments.connections, arguments.seconds))
    count = result["requests"]
    assert isinstance(count, int)
    return result | {"cpu_us": round((cpu_seconds(pid) - before) / count * 1e6, 1), "peak_mib": memory(pid, "VmHWM")}


def plain(folder: Path, genuine: list[bytes], forged: list[bytes], arguments: argparse.Namespace) -> None:
    """One round of the yardstick."""
    with serving("--plain", folder) as (pid, port):
        asyncio.run(load(port, genuine[-WARM:], arguments.connections, 10.0))
        print("plain durable ", json.dumps(measured(pid, port, genuine[:-WARM], arguments)), flush=True)
        print("plain refused ", json.dumps(measured(pid, port, forged, arguments)), flush=True)


def ours(folder: Path, genuine: list[bytes], forged: list[bytes], arguments: argparse.Namespace) -> None:
    """One round of the ingress: all that was acknowledged is stored."""
    with serving("--serve", project(folder)) as (pid, port):
        asyncio.run(load(port, genuine[-WARM:], arguments.connections, 10.0))
        kept = measured(pid, port, genuine[:-WARM], arguments)
        print("durable       ", json.dumps(kept), flush=True)
        print("refused       ", json.dumps(measured(pid, port, forged, arguments)), flush=True)
        before = memory(pid, "VmRSS")
        asyncio.run(slow(port, 4.0))
        after = memory(pid, "VmRSS")
        print("slow          ", json.dumps({"clients": SLOW, "before_mib": before, "after_mib": after}), flush=True)
    with open_existing(f"sqlite:///{folder}/.reconciler/state.db", KeySource()) as store:
        answered = kept["statuses"]
        assert isinstance(answered, dict)
        stored = sum(1 for _ in inbox_of(store).deliveries("bench", Filter(), 10_000_000))
        assert stored >= answered["200"] + WARM, (stored, answered)
        print("stored        ", stored, "of", answered["200"] + WARM, "acknowledged", flush=True)


def main() -> None:
    """Measure, and print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--most", type=int, default=20_000, help="deliveries made beforehand for each second")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--plain", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
        return
    if arguments.plain:
        ingress_yardstick.serve(arguments.plain, SECRET)
        return
    others = os.sched_getaffinity(0) - {0}
    if others:
        os.sched_setaffinity(0, others)
    count = int(arguments.most * arguments.seconds)
    genuine = [request_of(number, genuine=True) for number in range(count + WARM)]
    forged = [request_of(number, genuine=False) for number in range(1000)] * (count // 1000)
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as folder:
            plain(Path(folder), genuine, forged, arguments)
            ours(Path(folder, "project"), genuine, forged, arguments)


if __name__ == "__main__":
    main()
