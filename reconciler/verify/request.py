"""A received request and a verdict on it, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
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

    def values(self, name: str) -> tuple[str, ...]:
        """Every value of a header, in order; names compare without case."""
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key.lower() == wanted)

    def parameters(self, name: str) -> tuple[str, ...]:
        """Every value of a query parameter, in order and decoded; none where the query is not well-formed UTF-8."""
        try:
            pairs = parse_qsl(self.query, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
        except ValueError:
            return ()
        return tuple(value for key, value in pairs if key == name)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request is genuine. `reason` says why not, in words of ours, never the sender's."""

    ok: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.ok


ACCEPTED = Verdict(True)


def refused(reason: str) -> Verdict:
    """A refusal, with its reason."""
    return Verdict(False, reason)


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
