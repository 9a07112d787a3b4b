"""Coming to an end."""

from __future__ import annotations

import asyncio
import os
import signal

from reconciler.core.plan import Plan, PlanOptions
from reconciler.daemon.draining import Drain, drained, draining
from reconciler.engine.reconciler import Approve

PLAN = Plan(scope="s", base_url="https://hooks.example.com", default_user="", options=PlanOptions())


async def yes(plan: Plan) -> bool:
    """Approve everything."""
    return True


async def test_a_pass_that_only_reads_is_given_up() -> None:
    """Asked to end before its plan was approved, a pass is cancelled."""
    drain, reading = Drain(), asyncio.Event()
    gone: list[str] = []

    async def begin(approve: Approve) -> str:
        reading.set()
        try:
            await asyncio.Event().wait()
        finally:
            gone.append("cleaned up")
        return "never"

    work = asyncio.create_task(drained(begin, yes, drain))
    await reading.wait()
    drain.request(signal.SIGTERM)
    assert await work is None
    assert gone == ["cleaned up"]


async def test_a_pass_that_writes_is_waited_for() -> None:
    """Asked to end after the approval, the engine is told to begin nothing more, and its pass ends by itself."""
    drain, applying, call = Drain(), asyncio.Event(), asyncio.Event()

    async def begin(approve: Approve) -> str:
        assert await approve(PLAN)
        applying.set()
        await call.wait()
        return f"stop requested: {drain.stop.requested}"

    work = asyncio.create_task(drained(begin, yes, drain))
    await applying.wait()
    drain.request(signal.SIGINT)
    await asyncio.wait([work], timeout=0)
    assert not work.done()
    call.set()
    assert await work == "stop requested: True"


async def test_nothing_is_applied_once_the_end_was_asked_for() -> None:
    """An approval that comes too late does not count."""
    drain = Drain()

    async def late(plan: Plan) -> bool:
        drain.stop.request()
        return True

    async def begin(approve: Approve) -> bool:
        return await approve(PLAN)

    assert await drained(begin, late, drain) is False


async def test_signals_ask_for_the_end() -> None:
    """The first signal is remembered and told; afterwards signals have their usual effect."""
    told: list[str] = []
    with draining(lambda event, **details: told.append(event)) as drain:
        os.kill(os.getpid(), signal.SIGTERM)
        await drain.wait()
        assert drain.signal is signal.SIGTERM
        assert drain.stop.requested
    assert told == ["draining"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
