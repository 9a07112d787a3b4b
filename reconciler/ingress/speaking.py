"""HTTP/1.1 between a connection and an ASGI application whose answers are short: what the ingress needs of a server.

`httptools` parses, strictly: a request whose length is told in two ways is none. A connection has one request answered
at a time; what is sent ahead of an answer waits, and nothing more is read meanwhile. An answer is written whole.
Whatever leaves in doubt where the next request begins ends the connection: an answer before the end of a body, a wish
for another protocol, bytes that are no HTTP. Where more is on its way then, it is let come for a while and dropped: to
hang up on what was not read resets the connection, and may take the answer from whoever has not read it yet. Trailers
are not looked at. All this follows RFC 9112 ("HTTP/1.1").
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import unquote

import httptools

from reconciler.ingress.answering import BODILESS, Message, Rows, Scope
from reconciler.ingress.limits import client_of
from reconciler.ingress.watching import HEADER_SECONDS, IDLE_SECONDS, Watch

HEADER_BYTES: Final = 64 * 1024
"""For the request line and all headers, before any of it is looked at."""

GROWTH: Final = 8
"""Bytes on the wire for each of a body at most: in chunks of one byte each takes six."""

BUFFERED: Final = 64 * 1024
"""Bytes of a body that may wait for whoever reads it; then the sender waits."""

AHEAD: Final = 8
"""Requests that may be sent ahead of an answer; who sends more is hung up on."""

LINGER_SECONDS: Final = 2.0
LINGER_BYTES: Final = 32 * 1024 * 1024
"""For what still comes behind an answer that did not wait for it; enough for the longest body that is ever sent."""

AsgiApp = Callable[[Any, Any, Any], Any]

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_BAD: Final = ((b"content-length", b"0"), (b"connection", b"close"))
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
_ILLEGAL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class Exchange:
    """One request and its answer. `keeps` tells whether another may follow, `whole` that all of its body came."""

    __slots__ = (
        *("_body", "_expects", "_speaker", "_start", "_told", "_waiter"),
        *("buffered", "gone", "keeps", "over", "scope", "whole"),
    )

    def __init__(self, speaker: Speaker, scope: Scope, *, keeps: bool, expects: bool) -> None:
        self.scope = scope
        self.keeps = keeps
        self.whole = self.over = self.gone = False
        self.buffered = 0
        self._speaker = speaker
        self._expects = expects
        self._told = False
        self._body: list[bytes] = []
        self._start: Message | None = None
        self._waiter: asyncio.Future[None] | None = None

    def feed(self, piece: bytes) -> None:
        """A piece of the body; nobody reads it once an answer was given."""
        if not self.over:
            self._body.append(piece)
            self.buffered += len(piece)
            self.wake()

    def wake(self) -> None:
        """Something changed for whoever reads."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> Message:
        """What has come of the body, once something has; else, and behind its end, that the client is gone."""
        if self._expects and not self.whole and not self._body:
            self._speaker.write(_CONTINUE)
        self._expects = False
        while not (self._body or self.gone or (self.whole and not self._told)):
            self._waiter = self._speaker.loop.create_future()
            await self._waiter
        if self._told or (self.gone and not self.whole):
            return {"type": "http.disconnect"}
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._told = self.whole
        self._body.clear()
        filled, self.buffered = self.buffered > BUFFERED, 0
        if filled:
            self._speaker.flow()
        return {"type": "http.request", "body": body, "more_body": not self.whole}

    async def send(self, message: Message) -> None:
        """A part of the answer; all of it goes out with its last."""
        if message["type"] == "http.response.start":
            self._start = message
            self._body.clear()
            return
        if self._start is None or self.over:
            raise RuntimeError("an answer has one status, and that comes first")
        self._body.append(message.get("body", b""))
        if not message.get("more_body"):
            body = b"".join(self._body)
            self.answer(self._start["status"], tuple(self._start.get("headers", ())), body)

    def answer(self, status: int, headers: Rows, body: bytes) -> None:
        """Write an answer."""
        keeps = self.keeps and self.whole and not self._speaker.ending
        length = None if status in BODILESS else len(body)
        head, self.keeps = _head(status, headers, length, keeps, self._speaker.date)
        self.over = True
        self._speaker.write(head + body if length and self.scope["method"] != "HEAD" else head)


