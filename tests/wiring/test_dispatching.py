"""A project's targets as they are put together: over real HTTP on loopback, and what is refused before that."""

from __future__ import annotations

import asyncio
import io
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from reconciler.core.errors import ConfigError
from reconciler.core.model import Secret
from reconciler.engine.context import Stop
from reconciler.ingress.routes import Routes
from reconciler.ingress.targets import python
from reconciler.ingress.targets.event import Again, Drop, Event
from reconciler.ingress.targets.http import UnreachableError
from reconciler.manifests.project import Project, load_project
from reconciler.providers.guarded import Leave
from reconciler.providers.transport import Call, Reply, TransportError
from reconciler.settings.environment import read_settings
from reconciler.settings.secrets import SecretReference
from reconciler.settings.targets import HttpDeclaration
from reconciler.store.inboxes import inbox_of
from reconciler.system import SystemClock
from reconciler.wiring import dispatching
from reconciler.wiring.dispatching import Dispatching, leave_of, ordered_by, posting, routed
from reconciler.wiring.ingress import open_ingress
from reconciler.wiring.inputs import Inputs
from tests.ingress.dispatch_support import arrival, graph
from tests.support import ingress_process

SECRET = "whsec_" + b64encode(b"a key of thirty-two bytes, or so").decode()

EVENT = Event(
    id="a-00001", source="https://h/x", time=0.0, subscriber=graph("triage"), provider="forge", events=("push",),
    payload={"a": 1},
)  # fmt: skip


def project(folder: Path, targets: str, **environment: str) -> Project:
    """A project with these targets."""
    text = f"version: 1\nscope: acme\nmanifests: []\ntargets:\n{targets}"
    (folder / "reconciler.yaml").write_text(text)
    return load_project([folder / "reconciler.yaml"], read_settings({"SIGNING": SECRET, **environment}))


@asynccontextmanager
async def receiver(status: str = "204 No Content", more: str = "") -> AsyncIterator[tuple[int, list[bytes]]]:
    """An HTTP server on loopback: its port, and the requests that it got."""
    got: list[bytes] = []
    serving: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        got.append(head + await reader.readexactly(length))
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n{more}\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], got
    finally:
        server.close()
        await asyncio.gather(*serving, return_exceptions=True)


def opened_to(folder: Path, targets: str) -> AbstractAsyncContextManager[Routes]:
    """The routes of a project with these targets."""
    return routed(project(folder, targets), SystemClock().now, io.StringIO())


async def one(routes: Routes, event: Event = EVENT) -> None:
    """Hand an event on as the dispatcher would."""
    route = routes.find(str(event.subscriber))
    assert route is not None
    await route.target.send(event)


def http(port: int, more: str = "") -> str:
    """A target on loopback."""
    return f"  - http: {{url: 'http://127.0.0.1:{port}/in', secret: env/SIGNING, allow: [127.0.0.1]}}\n{more}"


async def test_an_event_arrives_signed_over_http(tmp_path: Path) -> None:
    """The library of Standard Webhooks verifies what a server on loopback got."""
    async with (
        receiver() as (port, got),
        routed(project(tmp_path, http(port)), SystemClock().now, io.StringIO()) as routes,
    ):
        await one(routes)
    head, _, body = got[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    assert lines[0] == "POST /in HTTP/1.1"
    assert Webhook(SECRET).verify(body, headers) == json.loads(body)
    assert json.loads(body)["data"] == {"a": 1}
    assert headers["host"] == f"127.0.0.1:{port}"


async def test_answers_over_http(tmp_path: Path) -> None:
    """410 ends it, 503 tells when to come back, a redirect is not followed, and nobody there is tried again."""
    for status, more, expected in (
        ("410 Gone", "", Drop),
        ("503 Busy", "Retry-After: 9\r\n", Again),
        ("302 Found", "Location: http://169.254.169.254/\r\n", Again),
    ):
        async with receiver(status, more) as (port, got), opened_to(tmp_path, http(port)) as routes:
            with pytest.raises(expected) as raised:
                await one(routes)
        assert len(got) == 1
        assert not isinstance(raised.value, Again) or raised.value.after == (9.0 if "503" in status else None)
    async with routed(project(tmp_path, http(1)), SystemClock().now, io.StringIO()) as routes:
        with pytest.raises(Again, match="no connection could be made"):
            await one(routes)


async def test_a_name_that_leads_inside_is_not_connected_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A public name that its owner points at this machine: no connection, tried again, dead in the end."""

    async def inside(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    made = project(tmp_path, "  - http: {url: 'https://flows.acme.dev/in', secret: env/SIGNING}\n")
    guarded = dispatching.GuardedTransport
    monkeypatch.setattr(dispatching, "GuardedTransport", lambda *given: guarded(*given, resolve=inside))
    async with routed(made, SystemClock().now, io.StringIO()) as routes:
        with pytest.raises(Again, match="not on the public internet"):
            await one(routes)


def test_leave_needs_both_the_project_and_the_operator() -> None:
    """This machine alone needs to be declared only."""

    def leave(url: str, allow: set[str], allowed: set[str]) -> Leave:
        to = HttpDeclaration(url=url, secret=SecretReference("env", "X"), allow=frozenset(allow))
        return leave_of(to, frozenset(allowed))

    inside, both = {"flows.internal"}, Leave(internal=True, loopback=True)
    assert leave("https://flows.internal/in", inside, inside) == both
    assert leave("https://flows.internal/in", inside, set()) == Leave()
    assert leave("https://flows.internal/in", set(), inside) == Leave()
    assert leave("http://localhost/in", {"localhost"}, set()) == Leave(loopback=True)
    assert leave("http://localhost/in", set(), {"localhost"}) == Leave()


async def test_logs_go_to_stdout_or_to_a_file_of_the_state_folder(tmp_path: Path) -> None:
    """The log is what holds where nothing is declared; its lines hold no payload unless asked."""
    stdout = io.StringIO()
    async with routed(project(tmp_path, "  []\n"), SystemClock().now, stdout) as routes:
        await one(routes)
    assert json.loads(stdout.getvalue())["id"] == "a-00001"
    assert "data" not in json.loads(stdout.getvalue())
    made = project(tmp_path, "  - log: {file: out.jsonl, payload: true}\n")
    async with routed(made, SystemClock().now, stdout) as routes:
        await one(routes)
        assert routes.routes[0].name == "log out.jsonl"
    assert json.loads((tmp_path / ".reconciler" / "out.jsonl").read_text())["data"] == {"a": 1}


async def test_a_python_target_is_an_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name; where nobody offers it, the ingress does not begin, and the file and line are told."""
    seen: list[Event] = []
    point = EntryPoint("flows", f"{__name__}:handler", python.GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda self: seen.append)
    monkeypatch.setattr(python, "entry_points", lambda group: [point])
    async with routed(project(tmp_path, "  - python: flows\n"), SystemClock().now, io.StringIO()) as routes:
        await one(routes)
        assert routes.routes[0].name == "python flows"
    assert seen == [EVENT]
    with pytest.raises(ConfigError, match=r"reconciler.yaml:5:5: .*no installed distribution offers a target 'other'"):
        async with routed(project(tmp_path, "  - python: other\n"), SystemClock().now, io.StringIO()):
            raise AssertionError("it began")


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"SIGNING": ""}, "SIGNING is empty"),
        ({"SIGNING": " "}, "is empty"),
        ({"SIGNING": "canary!"}, "the secret of the target: is not whsec_ and 24 to 64 bytes in base64"),
        ({"SIGNING": "whpk_" + b64encode(bytes(32)).decode()}, "is not whsec_"),
    ],
    ids=["not set", "empty", "no key", "a key that only proves"],
)
async def test_every_secret_is_looked_at_before_the_ingress_begins(
    tmp_path: Path, environment: dict[str, str], words: str
) -> None:
    """All problems of all targets at once, without the secret."""
    both = http(1, "    match: 'graph:*'\n") + "  - python: other\n"
    with pytest.raises(ConfigError) as raised:
        async with routed(project(tmp_path, both, **environment), SystemClock().now, io.StringIO()):
            raise AssertionError("it began")
    assert words in str(raised.value)
    assert "'other'" in str(raised.value)
    assert "canary" not in str(raised.value)


