"""Serving a sandbox over HTTP, on loopback only."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from reconciler.core.errors import ConfigError, Problem, ReconcilerError
from reconciler.testing.faults import closing
from reconciler.testing.outbound import is_loopback
from reconciler.testing.sandbox import ROOTS, SandboxConfig, create_sandbox

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it, and tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@contextlib.asynccontextmanager
async def served(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve `app` while the block runs, and give its origin; port 0 takes a free one.

    Raises `ConfigError` where `host` is not loopback, `ReconcilerError` where the port cannot be had.
    """
    listener = _bound(host, port)
    config = uvicorn.Config(
        closing(app), log_level="critical", access_log=False, lifespan="off", timeout_graceful_shutdown=5
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    started = asyncio.create_task(server.listening.wait())
    try:
        await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{listener.getsockname()[1]}"
    finally:
        started.cancel()
        server.should_exit = True
        await task


async def serve_sandbox(
    config: SandboxConfig, *, host: str = "127.0.0.1", port: int = 0, announce: Callable[[str], None]
) -> signal.Signals:
    """Serve a new sandbox until SIGINT or SIGTERM, and return which it was.

    `announce` gets the lines for stderr; the first says that the sandbox is ready and where.
    """
    # The handlers come first: whoever reads that the sandbox is ready may end it at once.
    with _signalled() as came:
        async with served(create_sandbox(config), host, port) as origin:
            _introduce(config, origin, announce)
            return await came


def _introduce(config: SandboxConfig, origin: str, announce: Callable[[str], None]) -> None:
    announce(f"sandbox ready at {origin}")
    for provider, root in ROOTS.items():
        announce(f"  {provider}: api_url {origin}{root}")
    if config.answer_handshakes and config.receiver is None and not config.forward_to:
        announce("  no forward-to address: the sandbox itself answers the handshakes of new webhooks")


@contextlib.contextmanager
def _signalled() -> Iterator[asyncio.Future[signal.Signals]]:
    """The first signal that comes while the block runs."""
    loop = asyncio.get_running_loop()
    came: asyncio.Future[signal.Signals] = loop.create_future()

    def note(number: signal.Signals) -> None:
        if not came.done():
            came.set_result(number)

    for number in _SIGNALS:
        loop.add_signal_handler(number, note, number)
    try:
        yield came
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _bound(host: str, port: int) -> socket.socket:
    if not is_loopback(host):
        raise ConfigError((Problem("not_loopback", f"the sandbox serves loopback only, not {host!r}"),))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = str(error.strerror).partition(" (while ")[0]  # the address, which Python adds, is told here
        message = f"cannot listen on {host}:{port}: {reason} (--port 0 takes a free one)"
        raise ReconcilerError(message) from error
