"""Serving the ingress: a listener, the watch over its connections, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import gc
import importlib
import importlib.util
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from reconciler.core.errors import ReconcilerError
from reconciler.ingress.speaking import AsgiApp, Speaker
from reconciler.ingress.watching import Watch

DRAIN_SECONDS: Final = 30.0
"""For what is in flight when the end is asked for."""

_BACKLOG: Final = 2048


@dataclass(frozen=True, slots=True)
class Served:
    """Where something is served, and the watch over its connections."""

    origin: str
    watch: Watch


@asynccontextmanager
async def served(application: AsgiApp, host: str, port: int, watch: Watch | None = None) -> AsyncIterator[Served]:
    """Serve `application` while the block runs; port 0 takes a free one.

    Behind the block nothing new is accepted, and what is in flight is finished. Raises `ReconcilerError` where the port
    cannot be had.
    """
    listener = _bound(host, port)
    watch = Watch() if watch is None else watch
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Speaker(application, watch, loop), sock=listener, backlog=_BACKLOG)
    looking = asyncio.create_task(watch.keep_looking())
    try:
        shown = f"[{host}]" if ":" in host else host
        yield Served(f"http://{shown}:{listener.getsockname()[1]}", watch)
    finally:
        looking.cancel()
        server.close()
        await watch.drain(DRAIN_SECONDS)


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
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = str(error.strerror or error).partition(" (while ")[0]  # the address, which Python adds, is told here
        message = f"cannot listen on {host}:{port}: {reason} (--port 0 takes a free one)"
        raise ReconcilerError(message) from error
