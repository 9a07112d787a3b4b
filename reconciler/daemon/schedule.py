"""Running a job on time, again and again. The only user of APScheduler."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, JobExecutionEvent, JobSubmissionEvent
from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from reconciler.core.ports import Clock, Progress


async def repeat(
    job: Callable[[], Awaitable[None]],
    seconds: float,
    ended: Callable[[], Awaitable[None]],
    clock: Clock,
    progress: Progress,
) -> None:
    """Run `job` at once and then every `seconds`, never twice at the same time, until `ended` returns.

    A turn that is due while one is running is left out. What is running at the end is waited for.
    """
    idle = asyncio.Lock()

    async def turn() -> None:
        async with idle:
            await job()

    def failed(event: JobExecutionEvent) -> None:
        name = type(event.exception).__name__
        progress("bug", level="error", message=f"this is a bug ({name}); the next pass goes on")

    def left_out(event: JobSubmissionEvent) -> None:
        message = "the last pass is still running: this one is left out"
        progress("pass_left_out", level="warning", message=message)

    # Its own loggers are silenced: what they say is told above, in our words and on our streams.
    logging.getLogger("apscheduler").addHandler(logging.NullHandler())
    scheduler = AsyncIOScheduler(executors={"default": AsyncIOExecutor()}, timezone=UTC)
    scheduler.add_listener(failed, EVENT_JOB_ERROR)
    scheduler.add_listener(left_out, EVENT_JOB_MAX_INSTANCES)
    scheduler.add_job(
        turn,
        IntervalTrigger(seconds=seconds, timezone=UTC),
        next_run_time=datetime.fromtimestamp(clock.now(), UTC),
        coalesce=True,
        max_instances=1,
        misfire_grace_time=None,
    )
    scheduler.start()
    try:
        await ended()
    finally:
        scheduler.pause()
        async with idle:
            scheduler.shutdown(wait=False)
