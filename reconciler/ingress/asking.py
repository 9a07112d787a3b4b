"""What a request is before its body is read: everything that is refused on its headers alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from reconciler.ingress.counting import Outcome
from reconciler.ingress.limits import Limits, client_of
from reconciler.ingress.ports import Vendor

METHODS: Final = frozenset({"POST", "GET", "HEAD", "OPTIONS"})

MAX_QUERY: Final = 4096
"""Bytes; a longer query is not a vendor's."""

_LENGTH: Final = re.compile(rb"[0-9]{1,15}")


class Refusal(Exception):  # noqa: N818 # not an error: how most requests end that nobody asked for
    """How a request ends that is not kept: status, what is counted, whether to try again later, whether to hang up."""

    def __init__(self, status: int, outcome: Outcome, *, later: bool = False, close: bool = False) -> None:
        super().__init__(outcome)
        self.status = status
        self.outcome = outcome
        self.later = later
        self.close = close


class Asked(NamedTuple):
    """Whose webhook a request names, who asks, how long its body may be, and its headers as text."""

    vendor: Vendor
    webhook_id: str
    method: str
    client: str
    limit: int
    headers: tuple[tuple[str, str], ...]


def asked(scope: Mapping[str, Any], vendor: Vendor, webhook_id: str, limits: Limits) -> Asked:
    """The request with these headers. Raises `Refusal` for what is never taken, whoever sends it.

    None of that depends on the webhook: the provider in the URL alone says how long a body may be.
    """
    method = scope["method"]
    if method not in METHODS:
        raise Refusal(405, Outcome.MALFORMED, close=True)
    if len(scope["query_string"]) > MAX_QUERY:
        raise Refusal(414, Outcome.MALFORMED, close=True)
    rows = scope["headers"]
    limit = vendor.max_body or limits.max_body
    headers = _checked(rows, limits, limit)
    peer = scope.get("client")
    return Asked(
        vendor=vendor,
        webhook_id=webhook_id,
        method=method,
        client=client_of(peer[0] if peer else "", rows, limits.trusted_hops),
        limit=limit,
        headers=headers,
    )


def _checked(rows: Iterable[tuple[bytes, bytes]], limits: Limits, limit: int) -> tuple[tuple[str, str], ...]:
    """The headers as text, refused too many, too long ones, and a length that is told in two ways, or is too long."""
    size, lengths, chunked = 0, 0, False
    headers: list[tuple[str, str]] = []
    for name, value in rows:
        headers.append((name.decode("latin-1"), value.decode("latin-1")))
        size += len(name) + len(value)
        if name == b"content-length":
            lengths += 1
            if not _LENGTH.fullmatch(value):
                raise Refusal(400, Outcome.MALFORMED, close=True)
            if int(value) > limit:
                raise Refusal(413, Outcome.TOO_LARGE, close=True)
        elif name == b"transfer-encoding":
            chunked = True
    if len(headers) > limits.max_headers or size > limits.max_header_bytes:
        raise Refusal(431, Outcome.MALFORMED, close=True)
    if lengths + chunked > 1:
        raise Refusal(400, Outcome.MALFORMED, close=True)
    return tuple(headers)
