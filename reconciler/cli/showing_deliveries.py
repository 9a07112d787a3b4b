"""Which deliveries the flags of a verb mean."""

from __future__ import annotations

from reconciler.cli.flags_deliveries import ChoosingFlags, DeadFlags
from reconciler.cli.output import Output
from reconciler.cli.since import since
from reconciler.core.deliveries import Filter
from reconciler.wiring.deliveries import DeliveryLog


def chosen(flags: ChoosingFlags, log: DeliveryLog, output: Output) -> Filter:
    """The filter. Raises `ConfigError` for a webhook that is nobody's."""
    now = output.streams.now()
    return Filter(
        webhook_id=log.webhook_id(flags.webhook) if flags.webhook else "",
        provider=flags.provider,
        event=flags.event,
        since=since(flags.since, now) if flags.since else None,
        until=since(flags.until, now) if flags.until else None,
        dead=flags.dead,
    )


def chosen_dead(flags: DeadFlags, log: DeliveryLog, output: Output) -> Filter:
    """The same, for dead letters."""
    return Filter(
        webhook_id=log.webhook_id(flags.webhook) if flags.webhook else "",
        provider=flags.provider,
        since=since(flags.since, output.streams.now()) if flags.since else None,
        dead=True,
    )
