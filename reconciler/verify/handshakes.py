"""Requests that a provider sends before it delivers, to see that the receiver is there, and the replies they need.

Microsoft Graph ("Receive change notifications through webhooks", learn.microsoft.com) asks while it makes a
subscription, with a token in the query; Slack ("url_verification event", docs.slack.dev) asks when a person enters the
URL, with a signed body. Both want back what they sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.core.model import Json, Secret
from reconciler.verify.body import DeliveryError, parse_json, search
from reconciler.verify.request import Request
from reconciler.verify.schemes import Scheme, verify

MAX_ECHO = 2000
"""More characters than this are not echoed."""


@dataclass(frozen=True, slots=True)
class QueryPlace:
    """A query parameter, there exactly once."""

    name: str


@dataclass(frozen=True, slots=True)
class BodyPlace:
    """A JMESPath of the JSON body."""

    path: str


Place = QueryPlace | BodyPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """Such a request is one whose `place` holds text, and `equals` where that is given; its `echo` is the reply.

    `proved` ones are signed as deliveries are, and answered only when that holds.
    """

    place: Place
    echo: Place
    equals: str = ""
    media_type: str = "text/plain"
    proved: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HandshakeReply:
    """What to answer, as it is: status, headers, body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def answer(
    handshakes: Iterable[Handshake], scheme: Scheme, secrets: Sequence[Secret], request: Request, now: float
) -> HandshakeReply | None:
    """The reply to a handshake, or None for whatever is none: that is a delivery, or to be refused as one. Total."""
    for handshake in handshakes:
        if _asks(handshake, request) and (not handshake.proved or verify(scheme, secrets, request, now)):
            return _reply(handshake, request)
    return None


def _asks(handshake: Handshake, request: Request) -> bool:
    found = _text(handshake.place, request)
    return bool(found) and handshake.equals in {"", found}


def _reply(handshake: Handshake, request: Request) -> HandshakeReply | None:
    """The echo. What a browser could take for a page is not sent back: no vendor's token holds that."""
    echo = _text(handshake.echo, request)
    if not echo or len(echo) > MAX_ECHO or not echo.isprintable() or not {"<", ">"}.isdisjoint(echo):
        return None
    headers = (("Content-Type", f"{handshake.media_type}; charset=utf-8"), ("X-Content-Type-Options", "nosniff"))
    return HandshakeReply(status=200, headers=headers, body=echo.encode())


def _text(place: Place, request: Request) -> str:
    if isinstance(place, QueryPlace):
        values = request.parameters(place.name)
        return values[0] if len(values) == 1 else ""
    try:
        payload: Json = parse_json(request.body)
    except DeliveryError:
        return ""
    found = search(place.path, payload)
    return found if isinstance(found, str) else ""
