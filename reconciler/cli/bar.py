"""A bar below the logs while something takes long: on a terminal only, gone when it is done."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TextIO

from reconciler.core.model import Json

PATIENCE_SECONDS = 0.5
"""What takes no longer gets no bar."""

_PAUSE_SECONDS = 0.1
_WIDTH = 24
_BEGINS: Mapping[str, str] = MappingProxyType({"listing": "Listing", "applying": "Applying"})
"""Events that begin a piece of work; their `number` is how many steps it has."""
_STEPS: Mapping[str, str] = MappingProxyType({"listed": "Listing", "list_failed": "Listing", "applied": "Applying"})
"""Events that are one step of a piece of work."""


class Bar:
    """Counts the events of long work, and draws. Whoever writes to the stream hides it first, and shows it after."""

    def __init__(self, stream: TextIO, now: Callable[[], float]) -> None:
        self._stream, self._now = stream, now
        self._work = ""
        self._done = self._total = 0
        self._begun = self._drawn_at = 0.0
        self._drawn = False

    def take(self, event: str, details: Mapping[str, Json]) -> None:
        """Count an event, whatever it is."""
        if event in _BEGINS:
            self._begin(_BEGINS[event])
            self._total = int(details.get("number") or 0)
        elif event in _STEPS:
            if self._work != _STEPS[event]:
                self._begin(_STEPS[event])
            self._done += 1
        if self._total and self._done >= self._total:
            self._work = ""

    def show(self) -> None:
        """Draw, where there is something that takes long."""
        now = self._now()
        if not self._work or now - self._begun < PATIENCE_SECONDS:
            return
        self._drawn_at, self._drawn = now, True
        self._stream.write(f"\r\x1b[K{self._text()[: shutil.get_terminal_size().columns - 1]}")
        self._stream.flush()

    def refresh(self) -> None:
        """Draw anew after a step that nothing is written about, but not too often."""
        if not self._work:
            self.hide()
        elif self._now() - self._drawn_at >= _PAUSE_SECONDS:
            self.show()

    def hide(self) -> None:
        """Take it away."""
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._drawn = False

    def end(self) -> None:
        """What took long is over."""
        self.hide()
        self._work = ""

    def _begin(self, work: str) -> None:
        self._work, self._done, self._total = work, 0, 0
        self._begun = self._now()

    def _text(self) -> str:
        if not self._total:
            return f"{self._work} {self._done} ..."
        filled = _WIDTH * self._done // self._total
        return f"{self._work} [{'#' * filled}{'.' * (_WIDTH - filled)}] {self._done}/{self._total}"
