"""The real transport, over loopback: with the library that we use, and with the one that it continues."""

from __future__ import annotations

import asyncio
import base64
import gzip
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reconciler.core.errors import ErrorKind, RetryableError, TerminalError
from reconciler.providers import client as shipped_client
from reconciler.providers.client import HttpTransport
from reconciler.providers.http import HttpProvider
from reconciler.providers.transport import MAX_BODY, Call, OversizedReplyError, PinnedCall, TransportError
from tests.providers.support import TOKENS, registration, shipped, target

Writer = asyncio.StreamWriter
Answer = Callable[[bytes, Writer], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"


def on_httpcore(folder: Path) -> ModuleType:
    """The client module with its one import exchanged, as somebody would who goes back to httpcore."""
    source = Path(shipped_client.__file__).read_text(encoding="utf-8")
    assert source.count("import httpcore2 as httpcore\n") == 1
    path = folder / "client_on_httpcore.py"
    path.write_text(source.replace("import httpcore2 as httpcore\n", "import httpcore\n"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("client_on_httpcore", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["httpcore2", "httpcore"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> type[HttpTransport]:
    """The transport, on either library."""
    kind: type[HttpTransport] = on_httpcore(tmp_path).HttpTransport if request.param == "httpcore" else HttpTransport
    return kind


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    """A server on loopback that reads one request per connection and answers as told; gives its URL."""
    tasks: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: Writer) -> None:
        if task := asyncio.current_task():
            tasks.append(task)
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(row.split(b":")[1]) for row in head.lower().split(b"\r\n") if row.startswith(b"content-length")), 0
            )
            await answer(head + await reader.readexactly(length), writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    await asyncio.gather(*tasks)


def says(*parts: bytes) -> Answer:
    """Write these bytes, and close."""

    async def answer(_: bytes, writer: Writer) -> None:
        writer.writelines(parts)
        await writer.drain()

    return answer


async def test_a_call_arrives_and_its_reply_comes_back(make: type[HttpTransport]) -> None:
    """Method, path, headers and body go out as they are, with our name; status, headers and body come back."""
    seen: list[bytes] = []

    async def answer(request: bytes, writer: Writer) -> None:
        seen.append(request)
        await says(b"HTTP/1.1 201 Created\r\nX-Twice: a\r\nX-TWICE: b\r\nContent-Length: 2\r\n\r\n{}")(request, writer)

    async with server(answer) as url, make() as transport:
        reply = await transport.send(
            Call(method="PATCH", url=f"{url}/a%2Fb?c=d", headers={"Authorization": "Bearer x"}, body=b"body")
        )

    assert (reply.status, reply.body) == (201, b"{}")
    assert reply.headers["x-twice"] == "a, b"
    (request,) = seen
    assert request.startswith(b"PATCH /a%2Fb?c=d HTTP/1.1\r\n")
    assert request.endswith(b"\r\n\r\nbody")
    assert b"authorization: bearer x" in request.lower()
    assert b"user-agent: webhook-reconciler/" in request.lower()


async def test_a_redirect_is_not_followed(make: type[HttpTransport]) -> None:
    """A redirect is a reply like any other: nothing is sent to where it points."""
    async with (
        server(says(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n")) as url,
        make() as transport,
    ):
        reply = await transport.send(Call(method="GET", url=url))

    assert reply.status == 302
    assert reply.headers["location"] == "http://127.0.0.1:1/x"


async def test_a_gigabyte_is_not_read(make: type[HttpTransport]) -> None:
    """An endless body is dropped once it is longer than the cap; neither side moves much more than that."""
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    written = 0

    async def answer(_: bytes, writer: Writer) -> None:
        nonlocal written
        writer.write(OK + b"Transfer-Encoding: chunked\r\n\r\n")
        while written < 2**30:
            writer.write(chunk)
            await writer.drain()
            written += len(chunk)

    async with server(answer) as url, make() as transport:
        with pytest.raises(OversizedReplyError):
            await transport.send(Call(method="GET", url=url))

    assert MAX_BODY < written < 3 * MAX_BODY


async def test_a_server_that_is_not_there_got_nothing(make: type[HttpTransport]) -> None:
    """A refused connection leaves no doubt: nothing was sent."""
    async with server(says()) as url:
        pass
    async with make() as transport:
        with pytest.raises(TransportError, match="no connection could be made") as caught:
            await transport.send(Call(method="POST", url=url))

    assert not caught.value.sent


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b'{"id": '),
        (b"nonsense\r\n\r\n",),
    ],
    ids=["nothing", "half", "nonsense"],
)
async def test_a_reply_that_breaks_off_leaves_a_doubt(make: type[HttpTransport], parts: tuple[bytes, ...]) -> None:
    """Once the request is out, a lost or broken reply may hide a success."""
    async with server(says(*parts)) as url, make() as transport:
        with pytest.raises(TransportError, match="the connection was lost") as caught:
            await transport.send(Call(method="POST", url=url))

    assert caught.value.sent


async def test_a_reply_that_cannot_be_decoded_is_told(make: type[HttpTransport]) -> None:
    """A body that is not what its encoding says is a broken reply."""
    bad = OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"
    async with server(says(bad)) as url, make() as transport:
        with pytest.raises(TransportError, match="could not be decoded"):
            await transport.send(Call(method="GET", url=url))


@pytest.mark.looptime
async def test_patience_ends(make: type[HttpTransport]) -> None:
    """A whole exchange has a limit, however long its parts take."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    begin = asyncio.get_running_loop().time()
    async with make(app) as transport:
        with pytest.raises(TransportError, match="did not answer in time") as caught:
            await transport.send(Call(method="GET", url="http://sandbox.test/"))

    assert caught.value.sent
    assert asyncio.get_running_loop().time() - begin == pytest.approx(60)


@pytest.mark.parametrize(
    "call",
    [
        Call(method="GET", url="http://[::1"),
        Call(method="GET", url="http://a\x00b/"),
        Call(method="GET", url="http://127.0.0.1:1/", headers={"X-Token": "s3cret\u2603"}),
    ],
    ids=["host", "control", "header"],
)
async def test_what_cannot_be_sent_is_told_without_being_quoted(make: type[HttpTransport], call: Call) -> None:
    """A malformed URL or header is an error of ours, that does not repeat what may be a token."""
    async with make() as transport:
        with pytest.raises(TransportError) as caught:
            await transport.send(call)

    assert not caught.value.sent
    assert "s3cret" not in str(caught.value)


async def test_an_unknown_scheme_is_not_sent(make: type[HttpTransport]) -> None:
    """Only HTTP is spoken."""
    async with make() as transport:
        with pytest.raises(TransportError) as caught:
            await transport.send(Call(method="GET", url="ftp://127.0.0.1/"))

    assert not caught.value.sent


async def test_an_application_may_answer_instead_of_the_network(make: type[HttpTransport]) -> None:
    """A stand-in in this process is asked without a socket, and the whole engine works on it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        assert dict(scope["headers"])[b"authorization"] == b"Bearer ghp_token"
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b'{"id": 9}'})

    async with make(app) as transport:
        engine = HttpProvider(shipped("github"), transport)
        assert (await engine.create(target("github", "repo"), registration("push"))).remote_id == "9"


