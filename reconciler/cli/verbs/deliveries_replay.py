"""`reconcile deliveries replay`: stored deliveries, handed on once more; shown first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags_deliveries import ReplayFlags
from reconciler.cli.keeping import Approval, Approve, open_up, tell
from reconciler.cli.output import Output
from reconciler.cli.running import inputs_of
from reconciler.cli.showing_deliveries import chosen
from reconciler.core.errors import ConfigError, Problem
from reconciler.render.deliveries import Told
from reconciler.render.replays import replay_json, replay_text
from reconciler.wiring.deliveries import DeliveryLog, deliveries_of, log_of, planned, replay_all
from reconciler.wiring.keeping import Opened


def run(flags: ReplayFlags, output: Output) -> ExitCode:
    """Show what it comes to; unless it is a dry run, ask, and do it."""
    choosing = bool(flags.webhook or flags.provider or flags.event or flags.since or flags.until or flags.dead)
    if bool(flags.ids) == choosing:
        message = "name the deliveries to replay, or choose them, such as with --since 2h"
        raise ConfigError((Problem("usage", message, hint="see `reconcile deliveries list` for their ids"),))
    if flags.dry_run:
        with deliveries_of(inputs_of(flags, output), output) as log:
            plan, _ = planned(log, _deliveries(flags, log, output))
        tell(flags, output, replay_text(plan, output.painter), replay_json(plan, dispatched=None))
        return ExitCode.DONE

    async def work(opened: Opened, approve: Approve) -> ExitCode:
        return await _replay(flags, output, opened, approve)

    return open_up(flags, output, Approval(flags.yes, output), work)


async def _replay(flags: ReplayFlags, output: Output, opened: Opened, approve: Approve) -> ExitCode:
    log = log_of(opened)
    plan, replays = await asyncio.to_thread(planned, log, _deliveries(flags, log, output))
    text = replay_text(plan, output.painter)
    if not replays:
        tell(flags, output, text, replay_json(plan, dispatched=0))
        return ExitCode.ERROR if plan.unreadable else ExitCode.DONE
    if not await approve(f"{text}\nHand them on once more?"):
        return ExitCode.ERROR
    dispatched = await asyncio.to_thread(replay_all, opened, replays)
    tell(flags, output, f"{text}\nReplayed; a running ingress hands them on.", replay_json(plan, dispatched))
    return ExitCode.PARTIAL if plan.unreadable else ExitCode.DONE


def _deliveries(flags: ReplayFlags, log: DeliveryLog, output: Output) -> Sequence[Told]:
    if flags.ids:
        return [log.one(each) for each in dict.fromkeys(flags.ids)]
    return list(log.told(chosen(flags, log, output)))
