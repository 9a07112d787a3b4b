"""What is taken from anybody: headers, sizes, rates, how much at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from reconciler.ingress.counting import Outcome
from reconciler.ingress.limits import Buckets, Flight, Limits, client_of
from reconciler.ingress.reading import GoneError, Reader, TooLongError, TooMuchError, TooSlowError
from tests.ingress.receiving_support import ID, NOBODYS, OTHER, SECRET, World, record

# -- headers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({f"x-{number}": "1" for number in range(100)}, 431),
        ({"x-long": "x" * 40_000}, 431),
        ({"content-length": "-1"}, 400),
        ({"content-length": "1e3"}, 400),
        ({"content-length": "\u0661"}, 400),
        ({"content-length": "1048577"}, 413),
        ({"content-length": "999999999999999"}, 413),
        ({"transfer-encoding": "chunked"}, 400),
    ],
)
async def test_headers_alone_refuse(headers: dict[str, str], status: int) -> None:
    """Before the body is read or the webhook looked up, and the connection ends."""
    world = World()
    encoded = {name: value.encode("utf-8").decode("latin-1") for name, value in headers.items()}

    answer = await world.post(headers=encoded)

    assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert world.shelf.asked == 0


async def test_a_length_told_twice_is_refused() -> None:
    """Two readers might believe one each."""
    world = World()
    rows = [(b"content-length", b"2"), (b"content-length", b"2")]

    assert (await world.ask("POST", f"/webhooks/forge/{ID}", rows, b"{}")).status == 400


async def test_chunked_bodies_are_taken_and_counted() -> None:
    """There is no length then: what is counted decides."""
    world = World()
    chunked = {"content-length": None, "transfer-encoding": "chunked"}
    assert (await world.post({"n": 1}, headers=chunked)).status == 200
    pieces = [b"x" * 300_000] * 5

    answer = await world.post(b"x" * 1_500_000, delivery="d2", headers=chunked, pieces=in_pieces(pieces))

    assert answer.status == 413
    assert len(pieces) == 1, "it was not read to its end"
    assert len(world.inbox.kept()) == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE", "CONNECT", "post"])
async def test_other_methods_are_not_here(method: str) -> None:
    """Whatever they are sent to."""
    assert (await World().ask(method, f"/webhooks/forge/{ID}")).status == 405


async def test_a_query_without_end_is_refused() -> None:
    """No vendor sends one."""
    assert (await World().ask("GET", f"/webhooks/forge/{ID}", query=b"x" * 5000)).status == 414


async def test_a_definition_may_say_how_long_a_body_is() -> None:
    """Of the provider in the URL: whether there is such a webhook, that does not tell."""
    world = World()
    world.shelf.put(record("stateful", OTHER), SECRET)

    for webhook_id in (OTHER, NOBODYS):
        assert (await world.post(b"x" * 5000, path=f"/webhooks/stateful/{webhook_id}")).status == 413
    assert (await world.post(b"x" * 5000)).status == 400


# -- rates -------------------------------------------------------------------------------------------------------------


async def test_a_client_has_a_rate_at_each_webhook_before_anything_is_verified() -> None:
    """Failures count as well; other clients, and other webhooks, are not touched by it."""
    world = World(limits=Limits(rate=0.001, burst=3))
    world.shelf.put(record("forge", OTHER), SECRET)
    statuses = [(await world.post(headers={"x-signature": "sha256=00"})).status for _ in range(5)]
    assert statuses == [404, 404, 404, 429, 429]

    answer = await world.post()
    assert (answer.status, answer.headers["retry-after"]) == (429, "5")
    assert (await world.post(peer="192.0.2.2")).status == 200
    assert (await world.post(path=f"/webhooks/forge/{OTHER}")).status == 200
    assert world.ingress.counters.of(Outcome.THROTTLED) == 3


async def test_one_client_does_not_use_up_what_there_is_for_all() -> None:
    """Whoever asks for ids of nobody's has a rate of their own; others are looked for meanwhile."""
    world = World(limits=Limits(unknown_rate_each=0.001, unknown_burst_each=2, unknown_burst=100, clients=2))
    paths = [f"/webhooks/forge/{number:08x}{NOBODYS[8:]}" for number in range(5)]

    statuses = [(await world.post(path=path, peer="192.0.2.66")).status for path in paths]

    assert statuses == [404, 404, 429, 429, 429]
    assert (await world.post()).status == 200
    assert len(world.ingress._receiver._unknown_each) <= 2


