"""The only way out of the sandbox: deliveries to loopback or to the place the operator named, nowhere else.

This is the one module of `testing` that imports the HTTP client.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx2 as httpx
from starlette.types import ASGIApp

from reconciler.core.errors import ConfigError, Problem, ReconcilerError
from reconciler.testing.vendors.base import Delivery, Outcome

_SECONDS = 10.0
_BODY_SHOWN = 1000


class SandboxError(ReconcilerError):
    """The sandbox cannot be reached, or refused what it was asked."""


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, by its spelling alone: no name but `localhost` is looked up or trusted."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Courier:
    """Sends deliveries.

    `forward_to` is an origin (`http://127.0.0.1:8080`) that takes the place of every delivery URL's own; without it,
    a delivery whose host is not loopback is refused. `receiver` is an ASGI app that gets the requests instead of the
    network. Raises `ConfigError` where `forward_to` is not an origin.
    """

    def __init__(self, *, forward_to: str = "", receiver: ASGIApp | None = None) -> None:
        self._origin = _origin(forward_to) if forward_to else None
        self._receiver = receiver

    def destination(self, url: str) -> str | None:
        """Where a delivery for `url` goes, or None where it must not go anywhere."""
        parts = urlsplit(url)
        if self._origin is not None:
            return urlunsplit((*self._origin, parts.path, parts.query, ""))
        return url if parts.scheme in {"http", "https"} and is_loopback(parts.hostname or "") else None

    async def send(self, delivery: Delivery) -> Outcome:
        """Send one delivery and tell what came of it; never raises for what the receiver does."""
        url = self.destination(delivery.url)
        if url is None:
            reason = "not sent: the URL is not on loopback and no forward-to address is set"
            return Outcome(delivery=delivery, sent=False, error=reason)
        transport = httpx.ASGITransport(self._receiver, raise_app_exceptions=False) if self._receiver else None
        try:
            async with httpx.AsyncClient(transport=transport, timeout=_SECONDS, trust_env=False) as client:
                answer = await client.request(
                    delivery.method, url, headers=dict(delivery.headers), content=delivery.body
                )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Outcome(delivery=delivery, error=f"{type(error).__name__}: {error}".rstrip(": "))
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        return Outcome(
            delivery=delivery,
            status=answer.status_code,
            body=answer.text[:_BODY_SHOWN],
            media_type=kind,
            echoed=answer.headers.get(delivery.echo_header, "") if delivery.echo_header else "",
        )


async def exchange(method: str, url: str, document: Any = None) -> Any:
    """Ask a running sandbox something and return its JSON answer; `SandboxError` where it fails or refuses."""
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    try:
        async with httpx.AsyncClient(timeout=_SECONDS * 3, trust_env=False) as client:
            answer = await client.request(method, url, json=document)
        body = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise SandboxError(f"no sandbox answers at {origin}: start one with `reconcile sandbox`") from error
    if answer.status_code >= 400:
        raise SandboxError(f"the sandbox at {origin} refused: {body.get('error', answer.status_code)}")
    return body


def _origin(forward_to: str) -> tuple[str, str]:
    parts = urlsplit(forward_to)
    plain = parts.path in {"", "/"} and not parts.query and not parts.fragment and "@" not in parts.netloc
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain:
        message = f"forward-to must be an origin such as http://127.0.0.1:8080, not {forward_to!r}"
        raise ConfigError((Problem("bad_forward_to", message),))
    return parts.scheme, parts.netloc
