"""The real transport. The only module that knows the HTTP library.

`httpcore2` is what httpx2 speaks HTTP with, taken without the client around it. It is the maintained continuation of
httpcore with the same interface; exchanging the import below for `import httpcore` is all that it takes to go back.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore2 as httpcore

from reconciler.documents.packaged import DISTRIBUTION, program_version
from reconciler.providers.destination import Destination, destination_of
from reconciler.providers.in_process import AsgiApp, answered
from reconciler.providers.transport import (
    MAX_BODY,
    Call,
    OversizedReplyError,
    PinnedCall,
    Reply,
    TransportError,
    joined,
)

TIMEOUT: Final[Mapping[str, float]] = {"connect": 10.0, "read": 20.0, "write": 20.0}
"""Seconds, per step of an exchange."""

CONNECTIONS: Final = 64
"""At a time, over all origins."""

IDLE: Final = 5.0
"""Seconds after which a connection that nobody used is not trusted to be there."""

_HEADERS: Final[Mapping[str, str]] = {"Accept": "*/*", "Accept-Encoding": "gzip"}
_AS_IT_IS: Final[Mapping[str, str]] = {"Accept-Encoding": "identity"}
"""For pinned calls, whose bodies are cut off as they come: nothing would unpack them."""

_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_GZIP: Final = 16 + zlib.MAX_WBITS

_AT: Final = " at "
"""Between an origin and the address that calls to it are pinned to: their connections are nobody else's."""

WHOLE: Final = 60.0
"""Seconds for a whole exchange: a reply that trickles in ends here."""

NOT_SENT: Final = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.ProxyError)
"""Failures from before the request left."""

BROKEN_OFF: Final = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, TimeoutError, zlib.error)
"""Failures of which nobody knows how far the request came."""


