"""The request of a web framework, as little of it as is needed, and what `verify` makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from reconciler.verify.request import Request


class HeaderItems(Protocol):
    """Headers as pairs; one that was sent twice is there twice."""

    def items(self) -> Iterable[tuple[str, str]]: ...


class IncomingRequest(Protocol):
    """What `validate_payload` needs; Starlette's and FastAPI's `Request` have it."""

    @property
    def method(self) -> str: ...

    @property
    def url(self) -> object: ...

    @property
    def headers(self) -> HeaderItems: ...

    async def body(self) -> bytes:
        """The body as it was received, byte for byte."""
        ...


async def received(request: IncomingRequest, url: str) -> Request:
    """The request as `verify` reads it; `url` is the one the provider was given, for a proxy may hide it from us."""
    headers = tuple((name, value) for name, value in request.headers.items())
    query = str(request.url).partition("#")[0].partition("?")[2]
    return Request(method=request.method, url=url, query=query, headers=headers, body=await request.body())
