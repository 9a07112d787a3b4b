"""Sending to where a file says: the address is checked, and it is that very one which is connected to."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reconciler.providers.client import HttpTransport
from reconciler.providers.guarded import MAX_REPLY, GuardedTransport, Leave, Resolver
from reconciler.providers.transport import Call, PinnedCall, Reply, TransportError
from tests.settings.test_addresses import FORBIDDEN, INTERNAL, LOOPBACK, PUBLIC


@dataclass
class Wire:
    """Takes calls and notes where they go; addresses in `dead` are not there."""

    dead: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    calls: list[PinnedCall] = field(default_factory=list)

    async def send(self, call: Call) -> Reply:
        assert isinstance(call, PinnedCall)
        self.calls.append(call)
        if call.address in self.dead | self.lost:
            raise TransportError("no connection could be made", sent=call.address in self.lost)
        return Reply(status=204)


def names(*addresses: str) -> Callable[[str, int], object]:
    """A resolver that knows one answer, and one question."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        assert not asked, "a host is looked up once"
        asked.append(host)
        return addresses

    return resolve


def guarded(wire: object, *addresses: str, leave: Leave = Leave()) -> GuardedTransport:  # noqa: B008 - frozen
    """A guard before the wire, where the host has these addresses."""
    return GuardedTransport(wire, leave, resolve=names(*addresses))  # type: ignore[arg-type] # stand-ins


POST = Call(method="POST", url="https://flows.acme.dev/in", body=b"{}")


# -- addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [*FORBIDDEN, *INTERNAL, *LOOPBACK])
async def test_what_is_not_public_is_not_connected_to(address: str) -> None:
    """However the name leads there."""
    wire = Wire()
    with pytest.raises(TransportError, match="not on the public internet") as raised:
        await guarded(wire, address).send(POST)
    assert not wire.calls
    assert not raised.value.sent
    assert address not in str(raised.value) or not address


@pytest.mark.parametrize("address", PUBLIC)
async def test_the_address_that_was_checked_is_the_one_that_is_used(address: str) -> None:
    """The name is looked up once, so it cannot lead elsewhere a moment later."""
    wire = Wire()
    await guarded(wire, address).send(POST)
    [call] = wire.calls
    assert (call.address, call.url, call.body) == (address, POST.url, POST.body)


async def test_one_bad_address_among_good_ones_refuses_all() -> None:
    """Whoever answers for a name must not be able to choose by luck."""
    wire = Wire()
    with pytest.raises(TransportError):
        await guarded(wire, "8.8.8.8", "10.0.0.1").send(POST)
    assert not wire.calls


@pytest.mark.parametrize("address", FORBIDDEN)
async def test_no_leave_opens_metadata_and_the_like(address: str) -> None:
    """Not even for a host that the operator allows."""
    with pytest.raises(TransportError):
        await guarded(Wire(), address, leave=Leave(internal=True, loopback=True)).send(POST)


async def test_leave_opens_what_it_says() -> None:
    """Internal networks, or this machine; then also without TLS."""
    plain = Call(method="POST", url="http://flows.internal/in")
    for leave, address in ((Leave(internal=True), "10.0.0.1"), (Leave(loopback=True), "127.0.0.1")):
        assert (await guarded(Wire(), address, leave=leave).send(plain)).status == 204
    with pytest.raises(TransportError, match="public internet"):
        await guarded(Wire(), "127.0.0.1", leave=Leave(internal=True)).send(plain)
    with pytest.raises(TransportError, match="public internet"):
        await guarded(Wire(), "10.0.0.1", leave=Leave(loopback=True)).send(plain)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://flows.acme.dev/in", "by https only"),
        ("HTTP://flows.acme.dev/in", "by https only"),
        ("ftp://flows.acme.dev/in", "malformed"),
        ("file:///etc/passwd", "malformed"),
        ("gopher://x", "malformed"),
        ("https://flows.acme.dev:99999/in", "malformed"),
        ("//flows.acme.dev", "malformed"),
    ],
)
async def test_only_https_to_the_internet(url: str, words: str) -> None:
    """No other scheme, and nothing readable on the way."""
    with pytest.raises(TransportError, match=words):
        await guarded(Wire(), "8.8.8.8").send(Call(method="POST", url=url))


async def test_a_host_without_an_address() -> None:
    """None, or more than anybody has: not sent, to be tried again."""

    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError(-2, "Name or service not known")

    for guard in (GuardedTransport(Wire(), resolve=unknown), guarded(Wire()), guarded(Wire(), *["8.8.8.8"] * 17)):
        with pytest.raises(TransportError) as raised:
            await guard.send(POST)
        assert not raised.value.sent