async def test_what_is_declared_is_what_holds(tmp_path: Path) -> None:
    """Match, order, concurrency, time, retries; and who is ordered can be asked without making a target."""
    text = (
        "  - {match: 'graph:a*', ordered: true, concurrency: 3, timeout: 7, log: {},\n"
        "     retry: {attempts: 4, first: 1, longest: 9}}\n  - log: {}\n"
    )
    made = project(tmp_path, text)
    async with routed(made, SystemClock().now, io.StringIO()) as routes:
        first, rest = routes.routes
    assert (first.ordered, first.concurrency, first.deadline) == (True, 3, 7.0)
    assert (first.retries.attempts, first.retries.first, first.retries.longest) == (4, 1.0, 9.0)
    assert (rest.match, rest.ordered) == ("*", False)
    ordered = ordered_by(made.targets)
    assert [ordered(name) for name in ("graph:abc", "preset:abc")] == [True, False]
    nowhere = dispatching._Nowhere()
    with pytest.raises(Drop):
        await nowhere.send(EVENT)
    await nowhere.aclose()


async def test_no_answer_is_told_without_the_url() -> None:
    """What the transport raises is what the target is told."""

    class Lost:
        async def send(self, call: Call) -> Reply:
            raise TransportError("the connection was lost", sent=True)

    with pytest.raises(UnreachableError, match="the connection was lost"):
        await posting(Lost())("https://flows.acme.dev", {}, b"")


async def test_a_bug_of_ours_does_not_end_the_handing_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, and after a moment everything goes on."""
    stop, told = Stop(), []

    class Broken:
        turns = 0

        async def run(self, stop: Stop) -> None:
            self.turns += 1
            if self.turns == 1:
                raise KeyError("canary")
            stop.request()

        def wake(self) -> None:
            self.turns += 10

    broken: Any = Broken()
    progress: Callable[..., None] = lambda event, /, **details: told.append((event, details["message"]))  # noqa: E731
    monkeypatch.setattr(dispatching, "AFTER_A_BUG", 0.0)
    handing = Dispatching((broken,), Routes.of([]), progress)
    await handing.run(stop)
    handing.wake()
    assert (broken.turns, handing.ordered("graph:a")) == (12, False)
    assert told == [("bug", "this is a bug (KeyError); deliveries are handed on in a moment")]
    assert Secret(SECRET)


async def test_what_was_kept_for_long_enough_is_let_go_of_while_the_ingress_runs(tmp_path: Path) -> None:
    """Nobody has to ask for it: the inbox does not grow for ever."""
    root = ingress_process.project(tmp_path / "project")
    tidied = asyncio.Event()

    def progress(event: str, /, **_details: object) -> None:
        if event == "ingress_tidied":
            tidied.set()

    async with open_ingress(Inputs(directory=root, files=(), environment={}), progress) as opened:
        inbox = inbox_of(opened.store)
        inbox.accept([replace(arrival(1), keys=()), replace(arrival(2, at=SystemClock().now()), keys=())])
        async with dispatching.dispatching(opened), asyncio.timeout(20):
            await tidied.wait()
        assert inbox.delivery("acme", "d00001") is None
        assert inbox.delivery("acme", "d00002")
