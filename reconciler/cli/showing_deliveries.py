"""Which deliveries the flags of a verb mean."""

from __future__ import annotations

from reconciler.cli.flags_deliveries import ChoosingFlags, DeadFlags
from reconciler.cli.output import Output
from reconciler.cli.since import since
from reconciler.core.errors import ConfigError, Problem
from reconciler.core.inbox import Filter
from reconciler.wiring.deliveries import DeliveryLog


def chosen(flags: ChoosingFlags, log: DeliveryLog, output: Output) -> Filter:
    """The filter. Raises `ConfigError` for a webhook or provider that is nobody's, and a time that is over at once."""
    now = output.streams.now()
    begin = since(flags.since, now) if flags.since else None
    end = since(flags.until, now) if flags.until else None
    if begin is not None and end is not None and end <= begin:
        message = f"--until {flags.until} is not after --since {flags.since}"
        raise ConfigError((Problem("usage", message, hint="30m is later than 2h: both count back from now"),))
    return Filter(
        webhook_id=log.webhook_id(flags.webhook) if flags.webhook else "",
        provider=log.provider(flags.provider) if flags.provider else "",
        event=flags.event,
        since=begin,
        until=end,
        dead=flags.dead,
    )


def chosen_dead(flags: DeadFlags, log: DeliveryLog, output: Output) -> Filter:
    """The same, for dead letters."""
    return Filter(
        webhook_id=log.webhook_id(flags.webhook) if flags.webhook else "",
        provider=log.provider(flags.provider) if flags.provider else "",
        since=since(flags.since, output.streams.now()) if flags.since else None,
        dead=True,
    )
