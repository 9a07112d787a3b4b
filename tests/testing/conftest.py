"""A sandbox in this process, a client for it whose every exchange is held against the vendors' descriptions."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2 as httpx
import pytest

from reconciler.testing.sandbox import Sandbox, SandboxConfig, create_sandbox
from tests.support.openapi import VARIABLE, Conformance, RecordingTransport, specs_folder
from tests.support.sandboxes import ORIGIN, Clock, Receiver, SandboxTransport, counting_bytes


@pytest.fixture
def clock() -> Clock:
    """The sandbox's time."""
    return Clock()


@pytest.fixture
def receiver() -> Receiver:
    """Where deliveries end."""
    return Receiver()


@pytest.fixture
def sandbox(clock: Clock, receiver: Receiver) -> Sandbox:
    """A sandbox whose deliveries are forwarded to `receiver`, whatever URL they have."""
    config = SandboxConfig(
        now=clock, random_bytes=counting_bytes(), forward_to="http://receiver.test", receiver=receiver
    )
    return create_sandbox(config)


@pytest.fixture(scope="session")
def descriptions() -> Conformance | None:
    """The vendors' descriptions, where the environment names their folder."""
    folder = specs_folder()
    return Conformance(folder) if folder else None


@pytest.fixture
def conformance(descriptions: Conformance | None) -> Conformance:
    """The same, for tests that are about nothing else: skipped without a folder."""
    if descriptions is None:
        pytest.skip(f"{VARIABLE} names no folder of OpenAPI descriptions")
    return descriptions


@pytest.fixture
def recorder(sandbox: Sandbox) -> RecordingTransport:
    """The way to the sandbox, remembering every exchange."""
    return RecordingTransport(SandboxTransport(sandbox))


@pytest.fixture
async def client(recorder: RecordingTransport, descriptions: Conformance | None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the sandbox; in the end, everything it saw must be as the vendors describe it."""
    async with httpx.AsyncClient(transport=recorder, base_url=ORIGIN) as client:
        yield client
    if descriptions is not None:
        assert descriptions.problems(recorder.exchanges) == []
