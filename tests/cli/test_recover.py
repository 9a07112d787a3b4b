"""Deliveries that were sent while nobody listened are got back, each exactly once."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.types import ASGIApp

from reconciler.core.deliveries import Provenance
from reconciler.core.inbox import Filter
from reconciler.ingress.app import app
from reconciler.ingress.ports import untold
from reconciler.store.inboxes import inbox_of
from reconciler.store.keys import KeySource
from reconciler.store.opening import open_for_reading, open_for_writing
from reconciler.system import SystemClock
from reconciler.testing.outbound import Courier
from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.serving import served
from reconciler.wiring.ingress import open_ingress
from reconciler.wiring.inputs import Inputs
from tests.cli.support import CANARIES, Project, project_file

pytestmark = pytest.mark.journeys

GITHUB = "github/repo/acme/api@acme-github"
GITLAB = "gitlab/project/acme/tools@acme-gitlab"
STRIPE = "stripe/account/self@acme-stripe"
EVENTS = {"github": "issues.opened", "gitlab": "push_events", "stripe": "charge.succeeded"}
MANIFEST = """\
graph: triage
triggers:
  - {provider: github, type: repo, resource: acme/api, events: [issues.opened]}
  - {provider: gitlab, type: project, resource: acme/tools, events: [push_events]}
  - {provider: stripe, events: [charge.succeeded]}
