"""The ingress as a process: limits against real sockets, rotation and prunes by another process, an orderly end."""

from __future__ import annotations

import asyncio
import os
import signal
import urllib.request
from pathlib import Path

import pytest

from reconciler.core.inbox import Filter
from reconciler.core.model import Phase, Secret
from reconciler.store.inboxes import inbox_of
from tests.cli.support import Project
from tests.support.ingress_process import (
    ID,
    PATH,
    SECRET,
    delivery,
    project,
    record,
    running,
    sent,
    store_of,
    webhook,
)


def kept(root: Path) -> list[str]:
    """The provider's ids of what is stored, oldest first."""
    with store_of(root) as store:
        return [each.provider_delivery_id for each, _ in inbox_of(store).deliveries("acme", Filter(), 1000)][::-1]


@pytest.mark.processes
async def test_deliveries_are_stored_and_others_refused(tmp_path: Path) -> None:
    """Also when another process rotates the secret, or takes the webhook away; `/metrics` tells it."""
    root = project(tmp_path / "project")
    newer = Secret("canary-fedcba9876543210")
    with running(root, "--metrics-port", "0") as ingress:
        assert await sent(ingress.port, delivery(1)) == 200
        assert await sent(ingress.port, delivery(2, secret=newer)) == 404
        record(root, webhook(), newer)
        await asyncio.sleep(0.1)
        assert await sent(ingress.port, delivery(3, secret=newer)) == 200
        assert await sent(ingress.port, delivery(4)) == 200
        record(root, webhook(phase=Phase.TOMBSTONE))
        await asyncio.sleep(1.1)
        assert await sent(ingress.port, delivery(5)) == 404
        assert await sent(ingress.port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") == 200
        assert await sent(ingress.port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n") == 404
    assert kept(root) == ["d1", "d3", "d4"]


@pytest.mark.processes
async def test_hostile_senders_meet_limits(tmp_path: Path) -> None:
    """Over-long, cut-off and contradictory requests, over real sockets; a genuine one is served meanwhile."""
    root = project(tmp_path / "project")
    chunk = b"400000\r\n" + b"x" * 4_194_304 + b"\r\n"
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\n".encode()
    with running(root) as ingress:
        port = ingress.port
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(64)]
        for _, writer in slow:
            writer.write(head + b"Content-Length: 1000\r\n\r\n{")
        assert await sent(port, head + b"Content-Length: 30000000\r\n\r\n") == 413
        assert await sent(port, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 7) == 413
        assert await sent(port, head + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}") == 400
        assert await sent(port, head + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}") == 400
        assert await sent(port, head + b"X: 1\r\n" * 200 + b"\r\n") == 431
        assert await sent(port, b"nonsense\r\n\r\n") == 400
        assert await sent(port, delivery(1)) == 200
        answers = await asyncio.gather(*(reader.read() for reader, _ in slow))
        assert {answer.split()[1] for answer in answers} == {b"408"}
        for _, writer in slow:
            writer.close()
        assert await sent(port, delivery(2)) == 200
    assert kept(root) == ["d1", "d2"]


@pytest.mark.processes
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
async def test_a_signal_ends_the_ingress_in_order(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """What is in flight is finished; stderr says what the code means, and holds no secret."""
    root = project(tmp_path / "project")
    with running(root) as ingress:
        raw = delivery(1)
        reader, writer = await asyncio.open_connection("127.0.0.1", ingress.port)
        writer.write(raw[:-5])
        assert await sent(ingress.port, delivery(2)) == 200
        ingress.process.send_signal(number)
        await asyncio.sleep(0.3)
        writer.write(raw[-5:])
        assert (await reader.readuntil(b"\r\n\r\n")).split()[1] == b"200"
        writer.close()
        err = await asyncio.to_thread(ingress.ended)
        assert ingress.process.returncode == code
    assert f"exit {code}" in err
    assert SECRET.reveal() not in err
    assert ID not in err
    assert kept(root) == ["d2", "d1"]


def test_without_a_state_there_is_nothing_to_receive_for(project: Project) -> None:
    """None is made, nor a key."""
    outcome = project.run("ingress", "--port", "0")

    assert outcome.code == 1
    assert "there is no" in outcome.err
    assert not (project.root / ".reconciler").exists()


@pytest.mark.parametrize("prefix", ["hooks", "/a?b", "/a%2f", "/a//b"])
def test_a_prefix_is_a_path(project: Project, prefix: str) -> None:
    """Anything else would match nothing."""
    project.manifest("push")
    project.run("--yes")

    outcome = project.run("ingress", "--port", "0", "--prefix", prefix)

    assert outcome.code == 7
    assert "--prefix" in outcome.err


@pytest.mark.processes
async def test_the_prefix_is_that_of_the_base_url_unless_said_otherwise(tmp_path: Path) -> None:
    """A proxy may take it off; and while webhooks are recorded under another path, that is taken, too."""
    root = project(tmp_path / "project")
    overlay = root / "deep.yaml"
    overlay.write_text("base_url: https://hooks.example.com/deep/er\n")
    files = ("-f", str(root / "reconciler.yaml"), "-f", str(overlay))
    with running(root, *files, "--metrics-port", "0") as ingress:
        assert await sent(ingress.port, delivery(1, path=f"/deep/er{PATH}")) == 200
        assert await sent(ingress.port, delivery(2)) == 200
        assert await sent(ingress.port, delivery(3, path=f"/deep{PATH}")) == 404
    with running(root, *files, "--prefix", "") as ingress:
        assert await sent(ingress.port, delivery(4)) == 200
        assert await sent(ingress.port, delivery(5, path=f"/deep/er{PATH}")) == 404


@pytest.mark.processes
async def test_metrics_are_on_a_port_of_their_own(tmp_path: Path) -> None:
    """Counts, and nothing else."""
    with running(project(tmp_path / "project"), "--metrics-port", "0") as ingress:
        await sent(ingress.port, delivery(1))
        assert ingress.metrics
        assert await asyncio.to_thread(_dispatched, ingress.metrics)
        text = await asyncio.to_thread(_read, ingress.metrics)
    assert 'reconciler_ingress_requests_total{provider="github",outcome="kept"} 1' in text
    assert "reconciler_ingress_connections 1" in text or "reconciler_ingress_connections 0" in text
    assert "# TYPE reconciler_ingress_connections_refused_total counter" in text


@pytest.mark.processes
async def test_a_log_that_nobody_reads_does_not_keep_it_from_its_end(tmp_path: Path) -> None:
    """Standard output may be a pipe whose reader is stuck; what was not written is handed on at the next start."""
    root = project(tmp_path / "project", "targets:\n  - {log: {payload: true}, timeout: 1}\n")
    stuck, full = os.pipe()
    try:
        with running(root, stdout=full) as ingress:
            for number in range(400):
                assert await sent(ingress.port, delivery(number)) == 200
            ingress.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(ingress.process.wait, 45) == 143
    finally:
        os.close(stuck)
        os.close(full)
    with store_of(root) as store:
        assert inbox_of(store).backlog("acme").count > 0


@pytest.mark.processes
async def test_it_may_receive_and_leave_the_handing_on_to_another(tmp_path: Path) -> None:
    """With --no-dispatch what it keeps waits in the inbox, for whoever hands it on."""
    root = project(tmp_path / "project")
    with running(root, "--metrics-port", "0", "--no-dispatch") as ingress:
        assert await sent(ingress.port, delivery(1)) == 200
        text = await asyncio.to_thread(_read, ingress.metrics)
        assert "reconciler_dispatch_backlog 1\n" in text
        assert "reconciler_dispatches_total{" not in text
        with running(root, "--metrics-port", "0") as other:
            assert await asyncio.to_thread(_dispatched, other.metrics)
            while "reconciler_dispatch_backlog 0\n" not in await asyncio.to_thread(_read, ingress.metrics):
                pass


def _dispatched(url: str) -> bool:
    """Whether one was handed to the log; asked until it is."""
    while 'reconciler_dispatches_total{target="log",outcome="handed"} 1\n' not in _read(url):
        pass
    return True


def _read(url: str) -> str:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own process
        return str(answer.read().decode())
