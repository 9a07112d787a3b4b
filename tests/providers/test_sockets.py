"""Connections of the event loop, as the HTTP library uses them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from reconciler.providers.client import HttpTransport
from reconciler.providers.sockets import NotConnectedError, NotConnectedInTimeError, Sockets, SocketStream
from reconciler.providers.transport import Call

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
MUCH = 8 * 1024 * 1024


@asynccontextmanager
async def connected(peer: Peer) -> AsyncIterator[SocketStream]:
    """A connection to a peer that does this, over loopback."""
    tasks: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            tasks.append(task)
        with suppress(OSError):
            await peer(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        port, options = listening.sockets[0].getsockname()[1], [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
        stream = await Sockets().connect_tcp("127.0.0.1", port, timeout=5.0, socket_options=options)
        try:
            yield stream
        finally:
            await stream.aclose()
            await asyncio.gather(*tasks)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back whatever comes."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def test_much_goes_out_and_comes_back_without_being_piled_up() -> None:
    """A slow side makes the other wait: what is written, and what has arrived, is held within bounds."""
    async with connected(echo) as stream:

        async def write() -> None:
            await stream.write(b"x" * MUCH, timeout=30.0)

        writing, got, longest = asyncio.create_task(write()), 0, 0
        while got < MUCH:
            await asyncio.sleep(0)
            data = await stream.read(1 << 30, timeout=30.0)
            got, longest = got + len(data), max(longest, len(data))
        await writing

    assert got == MUCH
    assert longest <= 2 * 1024 * 1024


async def test_a_part_is_read_and_the_rest_kept() -> None:
    """At most so many bytes are read; the others wait, and the connection says so. Writing nothing sends nothing."""
    async with connected(echo) as stream:
        await stream.write(b"")
        await stream.write(b"abc")
        first = await stream.read(1, timeout=5.0)
        assert (first, stream.get_extra_info("is_readable")) == (b"a", True)
        assert await stream.read(10) == b"bc"
        assert not stream.get_extra_info("is_readable")
        assert stream.get_extra_info("server_addr")[0] == "127.0.0.1"
        assert stream.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


async def test_the_end_is_told_and_stays() -> None:
    """Of a connection that the peer closed nothing more comes; what is written to it is for `read` to tell."""

    async def close(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None: ...

    async with connected(close) as stream:
        assert await stream.read(10, timeout=5.0) == b""
        await asyncio.sleep(0)
        await stream.write(b"too late")
        assert await stream.read(10, timeout=5.0) == b""
        assert stream.get_extra_info("is_readable")


async def test_a_reset_is_an_error() -> None:
    """A connection that the peer broke is not taken for one that came to its end."""

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    async with connected(reset) as stream:
        await stream.write(b"x")
        with pytest.raises(ConnectionResetError):
            await stream.read(10, timeout=5.0)


async def test_waiting_ends() -> None:
    """A read and a write that take too long are given up."""
    released = asyncio.Event()

    async def silent(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await released.wait()

    async with connected(silent) as stream:
        with pytest.raises(TimeoutError):
            await stream.read(1, timeout=0.01)
        with pytest.raises(TimeoutError):
            await stream.write(b"x" * MUCH, timeout=0.01)
        released.set()


async def test_a_handshake_that_never_ends_is_given_up() -> None:
    """Nothing was sent where the peer does not encrypt: in time or late, no connection came about."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    context = ssl.create_default_context()
    async with connected(silent) as stream:
        with pytest.raises(NotConnectedInTimeError):
            await stream.start_tls(context, "flows.acme.dev", timeout=0.05)
    async with connected(echo) as stream:
        with pytest.raises(NotConnectedError):
            await stream.start_tls(context, "flows.acme.dev", timeout=5.0)


async def test_where_nothing_listens_nothing_is_sent() -> None:
    """A connection that does not come about is an error of its own, in time or late."""
    with pytest.raises(NotConnectedError):
        await Sockets().connect_tcp("127.0.0.1", 1, timeout=5.0)
    with pytest.raises(NotConnectedInTimeError):
        await Sockets().connect_tcp("127.0.0.1", 1, timeout=-1.0)


async def test_the_transport_uses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests go over these connections, and not over those that the library brings."""
    made: list[str] = []
    connect = Sockets.connect_tcp

    async def noted(self: Sockets, host: str, port: int, **more: object) -> SocketStream:
        made.append(host)
        return await connect(self, host, port, timeout=5.0)

    monkeypatch.setattr(Sockets, "connect_tcp", noted)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening, HttpTransport() as transport:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        assert (await transport.send(Call(method="GET", url=url))).status == 204

    assert made == ["127.0.0.1"]
