"""`reconcile deliveries list`: what came, for whom, and what came of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from itertools import islice

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import Format
from reconciler.cli.flags_deliveries import ListFlags
from reconciler.cli.output import Output
from reconciler.cli.running import carry_out, inputs_of
from reconciler.cli.showing_deliveries import chosen
from reconciler.core.inbox import Filter
from reconciler.daemon.draining import Drain
from reconciler.render.deliveries import Told, deliveries_json, delivery_json, delivery_line, delivery_rows
from reconciler.wiring.deliveries import DeliveryLog, deliveries_of

_PIECES = 100
"""How many deliveries are written at once."""

POLL = 0.5
"""Seconds between two looks."""

FOLLOWED = 1000
"""Of how many deliveries that are not over yet the outcome is waited for."""


def run(flags: ListFlags, output: Output) -> ExitCode:
    """List them, as they are read; with `--follow`, go on until a signal comes."""
    if flags.follow:
        return carry_out(lambda drain: _follow(flags, output, drain), output, then="stopped")
    with deliveries_of(inputs_of(flags, output), output) as log:
        told = log.told(chosen(flags, log, output), flags.limit)
        if flags.format is Format.JSON:
            _write(deliveries_json(told), output)
        else:
            _table(told, output)
    return ExitCode.DONE


def _table(told: Iterator[Told], output: Output) -> None:
    some = list(islice(told, _PIECES))
    if not some:
        output.result("No deliveries.")
    while some:
        output.result("\n".join(delivery_rows(some, output.painter)))
        some = list(islice(told, _PIECES))


def _write(pieces: Iterable[str], output: Output) -> None:
    pieces = iter(pieces)
    while some := list(islice(pieces, _PIECES)):
        output.result("\n".join(some))


async def _follow(flags: ListFlags, output: Output, drain: Drain) -> ExitCode:
    with deliveries_of(inputs_of(flags, output), output) as log:
        follower = Follower(flags, log, output)
        while not drain.stop.requested:
            await asyncio.to_thread(follower.look)
            await _pause(drain)
    return ExitCode.DONE


async def _pause(drain: Drain) -> None:
    try:
        async with asyncio.timeout(POLL):
            await drain.wait()
    except TimeoutError:
        return


class Follower:
    """Shows what is new, and what became of what was shown."""

    def __init__(self, flags: ListFlags, log: DeliveryLog, output: Output) -> None:
        self._log = log
        self._output = output
        self._json = flags.format is Format.JSON
        self._filter = chosen(flags, log, output)
        self._open: dict[str, str] = {}
        newest = next(log.told(Filter(), 1), None)
        self._last = newest.delivery.id if newest else "0"

    def look(self) -> None:
        """One look."""
        for delivery_id, outcome in tuple(self._open.items()):
            told = self._log.one(delivery_id)
            if told.outcome != outcome:
                self._show(told)
        for told in self._log.told(self._after()):
            self._last = told.delivery.id
            self._show(told)

    def _after(self) -> Filter:
        known = self._filter
        return Filter(
            webhook_id=known.webhook_id,
            provider=known.provider,
            event=known.event,
            since=known.since,
            until=known.until,
            dead=known.dead,
            after=self._last,
        )

    def _show(self, told: Told) -> None:
        self._open.pop(told.delivery.id, None)
        if not told.over:
            self._open[told.delivery.id] = told.outcome
            if len(self._open) > FOLLOWED:
                del self._open[next(iter(self._open))]
        if self._json:
            self._output.result(json.dumps(delivery_json(told), ensure_ascii=False))
        else:
            self._output.result(delivery_line(told, self._output.painter))
