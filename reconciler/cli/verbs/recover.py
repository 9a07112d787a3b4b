"""`reconcile recover`: deliveries that were missed, got back from those who sent them."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import Format
from reconciler.cli.flags_recovery import RecoverFlags
from reconciler.cli.output import Output
from reconciler.cli.running import carry_out, inputs_of, look_up
from reconciler.cli.since import since
from reconciler.daemon.draining import Drain
from reconciler.engine.context import Stop
from reconciler.engine.recovering import Backlog, Recovered
from reconciler.render.recovered import missed_json, missed_text, recovered_json, recovered_text
from reconciler.wiring.loading import load_recorded
from reconciler.wiring.recovering import Span, missed, recover
from reconciler.wiring.session import amending, reading


def run(flags: RecoverFlags, output: Output) -> ExitCode:
    """Look, and unless it is a dry run, get what is missing; one webhook's failure stops no other."""
    if flags.dry_run:
        return look_up(lambda: _look(flags, output), output)
    return carry_out(lambda drain: _get(flags, output, drain), output)


async def _look(flags: RecoverFlags, output: Output) -> ExitCode:
    loaded = load_recorded(inputs_of(flags, output))
    async with reading(loaded, output) as session:
        backlogs = await missed(session, loaded, _span(flags, output), Stop())
    if flags.format is Format.JSON:
        output.document(missed_json(backlogs))
    else:
        output.result(missed_text(backlogs, output.painter))
    if any(backlog.problem for backlog in backlogs):
        return ExitCode.ERROR
    return ExitCode.PENDING if flags.detailed_exitcode and _missing(backlogs) else ExitCode.DONE


async def _get(flags: RecoverFlags, output: Output, drain: Drain) -> ExitCode:
    loaded = load_recorded(inputs_of(flags, output))
    async with amending(loaded, output, flags.lock_timeout) as session:
        recovered = await recover(session, loaded, _span(flags, output), drain.stop)
    if flags.format is Format.JSON:
        output.document(recovered_json(recovered))
    else:
        output.result(recovered_text(recovered, output.painter))
    return _code(recovered)


def _span(flags: RecoverFlags, output: Output) -> Span:
    moment = since(flags.since, output.streams.now()) if flags.since else None
    return Span(since=moment, targets=tuple(flags.target or ()))


def _missing(backlogs: Sequence[Backlog]) -> bool:
    return any(backlog.missing for backlog in backlogs)


def _code(recovered: Sequence[Recovered]) -> ExitCode:
    return ExitCode.DONE if all(item.complete for item in recovered) else ExitCode.PARTIAL
