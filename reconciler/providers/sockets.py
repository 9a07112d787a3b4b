"""Connections of the event loop, in the shape of the HTTP library's `AsyncNetworkBackend` and `AsyncNetworkStream`.

Those that the library brings serve several kinds of event loops, and cost a fifth of a request more. Nothing here knows
HTTP. Failures are told in the words of the standard library.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any, Self, cast

_PLENTY = 256 * 1024
"""Bytes that may wait to be read; with more, the other side is made to wait."""

_NEXT_ADDRESS = 0.25
"""Seconds after which the next address of a host is tried beside the one before."""


class NotConnectedError(ConnectionError):
    """No connection came about: nothing was sent."""


class NotConnectedInTimeError(NotConnectedError, TimeoutError):
    """The same, for it took too long."""


class Sockets:
    """Makes connections in the running loop."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's own interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> SocketStream:
        """A connection; raises `NotConnectedError`."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                _, stream = await loop.create_connection(
                    SocketStream,
                    host,
                    port,
                    local_addr=(local_address, 0) if local_address else None,
                    happy_eyeballs_delay=_NEXT_ADDRESS,
                )
        except TimeoutError as error:
            raise NotConnectedInTimeError from error
        except OSError as error:
            raise NotConnectedError from error
        for option in socket_options or ():
            stream.get_extra_info("socket").setsockopt(*option)
        return stream

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SocketStream(asyncio.Protocol):
    """One connection: what arrives is kept until it is read, what is written waits while the other side is slow."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._arrived = bytearray()
        self._ended = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._full: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._arrived += data
        if self._transport and len(self._arrived) > _PLENTY:
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> bool:
        self._ended = True
        _wake(self._reader)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._error = exc
        _wake(self._reader)
        _wake(self._full)

    def pause_writing(self) -> None:
        self._full = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        _wake(self._full)
        self._full = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as above
        """What has arrived, up to so many bytes; none at the end. Raises `OSError`, of which `TimeoutError` is one."""
        if not self._arrived and not self._ended:
            self._reader = asyncio.get_running_loop().create_future()
            async with asyncio.timeout(timeout):
                await self._reader
        if not self._arrived and self._error:
            raise ConnectionResetError from self._error
        data = bytes(self._arrived[:max_bytes])
        del self._arrived[:max_bytes]
        if self._transport and not self._transport.is_reading() and not self._ended:
            self._transport.resume_reading()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as above
        """Send; what a connection that is closed cannot send is told by the next `read`: an answer may be there yet."""
        if not buffer or self._transport is None or self._transport.is_closing():
            return
        self._transport.write(buffer)
        if self._full and not self._full.done():
            async with asyncio.timeout(timeout):
                await self._full

    async def aclose(self) -> None:
        """Close, at once."""
        if self._transport:
            self._transport.abort()
            await asyncio.sleep(0)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> Self:
        """The same connection, encrypted from here on; raises `NotConnectedError`."""
        loop = asyncio.get_running_loop()
        plain = cast("asyncio.Transport", self._transport)
        try:
            async with asyncio.timeout(timeout):
                self._transport = await loop.start_tls(plain, self, ssl_context, server_hostname=server_hostname)
        except TimeoutError as error:
            await self.aclose()
            raise NotConnectedInTimeError from error
        except OSError as error:
            await self.aclose()
            raise NotConnectedError from error
        return self

    def get_extra_info(self, info: str) -> Any:
        """Facts about the connection, by the library's names for them."""
        if info == "is_readable":
            return self._ended or bool(self._arrived)
        names = {"client_addr": "sockname", "server_addr": "peername"}
        return self._transport.get_extra_info(names.get(info, info)) if self._transport else None


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting and not waiting.done():
        waiting.set_result(None)