async def test_ids_that_are_not_in_memory_share_one_rate() -> None:
    """So that nobody can make us ask the store without end; webhooks in use are not touched by it."""
    world = World(limits=Limits(unknown_rate=0.001, unknown_burst=3))
    assert (await world.post()).status == 200
    statuses = [
        (await world.post(path=f"/webhooks/forge/{number:08x}{NOBODYS[8:]}", peer=f"192.0.2.{number}")).status
        for number in range(4)
    ]

    assert statuses == [404, 404, 429, 429]
    assert world.shelf.asked == 3
    assert (await world.post({"n": 2}, delivery="d2")).status == 200


def test_a_bucket_fills_again() -> None:
    """At its rate, up to its burst."""
    buckets = Buckets(rate=2.0, burst=4.0, size=10)
    assert [buckets.take("a", 0.0) for _ in range(5)] == [True, True, True, True, False]
    assert [buckets.take("a", 1.0) for _ in range(3)] == [True, True, False]
    assert [buckets.take("a", 100.0) for _ in range(5)] == [True, True, True, True, False]


def test_buckets_are_bounded() -> None:
    """Whoever comes again soon is remembered; others are forgotten."""
    buckets = Buckets(rate=0.0, burst=1.0, size=10)
    assert buckets.take("a", 0.0)
    for number in range(1000):
        buckets.take(str(number), 0.0)
        if number < 100:
            assert not buckets.take("a", 0.0)
    assert len(buckets) <= 10


async def test_what_is_in_flight_is_bounded_for_each_client_and_in_all() -> None:
    """What is over is told to come again; who is done makes room."""
    flight = Flight(most=3, most_each=2)
    assert [flight.enter("a"), flight.enter("a"), flight.enter("a")] == [True, True, False]
    assert [flight.enter("b"), flight.enter("b")] == [True, False]
    flight.leave("a")
    assert [flight.enter("b"), flight.count] == [True, 3]

    world = World(limits=Limits(in_flight_per_client=1))
    world.inbox.stall.clear()
    first = asyncio.create_task(world.post())
    await asyncio.to_thread(world.inbox.stalled.wait, 10)
    answer = await world.post(delivery="d2")
    world.inbox.stall.set()
    assert (answer.status, answer.headers["retry-after"], (await first).status) == (503, "5", 200)
    assert (await world.post({"n": 2}, delivery="d3")).status == 200


@pytest.mark.parametrize("limits", [Limits(in_flight=4), Limits(in_flight_per_client=4), Limits(held=400)])
async def test_bodies_for_nobody_that_never_end_keep_no_delivery_out(limits: Limits) -> None:
    """Who knows no webhook's id can have a part of the room: the rest is for those who do."""
    world, never = World(limits=limits), asyncio.Event()

    def unfinished() -> Callable[[], Awaitable[dict[str, Any]]]:
        async def receive() -> dict[str, Any]:
            if begun.pop():
                return {"type": "http.request", "body": b"x" * 99, "more_body": True}
            await never.wait()
            return {"type": "http.disconnect"}

        begun = [False, True]
        return receive

    path = f"/webhooks/forge/{NOBODYS}"
    strangers = [asyncio.create_task(world.ask("POST", path, pieces=unfinished())) for _ in range(4)]
    while not world.ingress._receiver._nobodys.held:  # noqa: ASYNC110 - nothing tells when a body is being read
        await asyncio.sleep(0)
    genuine = [await world.post({"n": n}, delivery=f"d{n}") for n in range(3)]
    never.set()

    assert [answer.status for answer in genuine] == [200, 200, 200]
    assert 503 in {answer.status for answer in await asyncio.gather(*strangers)}


