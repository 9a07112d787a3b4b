"""What the ingress takes from anybody before it knows who it is: sizes, rates, how much at a time."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every limit. Sizes are bytes, times seconds, rates requests per second; bursts are requests.

    `min_speed` is in bytes per second, and holds once a body is `patience` seconds old. `rate` is for one client at one
    webhook, `unknown_rate` for all requests to webhooks that are not in memory, together, and `unknown_rate_each` for
    those of one client. `trusted_hops` is how many proxies of ours stand before us and write `X-Forwarded-For`. `held`
    bounds the bytes of all bodies that are received, and of all that wait to be stored, also where their senders were
    put off meanwhile. `keep_seconds` is how long what is proved may wait to be stored: GitHub, for one, hangs up after
    ten. Requests to nobody's webhooks take half of `in_flight` and `in_flight_per_client` at most, and a quarter of
    `held` beside it.
    """

    max_body: int = 1024 * 1024
    max_headers: int = 100
    max_header_bytes: int = 32 * 1024
    body_seconds: float = 30.0
    patience: float = 5.0
    min_speed: float = 256.0
    in_flight: int = 1024
    in_flight_per_client: int = 256
    held: int = 64 * 1024 * 1024
    rate: float = 500.0
    burst: float = 2000.0
    unknown_rate: float = 500.0
    unknown_burst: float = 5000.0
    unknown_rate_each: float = 100.0
    unknown_burst_each: float = 1000.0
    clients: int = 20_000
    trusted_hops: int = 0
    queue: int = 10_000
    keep_seconds: float = 8.0


class Buckets:
    """Token buckets by key, in bounded memory: who was not seen for long is forgotten, and begins with a full one."""

    def __init__(self, rate: float, burst: float, size: int) -> None:
        self._rate = rate
        self._burst = burst
        self._half = max(size // 2, 1)
        self._new: dict[str, list[float]] = {}
        self._old: dict[str, list[float]] = {}

    def take(self, key: str, now: float) -> bool:
        """Take a token of `key`, if there is one; `now` is monotonic seconds."""
        bucket = self._new.get(key)
        if bucket is None:
            bucket = self._old.pop(key, None) or [self._burst, now]
            if len(self._new) >= self._half:
                self._old, self._new = self._new, {}
            self._new[key] = bucket
        tokens = min(self._burst, bucket[0] + (now - bucket[1]) * self._rate)
        bucket[1] = now
        if tokens < 1:
            bucket[0] = tokens
            return False
        bucket[0] = tokens - 1
        return True

    def __len__(self) -> int:
        return len(self._new) + len(self._old)


class Flight:
    """How much is being done at a time, in all and for each client."""

    def __init__(self, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._clients: dict[str, int] = {}
        self.count = 0

    def enter(self, client: str) -> bool:
        """Begin a request, if there is room for it."""
        mine = self._clients.get(client, 0)
        if self.count >= self._most or mine >= self._most_each:
            return False
        self.count += 1
        self._clients[client] = mine + 1
        return True

    def leave(self, client: str) -> None:
        """End a request that was begun."""
        self.count -= 1
        mine = self._clients[client] - 1
        if mine:
            self._clients[client] = mine
        else:
            del self._clients[client]


def client_of(peer: str, headers: Iterable[tuple[bytes, bytes]], trusted_hops: int) -> str:
    """Who asks: the peer, or what the outermost of our own proxies wrote down as its peer.

    What stands further left in `X-Forwarded-For` is the sender's own word. Where there are fewer entries than proxies,
    or one is no address, the peer it is. IPv6 clients are told apart by their /64.
    """
    if trusted_hops:
        told = b",".join(value for name, value in headers if name == b"x-forwarded-for").split(b",")
        if len(told) >= trusted_hops:
            return _network(told[-trusted_hops].strip().decode("latin-1")) or _network(peer) or peer
    return _network(peer) or peer


@lru_cache(maxsize=4096)
def _network(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address.packed[:8] + bytes(8), 64)))
