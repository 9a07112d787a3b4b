"""A transport for URLs that files name: it looks a host up once, checks every address, and connects to that very one.

Between a check and a connection that looks the name up again, the name may lead elsewhere; here nothing looks it up
again. Redirects are not followed, proxies of the environment and `.netrc` are not used.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from reconciler.providers.transport import Call, PinnedCall, Reply, Transport, TransportError
from reconciler.settings.addresses import Place, place_of

MAX_REPLY: Final = 64 * 1024
"""Bytes of a reply that are read; what follows is cut off."""

MAX_ADDRESSES: Final = 16
"""A host with more is not looked at further."""

LOOK_UPS: Final = 4
"""Of names, at a time."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, in the order in which they are to be tried; raises `OSError`."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Where one may send to beside the public internet: internal networks, this machine. Both may be without TLS."""

    internal: bool = False
    loopback: bool = False

    def permits(self, place: Place) -> bool:
        """Whether a place may be sent to."""
        if place is Place.PUBLIC:
            return True
        return (place is Place.INTERNAL and self.internal) or (place is Place.LOOPBACK and self.loopback)

    @property
    def plain(self) -> bool:
        """Whether TLS may be left out."""
        return self.internal or self.loopback


class Resolver:
    """Looks hosts up, in threads of its own.

    A look-up cannot be ended, and one of a name server that is silent takes long: in the threads of the event loop it
    would keep everything else that needs one from its work.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOK_UPS, thread_name_prefix="resolver")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses that the system knows of a host."""
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _looked_up, host, port)
        return tuple(dict.fromkeys(str(item[4][0]) for item in found))


def _looked_up(host: str, port: int) -> Sequence[tuple[Any, ...]]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)


class GuardedTransport:
    """Sends to where `leave` permits, over another transport that honours `PinnedCall`; that one is the caller's.

    `seconds` is how long the exchange with one address may take.
    """

    def __init__(
        self, pinned: Transport, leave: Leave = Leave(), seconds: float = 30.0, resolve: Resolve | None = None
    ) -> None:
        self._pinned = pinned
        self._leave = leave
        self._seconds = seconds
        self._resolve: Resolve = Resolver() if resolve is None else resolve

    async def send(self, call: Call) -> Reply:
        """The reply, its body cut off after `MAX_REPLY` bytes. Raises `TransportError`."""
        addresses = await self._checked(call.url)
        failure = TransportError("no connection could be made", sent=False)
        for address in addresses:
            pinned = PinnedCall(
                method=call.method,
                url=call.url,
                headers=call.headers,
                body=call.body,
                address=address,
                cut=MAX_REPLY,
                seconds=self._seconds,
            )
            try:
                return await self._pinned.send(pinned)
            except TransportError as error:
                if error.sent:
                    raise
                failure = error
        raise failure

    async def _checked(self, url: str) -> Sequence[str]:
        """The addresses of the URL's host: all may be sent to, or none is."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or {"https": 443, "http": 80}[parts.scheme]
        except (ValueError, KeyError):
            raise TransportError("its URL is malformed", sent=False) from None
        if parts.scheme != "https" and not self._leave.plain:
            raise TransportError("it is sent by https only", sent=False)
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError):
            raise TransportError("its host cannot be found", sent=False) from None
        if not addresses or len(addresses) > MAX_ADDRESSES:
            raise TransportError("its host has no address, or too many", sent=False)
        if not all(self._leave.permits(place_of(address)) for address in addresses):
            raise TransportError("its host leads to an address that is not on the public internet", sent=False)
        return addresses
