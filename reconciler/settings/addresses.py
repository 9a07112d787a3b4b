"""What kind of place an IP address is: the public internet, an internal network, this machine, or nowhere to send to.

The tables are ours: `ipaddress` calls several of these global in Python 3.11. They follow the IANA IPv4 and IPv6
Special-Purpose Address Registries and RFC 6890. Only what is known to be public counts as public.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address


class Place(StrEnum):
    """Where an address leads."""

    PUBLIC = "public"
    INTERNAL = "internal"
    """A network of the operator's own: to be sent to with leave alone."""
    LOOPBACK = "loopback"
    FORBIDDEN = "forbidden"
    """Link-local, metadata of a cloud, multicast, tunnels, documentation, reserved: never sent to."""


def _v4(*texts: str) -> tuple[IPv4Network, ...]:
    return tuple(map(IPv4Network, texts))


def _v6(*texts: str) -> tuple[IPv6Network, ...]:
    return tuple(map(IPv6Network, texts))


_LOOPBACK_4: Final = _v4("127.0.0.0/8")
_INTERNAL_4: Final = _v4("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15")
_FORBIDDEN_4: Final = _v4(
    "0.0.0.0/8",
    "100.100.100.200/32",  # metadata of Alibaba Cloud, in the middle of the range for carriers
    "168.63.129.16/32",  # the wire server of Azure, in a public range
    "169.254.0.0/16",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
_PUBLIC_6: Final = _v6("2000::/3")
_INTERNAL_6: Final = _v6("fc00::/7")
_FORBIDDEN_6: Final = _v6(
    "2001::/23",  # Teredo, ORCHID and other assignments of the IETF
    "2001:db8::/32",
    "2002::/16",  # 6to4
    "3fff::/20",
    "fd00:ec2::/32",  # metadata of AWS
    "fd20:ce::/32",  # metadata of Google Cloud
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_LAST_32_BITS: Final = 0xFFFFFFFF
_ISATAP: Final = (0x00005EFE, 0x02005EFE)


def place_of(text: str) -> Place:
    """Where an address leads; what is no address is forbidden. An IPv4 address inside an IPv6 one is what counts."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return Place.FORBIDDEN
    return _place_4(address) if isinstance(address, IPv4Address) else _place_6(address)


def is_address(text: str) -> bool:
    """Whether a host is an address rather than a name."""
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _place_4(address: IPv4Address) -> Place:
    if _within(address, _FORBIDDEN_4):
        return Place.FORBIDDEN
    if _within(address, _LOOPBACK_4):
        return Place.LOOPBACK
    return Place.INTERNAL if _within(address, _INTERNAL_4) else Place.PUBLIC


def _place_6(address: IPv6Address) -> Place:
    if address in _MAPPED or address in _NAT64:
        return _place_4(IPv4Address(int(address) & _LAST_32_BITS))
    if address == IPv6Address("::1"):
        return Place.LOOPBACK
    if _within(address, _FORBIDDEN_6) or (int(address) >> 32) & _LAST_32_BITS in _ISATAP:
        return Place.FORBIDDEN
    if _within(address, _INTERNAL_6):
        return Place.INTERNAL
    return Place.PUBLIC if _within(address, _PUBLIC_6) else Place.FORBIDDEN


def _within(address: Address, networks: Sequence[IPv4Network] | Sequence[IPv6Network]) -> bool:
    return any(address in network for network in networks)
