"""The server: connections are watched, and an end loses nothing. Over loopback."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from reconciler.core.errors import ReconcilerError
from reconciler.ingress.serving import Served, fast_loop, prepare_process, served
from reconciler.ingress.speaking import HEADER_BYTES
from reconciler.ingress.watching import HEADER_SECONDS, Watch
from tests.ingress.receiving_support import ID, World, signature


def request(body: bytes = b"{}", *more: str, delivery: str = "d1") -> bytes:
    """A genuine delivery, as bytes."""
    rows = (
        f"POST /webhooks/forge/{ID} HTTP/1.1",
        "Host: hooks.acme.dev",
        "Content-Type: application/json",
        "X-Event: push",
        f"X-Delivery: {delivery}",
        f"X-Signature: {signature(body)}",
        f"Content-Length: {len(body)}",
        *more,
    )
    return "\r\n".join([*rows, "", ""]).encode() + body


@dataclass
class Client:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def status(self) -> int:
        """That of the next answer, which has no body; 0 where the server hung up."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0
        return int(head.split()[1])

    async def say(self, raw: bytes) -> None:
        """Send bytes."""
        self.writer.write(raw)
        await self.writer.drain()


async def until(done: Callable[[], bool]) -> None:
    """Let things happen until something has."""
    while not done():  # noqa: ASYNC110 - nothing tells when a server has seen what was sent
        await asyncio.sleep(0)


@asynccontextmanager
async def connected(here: Served) -> AsyncIterator[Client]:
    """A connection to a server."""
    client = Client(*await asyncio.open_connection("127.0.0.1", int(here.origin.rpartition(":")[2])))
    try:
        yield client
    finally:
        client.writer.close()


async def test_deliveries_come_over_one_connection() -> None:
    """With hardly a header in the answer, and none that tells who we are."""
    world = World()
    async with served(world.ingress, "127.0.0.1", 0) as here, connected(here) as client:
        for number in range(3):
            await client.say(request(b'{"n": %d}' % number, delivery=f"d{number}"))
            head = (await client.reader.readuntil(b"\r\n\r\n")).decode().lower()
            names = {line.partition(":")[0] for line in head.split("\r\n")[1:] if line}
            assert (head.split()[1], names) == ("200", {"content-length", "date"})
    assert len(world.inbox.kept()) == 3


async def test_a_request_that_is_not_finished_is_hung_up_on() -> None:
    """A connection that says nothing, one that trickles its headers, and one that stops after an answer."""
    world, watch = World(), Watch()
    loop = asyncio.get_running_loop()
    async with (
        served(world.ingress, "127.0.0.1", 0, watch) as here,
        connected(here) as silent,
        connected(here) as trickling,
        connected(here) as stopping,
    ):
        await trickling.say(b"POST /webhooks/forge/x HTTP/1.1\r\nX-")
        await stopping.say(request())
        assert await stopping.status() == 200
        await stopping.say(b"POST")
        await until(
            lambda: (
                len(watch) == 3
                and all(each.waiting_since and each.patience == HEADER_SECONDS for each in watch._connections)
            )
        )
        watch.look(loop.time() + HEADER_SECONDS - 5)
        assert len(watch) == 3
        watch.look(loop.time() + HEADER_SECONDS + 5)

        assert [await each.status() for each in (silent, trickling, stopping)] == [0, 0, 0]
        assert watch.refused == 3


async def test_headers_without_end_are_hung_up_on() -> None:
    """Before they fill the memory: the parser itself bounds nothing."""
    watch = Watch()
    async with served(World().ingress, "127.0.0.1", 0, watch) as here, connected(here) as client:
        client.writer.write(b"POST / HTTP/1.1\r\nX-Long: " + b"x" * (2 * HEADER_BYTES))

        assert await client.status() in {0, 400}
        await until(lambda: len(watch) == 0)


