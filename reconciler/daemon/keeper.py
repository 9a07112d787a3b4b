"""One turn of the loop: read the files, run the pass; whatever goes wrong is told, and the next turn goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from reconciler.core.errors import ConfigError, ReconcilerError
from reconciler.core.ports import Progress

W = TypeVar("W")


class Keeper(Generic[W]):
    """Keeps what the files wish for. `read` gives the wish (`ConfigError` for invalid files), `act` runs a pass."""

    def __init__(self, read: Callable[[], W], act: Callable[[W], Awaitable[None]], progress: Progress) -> None:
        self._read = read
        self._act = act
        self._progress = progress
        self._good: W | None = None

    async def turn(self) -> None:
        """Read anew and act. With invalid files the last good wish stays in force, so that drift is still repaired."""
        try:
            self._good = self._read()
        except ConfigError as error:
            self._tell(error)
        if self._good is None:
            self._progress("pass_skipped", level="error", message="no valid files yet: nothing is done")
            return
        try:
            await self._act(self._good)
        except ConfigError as error:
            for problem in error.problems:
                self._progress(problem.code, level="error", message=str(problem))
        except ReconcilerError as error:
            self._progress("pass_failed", level="error", message=f"this pass failed, the next one tries again: {error}")

    def _tell(self, error: ConfigError) -> None:
        for problem in error.problems:
            self._progress(problem.code, level="error", message=str(problem))
        if self._good is not None:
            message = "the files are invalid: the last good ones stay in force"
            self._progress("last_good", level="warning", message=message)
