"""A target over HTTP: CloudEvents 1.0 in structured mode, signed as Standard Webhooks asks.

Facts: "HTTP Protocol Binding for CloudEvents - Version 1.0.2", "CloudEvents JSON Format - Version 1.0.2", "Standard
Webhooks specification" (github.com/standard-webhooks), RFC 9110 10.2.3 (Retry-After).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

from reconciler.core.errors import ConfigError
from reconciler.core.model import Secret
from reconciler.ingress.targets.event import Again, Drop, Event
from reconciler.verify.public_scheme import StandardWebhooksScheme
from reconciler.verify.request import Request, UnsignableError
from reconciler.verify.schemes import sign
from reconciler.verify.standard_webhooks import shared_keys

SCHEME: Final = StandardWebhooksScheme(prefix="webhook-")
"""How dispatches are signed."""

_GONE: Final = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer: its status, and what its `Retry-After` header says, if anything."""

    status: int
    retry_after: str = ""


class UnreachableError(Exception):
    """There was no answer, or the request may not be sent there; the text names no URL."""


class Post(Protocol):
    """Sends one POST request. It follows no redirect, uses no proxy, and goes to no address that is not allowed."""

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes, /) -> Awaitable[Answered]:
        """The answer, without its body. Raises `UnreachableError`."""
        ...


def secret_problem(secret: Secret) -> str:
    """Why no dispatch can be signed with a secret; empty where one can: published keys (`whpk_`) only prove."""
    if shared_keys([secret]):
        return ""
    return "is not whsec_ and 24 to 64 bytes in base64" if secret.reveal().strip() else "is empty"


class HttpTarget:
    """Posts events to `url`; `secret` is asked for each time, so that a changed one counts at once."""

    def __init__(self, url: str, post: Post, secret: Callable[[], Secret], now: Callable[[], float]) -> None:
        self._url = url
        self._post = post
        self._secret = secret
        self._now = now

    async def send(self, event: Event) -> None:
        body = json.dumps(event.document(), separators=(",", ":")).encode()
        try:
            answer = await self._post(self._url, self._headers(event.id, body), body)
        except UnreachableError as error:
            raise Again(str(error)) from None
        except (ConfigError, UnsignableError):
            raise Again("it cannot be signed: the secret of the target is not there, or is no key") from None
        _judge(answer, self._now())

    async def aclose(self) -> None:
        """Connections are the caller's."""

    def _headers(self, event_id: str, body: bytes) -> dict[str, str]:
        told = Request(headers=(("webhook-id", event_id),))
        proof = sign(SCHEME, self._secret(), body, self._now(), told)
        return {
            "Content-Type": "application/cloudevents+json; charset=utf-8",
            "Accept-Encoding": "identity",
            "webhook-id": event_id,
            "Idempotency-Key": event_id,
            **dict(proof),
        }


def _judge(answer: Answered, now: float) -> None:
    if 200 <= answer.status < 300:
        return
    if answer.status == _GONE:
        raise Drop("it answered 410: it is gone")
    if 300 <= answer.status < 400:
        raise Again(f"it answered {answer.status}: redirects are not followed")
    raise Again(f"it answered {answer.status}", after=seconds_of(answer.retry_after, now))


def seconds_of(retry_after: str, now: float) -> float | None:
    """How long a `Retry-After` header asks to wait, as seconds or as a date; None where it says nothing sensible."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now)