async def test_who_sends_all_before_it_listens_gets_its_answer() -> None:
    """A body that is too long is not read to its end, and the connection not reset meanwhile: that would lose it."""

    def told(origin: str, raw: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", int(origin.rpartition(":")[2]))) as wire:
            wire.sendall(raw)
            return wire.recv(65536)

    world = World()
    async with served(world.ingress, "127.0.0.1", 0) as here:
        answer = await asyncio.to_thread(told, here.origin, request(b"x" * 20_000_000))

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert world.inbox.kept() == []


async def test_connections_are_bounded_for_each_peer_and_in_all() -> None:
    """What is over is hung up on; who leaves makes room."""
    watch = Watch(most=10, most_each=1)
    async with served(World().ingress, "127.0.0.1", 0, watch) as here:
        async with connected(here) as first:
            await first.say(request())
            assert await first.status() == 200
            async with connected(here) as second:
                assert await second.status() == 0
        await until(lambda: len(watch) == 0)
        async with connected(here) as third:
            await third.say(request())
            assert await third.status() == 200
    assert watch.refused == 1
    assert not Watch(most=0).enter(FakeConnection(), "a", 0.0)


class FakeConnection:
    """A connection that owes nothing."""

    waiting_since: float | None = None
    patience: float = HEADER_SECONDS

    def close(self) -> None:
        """Hang up."""
        raise AssertionError


def test_a_connection_whose_request_is_answered_just_now_is_let_be() -> None:
    """However long that takes: the body has a deadline of its own."""
    watch = Watch()
    connection = FakeConnection()
    assert watch.enter(connection, "a", 0.0)
    watch.look(1e9)
    watch.leave(connection, "a")
    watch.leave(connection, "a")
    assert len(watch) == 0


@pytest.mark.looptime
async def test_it_keeps_looking() -> None:
    """Every second, as long as it serves."""
    watch = Watch()
    hung_up: list[float] = []

    class Waiting(FakeConnection):
        waiting_since: float | None = 0.0
        patience: float = HEADER_SECONDS

        def close(self) -> None:
            hung_up.append(asyncio.get_running_loop().time())

    assert watch.enter(Waiting(), "a", 0.0)
    looking = asyncio.create_task(watch.keep_looking())
    await asyncio.sleep(HEADER_SECONDS + 1.5)
    looking.cancel()

    assert [round(at) for at in hung_up] == [11]


async def test_an_end_finishes_what_is_in_flight() -> None:
    """It is stored and acknowledged; nothing new is accepted."""
    world = World()
    world.inbox.stall.clear()
    stack = served(world.ingress, "127.0.0.1", 0)
    here = await stack.__aenter__()
    async with connected(here) as client:
        await client.say(request())
        await asyncio.to_thread(world.inbox.stalled.wait, 10)
        ending = asyncio.create_task(stack.__aexit__(None, None, None))
        await asyncio.sleep(0.3)
        assert not ending.done()
        with pytest.raises(OSError):  # noqa: PT011 - whichever the system has for it
            await asyncio.open_connection("127.0.0.1", int(here.origin.rpartition(":")[2]))
        world.inbox.stall.set()
        assert await client.status() == 200
        await ending
    assert len(world.inbox.kept()) == 1


async def test_a_port_that_is_taken_is_told() -> None:
    """With the way out, and the address once."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ReconcilerError, match=f"cannot listen on 127.0.0.1:{port}: [^(]*\\(--port 0[^(]*$"):
            async with served(World().ingress, "127.0.0.1", port):
                pass


async def test_an_address_of_ipv6_is_shown_as_one() -> None:
    """In brackets."""
    async with served(World().ingress, "::1", 0) as here:
        assert here.origin.startswith("http://[::1]:")


def test_a_process_is_prepared() -> None:
    """What it holds by now is no longer looked through for garbage."""
    try:
        prepare_process()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_a_fast_loop_is_used_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere the usual one does."""
    loops = [fast_loop()]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    loops.append(fast_loop())
    kinds = [type(loop).__module__.partition(".")[0] for loop in loops]
    for loop in loops:
        loop.close()

    assert kinds == ["uvloop", "asyncio"]
