"""An application in this process that answers in place of the network: a stand-in of a provider (ASGI 3.0)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote

from reconciler.providers.destination import destination_of
from reconciler.providers.transport import Call, Reply, joined

AsgiApp = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]
"""An ASGI application."""


async def answered(app: AsgiApp, call: Call, headers: Mapping[str, str]) -> Reply:
    """What the application answers; raises whatever it raises, and `ValueError` for a call that HTTP cannot carry."""
    asked = asyncio.Queue[MutableMapping[str, Any]]()
    asked.put_nowait({"type": "http.request", "body": call.body, "more_body": False})
    said: list[MutableMapping[str, Any]] = []

    async def say(message: MutableMapping[str, Any]) -> None:
        said.append(message)

    await app(_scope(call, headers), asked.get, say)
    begin, *parts = said
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in begin.get("headers", ())]
    return Reply(status=begin["status"], headers=joined(fields), body=b"".join(part.get("body", b"") for part in parts))


def _scope(call: Call, headers: Mapping[str, str]) -> dict[str, Any]:
    place = destination_of(call.url)
    path, _, query = place.target.partition("?")
    fields = {"host": place.authority, **headers, "content-length": str(len(call.body))}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": call.method,
        "scheme": place.scheme,
        "path": unquote(path),
        "raw_path": path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in fields.items()],
        "server": (place.host, place.port),
        "client": ("127.0.0.1", 0),
    }
