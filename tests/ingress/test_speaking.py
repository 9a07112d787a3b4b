"""HTTP/1.1 of the ingress, request by request: without a socket, the transport is a list."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from reconciler.ingress.speaking import AHEAD, BUFFERED, HEADER_BYTES, LINGER_BYTES, LINGER_SECONDS, Speaker
from reconciler.ingress.watching import HEADER_SECONDS, IDLE_SECONDS, SPARED, Watch

GET = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
OK = ((b"content-length", b"2"),)


class Wire(asyncio.Transport):
    """What was sent, and how the connection stands."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.reading = True
        self.closing = self.aborted = self.eof = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.1", 4711) if name in {"peername", "sockname"} else default

    def write(self, data: Any) -> None:
        self.sent += data

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = self.aborted = True

    def write_eof(self) -> None:
        self.eof = True

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    @property
    def statuses(self) -> list[int]:
        """Of all answers so far."""
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", self.sent)]


class Application:
    """Reads each request and answers with 200 and `ok`; what it was asked stays in `seen`."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, Any], bytes]] = []
        self.messages: list[Any] = []
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            await self.go.wait()
            message = await receive()
            self.messages.append(message)
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.seen.append((scope, body))
        await send({"type": "http.response.start", "status": 200, "headers": [*OK]})
        await send({"type": "http.response.body", "body": b"ok"})


def connected(application: Any, watch: Watch | None = None) -> tuple[Speaker, Wire]:
    """A connection to an application."""
    wire = Wire()
    speaker = Speaker(application, Watch() if watch is None else watch, asyncio.get_running_loop())
    speaker.connection_made(wire)
    return speaker, wire


async def settled() -> None:
    """Let all happen that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def spoken(application: Any, *pieces: bytes) -> Wire:
    """What comes of these bytes."""
    speaker, wire = connected(application)
    for piece in pieces:
        speaker.data_received(piece)
        await settled()
    return wire