# -- who asks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "forwarded", "hops", "client"),
    [
        ("192.0.2.1", [b"203.0.113.9"], 0, "192.0.2.1"),
        ("192.0.2.1", [b"203.0.113.9"], 1, "203.0.113.9"),
        ("192.0.2.1", [b"6.6.6.6, 203.0.113.9"], 1, "203.0.113.9"),
        ("192.0.2.1", [b"6.6.6.6", b"203.0.113.9,198.51.100.1"], 2, "203.0.113.9"),
        ("192.0.2.1", [b"203.0.113.9"], 2, "192.0.2.1"),
        ("192.0.2.1", [], 1, "192.0.2.1"),
        ("192.0.2.1", [b"not an address"], 1, "192.0.2.1"),
        ("192.0.2.1", [b"\xff\xfe"], 1, "192.0.2.1"),
        ("2001:db8::1", [], 0, "2001:db8::/64"),
        ("2001:db8::ffff", [], 0, "2001:db8::/64"),
        ("::ffff:192.0.2.1", [], 0, "192.0.2.1"),
        ("a socket", [], 0, "a socket"),
    ],
)
def test_a_client_is_whom_our_own_proxies_saw(peer: str, forwarded: list[bytes], hops: int, client: str) -> None:
    """What stands further left is the sender's own word. One network of IPv6 is one client."""
    assert client_of(peer, [(b"x-forwarded-for", each) for each in forwarded], hops) == client


# -- bodies ------------------------------------------------------------------------------------------------------------


def in_pieces(pieces: list[bytes]) -> Callable[[], Awaitable[dict[str, Any]]]:
    """A body that comes in pieces; what was taken is gone from the list."""

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    return receive


def trickling(pieces: Iterator[bytes], seconds: float) -> Callable[[], Awaitable[dict[str, Any]]]:
    """A body, one piece each so many seconds."""

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(seconds)
        return {"type": "http.request", "body": next(pieces), "more_body": True}

    return receive


async def test_a_body_in_pieces_is_put_together() -> None:
    """And counted until it is let go."""
    reader = Reader(Limits())

    assert await reader.read(in_pieces([b"a" * 10, b"", b"b" * 10]), 20) == b"a" * 10 + b"b" * 10
    assert reader.held == 20
    reader.release(20)


async def test_a_body_that_is_too_long_is_refused_never_cut() -> None:
    """In one piece or several, and nothing of it is held."""
    reader = Reader(Limits())
    for pieces in ([b"a" * 21], [b"a" * 10, b"b" * 11, b"c"]):
        with pytest.raises(TooLongError):
            await reader.read(in_pieces(pieces), 20)
    assert reader.held == 0


async def test_all_bodies_together_are_bounded() -> None:
    """What is over is told to come again."""
    reader = Reader(Limits(held=30))
    await reader.read(in_pieces([b"a" * 20]), 100)

    with pytest.raises(TooMuchError):
        await reader.read(in_pieces([b"a" * 5, b"b" * 10]), 100)
    assert reader.held == 20

    world = World(limits=Limits(held=1))
    answer = await world.post()
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.looptime
async def test_bodies_that_never_end_give_way_to_the_next() -> None:
    """The oldest first, no more of them than must, and none that has just begun."""
    reader = Reader(Limits(held=3000, patience=5.0, min_speed=0))

    def endless(size: int) -> asyncio.Task[bytes]:
        pieces = iter([b"x" * size])

        async def receive() -> dict[str, Any]:
            if (piece := next(pieces, None)) is None:
                await asyncio.sleep(1000)
            return {"type": "http.request", "body": piece, "more_body": True}

        return asyncio.create_task(reader.read(receive, 10_000))

    first, second = endless(1400), endless(1400)
    await asyncio.sleep(3)
    with pytest.raises(TooMuchError):
        await reader.read(in_pieces([b"y" * 1000]), 10_000)
    young = endless(100)
    await asyncio.sleep(2.1)

    await reader.read(in_pieces([b"y" * 500, b"z" * 1000]), 10_000)

    with pytest.raises(TooMuchError):
        await first
    assert (second.done(), young.done(), reader.held) == (False, False, 3000)
    with pytest.raises(TooMuchError):
        await reader.read(in_pieces([b"y" * 2000]), 10_000)
    with pytest.raises(TooMuchError):
        await second
    assert not young.done()
    young.cancel()


