"""Fixtures of the tests that kill processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.testing.sandbox import Sandbox
from tests.cli.support import serving


@pytest.fixture(scope="session")
def server() -> Iterator[tuple[str, Sandbox]]:
    """One sandbox on loopback for all tests of a process."""
    with serving() as served:
        yield served
