"""A project in a temporary folder, pointed at a sandbox, and the command run on it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.cli.main import run
from reconciler.cli.output import Streams
from reconciler.system import SystemClock
from reconciler.testing.sandbox import Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.serving import served

CANARIES = {
    "GITHUB_TOKEN": "ghp_canary0001",
    "GITLAB_TOKEN": "glpat-canary0002",
    "TELEGRAM_TOKEN": "424242:canary0003",
    "STRIPE_TOKEN": "sk_test_canary0004",
}
"""Values that must not show up in any output."""


@dataclass(frozen=True)
class Outcome:
    """What a run of the command left."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Stdout as JSON."""
        return json.loads(self.out)


class Typed(io.StringIO):
    """A terminal at which somebody typed a line; a real pipe stands behind it, for event loops to watch."""

    def __init__(self, line: str) -> None:
        super().__init__(line)
        self._read, write = os.pipe()
        os.write(write, line.encode())
        os.close(write)

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._read

    def close(self) -> None:
        os.close(self._read)
        super().close()


class Terminal(io.StringIO):
    """A terminal to write to."""

    def isatty(self) -> bool:
        return True


@dataclass
class Project:
    """A project's folder, the sandbox that its credentials lead to, and its environment."""

    root: Path
    origin: str
    sandbox: Sandbox
    environment: dict[str, str] = field(default_factory=lambda: dict(CANARIES))
    ahead: float = 0.0
    """How many seconds the command's clock is ahead of the machine's."""

    def now(self) -> float:
        """The time as the command sees it."""
        return SystemClock().now() + self.ahead

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def manifest(self, *events: str, resource: str = "acme/api", name: str = "triage", extra: str = "") -> None:
        """A manifest of one GitHub trigger."""
        text = f"graph: {name}\ntriggers:\n  - provider: github\n    type: repo\n    resource: {resource}\n"
        self.write(f"webhooks/{name}.yaml", f"{text}    events: [{', '.join(events)}]\n{extra}")

    def run(self, *arguments: str) -> Outcome:
        """Run the command in this process, without a terminal."""
        return self._run(arguments, io.StringIO(), io.StringIO())

    def at_terminal(self, answer: str, *arguments: str) -> Outcome:
        """Run the command where somebody answers its question."""
        with Typed(answer) as stdin:
            return self._run(arguments, stdin, Terminal())

    def _run(self, arguments: tuple[str, ...], stdin: io.StringIO, stderr: io.StringIO) -> Outcome:
        stdout = io.StringIO()
        streams = Streams(stdin=stdin, stdout=stdout, stderr=stderr, environment=self.environment, now=self.now)
        code = run(["-C", str(self.root), *arguments], streams)
        return Outcome(int(code), stdout.getvalue(), stderr.getvalue())

    def spawn(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command as a process of its own."""
        return subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "reconciler", "-C", str(self.root), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=process_environment(self.environment),
        )


def process_environment(more: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RECONCILER_", "PLATFORM_"))}
    return kept | dict(more)


def project_file(origin: str, extra: str = "") -> str:
    """A project file with credentials for every stand-in."""
    roots = {"github": "/github", "gitlab": "/gitlab/api/v4", "telegram": "/telegram", "stripe": "/stripe/v1"}
    lines = [
        f"  acme-{name}: {{provider: {name}, token: env/{name.upper()}_TOKEN, api_url: {origin}{root}}}"
        for name, root in roots.items()
    ]
    defaults = ", ".join(f"{name}: acme-{name}" for name in roots)
    return "\n".join(
        [
            "version: 1",
            "scope: acme",
            "base_url: https://hooks.example.com",
            "manifests: [webhooks]",
            "credentials:",
            *lines,
            f"defaults: {{user: platform, credentials: {{{defaults}}}}}",
            extra,
            "",
        ]
    )


@contextmanager
def serving(forward_to: str = "") -> Iterator[tuple[str, Sandbox]]:
    """A sandbox on loopback, served from a thread of its own; its deliveries go to the origin `forward_to`."""
    loop = asyncio.new_event_loop()
    sandbox = create_sandbox(SandboxConfig(now=SystemClock().now, forward_to=forward_to))
    ready: list[str] = []
    begun, ended = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with served(sandbox) as origin:
            ready.append(origin)
            begun.set()
            await ended.wait()

    def work() -> None:
        loop.run_until_complete(serve())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert begun.wait(10)
        yield ready[0], sandbox
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