@pytest.mark.looptime
async def test_the_longest_bodies_do_not_keep_others_out() -> None:
    """Two have room at a time beside many that are short; where they do not come to an end, they give way."""
    reader, longest = Reader(Limits(min_speed=0)), 25 * 1024 * 1024
    pieces = [b"x" * 65_536] * (longest // 65_536)
    assert [len(await reader.read(in_pieces([*pieces]), longest)) for _ in range(2)] == [longest] * 2
    with pytest.raises(TooMuchError):
        await reader.read(in_pieces([*pieces]), longest)
    assert reader.held == 2 * longest
    assert len(await reader.read(in_pieces([b"y" * 1_000_000]), longest)) == 1_000_000
    reader.release(reader.held)

    slow = [
        asyncio.create_task(reader.read(trickling(iter([b"x" * (longest - 1), b"z"]), 6.0), longest)) for _ in range(2)
    ]
    await asyncio.sleep(7)
    assert len(await reader.read(in_pieces([*pieces]), longest)) == longest
    with pytest.raises(TooMuchError):
        await slow[0]
    assert (slow[1].done(), reader.held) == (False, 2 * longest - 1)
    slow[1].cancel()


@pytest.mark.looptime
async def test_a_body_makes_no_room_for_itself() -> None:
    """It is the one that there is no room for, and nothing of it is held."""
    reader = Reader(Limits(held=100, patience=5.0, min_speed=0))

    with pytest.raises(TooMuchError):
        await reader.read(trickling(iter([b"x" * 60, b"x" * 60]), 4.0), 1000)

    assert reader.held == 0


async def test_who_hangs_up_gets_no_answer() -> None:
    """It is counted, and what it sent is let go."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    reader = Reader(Limits())
    with pytest.raises(GoneError):
        await reader.read(receive, 20)
    assert reader.held == 0
    world = World()
    messages.append({"type": "http.disconnect"})
    answer = await world.post(pieces=receive)
    assert answer.messages == 0
    assert world.ingress.counters.of(Outcome.GONE) == 1


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("pieces", "pause", "until"),
    [
        (iter([]), 1000.0, 6.0),
        (iter(b"x" for _ in range(1000)), 1.0, 6.0),
        (iter(b"x" * 1000 for _ in range(1000)), 1.0, 31.0),
    ],
)
async def test_a_body_has_a_time_and_a_speed(pieces: Iterator[bytes], pause: float, until: float) -> None:
    """One that says nothing, one that trickles, and one that never ends."""
    reader, loop = Reader(Limits()), asyncio.get_running_loop()

    with pytest.raises(TooSlowError):
        await reader.read(trickling(pieces, pause), 10_000_000)

    assert loop.time() <= until
    assert reader.held == 0
    assert reader._watched == {}
    await asyncio.sleep(2)
    assert reader._timer is None


@pytest.mark.looptime
async def test_a_steady_body_is_waited_for() -> None:
    """Slow is not too slow."""
    reader = Reader(Limits())
    left = [b"x" * 2000] * 10

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(2)
        return {"type": "http.request", "body": left.pop(), "more_body": bool(left)}

    assert len(await reader.read(receive, 100_000)) == 20_000


@pytest.mark.looptime
async def test_a_cancelled_request_is_not_a_slow_one() -> None:
    """The server ends it for reasons of its own."""
    reader = Reader(Limits())
    reading = asyncio.create_task(reader.read(trickling(iter([]), 1000.0), 100))
    await asyncio.sleep(0)
    reading.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reading


@pytest.mark.looptime
@pytest.mark.parametrize("ended", [asyncio.CancelledError, OSError])
async def test_of_a_body_that_is_ended_by_others_nothing_is_held(ended: type[BaseException]) -> None:
    """A time limit of the application that mounts the ingress, or a server that raises when its client is gone."""
    reader = Reader(Limits())
    pieces = iter([{"type": "http.request", "body": b"x" * 10, "more_body": True}])

    async def receive() -> dict[str, Any]:
        if (piece := next(pieces, None)) is None:
            raise ended
        return piece

    with pytest.raises(ended):
        await reader.read(receive, 100)

    assert reader.held == 0


@pytest.mark.looptime
async def test_a_slow_client_is_answered_and_hung_up_on() -> None:
    """408, and the connection ends."""
    world = World()
    await world.ingress._receiver.admission.look_up(ID)

    answer = await world.post(pieces=trickling(iter([]), 1000.0))

    assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert world.ingress.counters.of(Outcome.TOO_SLOW) == 1
