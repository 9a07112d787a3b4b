"""What holds for every test."""

import asyncio

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")

pytest_plugins = ["tests.support.postgres"]


def pytest_configure() -> None:
    """No implicit event loop: asking for one that nobody made would leave it, and its sockets, unclosed."""
    asyncio.set_event_loop(None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how many processes were killed, where any were."""
    properties = [item for report in terminalreporter.stats.get("passed", ()) for item in report.user_properties]
    if kills := [number for name, number in properties if name == "kills"]:
        terminalreporter.write_line(f"{sum(kills)} processes were killed, in {len(kills)} cases")
