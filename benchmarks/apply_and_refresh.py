"""What a pass costs against a provider that takes its time: first apply, refresh, a small change, lost answers.

    python benchmarks/apply_and_refresh.py [--webhooks 1000] [--per-project 5] [--latency-ms 20]

A stand-in of GitLab's project webhooks runs in this process, on loopback, and answers after the latency; `reconcile` is
run against it as a whole process. Each webhook belongs to a user of its own, so that those of one project stay apart.
Prints wall and CPU seconds and peak memory of each pass, the requests that it made by verb, and what is at the provider
afterwards. In the last two rows, made in a project of their own, every tenth POST is carried out and its answer lost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qsl, unquote, urlsplit

EVENTS = ("push_events", "tag_push_events", "merge_requests_events", "pipeline_events", "issues_events")
BASE_URL = "https://hooks.example.com"
LOST_EVERY = 10


class StandIn:
    """GitLab's project webhooks in memory: lists in pages, never tells a secret, counts what it is asked."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.lose_every = 0
        self.hooks: dict[str, dict[int, dict[str, object]]] = {}
        self.asked: Counter[str] = Counter()
        self.port = 0
        self._ids = 0
        self._posts = 0

    def forget(self) -> None:
        """Start anew."""
        self.hooks.clear()
        self.asked.clear()

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, object, str] | None:
        """Status, JSON body and `Link` header of an answer; None where it is lost."""
        self.asked[method] += 1
        parts = urlsplit(target)
        match parts.path.removeprefix("/api/v4").strip("/").split("/"):
            case ["projects", project, "hooks"] if method == "GET":
                return self._page(parts.path, dict(parse_qsl(parts.query)), self.hooks.get(unquote(project), {}))
            case ["projects", project, "hooks"] if method == "POST":
                return self._created(self.hooks.setdefault(unquote(project), {}), json.loads(body))
            case ["projects", project, "hooks", number] if int(number) in self.hooks.get(unquote(project), {}):
                hooks = self.hooks[unquote(project)]
                if method == "DELETE":
                    del hooks[int(number)]
                    return 204, None, ""
                hooks[int(number)] |= _shown(json.loads(body))
                return 200, hooks[int(number)], ""
        return 404, {"message": "404 Not Found"}, ""

    def _page(self, path: str, query: dict[str, str], hooks: dict[int, dict[str, object]]) -> tuple[int, object, str]:
        size, number = int(query.get("per_page", 20)), int(query.get("page", 1))
        rows = list(hooks.values())
        more = len(rows) > size * number
        url = f"http://127.0.0.1:{self.port}{path}?per_page={size}&page={number + 1}"
        return 200, rows[size * (number - 1) : size * number], f'<{url}>; rel="next"' if more else ""

    def _created(
        self, hooks: dict[int, dict[str, object]], fields: dict[str, object]
    ) -> tuple[int, object, str] | None:
        self._ids += 1
        self._posts += 1
        hooks[self._ids] = {"id": self._ids, "alert_status": "executable", **_shown(fields)}
        lost = self.lose_every and self._posts % self.lose_every == 0
        return None if lost else (201, hooks[self._ids], "")