async def test_the_engine_tells_a_bad_api_apart(make: type[HttpTransport]) -> None:
    """Over a real connection, HTML is a bad answer and a lost connection a retryable one; no token is shown."""
    page = says(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>")
    place = target("telegram", "bot")
    for answer, expected in ((page, TerminalError), (says(), RetryableError)):
        async with server(answer) as url, make() as transport:
            engine = HttpProvider(shipped("telegram"), transport)
            credentials = type(place.credentials)(
                name="main", provider="telegram", fields=place.credentials.fields, api_url=url
            )
            with pytest.raises(expected) as caught:
                await engine.list(type(place)(type="bot", resource="self", credentials=credentials))
        assert TOKENS["telegram"] not in repr(caught.value)
        assert not isinstance(caught.value, TerminalError) or caught.value.kind is ErrorKind.BAD_ANSWER


async def test_closing_twice_is_fine() -> None:
    """A transport that was never used, or is closed already, closes without complaint."""
    transport = HttpTransport()
    await transport.aclose()
    await transport.aclose()


@asynccontextmanager
async def patient_server() -> AsyncIterator[tuple[int, list[int]]]:
    """A server that answers every request of a connection with 204; gives its port, and requests by connection."""
    served: list[int] = []
    writers: list[Writer] = []

    async def serve(reader: asyncio.StreamReader, writer: Writer) -> None:
        writers.append(writer)
        place = len(served)
        served.append(0)
        with suppress(OSError, asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                served[place] += 1
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], served
    for writer in writers:
        with suppress(OSError):
            await writer.wait_closed()


def pinned(host: str, port: int) -> PinnedCall:
    """A call to a name that is at loopback."""
    return PinnedCall(method="GET", url=f"http://{host}.test:{port}/", address="127.0.0.1", cut=100, seconds=5.0)


async def test_connections_are_kept_and_bounded(make: type[HttpTransport]) -> None:
    """One origin asked twice keeps its connection; many origins have no more than the bound, of lines too."""
    async with patient_server() as (port, served), make() as transport:
        for _ in range(2):
            await transport.send(pinned("one", port))
        assert served == [2]
        for number in range(100):
            assert (await transport.send(pinned(f"host{number}", port))).status == 204
        assert transport._made == len(transport._idle) == 64
    assert sum(served) == 102


async def test_connections_are_bounded_however_many_make_room_at_once(make: type[HttpTransport]) -> None:
    """Each closes one of another origin first, and meanwhile the rest go on."""
    async with patient_server() as (port, _), make() as transport:
        for turn in range(3):
            await asyncio.gather(*(transport.send(pinned(f"host{turn}x{number}", port)) for number in range(100)))
            assert transport._made <= 64


async def test_a_connection_that_the_server_closed_is_not_used_again(make: type[HttpTransport]) -> None:
    """What was idle when the other side hung up would lose the next request, and leave a doubt about it."""
    closed = asyncio.Event()

    async def answer(_: bytes, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        await closed.wait()

    async with server(answer) as url, make() as transport:
        assert (await transport.send(Call(method="POST", url=url))).status == 200
        closed.set()
        for _ in range(3):  # until the end of the connection has arrived here
            await asyncio.sleep(0)
        assert (await transport.send(Call(method="POST", url=url))).status == 200


async def test_a_packed_reply_is_unpacked(make: type[HttpTransport]) -> None:
    """A body that was sent by gzip, which we ask for, is what it was before."""
    packed = gzip.compress(b'{"id": 1}')
    seen: list[bytes] = []

    async def answer(request: bytes, writer: Writer) -> None:
        seen.append(request)
        await says(OK + b"Content-Encoding: GZIP\r\nContent-Length: %d\r\n\r\n" % len(packed), packed)(request, writer)

    async with server(answer) as url, make() as transport:
        assert (await transport.send(Call(method="GET", url=url))).body == b'{"id": 1}'
    assert b"accept-encoding: gzip\r\n" in seen[0].lower()


async def test_what_nothing_unpacks_is_not_asked_for_packed(make: type[HttpTransport]) -> None:
    """A pinned reply is cut off as it comes: keys that a server packs for whoever says so would be none."""
    keys = b'{"keys": []}'

    async def answer(request: bytes, writer: Writer) -> None:
        asked = b"gzip" in request
        body, how = (gzip.compress(keys), b"Content-Encoding: gzip\r\n") if asked else (keys, b"")
        await says(OK + how + b"Content-Length: %d\r\n\r\n" % len(body), body)(request, writer)

    async with server(answer) as url, make() as transport:
        port = int(url.rpartition(":")[2])
        assert (await transport.send(pinned("keys", port))).body == keys


async def test_a_small_reply_that_unpacks_to_a_large_one_is_not_unpacked(make: type[HttpTransport]) -> None:
    """The bound is for what a body becomes."""
    packed = gzip.compress(bytes(MAX_BODY + 1))
    bomb = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    async with server(says(bomb, packed)) as url, make() as transport:
        with pytest.raises(OversizedReplyError):
            await transport.send(Call(method="GET", url=url))


async def test_nothing_is_read_behind_the_end_of_a_packed_reply(make: type[HttpTransport]) -> None:
    """What follows counts towards no bound, and the library would keep all of it: the reply is refused there."""
    written: list[bytes] = []

    async def answer(_: bytes, writer: Writer) -> None:
        writer.write(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"[]"))
        for _ in range(100):
            written.append(bytes(1 << 20))
            writer.write(written[-1])
            await writer.drain()

    async with server(answer) as url, make() as transport:
        with pytest.raises(TransportError, match="could not be decoded"):
            await transport.send(Call(method="GET", url=url))
    assert len(written) < 100


async def test_the_proxy_of_the_environment_is_used(make: type[HttpTransport], monkeypatch: pytest.MonkeyPatch) -> None:
    """`HTTP_PROXY` is asked instead, with or without scheme and password, unless `NO_PROXY` names the host."""
    heads: list[bytes] = []
    words: list[bytes] = []

    async def proxy(request: bytes, writer: Writer) -> None:
        first, *fields = request.split(b"\r\n")
        heads.append(first)
        words.extend(field for field in fields if field.lower().startswith(b"proxy-authorization"))
        await says(OK + b"Content-Length: 2\r\n\r\n{}")(request, writer)

    async with server(proxy) as url:
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        for named in (url.removeprefix("http://"), url.replace("//", "//me:p%40ss@")):
            monkeypatch.setenv("http_proxy", named)
            async with make() as transport:
                await transport.send(Call(method="GET", url="http://api.vendor.test/hooks"))
        async with make() as transport:
            with pytest.raises(TransportError, match="no connection"):
                await transport.send(Call(method="GET", url="http://127.0.0.1:1/hooks"))
    assert heads == [b"GET http://api.vendor.test/hooks HTTP/1.1"] * 2
    assert words == [b"Proxy-Authorization: Basic bWU6cEBzcw=="]


async def test_a_proxy_may_have_any_password(make: type[HttpTransport], monkeypatch: pytest.MonkeyPatch) -> None:
    """One with letters that a URL should not have is sent as UTF-8."""
    heads: list[bytes] = []

    async def proxy(request: bytes, writer: Writer) -> None:
        heads.append(request)
        await says(OK + b"Content-Length: 2\r\n\r\n{}")(request, writer)

    async with server(proxy) as url, make() as transport:
        monkeypatch.setenv("http_proxy", url.replace("//", "//me:pä@"))
        await transport.send(Call(method="GET", url="http://api.vendor.test/hooks"))
    assert b"Proxy-Authorization: Basic " + base64.b64encode("me:pä".encode()) in heads[0]


@pytest.mark.parametrize("content", [None, b"no certificate"])
async def test_certificates_that_cannot_be_read_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    """A user who names a file that is not there, or holds none, has made a slip and found no bug."""
    certificates = tmp_path / "ca.pem"
    if content is not None:
        certificates.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates))
    async with HttpTransport() as transport:
        with pytest.raises(TransportError, match="SSL_CERT_FILE") as caught:
            await transport.send(Call(method="POST", url="https://api.vendor.test/hooks"))
    assert not caught.value.sent


async def test_what_a_proxy_refuses_was_not_sent(make: type[HttpTransport], monkeypatch: pytest.MonkeyPatch) -> None:
    """A tunnel that is not opened has carried nothing."""
    async with server(says(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")) as url, make() as transport:
        monkeypatch.setenv("https_proxy", url)
        with pytest.raises(TransportError, match="no connection") as caught:
            await transport.send(Call(method="POST", url="https://api.vendor.test/hooks"))
    assert not caught.value.sent


@pytest.mark.parametrize("named", ["socks5://127.0.0.1:1", "http://[1", "http://proxy:99999"])
async def test_a_proxy_that_speaks_no_http_is_told(
    make: type[HttpTransport], monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """A SOCKS proxy would take another package, and must not be passed by; nor must what is no URL at all."""
    monkeypatch.setenv("all_proxy", named)
    async with make() as transport:
        with pytest.raises(TransportError, match="not an http or https URL") as caught:
            await transport.send(Call(method="POST", url="https://api.vendor.test/hooks"))
    assert not caught.value.sent
