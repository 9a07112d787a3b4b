"""A bash that runs what the documentation shows, in a folder of its own and at ports of its own."""

from __future__ import annotations

import os
import re
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.cli.support import process_environment
from tests.docs.pages import ROOT
from tests.docs.stand_in import PROGRAMS

MARK = "--- that was "


class Ports:
    """The ports that pages name, and the free ones that a test uses in their place."""

    def __init__(self, **given: int) -> None:
        names = ("8787", "8788", "8000", "8900", "9000")
        self._free = {name: str(given.get(f"p{name}") or _free_port()) for name in names}

    def real(self, text: str) -> str:
        """A page's text for a test to run."""
        return re.sub(r"\b(8787|8788|8000|8900|9000)\b", lambda match: self._free[match[0]], text)

    def shown(self, text: str) -> str:
        """What was printed, as a page shows it."""
        for name, port in self._free.items():
            text = re.sub(rf"\b{port}\b", name, text)
        return text


class Bash:
    """One shell session. What it starts in the background is ended with it."""

    def __init__(self, folder: Path, ports: Ports, environment: Mapping[str, str], codes: Path) -> None:
        self.folder = folder
        self._ports = ports
        self._codes = codes
        self._process = subprocess.Popen(
            ["bash", "--norc", "-s"],  # noqa: S607 - found as its users find it
            cwd=folder,
            env=process_environment(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def write(self, title: str, text: str) -> None:
        """Write a file that a page shows."""
        path = self.folder / title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._ports.real(text), encoding="utf-8")

    def run(self, text: str) -> tuple[int, str]:
        """Exit code and output, as a page would show it; waits for what listens in the background."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f'{self._ports.real(text)}\nprintf \'\\n{MARK}%s %s\\n\' "$?" "$PWD"\n')
        self._process.stdin.flush()
        printed = ""
        for line in self._process.stdout:
            if line.startswith(MARK):
                code, _, folder = line.removeprefix(MARK).strip().partition(" ")
                self.folder = Path(folder)
                self._await_listeners(text)
                return int(code), self._as_shown(printed)
            printed += line
        return self._process.wait(), self._as_shown(printed)

    def codes(self) -> list[tuple[int, str]]:
        """The exit code of each `reconcile` so far, with its arguments."""
        if not self._codes.exists():
            return []
        rows = [line.partition(" ") for line in self._codes.read_text(encoding="utf-8").splitlines()]
        return [(int(code), arguments) for code, _, arguments in rows]

    def close(self) -> None:
        """End the session and all that it started."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def _as_shown(self, text: str) -> str:
        return self._ports.shown(text.removesuffix("\n").replace(f"{self.folder}{os.sep}", ""))

    def _await_listeners(self, text: str) -> None:
        for line in text.splitlines():
            started = re.search(r"(reconcile sandbox|reconcile ingress|uvicorn|receiver\.py).* &(\s|$)", line)
            if started:
                port = re.search(r"(?:--port|receiver\.py) (\d+)", line)
                _await_port(int(self._ports.real(port[1] if port else "8787")))


@contextmanager
def shell(home: Path, folder: Path, ports: Ports, environment: Mapping[str, str], overlay: str = "") -> Iterator[Bash]:
    """A session in `folder`; `home` is where its stand-ins are put, `overlay` a project file laid over each project."""
    programs = home / "programs"
    programs.mkdir(parents=True)
    for name in PROGRAMS:
        script = programs / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.docs.stand_in {name} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    codes = home / "codes"
    session = Bash(
        folder,
        ports,
        {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "DOCS_PORT": ports.real("8787"),
            "DOCS_OVERLAY": overlay,
            "DOCS_CODES": str(codes),
            **environment,
        },
        codes,
    )
    try:
        yield session
    finally:
        session.close()


def syntax_error(text: str) -> str:
    """What `bash -n` says of a script; empty where it is well-formed."""
    bash = shutil.which("bash") or "bash"
    return subprocess.run([bash, "-n"], input=text, capture_output=True, text=True, check=False).stderr  # noqa: S603


def _free_port() -> int:
    """A port below those that the system gives out by itself, so that nobody takes it before its turn comes."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _await_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            select.select([], [], [], 0.02)
        else:
            return
    raise AssertionError(f"nothing listens at port {port}")