def _shown(fields: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if name != "token"}


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection, one request at a time."""

    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in = stand_in
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        first, *rows = head.decode("latin-1").split("\r\n")
        length = next((int(row.split(":")[1]) for row in rows if row.lower().startswith("content-length:")), 0)
        if len(body) < length:
            return
        self._buffer = body[length:]
        method, target, _ = first.split(" ")
        answer = self._stand_in.answer(method, target, body[:length])
        asyncio.get_running_loop().call_later(self._stand_in.latency, self._reply, answer)

    def _reply(self, answer: tuple[int, object, str] | None) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if answer is None:
            self._transport.abort()
            return
        status, document, link = answer
        content = b"" if document is None else json.dumps(document).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        self._transport.write(f"{head}{f'Link: {link}' + chr(13) + chr(10) if link else ''}\r\n".encode() + content)


@contextmanager
def serving(stand_in: StandIn) -> Iterator[None]:
    """Serve on a free port of loopback, in a thread."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(lambda: Connection(stand_in), "127.0.0.1", 0, backlog=256))
    stand_in.port = server.sockets[0].getsockname()[1]
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A project folder, and what its files want: project and events of each webhook."""

    folder: Path
    webhooks: int
    per_project: int
    port: int
    events: dict[int, frozenset[str]] = field(default_factory=dict)

    def project_of(self, number: int) -> str:
        """The GitLab project that a webhook is of."""
        return f"bench/p{number // self.per_project:05d}"

    def write(self, changed_every: int = 0) -> None:
        """Write the files: one to a GitLab project, one document to a webhook; every so many get one event less."""
        folder = self.folder / "webhooks"
        folder.mkdir(exist_ok=True)
        (self.folder / "reconciler.yaml").write_text(
            f"version: 1\nscope: bench\nbase_url: {BASE_URL}\nmanifests: [webhooks]\ncredentials:\n"
            f"  gl: {{provider: gitlab, token: env/BENCH_TOKEN, api_url: 'http://127.0.0.1:{self.port}/api/v4'}}\n"
            "defaults: {user: bench, credentials: {gitlab: gl}}\n"
        )
        documents: dict[str, list[str]] = {}
        for number in range(self.webhooks):
            flags = [event for place, event in enumerate(EVENTS) if (number + place) % 3 < 2]
            flags = flags[1:] if changed_every and number % changed_every == 0 else flags
            self.events[number] = frozenset(flags)
            documents.setdefault(self.project_of(number), []).append(
                f"graph: g{number:06d}\nuser: u{number % self.per_project}\ntriggers:\n  - provider: gitlab\n"
                f"    type: project\n    resource: {self.project_of(number)}\n    events: [{', '.join(flags)}]\n"
            )
        for project, texts in documents.items():
            (folder / f"{project.replace('/', '-')}.yaml").write_text("---\n".join(texts))

    def verdict(self, stand_in: StandIn) -> str:
        """What is right and wrong at the provider."""
        want: dict[str, Counter[frozenset[str]]] = {}
        for number, flags in self.events.items():
            want.setdefault(self.project_of(number), Counter())[flags] += 1
        missing = surplus = 0
        for project, wanted in want.items():
            rows = stand_in.hooks.get(project, {}).values()
            have = Counter(frozenset(event for event in EVENTS if row.get(event)) for row in rows)
            missing += (wanted - have).total()
            surplus += (have - wanted).total()
        return f"{missing} missing, {surplus} surplus"


def measure(name: str, wanted: Wanted, stand_in: StandIn) -> None:
    """Run one pass, and print its row."""
    stand_in.asked.clear()
    command = [sys.executable, "-m", "reconciler", "-C", str(wanted.folder)]
    environment = os.environ | {"BENCH_TOKEN": "t"}
    with (wanted.folder / "log").open("w+") as log:
        actions = [(os.POSIX_SPAWN_DUP2, log.fileno(), stream) for stream in (1, 2)]
        began = time.perf_counter()
        process = os.posix_spawn(
            sys.executable,
            command,
            environment,
            file_actions=actions,
        )
        _, status, usage = os.wait4(process, 0)
        wall = time.perf_counter() - began
        log.seek(0)
        assert os.waitstatus_to_exitcode(status) == 0, log.read()[-2000:]
    asked = "  ".join(f"{stand_in.asked[verb]:>5} {verb}" for verb in ("GET", "POST", "PUT", "DELETE"))
    cpu, mib = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    print(f"{name:<24}{wall:>7.2f} s {cpu:>7.2f} s CPU {mib:>5.0f} MiB {asked}  {wanted.verdict(stand_in)}", flush=True)


def main() -> None:
    """Run the passes in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--webhooks", type=int, default=1000)
    parser.add_argument("--per-project", type=int, default=5)
    parser.add_argument("--latency-ms", type=float, default=20.0)
    options = parser.parse_args()
    stand_in = StandIn(options.latency_ms / 1000)
    with serving(stand_in), tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        sizes = {"webhooks": options.webhooks, "per_project": options.per_project, "port": stand_in.port}
        wanted = Wanted(folder=Path(one), **sizes)
        wanted.write()
        measure("first apply", wanted, stand_in)
        measure("in sync", wanted, stand_in)
        wanted.write(changed_every=100)
        measure("1 % changed", wanted, stand_in)
        stand_in.forget()
        stand_in.lose_every = LOST_EVERY
        wanted = Wanted(folder=Path(two), **sizes)
        wanted.write()
        measure("first apply, lost answers", wanted, stand_in)
        measure("in sync after that", wanted, stand_in)


if __name__ == "__main__":
    main()
