"""Answers of providers kept in memory: for tests of whatever is built on `core.ports.ResponseCache`."""

from __future__ import annotations

import threading

from reconciler.core.ports import Response


class MemoryResponses:
    """A `core.ports.ResponseCache` in a dictionary; safe for several threads."""

    def __init__(self) -> None:
        self._kept: dict[str, Response] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: str) -> Response | None:
        with self._lock:
            return self._kept.get(key)

    def put(self, key: str, response: Response) -> None:
        with self._lock:
            self._kept[key] = response