"""


class World(Project):
    """A project whose deliveries go to a port of loopback where nobody listens at first."""

    port: int = 0
    loop: asyncio.AbstractEventLoop

    def fire(self, *providers: str) -> None:
        """Have stand-ins send a delivery each."""
        for name in providers or EVENTS:
            work = self.sandbox.fire(FireOrder(provider=name, event=EVENTS[name]))
            outcomes = asyncio.run_coroutine_threadsafe(work, self.loop).result(20)
            assert len(outcomes) == 1

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Serve the ingress for as long as the block runs."""
        begun, ended = asyncio.Event(), asyncio.Event()
        inputs = Inputs(directory=self.root, files=(), environment=self.environment)

        async def serve() -> None:
            async with open_ingress(inputs, untold) as opened:
                ingress = app(opened.ports())
                async with served(cast("ASGIApp", ingress), port=self.port):
                    begun.set()
                    await ended.wait()
                await ingress.aclose()

        task = asyncio.run_coroutine_threadsafe(serve(), self.loop)
        asyncio.run_coroutine_threadsafe(begun.wait(), self.loop).result(20)
        try:
            yield
        finally:
            self.loop.call_soon_threadsafe(ended.set)
            task.result(20)

    def kept(self) -> list[tuple[str, Provenance, int]]:
        """What the inbox holds: provider, how it came, and to how many it is dispatched; oldest first."""
        with open_for_reading(f"sqlite:///{self.root}/.reconciler/state.db", KeySource()) as store:
            told = inbox_of(store).deliveries("acme", Filter(after="0"), 100)
            return [(delivery.provider, delivery.provenance, len(handed)) for delivery, handed in told]

    def webhooks(self, outcome: Any) -> dict[str, dict[str, Any]]:
        """The webhooks of a JSON result, by address."""
        return {item["address"]: item for item in outcome.document["webhooks"]}


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def sandboxed(port: int) -> Iterator[tuple[str, Sandbox, asyncio.AbstractEventLoop]]:
    """A sandbox on loopback whose deliveries go to a port."""
    loop = asyncio.new_event_loop()
    sandbox = create_sandbox(SandboxConfig(now=SystemClock().now, forward_to=f"http://127.0.0.1:{port}"))
    ready: list[str] = []
    begun, ended = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with served(sandbox) as origin:
            ready.append(origin)
            begun.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert begun.wait(10)
        yield ready[0], sandbox, loop
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Three webhooks, registered; nobody listens."""
    port = free_port()
    with sandboxed(port) as (origin, sandbox, loop):
        found = World(tmp_path, origin, sandbox)
        found.port, found.loop = port, loop
        found.write("reconciler.yaml", project_file(origin))
        found.write("webhooks/triage.yaml", MANIFEST)
        assert found.run().code == 0
        yield found


def test_what_was_missed_comes_back_exactly_once(world: World) -> None:
    """GitHub sends again, GitLab and Stripe tell what they would have sent; each is dispatched once, ever."""
    world.fire()
    world.fire("stripe")
    assert world.kept() == []

    with world.listening():
        first = world.run("recover", "--format", "json")
        second = world.run("recover", "--format", "json")

    assert (first.code, second.code) == (0, 0)
    counts = {
        address: (item["found"], item["here"], item["asked"], item["injected"], item["failed"])
        for address, item in world.webhooks(first).items()
    }
    assert counts == {GITHUB: (1, 0, 1, 0, []), GITLAB: (1, 0, 0, 1, []), STRIPE: (2, 0, 0, 2, [])}
    assert {address: item["here"] for address, item in world.webhooks(second).items()} == {
        GITHUB: 1,
        GITLAB: 1,
        STRIPE: 2,
    }
    assert sorted(world.kept()) == [
        ("github", Provenance.RECEIVED, 1),
        ("gitlab", Provenance.RECOVERED, 1),
        ("stripe", Provenance.RECOVERED, 1),
        ("stripe", Provenance.RECOVERED, 1),
    ]


def test_what_the_vendor_sends_again_by_itself_is_not_dispatched_twice(world: World) -> None:
    """A delivery that was injected, and then comes after all, is known by its id."""
    world.fire("stripe")
    assert world.run("recover").code == 0
    (first,) = [outcome for outcome in world.sandbox.outcomes if outcome.delivery.provider == "stripe"]
    with world.listening():
        courier = Courier(forward_to=f"http://127.0.0.1:{world.port}")
        again = asyncio.run_coroutine_threadsafe(courier.send(first.delivery), world.loop).result(20)

    assert again.accepted
    assert world.kept() == [("stripe", Provenance.RECOVERED, 1)]


def test_a_dry_run_only_looks(world: World) -> None:
    """It says what is missing and since when, and changes nothing; exit 2 for those who ask for it."""
    world.fire("github")

    shown = world.run("recover", "--dry-run")
    coded = world.run("recover", "--dry-run", "--detailed-exitcode", "--format", "json")

    assert shown.code == 0
    assert f"{GITHUB}: 1 delivery missing since" in shown.out
    assert "issues.opened" in shown.out
    assert "3 webhooks looked at: 1 delivery missing, 0 already here." in shown.out
    assert coded.code == 2
    assert [item["event"] for item in world.webhooks(coded)[GITHUB]["missing"]] == ["issues.opened"]
    assert world.kept() == []
    assert not [outcome for outcome in world.sandbox.outcomes if outcome.delivery.event == "ping" and outcome.accepted]


def test_nothing_missing_is_no_news(world: World) -> None:
    """Exit 0, whatever is asked; providers without a log are named once, and are no failure."""
    world.write("webhooks/bot.yaml", "graph: bot\ntriggers:\n  - {provider: telegram, events: [message]}\n")
    assert world.run().code == 0

    outcome = world.run("recover", "--dry-run", "--detailed-exitcode")

    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        "1 webhook not looked at: telegram keeps no log of deliveries that can be asked",
        "3 webhooks looked at: 0 deliveries missing, 0 already here.",
    ]
    assert world.run("recover").code == 0


def test_a_target_and_a_time_narrow_it(world: World) -> None:
    """Only the webhooks that are named, and only since then; what matches nothing, or is no time, is exit 7."""
    world.fire()

    only = world.run("recover", "--target", "stripe/*", "--format", "json")
    late = world.run("recover", "--dry-run", "--since", "2100-01-01", "--format", "json")

    assert list(world.webhooks(only)) == [STRIPE]
    assert [item["missing"] for item in world.webhooks(late).values() if item["address"] == GITHUB] == [[]]
    assert world.run("recover", "--target", "graph:nobody").code == 7
    wrong = world.run("recover", "--since", "yesterday")
    assert wrong.code == 7
    assert "write 30m, 2h, 3d" in wrong.err


def test_a_log_that_cannot_be_read_is_told(world: World) -> None:
    """The others are recovered all the same: exit 4; in a dry run 1."""
    world.fire("stripe")
    (hook,) = world.sandbox.github.webhooks()
    world.sandbox.github.reset()

    looked = world.run("recover", "--dry-run")
    got = world.run("recover")

    assert looked.code == 1
    assert got.code == 4
    assert f"{GITHUB}: cannot list the deliveries to the webhook of github/repo/acme/api" in got.out
    assert f"{STRIPE}: 1 delivery missing: 1 injected" in got.out
    assert hook.id not in CANARIES


def test_what_cannot_be_had_is_told_with_its_reason(world: World) -> None:
    """The delivery's event and id, and why."""
    order = FireOrder(provider="gitlab", event="push_events", payload={"oversize": True})
    asyncio.run_coroutine_threadsafe(world.sandbox.fire(order), world.loop).result(20)

    outcome = world.run("recover", "--format", "json")

    assert outcome.code == 4
    (failed,) = world.webhooks(outcome)[GITLAB]["failed"]
    assert failed["reason"].startswith("GitLab does not tell any more what the delivery")
    assert failed["event"] == "push_events"
    assert "1 failed" in world.run("recover").out


