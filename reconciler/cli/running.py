"""Running a verb's work in an event loop, with an orderly end when a signal comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from reconciler.cli import exits
from reconciler.cli.exits import ExitCode
from reconciler.cli.inputs import inputs_of
from reconciler.cli.output import Output
from reconciler.core.plan import Plan
from reconciler.daemon.draining import IN_FLIGHT, Drain, drained, draining
from reconciler.engine.reconciler import Approve

__all__ = ["carry_out", "inputs_of", "look_up"]


def carry_out(
    work: Callable[[Drain], Awaitable[ExitCode]],
    output: Output,
    new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
    then: str = IN_FLIGHT,
) -> ExitCode:
    """The exit code of `work`, or that of the signal that asked it to end; in a loop of `new_loop`, where given.

    `then` says what a signal leads to.
    """

    async def main() -> ExitCode:
        with draining(output, then) as drain:
            code = await work(drain)
            return exits.of_signal(drain.signal) if drain.signal else code

    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(main())


def look_up(work: Callable[[], Awaitable[ExitCode]], output: Output) -> ExitCode:
    """The same for `work` that changes nothing, and so is given up at once."""

    async def begin(_: Approve) -> ExitCode:
        return await work()

    async def guarded(drain: Drain) -> ExitCode:
        return await drained(begin, _never, drain) or ExitCode.DONE

    return carry_out(guarded, output)


async def _never(_: Plan) -> bool:
    return False
