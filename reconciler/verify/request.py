"""A received request, a verdict on it, and what must be fetched before there can be one, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Self
from urllib.parse import parse_qsl

MAX_PARAMETERS = 100
"""A query with more is not a vendor's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request as it arrived.

    `headers` keeps every pair in order, values as the server decoded them (ISO 8859-1), so that a repeated header stays
    visible; `body` is the received bytes, never re-serialised; `url` is the public URL that the provider was given;
    `query` is what followed the question mark when it called, still encoded.
    """

    method: str = "POST"
    url: str = ""
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    by_name: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    """The values of each header by its name in lower case: verifying asks for several, some more than once."""

    def __post_init__(self) -> None:
        found: dict[str, tuple[str, ...]] = {key.lower(): (value,) for key, value in self.headers}
        if len(found) < len(self.headers):
            found.clear()
            for key, value in self.headers:
                found[key.lower()] = (*found.get(key.lower(), ()), value)
        object.__setattr__(self, "by_name", found)

    def values(self, name: str) -> tuple[str, ...]:
        """Every value of a header, in order; names compare without case."""
        return self.by_name.get(name.lower(), ())

    def parameters(self, name: str) -> tuple[str, ...]:
        """Every value of a query parameter, in order and decoded; none where the query is not well-formed UTF-8."""
        try:
            pairs = parse_qsl(self.query, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
        except ValueError:
            return ()
        return tuple(value for key, value in pairs if key == name)


class UnsignableError(ValueError):
    """Something cannot be signed as the provider would."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request is genuine. `reason` says why not, in words of ours, never the sender's.

    `unknown` is neither: what decides could not be had. The sender is to try again (503), for a refusal would lose a
    genuine delivery for good.
    """

    ok: bool
    reason: str = ""
    unknown: bool = False

    def __bool__(self) -> bool:
        return self.ok


ACCEPTED = Verdict(True)

BLANK = Request()
"""A request about which there is nothing to say."""


def refused(reason: str) -> Verdict:
    """A refusal, with its reason."""
    return Verdict(False, reason)


def undecided(reason: str) -> Verdict:
    """Neither genuine nor forged, with the reason."""
    return Verdict(False, reason, unknown=True)


class NeedKind(StrEnum):
    """What is needed."""

    KEYS = "keys"
    """A JWKS document; may be kept for a while."""
    CERTIFICATE = "certificate"
    """An X.509 certificate in PEM; may be kept for long."""
    ANSWER = "answer"
    """The provider's own answer to this very delivery; never kept."""
    CONFIRMATION = "confirmation"
    """A call that confirms a subscription; made once, never kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What must be fetched before a request can be judged. It is no verdict, and counts as false.

    `url` is absolute https, its host pinned by the definition or the scheme, never by the sender; with `of_api` it is
    what follows the root of the provider's API, to be called with the credentials of the webhook. `refresh` asks for a
    newer copy than the one that was given.
    """

    kind: NeedKind
    url: str
    of_api: bool = False
    method: str = "GET"
    media_type: str = ""
    body: bytes = b""
    refresh: bool = field(default=False, compare=False)

    def __bool__(self) -> bool:
        return False

    @property
    def reason(self) -> str:
        """What to say where nothing is fetched."""
        return f"it takes the {self.kind} of the provider to judge it, and nobody fetched that"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a fetch brought: status (0 where there was no answer at all), body, and when (UNIX seconds)."""

    status: int
    body: bytes = b""
    at: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the answer is a success."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about the webhook beside its secrets, and what was fetched.

    `resource` is what the webhook is about, `provider_id` its id at the provider; both may be part of a proof.
    `capturing` is true only while a create is in flight in which the provider tells its secret to the receiver.
    """

    resource: str = ""
    provider_id: str = ""
    capturing: bool = False
    fetched: Mapping[Need, Fetched] = field(default_factory=lambda: MappingProxyType({}))

    def given(self, need: Need, fetched: Fetched) -> Self:
        """The same with what a need brought."""
        return replace(self, fetched={**self.fetched, need: fetched})


NOTHING = Facts()
"""Nothing is known."""


def single_header(request: Request, name: str) -> bytes | Verdict:
    """The bytes of a header that must be there exactly once and not be empty, else the refusal.

    A value that is not ISO 8859-1 cannot have come over the wire.
    """
    values = request.values(name)
    if not values:
        return refused(f"the {name} header is missing")
    if len(values) > 1:
        return refused(f"the {name} header is there more than once")
    try:
        raw = values[0].encode("latin-1")
    except UnicodeEncodeError:
        return refused(f"the {name} header is not ISO 8859-1")
    return raw or refused(f"the {name} header is empty")
