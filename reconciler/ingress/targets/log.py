"""A target that only writes down: one line of JSON for each dispatch."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reconciler.ingress.targets.event import Again, Event

Write = Callable[[str], None]
"""Appends one line, with its end."""


class LogTarget:
    """Writes the attributes of events; with `payload` their data too.

    `write` is called in a thread of its own, one line after another: where nobody reads what is written it waits for
    as long as it likes, and nothing else does.
    """

    def __init__(self, write: Write, *, payload: bool = False) -> None:
        self._write = write
        self._payload = payload
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="log")

    async def send(self, event: Event) -> None:
        document = event.document() if self._payload else event.attributes()
        line = json.dumps(document, separators=(",", ":"))
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._write, f"{line}\n")
        except OSError as error:
            raise Again(f"the log cannot be written: {error.strerror}") from None

    async def aclose(self) -> None:
        """Take no more; a line that is being written is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def appending(path: Path) -> Write:
    """Appends to a file that only its owner can read; it may be moved away at any time, and is made anew then.

    A line that a full disk cut off stays, and is no part of the next one.
    """

    def write(line: str) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(path, "a+b", opener=_open_privately) as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else f"\n{line}"
            file.write(line.encode())

    return write


def _open_privately(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
