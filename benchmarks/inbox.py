"""How many deliveries a second the inbox keeps, and at what CPU, by how many are kept in one transaction.

    python benchmarks/inbox.py [BATCH ...]                  (default: 1 8 64)
    RECONCILER_STATE=postgresql+psycopg://... python benchmarks/inbox.py

Each delivery has a 2 KB body, 15 headers, two keys and one dispatch, as a push of GitHub's has. The state file, in a
new folder of the working directory, is synchronised with every commit. `CPU` is this process's, in microseconds a
delivery; for SQLite that is all there is. Then the same deliveries are claimed and settled, 64 at a time, and told
again to the inbox, which finds each of them repeated. Prints medians of the runs. The yardstick is bare SQLite: id and
body alone in one table, 64 to a transaction, as durable.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from reconciler.core.deliveries import Delivery, Provenance, id_key
from reconciler.core.inbox import Arrival, Attempt, Dispatch, DispatchState, Inbox
from reconciler.core.model import Subscriber, SubscriberKind
from reconciler.ingress.arriving import dispatch_id
from reconciler.store.inboxes import inbox_of
from reconciler.store.keys import KeySource
from reconciler.store.opening import open_for_writing

RUNS = 5
DELIVERIES = 4096
SMALL = 512
"""How many are enough where each is a transaction of its own."""
SCOPE = "bench"
HEADERS = (
    ("accept", "*/*"),
    ("content-length", "2048"),
    ("content-type", "application/json"),
    ("host", "hooks.example.com"),
    ("user-agent", "GitHub-Hookshot/044aadd"),
    ("x-forwarded-for", "192.0.2.7"),
    ("x-forwarded-proto", "https"),
    ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
    ("x-github-event", "push"),
    ("x-github-hook-id", "292430182"),
    ("x-github-hook-installation-target-id", "79929171"),
    ("x-github-hook-installation-target-type", "repository"),
    ("x-hub-signature", "sha1=7d38cdd689735b008b3c702edd92eea23791c5f6"),
    ("x-hub-signature-256", "sha256=d57c68ca6f92289e6987922ff26938930f6e66a2d161ef06abdf1859230aa23c"),
    ("x-request-id", "4bf92f3577b34da6a3ce929d0e0e4736"),
)
WEBHOOK = "00000000-0000-4000-8000-000000000001"
URL = f"https://hooks.example.com/webhooks/github/{WEBHOOK}"


def arrivals(number: int, run: int) -> list[Arrival]:
    """So many deliveries that nobody has seen."""
    made = []
    for index in range(number):
        name = f"{run:08x}-{index:08x}-{os.urandom(8).hex()}"
        guid = str(uuid.UUID(bytes=os.urandom(16)))
        dispatch = Dispatch(
            id=dispatch_id(WEBHOOK, id_key(guid), 0, "graph:triage-bot", ""),
            delivery_id=name,
            part=0,
            subscriber=Subscriber(SubscriberKind.GRAPH, "triage-bot"),
            events=("push",),
        )
        delivery = Delivery(
            id=name,
            scope=SCOPE,
            webhook_id=WEBHOOK,
            provider="github",
            received_at=1.8e9 + index / 1000,
            provenance=Provenance.RECEIVED,
            method="POST",
            url=URL,
            query="",
            headers=HEADERS,
            body=os.urandom(1024).hex().encode(),
            events=("push",),
            provider_delivery_id=guid,
        )
        keys = (id_key(guid), f"digest {os.urandom(32).hex()}")
        made.append(Arrival(delivery=delivery, keys=keys, dispatches=(dispatch,)))
    return made


def batches(made: Sequence[Arrival], size: int) -> Iterator[Sequence[Arrival]]:
    """`made` in batches."""
    return (made[start : start + size] for start in range(0, len(made), size))


def accept(inbox: Inbox, made: Sequence[Arrival], size: int) -> None:
    """Keep all of `made`."""
    for batch in batches(made, size):
        inbox.accept(batch)


def hand_on(inbox: Inbox, made: Sequence[Arrival]) -> None:
    """Claim and settle all that wait, as a worker does."""
    while jobs := inbox.claim(SCOPE, "bench", 2e9, 60.0, 64):
        inbox.settle("bench", [Attempt(dispatch_id=job.dispatch.id, state=DispatchState.DONE, at=2e9) for job in jobs])


def bare(path: Path, made: Sequence[Arrival]) -> None:
    """The yardstick."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS bare (id TEXT PRIMARY KEY, body BLOB)")
        for batch in batches(made, 64):
            connection.execute("BEGIN IMMEDIATE")
            rows = [(each.delivery.id, each.delivery.body) for each in batch]
            connection.executemany("INSERT INTO bare VALUES (?, ?)", rows)
            connection.execute("COMMIT")


def measure(work: Callable[[], None], number: int) -> tuple[float, float]:
    """Deliveries a second, and CPU microseconds for each."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return number / (time.perf_counter() - wall), (time.process_time() - cpu) / number * 1e6


def report(name: str, figures: Sequence[tuple[float, float]]) -> None:
    """One line: medians."""
    rate, cpu = (statistics.median(column) for column in zip(*figures, strict=True))
    print(f"{name:<28} {rate:>8.0f} deliveries/s {cpu:>7.1f} us CPU")


def main() -> None:
    """Measure each size of batch in turn, then handing on, then repeated ones."""
    sizes = [int(size) for size in sys.argv[1:]] or [1, 8, 64]
    with tempfile.TemporaryDirectory(dir=".") as folder:
        state = os.environ.get("RECONCILER_STATE") or f"sqlite:///{Path(folder, 'state.db')}"
        with open_for_writing(state, KeySource(file=Path(folder, "key"))) as store:
            store.acquire(SCOPE, "bench", 0.0, 1.0)
            inbox = inbox_of(store)
            last: list[Arrival] = []
            for size in sizes:
                number = SMALL if size == 1 else DELIVERIES
                figures = []
                for run in range(RUNS):
                    last = arrivals(number, size * 100 + run)
                    figures.append(measure(lambda last=last, size=size: accept(inbox, last, size), number))
                report(f"accept, {size} at a time", figures)
            figures = []
            for run in range(RUNS):
                made = arrivals(DELIVERIES, run)
                figures.append(measure(lambda made=made: bare(Path(folder, "bare.db"), made), DELIVERIES))
            report("yardstick, 64 at a time", figures)
            waiting = sum(SMALL if size == 1 else DELIVERIES for size in sizes) * RUNS
            report("claim and settle", [measure(lambda: hand_on(inbox, last), waiting)])
            report("accept repeated, 64 at a time", [measure(lambda: accept(inbox, last, 64), len(last))])


if __name__ == "__main__":
    main()
