"""One HTTP exchange as plain values: what the provider engine asks, and what it gets or does not get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

MAX_BODY = 16 * 1024 * 1024
"""Bytes; a longer answer is not read to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request to send. Its text form shows no header, query or body: they may hold secrets."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedCall(Call):
    """A request to one address of the URL's host, which somebody checked: the name is not looked up again.

    TLS and the `Host` header are for the name all the same. No proxy is used. The reply's body is cut off after `cut`
    bytes, as they come. `seconds` is how long all of it may take.
    """

    address: str
    cut: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response, read to its end. Header names are in lower case; of a repeated header the values are joined."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


def joined(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Header fields as a `Reply` has them."""
    headers: dict[str, str] = {}
    for field_name, value in fields:
        name = field_name.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


class TransportError(Exception):
    """There is no reply. `sent` tells that the request may have reached the provider; the text names no URL."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


class OversizedReplyError(Exception):
    """The reply is longer than `MAX_BODY`."""


class Transport(Protocol):
    """Sends one request and reads its reply; follows no redirect and retries nothing."""

    async def send(self, call: Call) -> Reply:
        """The reply; raises `TransportError` or `OversizedReplyError`."""
        ...
