"""The sandbox over real sockets, on loopback."""

from __future__ import annotations

import asyncio
import os
import signal

import httpx2 as httpx
import pytest

from reconciler.core.errors import ConfigError, ReconcilerError
from reconciler.testing import firing
from reconciler.testing.sandbox import SandboxConfig, create_sandbox
from reconciler.testing.serving import serve_sandbox, served
from tests.support.sandboxes import Clock, Receiver, counting_bytes

pytestmark = pytest.mark.processes

HOOKS = "/github/repos/acme/api/hooks"
AUTH = {"Authorization": "Bearer t0ken"}


def config(clock: Clock, forward_to: str = "") -> SandboxConfig:
    """A sandbox with fixed time and predictable chance."""
    return SandboxConfig(now=clock, random_bytes=counting_bytes(), forward_to=forward_to)


async def test_a_delivery_goes_from_the_sandbox_to_a_receiver(clock: Clock, receiver: Receiver) -> None:
    """Register, fire, read the log and reset, each by HTTP; an encoded path survives the server."""
    async with (
        served(receiver) as target,
        served(create_sandbox(config(clock, target))) as origin,
        httpx.AsyncClient(base_url=origin) as client,
    ):
        hooks = "/gitlab/api/v4/projects/acme%2Fapi/hooks"
        body = {"url": "https://hooks.acme.dev/webhooks/gitlab/1", "token": "s3cret"}
        assert (await client.post(hooks, json=body, headers={"PRIVATE-TOKEN": "t"})).status_code == 201

        (result,) = await firing.fire(origin, "gitlab", "push_events", resource="acme/api")
        (manual,) = await firing.fire_at(origin, "generic", f"{target}/manual", secret="s3cret")
        asked = await firing.requests(origin)
        held = await firing.webhooks(origin)
        await firing.reset(origin)

        assert (result.status, result.accepted, manual.accepted) == (200, True, True)
        assert receiver.requests[0][0] == f"{target}/webhooks/gitlab/1"
        assert [request["path"] for request in asked] == [hooks]
        assert [webhook["provider"] for webhook in held] == ["gitlab"]
        assert await firing.webhooks(origin) == ()


async def test_an_unreachable_receiver_is_told(clock: Clock, receiver: Receiver) -> None:
    """Nobody listens: the result has no status and says why."""
    async with served(receiver) as gone:
        pass
    async with served(create_sandbox(config(clock))) as origin:
        (result,) = await firing.fire_at(origin, "compass", f"{gone}/x")

    assert (result.status, result.accepted) == (None, False)
    assert result.error.startswith("ConnectError")


async def test_the_client_says_what_is_wrong(clock: Clock) -> None:
    """A refusal is told with its reason, silence with the command that helps."""
    async with served(create_sandbox(config(clock))) as origin:
        with pytest.raises(firing.SandboxError, match="psh"):
            await firing.fire(origin, "github", "psh")
    with pytest.raises(firing.SandboxError, match="reconcile sandbox"):
        await firing.requests(origin)


async def test_a_dropped_answer_is_a_broken_connection(clock: Clock) -> None:
    """Over a socket the client sees the connection end before the answer, and the change was made."""
    sandbox = create_sandbox(config(clock))
    async with served(sandbox) as origin, httpx.AsyncClient(base_url=origin, headers=AUTH) as client:
        await client.post("/_sandbox/faults", json={"path": HOOKS, "method": "POST", "drop_after": True})
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(HOOKS, json={"config": {"url": "https://hooks.acme.dev/1"}})

        assert len((await client.get(HOOKS)).json()) == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com"])  # noqa: S104 - it must be refused
async def test_only_loopback_is_served(clock: Clock, host: str) -> None:
    """Another host is a configuration error."""
    with pytest.raises(ConfigError, match="loopback"):
        async with served(create_sandbox(config(clock)), host):
            pass


async def test_a_port_that_is_taken_is_told(clock: Clock) -> None:
    """The message names the port."""
    async with served(create_sandbox(config(clock))) as origin:
        port = int(origin.rpartition(":")[2])
        with pytest.raises(ReconcilerError, match=rf"127.0.0.1:{port}: [^(]* \(--port 0 takes a free one\)") as told:
            async with served(create_sandbox(config(clock)), port=port):
                pass
    assert not isinstance(told.value, ConfigError)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_sandbox_in_order(clock: Clock, number: signal.Signals) -> None:
    """It announces itself with its real port, serves, and returns the signal that ended it."""
    lines: list[str] = []
    ready = asyncio.Event()

    def announce(line: str) -> None:
        lines.append(line)
        ready.set()

    task = asyncio.create_task(serve_sandbox(config(clock), announce=announce))
    await ready.wait()
    origin = lines[0].rpartition(" ")[2]
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{origin}/_sandbox/health")).json()["ready"] is True
    os.kill(os.getpid(), number)

    assert await task is number
    assert lines[0].startswith("sandbox ready at http://127.0.0.1:")
    assert any("/gitlab/api/v4" in line for line in lines)
    assert any("the sandbox itself answers the handshakes" in line for line in lines)


async def test_a_signal_right_after_the_ready_line_ends_it_in_order(clock: Clock) -> None:
    """Its handlers are there before it says that it is ready."""
    handled: list[bool] = []
    ready = asyncio.Event()

    def announce(_: str) -> None:
        if not handled:
            handled.append(signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL)
            ready.set()
            if all(handled):
                os.kill(os.getpid(), signal.SIGTERM)

    task = asyncio.create_task(serve_sandbox(config(clock), announce=announce))
    await ready.wait()
    if not all(handled):
        task.cancel()
    assert all(handled)
    assert await task is signal.SIGTERM
