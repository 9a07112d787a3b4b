"""What every stand-in of a vendor offers the sandbox, and the small things that they share."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from reconciler.core.model import Json

_MARK_BYTES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One signed HTTP request for one webhook, ready to be sent. `headers` and `body` are not shown: they prove.

    `echo` is what the receiver must answer with where this is a handshake, and empty where it is none: in the body, or
    in the header `echo_header`.
    """

    provider: str
    webhook_id: str
    event: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    method: str = "POST"
    echo: str = field(default="", repr=False)
    echo_header: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a delivery: the receiver's `status`, or `error` where no answer came or it was not `sent`.

    `media_type` is that of the answer, lower case and without parameters; `echoed` is what a header of it repeats.
    """

    delivery: Delivery
    sent: bool = True
    status: int | None = None
    body: str = ""
    error: str = ""
    media_type: str = ""
    echoed: str = field(default="", repr=False)

    @property
    def accepted(self) -> bool:
        """True where the receiver answered 2xx and, in a handshake, with what it had to repeat."""
        told = self.echoed if self.delivery.echo_header else self.body
        return self.status is not None and 200 <= self.status < 300 and self.delivery.echo in told


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A webhook of a stand-in, told in the same words for every vendor. `detail` is the vendor's own view, masked."""

    id: str
    resource: str
    url: str
    events: tuple[str, ...]
    active: bool
    detail: Mapping[str, Json]


Deliver = Callable[[Delivery], Awaitable[Outcome]]
"""Sends a delivery; the sandbox decides where to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Time (UNIX seconds), chance and the way out, given to each stand-in by the sandbox."""

    now: Callable[[], float]
    random_bytes: Callable[[int], bytes]
    deliver: Deliver

    def hex(self, digits: int) -> str:
        """A random lower-case hexadecimal number of `digits` digits."""
        return self.random_bytes((digits + 1) // 2).hex()[:digits]

    def uuid(self) -> str:
        """A random UUID, version 4 in form."""
        number = bytearray(self.random_bytes(16))
        number[6] = number[6] & 0x0F | 0x40
        number[8] = number[8] & 0x3F | 0x80
        text = number.hex()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def unlike(self, document: Json) -> bytes:
        """`document` as a body that no other delivery has: many vendors sign no time, so the same twice is one."""
        return unlike(document, self.random_bytes)

    def iso(self, moment: float | None = None, *, timespec: str = "seconds") -> str:
        """`moment`, or now, as RFC 3339 in UTC."""
        when = datetime.fromtimestamp(self.now() if moment is None else moment, UTC)
        return when.isoformat(timespec=timespec).replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Which tokens and resources a stand-in knows; None stands for any. Resources are compared in lower case.

    `scopes` says what a token may do, at vendors whose tokens have scopes. A token may spell its scopes itself, as
    `anything/scopes=repo,user`, for sandboxes in another process. One of which nothing is said has those it needs.
    """

    tokens: frozenset[str] | None = None
    resources: frozenset[str] | None = None
    scopes: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def token(self, token: str) -> bool:
        """Whether the vendor would accept `token`."""
        return bool(token) and (self.tokens is None or token in self.tokens)

    def scopes_of(self, token: str, usual: frozenset[str]) -> frozenset[str]:
        """The scopes of `token`; `usual` where nothing is said of it."""
        if token in self.scopes:
            return self.scopes[token]
        _, spelt, told = token.partition("/scopes=")
        return frozenset(filter(None, told.split(","))) if spelt else usual

    def resource(self, name: str) -> bool:
        """Whether the resource exists for whoever asks."""
        return self.resources is None or name.lower() in {known.lower() for known in self.resources}


class Vendor(Protocol):
    """A stand-in: its API as an ASGI app, its webhooks, and deliveries signed as the vendor signs them."""

    @property
    def name(self) -> str: ...

    @property
    def app(self) -> ASGIApp: ...

    def webhooks(self) -> Sequence[Subscription]:
        """Every webhook that exists, secrets masked."""
        ...

    def deliveries(self, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Sequence[Delivery]:
        """One signed delivery for every live webhook that is subscribed to `event` (of `resource`, where given).

        `payload` overrides top-level fields of the realistic body that the stand-in makes itself.
        Raises `UnknownEventError` where the vendor has no such event.
        """
        ...

    def delivered(self, outcome: Outcome) -> None:
        """Told what became of a delivery that was sent, for vendors whose API shows it."""
        ...

    def reset(self) -> None:
        """Forget every webhook."""
        ...


class Sender(Protocol):
    """What fires for a provider without an API: the caller says where to, and with which secret."""

    def delivery(self, url: str, event: str, secret: str, payload: Mapping[str, Json] | None) -> Delivery:
        """The request that the provider makes to `url`; `payload` replaces the body's top-level fields."""
        ...


class UnknownEventError(ValueError):
    """The vendor has no such event."""


class Refusal(Exception):  # noqa: N818 - an answer of the vendor, not an error of ours
    """An error answer of a vendor's API: HTTP `status`, JSON `body`, further `headers`."""

    def __init__(self, status: int, body: Json, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"refused with {status}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


async def refused(_request: Request, refusal: Exception) -> Response:
    """The Starlette handler that turns a `Refusal` into its answer."""
    if not isinstance(refusal, Refusal):
        raise refusal
    return JSONResponse(refusal.body, refusal.status, refusal.headers)


def names(text: str) -> frozenset[str]:
    """The words of a text, for long lists of event names."""
    return frozenset(text.split())


def compact(document: Json) -> bytes:
    """JSON as vendors send it: UTF-8, no spaces."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def unlike(document: Json, random_bytes: Callable[[int], bytes]) -> bytes:
    """`compact`, and at its end white space by chance, which tells it from others."""
    bits = "".join(f"{byte:08b}" for byte in random_bytes(_MARK_BYTES))
    return compact(document) + bits.replace("0", " ").replace("1", "\t").encode() + b"\n"


def bearer(request: Request, *schemes: str) -> str:
    """The token of an `Authorization` header with one of `schemes` (lower case); empty where there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() in schemes else ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list that is cut by page number; `number` counts from 1."""

    number: int
    size: int
    total: int

    @property
    def last(self) -> int:
        """The number of the last page; 1 where there is nothing."""
        return max(1, math.ceil(self.total / self.size))

    def cut(self, items: Sequence[Json]) -> list[Json]:
        """The items of this page."""
        return list(items[(self.number - 1) * self.size : self.number * self.size])


def page_of(request: Request, total: int, default: int, largest: int = 100, size_name: str = "per_page") -> Page:
    """The page that the query's `page` and `per_page` (or `size_name`) ask for; nonsense counts as not given."""
    size = _positive(request.query_params.get(size_name), default)
    return Page(_positive(request.query_params.get("page"), 1), min(size, largest), total)


def link_header(request: Request, page: Page, relations: Mapping[str, int]) -> str:
    """A `Link` header (RFC 8288) with absolute URLs of this list's other pages, by relation name."""
    base = request.url.replace(query="")
    others = [(key, value) for key, value in request.query_params.multi_items() if key not in {"page", "per_page"}]
    return ", ".join(
        f'<{base}?{urlencode([*others, ("page", number), ("per_page", page.size)])}>; rel="{relation}"'
        for relation, number in relations.items()
    )


def _positive(text: str | None, default: int) -> int:
    return int(text) if text and re.fullmatch(r"[0-9]{1,9}", text) and int(text) > 0 else default