async def test_the_next_address_is_tried_where_nothing_was_sent() -> None:
    """A host with a dead address; where the request may have arrived, it is not sent twice."""
    wire = Wire(dead=frozenset({"8.8.8.8"}))
    assert (await guarded(wire, "8.8.8.8", "1.1.1.1").send(POST)).status == 204
    with pytest.raises(TransportError):
        await guarded(Wire(dead=frozenset({"8.8.8.8", "1.1.1.1"})), "8.8.8.8", "1.1.1.1").send(POST)
    wire = Wire(lost=frozenset({"8.8.8.8"}))
    with pytest.raises(TransportError) as raised:
        await guarded(wire, "8.8.8.8", "1.1.1.1").send(POST)
    assert raised.value.sent
    assert len(wire.calls) == 1


async def test_what_only_a_resolver_takes_for_an_address_is_looked_at_as_what_it_is() -> None:
    """`127.1` and its like lead to this machine, and are refused for that."""
    for host in ("127.1", "2130706433", "0x7f.1", "0177.0.0.1"):
        assert set(await Resolver()(host, 443)) == {"127.0.0.1"}
        with pytest.raises(TransportError, match="public internet"):
            await GuardedTransport(Wire()).send(Call(method="POST", url=f"https://{host}/"))


async def test_a_silent_name_server_keeps_no_thread_but_those_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many hosts are looked up in vain, whatever else needs a thread has one."""
    silent = threading.Event()

    def look_up(*args: object, **details: object) -> list[object]:
        silent.wait(10)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    guard = GuardedTransport(Wire())
    sending = [asyncio.create_task(guard.send(POST)) for _ in range(40)]  # more than the event loop has threads
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await asyncio.to_thread(silent.is_set)
    silent.set()
    for each in sending:
        with pytest.raises(TransportError, match="cannot be found"):
            await each


# -- the wire ----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def server(reply: bytes, context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server on loopback that answers so, and the heads of what it was sent."""
    heads: list[bytes] = []
    serving: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                await reader.readexactly(2)
                writer.write(reply)
                await writer.drain()
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.ensure_future(serve(reader, writer)))

    listening = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=context)
    try:
        yield listening.sockets[0].getsockname()[1], heads
    finally:
        listening.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving)


async def test_host_header_and_address_go_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is for the name, the connection to the address, and no proxy of the environment is asked."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as (port, heads), HttpTransport() as transport:
        guard = GuardedTransport(transport, Leave(loopback=True), resolve=_here)
        for _ in range(2):
            reply = await guard.send(Call(method="POST", url=f"http://flows.acme.dev:{port}/in", body=b"{}"))
            assert (reply.status, reply.body) == (200, b"ok")
    assert all(f"host: flows.acme.dev:{port}".encode() in head.lower() for head in heads)
    assert len(heads) == 2


async def test_a_redirect_is_an_answer_like_any_other() -> None:
    """Nobody is led elsewhere."""
    reply = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    async with server(reply) as (port, heads), HttpTransport() as transport:
        guard = GuardedTransport(transport, Leave(loopback=True), resolve=_here)
        assert (await guard.send(Call(method="POST", url=f"http://a.acme.dev:{port}/", body=b"{}"))).status == 302
    assert len(heads) == 1


async def test_a_long_reply_is_cut_off() -> None:
    """Its status counts, and no more than its beginning is read; a packed one is not unpacked."""
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100000000\r\n\r\n"
    async with server(head + b"x" * 200_000) as (port, _), HttpTransport() as transport:
        guard = GuardedTransport(transport, Leave(loopback=True), resolve=_here)
        for _ in range(2):
            reply = await guard.send(Call(method="POST", url=f"http://a.acme.dev:{port}/", body=b"{}"))
            assert (reply.status, len(reply.body)) == (200, MAX_REPLY)


async def test_a_reply_that_never_comes_ends_in_time() -> None:
    """The whole exchange has so many seconds."""
    async with server(b"") as (port, _), HttpTransport() as transport:
        guard = GuardedTransport(transport, Leave(loopback=True), 0.05, _here)
        with pytest.raises(TransportError, match="in time"):
            await guard.send(Call(method="POST", url=f"http://a.acme.dev:{port}/", body=b"{}"))


async def test_tls_is_for_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is asked for and checked, though the connection is to an address; another name's certificate is refused.

    Two names at one address do not share a connection.
    """
    asked: list[str | None] = []
    context = certificate(tmp_path, "flows.acme.dev")
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    async with server(reply, context) as (port, _), HttpTransport() as transport:
        guard = GuardedTransport(transport, Leave(loopback=True), resolve=_here)
        good = Call(method="POST", url=f"https://flows.acme.dev:{port}/in", body=b"{}")
        assert (await guard.send(good)).status == 200
        with pytest.raises(TransportError):
            await guard.send(Call(method="POST", url=f"https://other.acme.dev:{port}/in", body=b"{}"))
    assert asked == ["flows.acme.dev", "other.acme.dev"]


async def _here(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def certificate(folder: Path, name: str) -> ssl.SSLContext:
    """The context of a server with a certificate that it signed itself; `certificate.pem` is what to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)  # noqa: TID251 - certificates are judged by the machine's clock
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address("192.0.2.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "certificate.pem").write_bytes(pem)
    (folder / "both.pem").write_bytes(private + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context