class HttpTransport:
    """Sends over the network, or to an application in this process.

    Close it with `aclose`, or use it as a context manager. Each connection is taken for one request at a time. A pool
    would look at all of its connections at every request, and a client would make objects of its own around each, and
    add redirects, cookies and authentication that are not wanted: with many requests at a time either costs more than
    the request. Connections are made when they are needed first; all share what was read of the system's certificates.
    """

    def __init__(self, app: AsgiApp | None = None) -> None:
        self._app = app
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._made = 0
        self._idle: dict[str, list[httpcore.AsyncConnectionInterface]] = {}
        self._makers: dict[str, httpcore.AsyncConnectionPool] = {}
        self._trust: ssl.SSLContext | None = None
        self._headers: dict[str, str] = {}

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
        except (httpcore.LocalProtocolError, ValueError):
            # The library's text quotes the URL or header, and so perhaps a token.
            raise TransportError("the request cannot be sent: its URL or a header is malformed", sent=False) from None
        except BROKEN_OFF as error:
            raise TransportError(_reason(error), sent=True) from None

    async def _send(self, call: Call) -> Reply:
        self._headers = self._headers or {**_HEADERS, "User-Agent": f"{DISTRIBUTION}/{program_version()}"}
        headers = self._headers | dict(call.headers)
        if self._app:
            async with asyncio.timeout(WHOLE):
                return await answered(self._app, call, headers)
        place = destination_of(call.url)
        whole, cut, line = WHOLE, None, place.origin
        if isinstance(call, PinnedCall):
            whole, cut, line = call.seconds, call.cut, f"{place.origin}{_AT}{call.address}"
            headers = {**self._headers, **_AS_IT_IS, **call.headers}
        request = _request(call, place, headers)
        connection = await self._take(line, request.url.origin)
        try:
            async with asyncio.timeout(whole):
                return await _exchange(connection, request, cut)
        finally:
            self._idle.setdefault(line, []).append(connection)

    async def _take(self, line: str, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        """An idle connection of this line, else a new one; one of another line makes room for it where needed."""
        while line in self._idle:
            connection = self._idle_one(line)
            if connection.is_available() and not connection.has_expired():
                return connection
            await self._drop(connection)
        while self._made >= CONNECTIONS:  # while one is closed, another request may take the room
            await self._drop(self._idle_one(next(iter(self._idle))))
        connection = self._maker(line).create_connection(origin)
        self._made += 1
        return connection

    def _idle_one(self, line: str) -> httpcore.AsyncConnectionInterface:
        """An idle connection of a line that has one. A line without any is forgotten: addresses come and go."""
        idle = self._idle[line]
        connection = idle.pop()
        if not idle:
            del self._idle[line]
        return connection

    async def _drop(self, connection: httpcore.AsyncConnectionInterface) -> None:
        self._made -= 1  # first: whoever is cancelled while it is closed must not leave it counted
        await connection.aclose()

    def _maker(self, line: str) -> httpcore.AsyncConnectionPool:
        """What makes the connections of a line, directly or through a proxy; the library's pool, never used as one."""
        pinned = _AT in line
        key = line.partition(":")[0] if pinned else line
        if key not in self._makers:  # once: to find the proxy takes a look through the whole environment
            # Where nothing is encrypted no certificates are read.
            if line.startswith("https:") and self._trust is None:
                self._trust = _trusted()
            proxy = None if pinned else _proxy(line)
            self._makers[key] = httpcore.AsyncConnectionPool(self._trust, proxy, keepalive_expiry=IDLE)
        return self._makers[key]


def _request(call: Call, place: Destination, headers: Mapping[str, str]) -> httpcore.Request:
    """The library's request. A pinned one goes to its address; TLS asks for the name all the same, and checks it."""
    fields = {"Host": place.authority, **headers}
    if call.body or call.method in _WITH_BODY:
        fields["Content-Length"] = str(len(call.body))
    host, extensions = place.host, dict[str, object](timeout=TIMEOUT)
    if isinstance(call, PinnedCall):
        steps = dict.fromkeys(TIMEOUT, call.seconds) | {"connect": TIMEOUT["connect"]}
        host, extensions = call.address, {"timeout": steps, "sni_hostname": place.host}
    return httpcore.Request(
        call.method,
        httpcore.URL(scheme=place.scheme, host=host, port=place.port, target=place.target),
        headers=[(name.encode("ascii"), value.encode("ascii")) for name, value in fields.items()],
        content=call.body,
        extensions=extensions,
    )


async def _exchange(connection: httpcore.AsyncConnectionInterface, request: httpcore.Request, cut: int | None) -> Reply:
    response = await connection.handle_async_request(request)
    headers = joined((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
    try:
        body = await (_read(response, headers) if cut is None else _read_to(response, cut))
    finally:
        await response.aclose()
    return Reply(status=response.status, headers=headers, body=body)


def _trusted() -> ssl.SSLContext:
    """Whose certificates are trusted. Raises `TransportError` where the environment names what holds none."""
    try:
        return httpcore.default_ssl_context()
    except OSError:
        message = "the certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read"
        raise TransportError(message, sent=False) from None


def _proxy(origin: str) -> httpcore.Proxy | None:
    """The proxy that the environment names for an origin (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`).

    Raises `TransportError` for one that does not speak HTTP: that takes a package which nothing here asks for.
    """
    parts = urlsplit(origin)
    proxies = getproxies()
    named = proxies.get(parts.scheme) or proxies.get("all")
    if not named or proxy_bypass(parts.netloc):
        return None
    url = named if "://" in named else f"http://{named}"
    try:
        place, user = destination_of(url), urlsplit(url)
    except ValueError:
        # The URL may hold a password, so it is not quoted.
        raise TransportError("the proxy that the environment names is not an http or https URL", sent=False) from None
    auth = (unquote_to_bytes(user.username), unquote_to_bytes(user.password or "")) if user.username else None
    return httpcore.Proxy(httpcore.URL(scheme=place.scheme, host=place.host, port=place.port, target="/"), auth)


async def _read(response: httpcore.Response, headers: Mapping[str, str]) -> bytes:
    """The body, inflated, and counted while it is read."""
    encoding = headers.get("content-encoding", "identity").lower()
    inflater = zlib.decompressobj(_GZIP) if encoding in {"gzip", "x-gzip"} else None
    body = bytearray()
    async for chunk in response.aiter_stream():
        body += inflater.decompress(chunk, MAX_BODY + 1 - len(body)) if inflater else chunk
        if len(body) > MAX_BODY:
            raise OversizedReplyError
        if inflater and inflater.unused_data:
            # It would be kept and copied with every chunk, counted by nobody, and is not in the body.
            raise zlib.error("there is more behind the end")
    return bytes(body)


async def _read_to(response: httpcore.Response, cut: int) -> bytes:
    """The beginning of the body as it was sent: nothing is inflated."""
    body = bytearray()
    async for chunk in response.aiter_stream():
        body += chunk
        if len(body) >= cut:
            break
    return bytes(body[:cut])


def _reason(error: Exception) -> str:
    """What happened, by the kind of the error: its text may quote a URL."""
    if isinstance(error, httpcore.TimeoutException | TimeoutError):
        return "it did not answer in time"
    if isinstance(error, httpcore.ConnectError | httpcore.ProxyError):
        return "no connection could be made"
    if isinstance(error, zlib.error):
        return "its answer could not be decoded"
    return "the connection was lost"
