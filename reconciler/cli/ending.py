"""An end that comes, whatever threads are at: one that waits for a pipe that nobody reads cannot be ended."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

LEFT_BEHIND = 5.0
"""Seconds that threads have once all work is done. What they are at is not acknowledged, and is done again."""


def leave_threads_behind(
    code: int, seconds: float = LEFT_BEHIND, leave: Callable[[int], object] = os._exit
) -> threading.Timer | None:
    """End the process with `code` after so many seconds, where a thread is left that it would wait for."""
    me = threading.current_thread()
    if all(thread is me or thread.daemon for thread in threading.enumerate()):
        return None
    timer = threading.Timer(seconds, leave, [code])
    timer.daemon = True
    timer.start()
    return timer
