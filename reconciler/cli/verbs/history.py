"""`reconcile history`: who did what to which webhook, when, why, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import Format
from reconciler.cli.flags_history import HistoryFlags
from reconciler.cli.inputs import inputs_of
from reconciler.cli.output import Output
from reconciler.render.history import entry_text, history_json
from reconciler.wiring.history import Told, history_of

_PIECES = 100
"""How many entries are written at once."""


def run(flags: HistoryFlags, output: Output) -> ExitCode:
    """Tell it, newest first, as it is read: a long log takes time and no memory."""
    with history_of(inputs_of(flags, output), output, output.streams.now) as log:
        told = islice(log.entries(flags.webhook), flags.limit)
        pieces = _json(told) if flags.format is Format.JSON else _text(told, output)
        while some := list(islice(pieces, _PIECES)):
            output.result("\n".join(some))
    return ExitCode.DONE


def _json(told: Iterator[Told]) -> Iterator[str]:
    return history_json((item.entry, item.outcome) for item in told)


def _text(told: Iterator[Told], output: Output) -> Iterator[str]:
    first = next(told, None)
    if first is None:
        yield "No history."
        return
    yield entry_text(first.entry, first.outcome, output.painter)
    for item in told:
        yield entry_text(item.entry, item.outcome, output.painter)
