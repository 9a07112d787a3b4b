"""Bytes that no client sends, at a real server: declared answers, no bug, and nothing kept that is not genuine."""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.inbox import Filter
from reconciler.store.inboxes import inbox_of
from tests.support.ingress_process import PATH, SECRET, Running, delivery, project, running, sent, store_of

pytestmark = pytest.mark.processes

DECLARED = {200, 400, 404, 405, 413, 414, 415, 431}
"""What may be answered to garbage; a 503 would be a bug of ours, and a 500 one that nobody noticed."""

BITS = [
    b"\r\n",
    b"\n",
    b"\0",
    b"\xff",
    b"%00",
    b"..",
    b" ",
    b"?",
    b"#",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b"fffffffff\r\n",
]
HEADERS = [
    b"Content-Length: 5",
    b"Content-Length: -1",
    b"Content-Length: 99999999999999999999",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip",
    b"Content-Encoding: gzip",
    b"Expect: 100-continue",
    b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x",
    b"Upgrade: h2c",
    b"X-Hub-Signature-256: sha256=00",
    b" folded",
    b"X\0: y",
    b"X: \x01",
    b": ",
]
LINES = [
    b"OPTIONS * HTTP/1.1",
    b"CONNECT x:80 HTTP/1.1",
    b"PRI * HTTP/2.0",
    b"GET http://[::1/ HTTP/1.1",
    b"GET /\xe4 HTTP/1.1",
    b"GET /%ff HTTP/1.0",
    b"GET /readyz HTTP/1.1",
    b"GET / HTTP/0.9",
    *(f"{method} {PATH} HTTP/1.1".encode() for method in ("HEAD", "PUT", "OPTIONS", "TRACE", "POST")),
]
PIECES = st.sampled_from(
    [*BITS, *(line + b"\r\n" for line in HEADERS), *(line + b"\r\nHost: x\r\n\r\n" for line in LINES), PATH.encode()]
)
GENUINE = st.integers(0, 3).map(delivery)
CHANGES = st.tuples(st.floats(0, 1), st.integers(0, 30), st.one_of(PIECES, st.binary(max_size=8), GENUINE))


@st.composite
def garbage(draw: st.DrawFn) -> bytes:
    """A delivery, or pieces of requests, of which some bytes were taken out and others put in."""
    raw = draw(st.one_of(GENUINE, st.lists(PIECES, min_size=1, max_size=10).map(b"".join)))
    for where, gone, put in draw(st.lists(CHANGES, max_size=4)):
        at = int(where * len(raw))
        raw = raw[:at] + put + raw[at + gone :]
    return raw


async def answers(port: int, raw: bytes) -> bytes:
    """Everything that comes back until the server has said all."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(raw)
        writer.write_eof()
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def assert_only_genuine_ones_are_kept(root: Path) -> None:
    """What is stored is signed."""
    with store_of(root) as store:
        stored = [kept for kept, _ in inbox_of(store).deliveries("acme", Filter(), 1000)]
    for kept in stored:
        told = [value for name, value in kept.headers if name == "x-hub-signature-256"]
        assert told == ["sha256=" + hmac.digest(SECRET.reveal().encode(), kept.body, "sha256").hex()]


def test_garbage_is_refused_and_nothing_else_happens(tmp_path: Path) -> None:
    """Hundreds of connections; afterwards a delivery is taken as ever."""
    root = project(tmp_path / "project")

    @settings(max_examples=25)
    @given(st.lists(garbage(), min_size=8, max_size=16))
    def swamp(messages: Sequence[bytes]) -> None:
        async def main() -> None:
            assert ingress is not None
            for told in await asyncio.gather(*(answers(ingress.port, raw) for raw in messages)):
                assert {int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", told)} <= DECLARED

        asyncio.run(main())

    ingress: Running
    with running(root, "--rate", "1000000") as ingress:
        swamp()
        assert asyncio.run(sent(ingress.port, delivery(99))) == 200
        ingress.process.terminate()
        ingress.ended()
        assert ingress.told("ingress_bug") == ingress.told("ingress_unkept") == [], (
            "and every line of log is one of ours"
        )
    assert_only_genuine_ones_are_kept(root)
