"""The real transport. The only module that knows the HTTP library.

`httpx2` is the maintained continuation of httpx with the same interface; exchanging the import below for
`import httpx` is all that it takes to go back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self

import httpx2 as httpx

from reconciler.providers.transport import MAX_BODY, Call, OversizedReplyError, Reply, TransportError

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

LIMITS = httpx.Limits(max_connections=64, max_keepalive_connections=32)

WHOLE = 60.0
"""Seconds for a whole exchange: a reply that trickles in ends here."""

NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
"""Failures from before the request left."""


class HttpTransport:
    """Sends over the network, or into an ASGI application. Close it with `aclose`, or use it as a context manager.

    The client is made at the first request, for making one reads the system's certificates.
    """

    def __init__(self, app: AsgiApp | None = None) -> None:
        self._app = app
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def send(self, call: Call) -> Reply:
        """The reply; raises `TransportError` or `OversizedReplyError`."""
        client = self._client = self._client or self._connect()
        try:
            async with (
                asyncio.timeout(WHOLE),
                client.stream(call.method, call.url, headers=dict(call.headers), content=call.body) as response,
            ):
                body = await _read(response)
        except NOT_SENT as error:
            raise TransportError(_reason(error), sent=False) from None
        except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
            raise TransportError(_reason(error), sent=True) from None
        except (httpx.InvalidURL, ValueError):
            # The library's text quotes the URL or header, and so perhaps a token.
            raise TransportError("the request cannot be sent: its URL or a header is malformed", sent=False) from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(status=response.status_code, headers=headers, body=body)

    def _connect(self) -> httpx.AsyncClient:
        headers = {"User-Agent": f"webhook-reconciler/{version('webhook-reconciler')}"}
        transport = httpx.ASGITransport(app=self._app) if self._app else None
        return httpx.AsyncClient(
            headers=headers, timeout=TIMEOUT, limits=LIMITS, transport=transport, follow_redirects=False
        )


async def _read(response: httpx.Response) -> bytes:
    """The body, counted while it is read."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BODY:
            raise OversizedReplyError
    return bytes(body)


def _reason(error: Exception) -> str:
    """What happened, by the kind of the error: its text may quote a URL."""
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "it did not answer in time"
    if isinstance(error, httpx.ConnectError):
        return "no connection could be made"
    if isinstance(error, httpx.DecodingError):
        return "its answer could not be decoded"
    return "the connection was lost"