def test_the_audit_log_tells_of_it(world: World) -> None:
    """`history` shows who recovered what for which webhook."""
    world.fire("stripe")
    world.run("recover")

    entries = json.loads(world.run("history", "--format", "json").out)["entries"]
    told = {entry["address"]: entry["message"] for entry in entries if entry["action"] == "recover"}
    assert told[STRIPE] == "1 found, 0 already here, 0 asked for, 1 injected, 0 failed"


def test_while_another_holds_the_scope_it_recovers_and_says_that_it_is_not_in_the_audit_log(world: World) -> None:
    """Getting deliveries back waits for nobody."""
    world.fire("stripe")
    with open_for_writing(f"sqlite:///{world.root}/.reconciler/state.db", KeySource()) as store:
        assert store.acquire("acme", "somebody", SystemClock().now(), 3600)
        outcome = world.run("recover", "--lock-timeout", "0")

    assert outcome.code == 0
    assert "not in the audit log" in outcome.err
    assert world.kept() == [("stripe", Provenance.RECOVERED, 1)]


def test_without_a_state_there_is_nothing_to_recover(tmp_path: Path, world: World) -> None:
    """A store is not made for it; a dry run finds nothing recorded."""
    (world.root / ".reconciler/state.db").unlink()

    assert world.run("recover").code == 1
    assert world.run("recover", "--dry-run").out == "0 webhooks looked at: 0 deliveries missing, 0 already here.\n"


@pytest.mark.processes
def test_the_daemon_recovers_when_it_starts_where_the_ingress_is_ours(world: World) -> None:
    """What was missed while it was down comes back; where no delivery ever came to the inbox, nothing is asked."""
    world.fire("stripe")
    with daemon(world) as log:
        assert [line["event"] for line in turns(log, 3) if line["event"] == "recover"] == []
    assert world.kept() == []

    with world.listening():
        world.fire("github")
        with daemon(world) as log:
            told = [line["message"] for line in turns(log, 3) if line["event"] == "recover"]

    assert any(f"{STRIPE}: 1 delivery missing: 1 injected" in line for line in told)
    assert ("stripe", Provenance.RECOVERED, 1) in world.kept()


@pytest.mark.processes
def test_the_daemon_leaves_it_to_others_where_it_is_told_to(world: World) -> None:
    """`--no-recover` asks no log."""
    with world.listening():
        world.fire("github")
    world.fire("stripe")
    with daemon(world, "--no-recover") as log:
        assert [line["event"] for line in turns(log, 3) if line["event"] == "recover"] == []
    assert [provider for provider, _, _ in world.kept()] == ["github"]


@contextmanager
def daemon(world: World, *arguments: str) -> Iterator[Iterator[dict[str, Any]]]:
    """The log of a daemon that passes every second."""
    process = world.spawn("daemon", "--interval", "1", "--log-format", "json", *arguments)
    try:
        assert process.stderr is not None
        yield map(json.loads, process.stderr)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def turns(log: Iterator[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    """What the daemon logs until it has opened the state so many times: for a pass, a recovery, the next pass."""
    lines: list[dict[str, Any]] = []
    opened = 0
    while opened < number:
        lines.append(next(log))
        opened += lines[-1]["event"] == "state"
    return lines
