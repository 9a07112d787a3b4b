"""Serving the ingress with uvicorn: its own watch over connections, and an end that loses nothing.

uvicorn bounds neither the time that headers take nor their size, so a connection that sends its request one byte a
minute, or headers without end, would stay. Each connection is looked at: while it owes us a request, it has some
seconds and some bytes. `httptools` and `uvloop` are used where they are installed.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import importlib.util
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from reconciler.core.errors import ReconcilerError

HEADER_SECONDS: Final = 10.0
"""For the request line and all headers, and for a new connection to say anything."""

HEADER_BYTES: Final = 64 * 1024
"""For the request line and all headers, before any of it is looked at."""

CONNECTIONS: Final = 2048
CONNECTIONS_PER_PEER: Final = 1024
"""At a time; a proxy of ours is one peer."""

DRAIN_SECONDS: Final = 30
"""For what is in flight when the end is asked for."""

_LOOK_EVERY = 1.0

AsgiApp = Callable[[Any, Any, Any], Any]


class Connection(Protocol):
    """What is watched of a connection."""

    waiting_since: float | None

    def close(self) -> None:
        """Hang up at once."""
        ...


class Watch:
    """All connections of a server: how many there are, and which of them owe us a request for too long."""

    def __init__(self, most: int = CONNECTIONS, most_each: int = CONNECTIONS_PER_PEER) -> None:
        self._most = most
        self._most_each = most_each
        self._connections: set[Connection] = set()
        self._peers: dict[str, int] = {}
        self.refused = 0
        """How many connections were hung up on."""

    def __len__(self) -> int:
        return len(self._connections)

    def enter(self, connection: Connection, peer: str) -> bool:
        """Watch a new connection, if there is room for it."""
        mine = self._peers.get(peer, 0)
        if len(self._connections) >= self._most or mine >= self._most_each:
            self.refused += 1
            return False
        self._peers[peer] = mine + 1
        self._connections.add(connection)
        return True

    def leave(self, connection: Connection, peer: str) -> None:
        """Forget a connection, if it was watched."""
        if connection in self._connections:
            self._connections.discard(connection)
            self._peers[peer] -= 1
            if not self._peers[peer]:
                del self._peers[peer]

    def look(self, now: float) -> None:
        """Hang up on those that owe us a request for too long."""
        for connection in [*self._connections]:
            since = connection.waiting_since
            if since is not None and now - since > HEADER_SECONDS:
                self.refused += 1
                connection.close()

    async def keep_looking(self) -> None:
        """Look, again and again."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            self.look(loop.time())


def guarded(watch: Watch, base: Any = AutoHTTPProtocol) -> type[asyncio.Protocol]:
    """The protocol `base` of uvicorn, each connection of which is watched."""

    class Guarded(base):  # type: ignore[misc]  # a base that is known at run time alone
        """One connection. `waiting_since` is when it began to owe us a request; None while one is being answered."""

        waiting_since: float | None = None
        _unread = 0
        _peer = ""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._peer = self.client[0] if self.client else ""
            self.waiting_since = self.loop.time()
            if not watch.enter(self, self._peer):
                transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            watch.leave(self, self._peer)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            cycle = self.cycle
            if cycle is not None and not cycle.response_complete:
                self.waiting_since = None
                self._unread = 0
                return
            if self.waiting_since is None:
                self.waiting_since = self.loop.time()
            self._unread += len(data)
            if self._unread > HEADER_BYTES:
                self.close()

        def close(self) -> None:
            """Hang up at once."""
            if not self.transport.is_closing():
                self.transport.abort()

    return cast("type[asyncio.Protocol]", Guarded)


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it, and tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Any:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@dataclass(frozen=True, slots=True)
class Served:
    """Where something is served, and the watch over its connections."""

    origin: str
    watch: Watch


@asynccontextmanager
async def served(
    application: AsgiApp, host: str, port: int, watch: Watch | None = None, base: Any = AutoHTTPProtocol
) -> AsyncIterator[Served]:
    """Serve `application` while the block runs; port 0 takes a free one. `base` is uvicorn's protocol for HTTP.

    Behind the block nothing new is accepted, and what is in flight is finished. Raises `ReconcilerError` where the port
    cannot be had.
    """
    listener = _bound(host, port)
    watch = Watch() if watch is None else watch
    config = uvicorn.Config(
        application,
        http=guarded(watch, base),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="critical",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    started = asyncio.create_task(server.listening.wait())
    looking = asyncio.create_task(watch.keep_looking())
    try:
        await asyncio.wait({serving, started}, return_when=asyncio.FIRST_COMPLETED)
        shown = f"[{host}]" if ":" in host else host
        yield Served(f"http://{shown}:{listener.getsockname()[1]}", watch)
    finally:
        started.cancel()
        looking.cancel()
        server.should_exit = True
        await serving


def prepare_process() -> None:
    """Let what is in memory by now stay: to look through all of it for garbage, while deliveries come, stops them."""
    gc.collect()
    gc.freeze()


def fast_loop() -> asyncio.AbstractEventLoop:
    """A new event loop: that of uvloop, where it is installed."""
    if importlib.util.find_spec("uvloop") is None:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = importlib.import_module("uvloop").new_event_loop()
    return loop


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        message = f"cannot listen on {host}:{port}: {error.strerror or error} (--port 0 takes a free one)"
        raise ReconcilerError(message) from error
