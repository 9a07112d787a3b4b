"""Keys, certificates and answers: fetched once at a time, kept, rationed; a failure decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from reconciler.core.model import Recorded
from reconciler.ingress.fetching import AT_ONCE, FAILED, KEPT, MAX_BODY, REFRESHED, STALE, Fetcher
from reconciler.verify.request import Fetched, Need, NeedKind
from tests.ingress.receiving_support import record

KEYS = Need(kind=NeedKind.KEYS, url="https://example.com/keys")
NEWER = Need(kind=NeedKind.KEYS, url="https://example.com/keys", refresh=True)
ANSWER = Need(kind=NeedKind.ANSWER, url="/verify", of_api=True)
NOTHING = Fetched(status=0)

pytestmark = pytest.mark.looptime


class Source:
    """Answers with a number that counts up, or with what it is told to."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.asked: list[Need] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.body: Callable[[int], bytes] = lambda number: str(number).encode()

    async def __call__(self, need: Need, _record: Recorded, /) -> Fetched:
        self.asked.append(need)
        await self.gate.wait()
        return Fetched(status=self.status, body=self.body(len(self.asked)), at=1.0)


def certificate(number: int) -> Need:
    """One of many that a sender can name."""
    return Need(kind=NeedKind.CERTIFICATE, url=f"https://sns.example.com/{number}.pem")


async def test_keys_are_fetched_once_however_many_wait_and_kept() -> None:
    """Until they are old."""
    source = Source()
    fetcher = Fetcher(source)
    source.gate.clear()
    asking = [asyncio.create_task(fetcher(KEYS, record())) for _ in range(20)]
    await asyncio.sleep(0.1)
    source.gate.set()

    assert {(await each).body for each in asking} == {b"1"}
    await asyncio.sleep(KEPT[NeedKind.KEYS] - 10)
    assert (await fetcher(KEYS, record())).body == b"1"
    await asyncio.sleep(20)
    assert (await fetcher(KEYS, record())).body == b"2"


async def test_answers_about_one_delivery_are_never_kept() -> None:
    """Each is the provider's word on that one."""
    source = Source()
    fetcher = Fetcher(source)

    assert [(await fetcher(ANSWER, record())).body for _ in range(2)] == [b"1", b"2"]


async def test_a_failure_is_remembered_for_seconds_only() -> None:
    """So that a provider that is down is not asked for every delivery, and is believed soon again."""
    source = Source(status=500)
    fetcher = Fetcher(source)
    first = await fetcher(KEYS, record())
    assert not first.ok
    assert not (await fetcher(KEYS, record())).ok
    assert len(source.asked) == 1
    source.status = 200
    await asyncio.sleep(FAILED + 0.1)

    assert (await fetcher(KEYS, record())).body == b"2"


async def test_old_keys_serve_on_while_newer_ones_cannot_be_had() -> None:
    """For some days."""
    source = Source()
    fetcher = Fetcher(source)
    await fetcher(KEYS, record())
    source.status = 503
    await asyncio.sleep(KEPT[NeedKind.KEYS] + 1)
    assert (await fetcher(KEYS, record())).body == b"1"
    assert (await fetcher(KEYS, record())).body == b"1"
    assert len(source.asked) == 2
    await asyncio.sleep(STALE)

    assert await fetcher(KEYS, record()) == NOTHING


async def test_newer_keys_are_fetched_when_a_token_names_one_that_is_not_there() -> None:
    """But not at the pace at which senders name them."""
    source = Source()
    fetcher = Fetcher(source)
    await fetcher(KEYS, record())
    assert await fetcher(NEWER, record()) == NOTHING
    await asyncio.sleep(REFRESHED + 1)
    assert (await fetcher(NEWER, record())).body == b"2"
    assert await fetcher(NEWER, record()) == NOTHING
    assert (await fetcher(KEYS, record())).body == b"2"
    source.status = 500
    await asyncio.sleep(REFRESHED + 1)

    assert not (await fetcher(NEWER, record())).ok
    assert (await fetcher(KEYS, record())).body == b"2"


async def test_certificates_that_senders_name_are_rationed() -> None:
    """Those that are known are not touched by it, and memory is bounded."""
    source = Source()
    fetcher = Fetcher(source)
    found = [await fetcher(certificate(number), record()) for number in range(80)]
    assert 50 <= sum(each.ok for each in found) < 60
    assert (await fetcher(certificate(0), record())).body == b"1"
    for number in range(100, 500):
        await asyncio.sleep(0.3)
        await fetcher(certificate(number), record())

    assert len(fetcher._held) <= 256


async def test_what_is_not_there_takes_no_place_of_what_is() -> None:
    """Whoever names certificates that do not exist, again and again, makes nobody forget a good one."""
    source = Source()
    fetcher = Fetcher(source)
    await fetcher(KEYS, record())
    source.status = 404
    for number in range(400):
        await asyncio.sleep(0.3)
        await fetcher(certificate(number), record())

    assert len(fetcher._held) <= 256
    assert (await fetcher(KEYS, record())).body == b"1"


async def test_a_fetch_has_an_end_and_a_size() -> None:
    """What takes too long, and what is too long, is nothing."""
    source = Source()
    fetcher = Fetcher(source)
    source.gate.clear()
    assert await fetcher(ANSWER, record()) == NOTHING
    source.gate.set()
    source.body = lambda _: b"x" * (MAX_BODY + 1)

    assert await fetcher(ANSWER, record()) == NOTHING


async def test_fetches_at_a_time_are_bounded() -> None:
    """What is over is nothing, and tried again with its delivery."""
    source = Source()
    fetcher = Fetcher(source)
    source.gate.clear()
    asking = [asyncio.create_task(fetcher(ANSWER, record())) for _ in range(AT_ONCE + 3)]
    await asyncio.sleep(0.1)
    source.gate.set()
    found = [await each for each in asking]

    assert [each.ok for each in found].count(False) == 3
    assert (await fetcher(ANSWER, record())).ok


async def test_who_gives_up_waiting_leaves_the_fetch_to_others() -> None:
    """A client that hangs up cancels nobody else's keys."""
    source = Source()
    fetcher = Fetcher(source)
    source.gate.clear()
    first, second = (asyncio.create_task(fetcher(KEYS, record())) for _ in range(2))
    await asyncio.sleep(0.1)
    first.cancel()
    source.gate.set()

    assert (await second).body == b"1"