class Speaker(asyncio.Protocol):
    """One connection. `waiting_since` is when it began to owe us a request, None while one is being answered.

    `patience` is for how many seconds it may. `ending` tells that no further request is taken.
    """

    def __init__(self, application: AsgiApp, watch: Watch, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.waiting_since: float | None = None
        self.patience = HEADER_SECONDS
        self.ending = False
        self._application = application
        self._watch = watch
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._peer = ""
        self._scope: dict[str, Any] = {}
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._arriving: Exchange | None = None
        self._answering: Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._ahead: deque[Exchange] = deque()
        self._bodies = self._overhead = 0
        self._reading = self._draining = True
        self._fresh = self._expects = self._hasty = False
        self._lingers: asyncio.TimerHandle | None = None
        self._left = LINGER_BYTES

    @property
    def date(self) -> bytes:
        """What time it is, as an answer tells it."""
        return self._watch.date

    # -- the connection ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        client = transport.get_extra_info("peername")
        server = transport.get_extra_info("sockname")
        self._peer = client_of(str(client[0]), (), 0) if client else ""
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "scheme": "http",
            "root_path": "",
            "client": tuple(client[:2]) if client else None,
            "server": tuple(server[:2]) if server else None,
        }
        self.waiting_since = now = self.loop.time()
        if not self._watch.enter(self, self._peer, now):
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.leave(self, self._peer)
        self._ahead.clear()
        self._parser = None  # they know each other
        if self._lingers is not None:
            self._lingers.cancel()
        if self._answering is not None:
            self._answering.gone = True
            self._answering.wake()

    def data_received(self, data: bytes) -> None:
        if self._lingers is not None:
            self._left -= len(data)
            if self._left < 0:
                self.close()
            return
        bodies, self._fresh = self._bodies, False
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse()
            return
        if self._fresh:
            self._bodies = self._overhead = 0
        else:
            self._overhead += len(data) - (self._bodies - bodies)
            if self._overhead > HEADER_BYTES + GROWTH * self._bodies:
                self.close()

    def _parse(self, data: bytes) -> None:
        """Parse. Who asks for another protocol is answered in this one, for the last time (RFC 9110, 7.8).

        The parser ends with the head of such a request, as though no body came; another reads that.
        """
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.ending = True
            framing = [name + b": " + value for name, value in self._headers if name in _FRAMING]
            self._parser = httptools.HttpRequestParser(self)
            self._parser.feed_data(b"\r\n".join([b"POST / HTTP/1.1", *framing, b"", b""]))
            self._parser.feed_data(data[upgrade.args[0] :])

    def eof_received(self) -> bool:
        """Who only says that no more comes still gets its answer."""
        self.ending = True
        return self._answering is not None and self._answering.whole

    def pause_writing(self) -> None:
        self._draining = False
        self.flow()

    def resume_writing(self) -> None:
        self._draining = True
        self.flow()

    def close(self) -> None:
        """Hang up at once."""
        self._transport.abort()

    def drain(self) -> None:
        """Take no more requests, and hang up when what was begun is answered, without waiting for what still comes."""
        self.ending = self._hasty = True
        if self._answering is None:
            self._transport.close()

    def _linger(self) -> None:
        """End with what was written: say that no more comes, and drop what does until the client has hung up."""
        if self._hasty or self._transport.is_closing():
            self._transport.close()
            return
        self.waiting_since = self._arriving = None
        self._lingers = self.loop.call_later(LINGER_SECONDS, self.close)
        self._transport.write_eof()
        self.flow()

    def write(self, data: bytes) -> None:
        """Send something, unless the client is gone."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def flow(self) -> None:
        """Read on, or let the sender wait: for an answer, for whoever reads the body, or until it takes our answers."""
        filled = self._arriving is not None and self._arriving.buffered > BUFFERED
        reading = self._lingers is not None or (self._draining and not self._ahead and not filled)
        if reading is not self._reading and not self._transport.is_closing():
            self._reading = reading
            (self._transport.resume_reading if reading else self._transport.pause_reading)()

    # -- what the parser tells -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = []
        self._expects = False
        if self._answering is None:
            self.waiting_since = self.loop.time()  # who was silent before has its whole time still
            self.patience = HEADER_SECONDS

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._arriving is None:  # else it is a trailer
            name = name.lower()
            self._headers.append((name, value))
            if name == b"expect":
                self._expects = value.lower() == b"100-continue"

    def on_headers_complete(self) -> None:
        if self._arriving is not None:
            return  # what frames its body was said again
        parser = self._parser
        version = parser.get_http_version()
        path, query = _target(self._url)
        scope = {
            **self._scope,
            "http_version": version,
            "method": parser.get_method().decode("ascii"),
            "path": unquote(path.decode("latin-1")) if b"%" in path else path.decode("latin-1"),
            "raw_path": path,
            "query_string": query,
            "headers": self._headers,
        }
        current = version == "1.1"
        exchange = Exchange(
            self, scope, keeps=current and parser.should_keep_alive(), expects=current and self._expects
        )
        self._arriving = exchange
        if self._answering is None:
            self._begin(exchange)
        elif len(self._ahead) < AHEAD:
            self._ahead.append(exchange)
            self.flow()
        else:
            self.close()

    def on_body(self, body: bytes) -> None:
        self._bodies += len(body)
        if self._arriving is not None:
            self._arriving.feed(body)
            if self._arriving.buffered > BUFFERED:
                self.flow()

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return
        self._fresh = True
        exchange, self._arriving = self._arriving, None
        if exchange is not None:
            exchange.whole = True
            exchange.wake()

    # -- one request after another -------------------------------------------------------------------------------------

    def _begin(self, exchange: Exchange) -> None:
        self.waiting_since = None
        self._answering = exchange
        self._task = self.loop.create_task(self._answer(exchange))

    async def _answer(self, exchange: Exchange) -> None:
        try:
            await self._application(exchange.scope, exchange.receive, exchange.send)
        except Exception:  # noqa: BLE001 # a bug; the application tells of its own
            if not exchange.over:
                exchange.answer(HTTPStatus.INTERNAL_SERVER_ERROR, _BAD, b"")
        self._answering = None
        self.waiting_since = self.loop.time()  # for the next request, or until the answer is taken
        self.patience = IDLE_SECONDS if self._draining else HEADER_SECONDS
        if not exchange.over:
            self.close()
        elif not exchange.keeps:
            (self._transport.close if exchange.whole else self._linger)()
        elif self._ahead and not self._transport.is_closing():
            self._begin(self._ahead.popleft())
            self.flow()

    def _refuse(self) -> None:
        """What came is no HTTP: say so, unless an answer to something else is due."""
        self.ending = True
        if self._answering is None:
            self.write(_head(HTTPStatus.BAD_REQUEST, _BAD, 0, False, self.date)[0])
            self._linger()
        elif not self._answering.whole:
            self.close()


def _target(url: bytes) -> tuple[bytes, bytes]:
    """Path and query of a request's target, which may be a whole URL. Raises `HttpParserError` for what is neither."""
    if url.startswith(b"/") and b"#" not in url:
        path, _, query = url.partition(b"?")
        return path, query
    if url == b"*":
        return url, b""
    parsed = httptools.parse_url(url)
    return parsed.path or b"/", parsed.query or b""


@lru_cache(maxsize=64)
def _head(status: int, headers: Rows, length: int | None, keeps: bool, date: bytes) -> tuple[bytes, bool]:
    """The head of an answer, and whether the connection goes on behind it.

    `length` is that of its body, None where there can be none. Raises `ValueError` for what would not stay one line.
    """
    names = {name.lower() for name, _ in headers}
    keeps = keeps and (b"connection", b"close") not in headers
    rows = [(b"date", date), *headers]
    if length is not None and b"content-length" not in names:
        rows.append((b"content-length", b"%d" % length))
    if not keeps and b"connection" not in names:
        rows.append((b"connection", b"close"))
    if any(_ILLEGAL.search(name + value) for name, value in rows):
        raise ValueError("a header does not stay one line")
    phrase = HTTPStatus(status).phrase if status in _STATUSES else ""
    lines = [f"HTTP/1.1 {status} {phrase}".encode(), *(name + b": " + value for name, value in rows), b"", b""]
    return b"\r\n".join(lines), keeps


_STATUSES: Final = frozenset(int(status) for status in HTTPStatus)
