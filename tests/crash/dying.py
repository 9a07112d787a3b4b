"""One pass as a process of its own, which kills itself at a point that it reaches: no handler, no clean-up.

    python dying.py PROJECT WHEN AGO SIGNAL

WHEN is the number of the point (0: none), or its name (`create:after`). The pass takes place AGO seconds ago, so that
the lease that it leaves behind has lapsed by now. SIGNAL is SIGKILL, or SIGSTOP to halt there. Every point is printed
as it is reached.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from reconciler.core.model import Json
from reconciler.core.plan import Plan, PlanOptions
from reconciler.engine.context import Stop
from reconciler.engine.points import Point, Side
from reconciler.engine.reconciler import Reconciler
from reconciler.system import SystemClock
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.loading import load
from reconciler.wiring.session import writing


class EarlierClock(SystemClock):
    """The machine's clock as it was some seconds ago."""

    def __init__(self, ago: float) -> None:
        self._ago = ago

    def now(self) -> float:
        return super().now() - self._ago


class Killer:
    """A `Probe` that kills this process."""

    def __init__(self, when: str, end: signal.Signals) -> None:
        self._when = when
        self._end = end
        self._reached = 0

    def __call__(self, point: Point, side: Side) -> None:
        self._reached += 1
        name = f"{point}:{side}"
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()
        if self._when in {name, str(self._reached)}:
            os.kill(os.getpid(), self._end)


def silent(event: str, /, **details: Json) -> None:
    """Report nothing."""


async def yes(plan: Plan) -> bool:
    """Approve whatever is planned."""
    return True


async def main(project: str, when: str, ago: str, end: str) -> None:
    """Run the pass."""
    loaded = load(Inputs(directory=Path(project), environment=os.environ))
    async with writing(loaded, silent, 60.0) as session:
        ports = replace(session.ports, clock=EarlierClock(float(ago)), probe=Killer(when, signal.Signals[end]))
        options = PlanOptions(allow_destroy="100%")
        await Reconciler(ports, session.scope).run(session.desired, options, session.supplied, yes, Stop())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
