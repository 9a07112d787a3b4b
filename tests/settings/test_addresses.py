"""Where an address leads: what an attacker names to get behind the wall is never public."""

from __future__ import annotations

import pytest

from reconciler.settings.addresses import Place, is_address, place_of
from reconciler.settings.targets import check_target

PUBLIC = [
    "8.8.8.8",
    "140.82.112.3",
    "1.1.1.1",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]
LOOPBACK = ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"]
INTERNAL = [
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "100.127.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "fc00::1",
    "fdff::1",
    "::ffff:10.0.0.1",
    "::ffff:a00:1",
    "64:ff9b::a00:1",
]
FORBIDDEN = [
    "0.0.0.0",  # noqa: S104 - refused, not bound to
    "0.1.2.3",
    "169.254.169.254",  # metadata of AWS, Google Cloud, Azure
    "169.254.170.2",
    "100.100.100.200",  # metadata of Alibaba Cloud
    "168.63.129.16",  # Azure's wire server
    "192.0.0.192",  # metadata of Oracle Cloud
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::7f00:1",  # IPv4-compatible
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",  # NAT64 of 169.254.169.254
    "64:ff9b:1::a00:1",  # NAT64 of a local prefix
    "2002:a9fe:a9fe::1",  # 6to4
    "2002:808:808::1",
    "2001::1",  # Teredo
    "2001:0:808:808::f7f7:f7f7",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2a00:1450::5efe:10.0.0.1",  # ISATAP
    "2a00:1450::200:5efe:a00:1",
    "3fff::1",
    "fd00:ec2::254",  # metadata of AWS
    "fd20:ce::254",  # metadata of Google Cloud
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "100::1",
    "5f00::1",
    "not an address",
    "",
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
]


@pytest.mark.parametrize("text", PUBLIC)
def test_the_internet_is_public(text: str) -> None:
    """Also inside of an IPv6 address that networks without IPv4 use."""
    assert place_of(text) is Place.PUBLIC


@pytest.mark.parametrize("text", LOOPBACK)
def test_this_machine_is_no_other(text: str) -> None:
    """However it is written."""
    assert place_of(text) is Place.LOOPBACK


@pytest.mark.parametrize("text", INTERNAL)
def test_internal_networks_need_leave(text: str) -> None:
    """Private ranges, those of carriers and of benchmarks, unique local addresses."""
    assert place_of(text) is Place.INTERNAL


@pytest.mark.parametrize("text", FORBIDDEN)
def test_nobody_is_sent_there(text: str) -> None:
    """Link-local, metadata, multicast, tunnels, documentation, reserved, and what is no address."""
    assert place_of(text) is Place.FORBIDDEN


def test_addresses_are_told_from_names() -> None:
    """In brackets too; what only a resolver takes for one is a name."""
    assert [is_address(text) for text in ("::1", "[::1]", "10.0.0.1", "127.1", "acme.dev")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("url", "declared", "allowed", "refusal"),
    [
        ("https://flows.acme.dev/in", "", "", ""),
        ("https://8.8.8.8/in", "", "", ""),
        ("http://flows.acme.dev/in", "", "", "by https only"),
        ("http://127.0.0.1:9/in", "", "", "only where `allow` lists '127.0.0.1'"),
        ("http://127.0.0.1:9/in", "127.0.0.1", "", ""),
        ("http://localhost:9/in", "127.0.0.1", "", "only where `allow` lists 'localhost'"),
        ("http://localhost/in", "localhost", "", ""),
        ("http://[::1]/in", "::1", "", ""),
        ("http://flows.internal/in", "flows.internal", "", "RECONCILER_ALLOWED_HOSTS"),
        ("http://flows.internal/in", "", "flows.internal", "by https only"),
        ("http://flows.internal/in", "flows.internal", "flows.internal", ""),
        ("https://10.0.0.7/in", "", "10.0.0.7", "`allow` must list it"),
        ("https://10.0.0.7/in", "10.0.0.7", "", "RECONCILER_ALLOWED_HOSTS"),
        ("https://10.0.0.7/in", "10.0.0.7", "10.0.0.7", ""),
        ("https://[fe80::1]/in", "", "", "not on the public internet"),
        ("https://169.254.169.254/in", "", "", "not on the public internet"),
    ],
)
def test_what_a_pull_request_can_edit_opens_no_internal_host(
    url: str, declared: str, allowed: str, refusal: str
) -> None:
    """The project file and the operator must agree; this machine needs to be declared alone."""
    hosts = frozenset(filter(None, [declared])), frozenset(filter(None, [allowed]))
    if not refusal:
        check_target(url, *hosts)
        return
    with pytest.raises(ValueError, match=refusal):
        check_target(url, *hosts)
