"""What holds for every test."""

import asyncio

from hypothesis import HealthCheck, settings

settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")


def pytest_configure() -> None:
    """No implicit event loop: asking for one that nobody made would leave it, and its sockets, unclosed."""
    asyncio.set_event_loop(None)
