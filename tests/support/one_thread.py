"""An event loop without other threads: what would run in one runs here, in its turn, so that every run goes alike."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import Any


class OneThreadLoop(asyncio.SelectorEventLoop):
    """Carries out what is given to an executor, `asyncio.to_thread` among it, some rounds of the loop later.

    `rounds` says how many, call by call and then from the start again: other rounds, other interleavings.
    """

    def __init__(self, rounds: Sequence[int] = ()) -> None:
        super().__init__()
        self._rounds = itertools.cycle(rounds or (0,))

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        done = self.create_future()

        def carry_out(left: int) -> None:
            if left:
                self.call_soon(carry_out, left - 1)
                return
            try:
                result = func(*args)
            except BaseException as error:  # noqa: BLE001  # as an executor does: whoever waits is told
                answer, answered = done.set_exception, error
            else:
                answer, answered = done.set_result, result
            if not done.cancelled():
                answer(answered)

        self.call_soon(carry_out, next(self._rounds))
        return done
