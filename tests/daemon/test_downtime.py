"""The daemon asks for missed deliveries when it starts, and every hour."""

from reconciler.daemon.downtime import EVERY_SECONDS, Downtime
from reconciler.testing.stand_ins import VirtualClock


def test_it_is_time_at_the_start_and_an_hour_after_each_recovery() -> None:
    """A recovery that failed is not over: the next turn tries again."""
    clock = VirtualClock()
    downtime = Downtime(clock.now)
    assert downtime.due
    assert downtime.due

    downtime.over()
    assert not downtime.due
    clock.time += EVERY_SECONDS
    assert downtime.due