def saying(*messages: dict[str, Any]) -> Callable[..., Any]:
    """An application that sends these, and does not look at requests."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return application


# -- requests ----------------------------------------------------------------------------------------------------------


async def test_a_request_is_told_as_asgi_tells_it() -> None:
    """Names in lower case, all else byte for byte; the path both as it stands there and as it is meant."""
    application = Application()
    await spoken(application, b"POST /a%20b?c=%20d HTTP/1.1\r\nHost: h\r\nX-A: \xe9 1\r\nContent-Length: 3\r\n\r\nxyz")

    (scope, body) = application.seen[0]
    assert (scope["method"], scope["path"], scope["raw_path"]) == ("POST", "/a b", b"/a%20b")
    assert (scope["query_string"], body) == (b"c=%20d", b"xyz")
    assert scope["headers"] == [(b"host", b"h"), (b"x-a", b"\xe9 1"), (b"content-length", b"3")]
    assert (scope["client"], scope["http_version"], scope["type"]) == (("192.0.2.1", 4711), "1.1", "http")


@pytest.mark.parametrize(
    ("target", "path"), [(b"http://h:1/a?b", "/a"), (b"http://h", "/"), (b"*", "*"), (b"/a#b?c", "/a"), (b"//a", "//a")]
)
async def test_a_target_may_be_a_url(target: bytes, path: str) -> None:
    """As a proxy is told it; its path counts."""
    application = Application()
    wire = await spoken(application, b"OPTIONS " + target + b" HTTP/1.1\r\nHost: h\r\n\r\n")

    assert (wire.statuses, application.seen[0][0]["path"]) == ([200], path)


async def test_a_body_may_come_in_any_pieces() -> None:
    """Byte by byte, in chunks with extensions, with trailers, which are no headers."""
    raw = (
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2;x=y\r\nab\r\n1\r\nc\r\n0\r\nX-Trailer: t\r\nAuthorization: a\r\n\r\n"
    )
    application = Application()
    for pieces in ([raw], [raw[at : at + 1] for at in range(len(raw))]):
        wire = await spoken(application, *pieces)
        assert (wire.statuses, wire.closing) == ([200], False)

    assert [body for _, body in application.seen] == [b"abc"] * 2
    assert all(len(scope["headers"]) == 2 for scope, _ in application.seen)


@pytest.mark.parametrize(
    "raw",
    [
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n",
        b"POST / HTTP/1.1\nHost: h\n\n",
        b"POST / HTTP/1.1\r\nHost: h\nContent-Length: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nY\n: c\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n",
        b"CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET a HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/3.1\r\nHost: h\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"HELLO / HTTP/1.1\r\n\r\n",
    ],
)
async def test_what_could_be_read_in_two_ways_is_not_read(raw: bytes) -> None:
    """Two lengths, odd ones, broken lines, another protocol: refused, and the connection ends."""
    application = Application()
    wire = await spoken(application, raw, GET)

    assert application.seen == []
    assert wire.closing or wire.eof
    assert wire.statuses in ([400], [])


async def test_a_broken_body_gets_no_answer() -> None:
    """Nobody could tell which request it would be for; the application learns that nothing more comes."""
    application = Application()
    speaker, wire = connected(application)
    speaker.data_received(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    assert wire.aborted
    speaker.connection_lost(None)
    await settled()

    assert application.messages == [{"type": "http.disconnect"}]


async def test_who_asks_first_is_told_to_go_on() -> None:
    """`Expect: 100-continue`, once somebody reads, unless the body is there already, or the client speaks HTTP/1.0."""
    head = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    wire = await spoken(Application(), head)
    assert wire.sent == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await spoken(Application(), head, b"ab")).statuses == [100, 200]
    assert (await spoken(Application(), head + b"ab")).statuses == [200]
    assert (await spoken(Application(), head.replace(b"1.1", b"1.0", 1) + b"a", b"b")).statuses == [200]


async def test_a_sender_waits_for_whoever_reads() -> None:
    """No more of a body is taken than somebody may hold; then the rest comes."""
    application = Application()
    application.go.clear()
    speaker, wire = connected(application)
    speaker.data_received(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (2 * BUFFERED))
    speaker.data_received(b"x" * (BUFFERED + 1))
    assert not wire.reading
    application.go.set()
    await settled()
    assert wire.reading
    speaker.data_received(b"x" * (BUFFERED - 1))
    await settled()

    assert [len(body) for _, body in application.seen] == [2 * BUFFERED]


@pytest.mark.parametrize(
    "pieces",
    [
        [b"POST / HTTP/1.1\r\nX: ", b"x" * HEADER_BYTES],
        [b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", *[b"x" * 1000] * 66],
        [b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", *[b"x" * 1000] * 66],
        [GET, b"GET / HTTP/1.1\r\nX: ", b"x" * HEADER_BYTES, b"x"],
    ],
)
async def test_headers_trailers_and_extensions_have_an_end(pieces: Iterable[bytes]) -> None:
    """Whatever is no body is bounded, in all that a request holds."""
    assert (await spoken(Application(), *pieces)).aborted


async def test_small_chunks_are_taken() -> None:
    """However much around them there is."""
    application = Application()
    await spoken(
        application,
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
        *[b"1\r\nx\r\n" * 1000] * 30,
        b"0\r\n\r\n",
    )
    assert [len(body) for _, body in application.seen] == [30_000]


# -- answers -----------------------------------------------------------------------------------------------------------


async def test_an_answer_has_a_date_and_a_length() -> None:
    """And what the application says; nothing that tells who we are."""
    wire = await spoken(
        saying(
            {"type": "http.response.start", "status": 299, "headers": [(b"x-a", b"b")]},
            {"type": "http.response.body", "body": b"a", "more_body": True},
            {"type": "http.response.body", "body": b"b"},
        ),
        GET,
    )
    head, _, body = wire.sent.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert (lines[0], lines[2:], body) == (b"HTTP/1.1 299 ", [b"x-a: b", b"content-length: 2"], b"ab")
    assert lines[1].startswith(b"date: ")
    assert lines[1].endswith(b" GMT")


async def test_some_answers_have_no_body() -> None:
    """204 has no length either; that of HEAD is that of the body which is not sent."""
    start = {"type": "http.response.start", "status": 204}
    assert b"content-length" not in (await spoken(saying(start, {"type": "http.response.body"}), GET)).sent
    wire = await spoken(Application(), GET.replace(b"GET", b"HEAD"))
    assert b"content-length: 2" in wire.sent
    assert wire.sent.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("name", [b"x-a", b"x\na"])
async def test_no_answer_has_a_line_too_many(name: bytes) -> None:
    """What a sender wrote may stand in a header of a handshake; a line's end in it is a bug, and told as one."""
    value = b"a\r\nset-cookie: b" if name == b"x-a" else b"a"
    start = {"type": "http.response.start", "status": 200, "headers": [(name, value)]}
    wire = await spoken(saying(start, {"type": "http.response.body"}), GET)

    assert (wire.statuses, wire.closing, b"cookie" in wire.sent) == ([500], True, False)


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "http.response.body", "body": b"a"}],
        [{"type": "http.response.start", "status": 200}, *[{"type": "http.response.body"}] * 2],
        [],
    ],
)
async def test_an_application_that_breaks_the_protocol_ends_the_connection(messages: list[dict[str, Any]]) -> None:
    """With one answer, or none."""
    wire = await spoken(saying(*messages), b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")

    assert wire.closing
    assert len(wire.statuses) == bool(messages)


# -- one after another -------------------------------------------------------------------------------------------------


async def test_requests_sent_ahead_are_answered_in_turn() -> None:
    """One at a time; nothing more is read until they are."""
    application = Application()
    application.go.clear()
    speaker, wire = connected(application)
    speaker.data_received(b"".join(GET.replace(b"/a", b"/%d" % number) for number in range(3)))
    await settled()
    assert (wire.reading, wire.statuses) == (False, [])
    application.go.set()
    await settled()

    assert [scope["path"] for scope, _ in application.seen] == ["/0", "/1", "/2"]
    assert (wire.reading, wire.statuses, wire.closing) == (True, [200] * 3, False)


async def test_too_many_sent_ahead_are_hung_up_on() -> None:
    """Each takes memory."""
    assert not (await spoken(Application(), GET * (AHEAD + 1))).closing
    assert (await spoken(Application(), GET * (AHEAD + 2))).aborted


@pytest.mark.parametrize(
    "raw",
    [
        GET.replace(b"1.1", b"1.0"),
        GET.replace(b"1.1", b"1.0").replace(b"Host: h", b"Connection: keep-alive"),
        GET.replace(b"Host: h", b"Connection: close"),
        GET.replace(b"Host: h", b"Connection: upgrade\r\nUpgrade: h2c"),
        GET + b"nonsense\r\n\r\n",
    ],
)
async def test_the_last_request_is_answered_and_the_connection_ends(raw: bytes) -> None:
    """Where it says that it is, or what follows cannot be told."""
    wire = await spoken(Application(), raw)

    assert (wire.statuses, wire.closing, wire.aborted) == ([200], True, False)
    assert b"connection: close" in wire.sent


async def test_an_answer_before_the_end_of_a_body_ends_the_connection() -> None:
    """The rest of that body is no request."""
    start = {"type": "http.response.start", "status": 413}
    application = saying(start, {"type": "http.response.body"})
    wire = await spoken(application, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 90\r\n\r\n", GET, GET)

    assert (wire.statuses, wire.eof, wire.aborted) == ([413], True, False)


REFUSED = saying({"type": "http.response.start", "status": 413}, {"type": "http.response.body"})
LONG = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n"


@pytest.mark.looptime
async def test_what_still_comes_behind_an_answer_is_dropped_for_a_while() -> None:
    """To hang up on it would reset the connection, and the answer might be lost; it takes no memory, nor long."""
    watch = Watch()
    speaker, wire = connected(REFUSED, watch)
    speaker.data_received(LONG + b"x" * (2 * BUFFERED))
    await settled()
    for _ in range(100):
        speaker.data_received(b"x" * 1024)
    watch.look(asyncio.get_running_loop().time() + 2 * HEADER_SECONDS)
    assert (wire.statuses, wire.eof, wire.reading, wire.closing, watch.refused) == ([413], True, True, False, 0)
    await asyncio.sleep(LINGER_SECONDS + 0.1)
    assert wire.aborted


async def test_what_still_comes_behind_an_answer_is_dropped_up_to_a_size() -> None:
    """Whoever sends more does not listen."""
    speaker, wire = connected(REFUSED)
    speaker.data_received(LONG)
    await settled()
    speaker.data_received(b"x" * LINGER_BYTES)
    assert not wire.closing
    speaker.data_received(b"x")
    assert wire.aborted


@pytest.mark.looptime
async def test_a_client_that_has_its_answer_ends_the_wait() -> None:
    """Either it says that no more comes, or it is gone; nothing is hung up on later."""
    speaker, wire = connected(REFUSED)
    speaker.data_received(LONG)
    await settled()
    assert not speaker.eof_received()
    speaker.connection_lost(None)
    await asyncio.sleep(2 * LINGER_SECONDS)

    assert not wire.aborted


async def test_who_says_that_no_more_comes_gets_an_answer() -> None:
    """If all of the request came; else the application learns that the rest does not."""
    application = Application()
    application.go.clear()
    speaker, wire = connected(application)
    speaker.data_received(GET)
    assert speaker.eof_received()
    application.go.set()
    await settled()
    assert (wire.statuses, wire.closing) == ([200], True)

    speaker, _ = connected(application)
    assert not speaker.eof_received()


async def test_a_client_that_is_gone_is_told_to_whoever_reads_on() -> None:
    """What came whole is there still."""
    messages: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        while not messages or messages[-1]["type"] == "http.request":
            messages.append(await receive())

    speaker, _ = connected(application)
    speaker.data_received(GET)
    await settled()
    speaker.connection_lost(None)
    await settled()

    assert [message["type"] for message in messages] == ["http.request", "http.disconnect"]


async def test_who_does_not_take_answers_is_not_read_and_hung_up_on() -> None:
    """What is not taken stays in memory."""
    watch = Watch()
    speaker, wire = connected(Application(), watch)
    speaker.pause_writing()
    assert not wire.reading
    speaker.resume_writing()
    assert wire.reading
    speaker.pause_writing()
    speaker.data_received(GET.replace(b"Host: h", b"Connection: close"))
    await settled()
    assert (wire.closing, wire.aborted) == (True, False)
    watch.look(asyncio.get_running_loop().time() + HEADER_SECONDS + 1)

    assert wire.aborted


@pytest.mark.looptime
async def test_silence_between_requests_does_not_shorten_the_next() -> None:
    """A connection may be idle for longer than proxies keep it; empty lines before a request are no beginning."""
    watch, loop = Watch(), asyncio.get_running_loop()
    speaker, wire = connected(Application(), watch)
    for silence in (HEADER_SECONDS, IDLE_SECONDS, IDLE_SECONDS):
        await asyncio.sleep(silence - 1)
        watch.look(loop.time())
        speaker.data_received(GET[:9])
        await asyncio.sleep(HEADER_SECONDS - 1)
        watch.look(loop.time())
        speaker.data_received(GET[9:])
        await settled()
    assert (wire.statuses, wire.aborted) == ([200, 200, 200], False)

    for _ in range(3):
        await asyncio.sleep(IDLE_SECONDS / 2)
        speaker.data_received(b"\r\n")
    watch.look(loop.time())
    assert wire.aborted


@pytest.mark.parametrize(
    "framed", [b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]
)
async def test_a_wish_for_another_protocol_costs_no_body(framed: bytes) -> None:
    """Java's client asks for HTTP/2 with the first request of a connection; its body comes all the same."""
    application = Application()
    wish = b"POST /a HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" + framed
    for pieces in ([wish], [bytes([each]) for each in wish]):
        speaker, wire = connected(application)
        for piece in pieces:
            speaker.data_received(piece)
            await settled()
        assert (wire.statuses, wire.closing) == ([200], True)
    assert [body for _, body in application.seen] == [b"abc", b"abc"]


@pytest.mark.looptime
async def test_who_says_nothing_makes_room_for_others() -> None:
    """Where all room is taken, after two seconds; whoever is being answered stays, and so does who just came."""
    watch, application = Watch(most=3), Application()
    application.go.clear()
    silent, silent_wire = connected(application, watch)
    busy, busy_wire = connected(application, watch)
    busy.data_received(GET)
    await asyncio.sleep(SPARED + 1)
    _, young_wire = connected(application, watch)
    _, next_wire = connected(application, watch)
    silent.connection_lost(None)
    assert [wire.aborted for wire in (silent_wire, busy_wire, young_wire, next_wire)] == [True, False, False, False]

    _, last_wire = connected(application, watch)
    await asyncio.sleep(1)
    _, later_wire = connected(application, watch)
    assert (last_wire.aborted, later_wire.aborted, len(watch)) == (True, True, 3)


class FarWire(Wire):
    """One from an address of IPv6."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self.host = host

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return (self.host, 4711, 0, 0)


async def test_a_network_of_ipv6_is_one_peer() -> None:
    """Whoever has one has all its addresses."""
    watch = Watch(most_each=1)
    wires = [FarWire(host) for host in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")]
    for wire in wires:
        Speaker(Application(), watch, asyncio.get_running_loop()).connection_made(wire)

    assert [wire.aborted for wire in wires] == [False, True, False]


# -- the end -----------------------------------------------------------------------------------------------------------


async def test_at_the_end_what_was_begun_is_answered() -> None:
    """A connection that waits is closed at once, another behind its answer."""
    watch, application = Watch(), Application()
    application.go.clear()
    idle, idle_wire = connected(application, watch)
    busy, busy_wire = connected(application, watch)
    busy.data_received(GET)
    ending = asyncio.create_task(watch.drain(10.0))
    await settled()
    assert (idle_wire.closing, busy_wire.closing) == (True, False)
    idle.connection_lost(None)
    application.go.set()
    await settled()
    assert (busy_wire.statuses, busy_wire.closing) == ([200], True)
    assert not ending.done()
    busy.connection_lost(None)
    await ending


async def test_the_end_does_not_wait_for_a_connection_that_comes_meanwhile() -> None:
    """One that was taken just before the listener was closed is told of later; nobody would let it come to an end."""
    watch, application = Watch(), Application()
    application.go.clear()
    busy, _ = connected(application, watch)
    busy.data_received(GET)
    ending = asyncio.create_task(watch.drain(10.0))
    await settled()
    _, late = connected(application, watch)
    busy.connection_lost(None)
    await ending

    assert late.aborted


@pytest.mark.looptime
async def test_the_end_does_not_wait_for_ever() -> None:
    """Who is not answered in time is hung up on."""
    watch, application = Watch(), Application()
    application.go.clear()
    speaker, wire = connected(application, watch)
    speaker.data_received(GET)
    began = asyncio.get_running_loop().time()
    await watch.drain(10.0)

    assert (round(asyncio.get_running_loop().time() - began), wire.aborted) == (10, True)


async def test_the_end_does_not_wait_for_what_still_comes() -> None:
    """Neither behind an answer that was given, nor behind one that is given meanwhile."""
    early, early_wire = connected(REFUSED)
    early.data_received(LONG)
    await settled()
    early.drain()
    assert (early_wire.eof, early_wire.closing) == (True, True)

    late, late_wire = connected(REFUSED)
    late.data_received(LONG)
    late.drain()
    await settled()
    assert (late_wire.statuses, late_wire.eof, late_wire.closing) == ([413], False, True)
