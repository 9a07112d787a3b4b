"""The real transport. The only module that knows the HTTP library.

`httpx2` is the maintained continuation of httpx with the same interface; exchanging the import below for
`import httpx` is all that it takes to go back.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, MutableMapping
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2 as httpx

from reconciler.providers.transport import MAX_BODY, Call, OversizedReplyError, PinnedCall, Reply, TransportError

AsgiApp = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]
"""An application in this process that answers instead of the network: a stand-in of a provider, in tests."""

TIMEOUT = httpx.Timeout(connect=10.0, read=20.0, write=20.0, pool=60.0)
"""Seconds, per step of an exchange."""

CONNECTIONS = 64
"""At a time, over all origins."""

_DISTRIBUTION = "webhook-reconciler"
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
_EXTENSIONS = {"timeout": TIMEOUT.as_dict()}

_AT = " at "
"""Between an origin and the address that calls to it are pinned to: their connections are nobody else's."""

ONE = httpx.Limits(max_connections=1, max_keepalive_connections=1)

WHOLE = 60.0
"""Seconds for a whole exchange: a reply that trickles in ends here."""

NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
"""Failures from before the request left."""


class HttpTransport:
    """Sends over the network, or into an ASGI application. Close it with `aclose`, or use it as a context manager.

    Each connection is the library's transport for one connection, taken for one request at a time. A pool would look at
    all of its connections at every request, and a client would add redirects, cookies and authentication that are not
    wanted: with many requests at a time either costs more than the request. Connections are made when they are needed
    first; all share what was read of the system's certificates.
    """

    def __init__(self, app: AsgiApp | None = None) -> None:
        self._app = app
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._made = 0
        self._idle: dict[str, list[httpx.AsyncBaseTransport]] = {}
        self._trust: ssl.SSLContext | None = None
        self._no_trust: ssl.SSLContext | None = None
        self._headers: dict[str, str] = {}
        self._proxies: dict[str, str | None] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        idle, self._idle, self._made = self._idle, {}, 0
        for connection in (connection for connections in idle.values() for connection in connections):
            await connection.aclose()

    async def send(self, call: Call) -> Reply:
        """The reply; raises `TransportError` or `OversizedReplyError`."""
        try:
            async with self._places:
                return await self._send(call)
        except NOT_SENT as error:
            raise TransportError(_reason(error), sent=False) from None
        except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
            raise TransportError(_reason(error), sent=True) from None
        except (httpx.InvalidURL, ValueError):
            # The library's text quotes the URL or header, and so perhaps a token.
            raise TransportError("the request cannot be sent: its URL or a header is malformed", sent=False) from None

    async def _send(self, call: Call) -> Reply:
        self._headers = self._headers or {**_HEADERS, "User-Agent": f"webhook-reconciler/{version(_DISTRIBUTION)}"}
        request = httpx.Request(
            call.method, call.url, headers=self._headers | dict(call.headers), content=call.body, extensions=_EXTENSIONS
        )
        origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
        whole, cut = WHOLE, None
        if isinstance(call, PinnedCall):
            _pin(request, call)
            origin += f"{_AT}{call.address}"
            whole, cut = call.seconds, call.cut
        connection = await self._take(origin)
        try:
            async with asyncio.timeout(whole):
                return await _exchange(connection, request, cut)
        finally:
            self._idle.setdefault(origin, []).append(connection)

    async def _take(self, origin: str) -> httpx.AsyncBaseTransport:
        """An idle connection to this origin, else a new one; one to another origin makes room for it where needed."""
        if idle := self._idle.get(origin):
            return idle.pop()
        if self._made >= CONNECTIONS:
            self._made -= 1  # first: whoever is cancelled while it is closed must not leave it counted
            await next(idle for idle in self._idle.values() if idle).pop().aclose()
        connection = self._connect(origin)
        self._made += 1
        return connection

    def _connect(self, origin: str) -> httpx.AsyncBaseTransport:
        if self._app:
            return httpx.ASGITransport(app=self._app)
        if origin not in self._proxies:  # once: it looks through the whole environment
            self._proxies[origin] = None if _AT in origin else _proxy(origin)
        proxy = self._proxies[origin]
        if proxy is None and origin.startswith("http:"):
            # Nothing is encrypted, so no certificates are read; one that trusts nobody makes sure that it stays so.
            self._no_trust = self._no_trust or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            return httpx.AsyncHTTPTransport(verify=self._no_trust, limits=ONE)
        self._trust = self._trust or httpx.create_ssl_context()
        return httpx.AsyncHTTPTransport(verify=self._trust, limits=ONE, proxy=proxy)


def _pin(request: httpx.Request, call: PinnedCall) -> None:
    """Send a request to an address; its `Host` header was made of the name, and TLS asks for the name and checks it."""
    steps = httpx.Timeout(call.seconds, connect=TIMEOUT.connect)
    request.extensions = {"timeout": steps.as_dict(), "sni_hostname": request.url.host}
    request.url = request.url.copy_with(host=call.address)


async def _exchange(connection: httpx.AsyncBaseTransport, request: httpx.Request, cut: int | None) -> Reply:
    response = await connection.handle_async_request(request)
    try:
        body = await (_read(response) if cut is None else _read_to(response, cut))
    finally:
        await response.aclose()
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(status=response.status_code, headers=headers, body=body)


def _proxy(origin: str) -> str | None:
    """The proxy that the environment names for an origin (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`)."""
    parts = urlsplit(origin)
    proxies = getproxies()
    named = proxies.get(parts.scheme) or proxies.get("all")
    if not named or proxy_bypass(parts.netloc):
        return None
    return named if "://" in named else f"http://{named}"


async def _read(response: httpx.Response) -> bytes:
    """The body, counted while it is read."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BODY:
            raise OversizedReplyError
    return bytes(body)


async def _read_to(response: httpx.Response, cut: int) -> bytes:
    """The beginning of the body as it was sent: nothing is inflated."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= cut:
            break
    return bytes(body[:cut])


def _reason(error: Exception) -> str:
    """What happened, by the kind of the error: its text may quote a URL."""
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "it did not answer in time"
    if isinstance(error, httpx.ConnectError):
        return "no connection could be made"
    if isinstance(error, httpx.DecodingError):
        return "its answer could not be decoded"
    return "the connection was lost"
