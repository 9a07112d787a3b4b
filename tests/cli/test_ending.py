"""The process ends when its work is done, whatever its threads are at."""

from __future__ import annotations

import threading

from reconciler.cli.ending import leave_threads_behind


def test_a_thread_that_cannot_be_ended_keeps_the_process_for_a_moment_only() -> None:
    """Such as one that writes to a pipe that nobody reads."""
    read, left = threading.Event(), threading.Event()
    codes: list[int] = []

    def leave(code: int) -> None:
        codes.append(code)
        left.set()

    stuck = threading.Thread(target=read.wait)
    stuck.start()
    try:
        assert leave_threads_behind(143, seconds=0.0, leave=leave) is not None
        assert left.wait(10)
    finally:
        read.set()
        stuck.join()
    assert codes == [143]


def test_threads_that_nobody_waits_for_need_no_end() -> None:
    """Then the process ends by itself, and what it still has to write is written."""
    read = threading.Event()
    idle = threading.Thread(target=read.wait, daemon=True)
    idle.start()
    started = [
        thread for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()
    ]
    try:
        assert bool(leave_threads_behind(0, seconds=3600.0, leave=lambda _: None)) is bool(started)
    finally:
        read.set()
        idle.join()
