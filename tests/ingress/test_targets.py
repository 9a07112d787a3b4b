"""What targets are given and how they answer: CloudEvents over signed HTTP, a callable, a log."""

from __future__ import annotations

import asyncio
import json
import stat
import threading
from base64 import b64encode
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from reconciler.core.errors import ConfigError, Problem
from reconciler.core.inbox import Dispatch, Job
from reconciler.core.model import EventTraits, Secret
from reconciler.ingress import targets as public
from reconciler.ingress.handing import BATCHES, EventReader, shown_source
from reconciler.ingress.ports import Found, Kind, Vendor
from reconciler.ingress.targets import python
from reconciler.ingress.targets.event import Again, Drop, Event
from reconciler.ingress.targets.http import Answered, HttpTarget, UnreachableError, seconds_of
from reconciler.ingress.targets.log import LogTarget, appending
from reconciler.ingress.targets.python import PythonTarget, handler_of
from reconciler.verify.delivery import BodyEvent, DeliveryRules
from tests.ingress.dispatch_support import FORGE, NAKED, NOW, URL, VENDORS, WEBHOOK, arrival, graph
from tests.store.samples import recorded

SECRET = Secret("whsec_" + b64encode(b"a key of thirty-two bytes, or so").decode())

EVENT = Event(
    id="a-00001",
    source=URL,
    time=NOW,
    subscriber=graph("triage"),
    provider="forge",
    events=("issues.opened",),
    payload={"note": "canary"},
    user="alice",
    webhook_id=WEBHOOK,
    delivery_id="d00001",
    provider_delivery_id="77",
)


# -- the event ---------------------------------------------------------------------------------------------------------


def test_an_event_is_a_cloud_event() -> None:
    """Required attributes, extension names in lower-case letters, and nothing that is empty."""
    document = EVENT.document()
    assert document == {
        "specversion": "1.0",
        "id": "a-00001",
        "source": URL,
        "type": "dev.webhook-reconciler.delivery.forge.issues.opened",
        "subject": "graph:triage",
        "time": "2023-11-14T22:13:20.000Z",
        "datacontenttype": "application/json",
        "provider": "forge",
        "event": "issues.opened",
        "user": "alice",
        "webhookid": WEBHOOK,
        "deliveryid": "d00001",
        "providerdeliveryid": "77",
        "provenance": "received",
        "part": 0,
        "attempt": 1,
        "data": {"note": "canary"},
    }
    assert all(name.isalnum() and name == name.lower() and len(name) <= 20 for name in document)
    assert "canary" not in repr(EVENT)
    assert public.Event is Event


def reader(found: Found | None, asked: list[str] | None = None) -> EventReader:
    """Reads events of webhooks that are all this one."""

    def find(webhook_id: str) -> Found | None:
        if asked is not None:
            asked.append(webhook_id)
        return found

    return EventReader(VENDORS, find, lambda: NOW)


def job(number: int = 1, **changes: Any) -> Job:
    """The third try of a dispatch."""
    made = arrival(number, "triage", **changes)
    return Job(dispatch=made.dispatches[0], delivery=made.delivery, attempt=3)


async def test_the_payload_is_read_from_the_bytes_that_were_kept() -> None:
    """With whose webhook it is, looked up once for a while."""
    asked: list[str] = []
    reading = reader(Found(scope="acme", record=recorded(), secrets=()), asked)
    event = await reading.event(job())
    assert (event.payload, event.attempt, event.user) == (
        {"id": 1, "note": "canary-of-a-body"},
        3,
        recorded().key.user,
    )
    await reading.event(job())
    assert asked == [WEBHOOK]


async def test_each_part_of_a_batch_is_a_value_of_its_own() -> None:
    """Whoever changes what it was given changes nobody else's; of a few batches the parts stay in memory."""
    rules = DeliveryRules(event=BodyEvent("kind"), batch="items")
    kind = Kind(rules=rules, events=EventTraits(names={"push": ""}))
    batching = Vendor(name="forge", scheme=FORGE.scheme, kinds={"repo": kind})
    reading = EventReader({"forge": batching}, lambda _: None, lambda: NOW)
    body = b'{"items": [{"n": [1]}, {"n": ["\\ud800", 1e999]}]}'

    for number in range(1, 7):
        for _ in range(2):
            parts = [replace(job(number=number, body=body), dispatch=part) for part in both(number)]
            events = [await reading.event(each) for each in parts]
            assert [event.payload for event in events] == [{"n": [1]}, {"n": ["\ufffd", None]}]
            events[0].payload["n"].append(2)  # type: ignore[index, union-attr, call-overload]  # a handler's doing
        assert len(reading._batches) == min(number, BATCHES)
    with pytest.raises(Drop, match="it has no part 2"):
        await reading.event(replace(job(body=body), dispatch=replace(both(1)[0], part=2)))


def both(number: int) -> list[Dispatch]:
    """The dispatches of two parts of a delivery."""
    (made,) = arrival(number, "triage").dispatches
    return [made, replace(made, id=f"{made.id}-1", part=1)]


async def test_of_a_webhook_that_is_gone_deliveries_are_handed_on_all_the_same() -> None:
    """Nobody knows whose it was."""
    event = await reader(None).event(job())
    assert (event.user, event.source) == ("", URL)


async def test_where_the_url_is_the_secret_it_is_shortened() -> None:
    """Neither source nor webhook id let anybody send."""
    event = await reader(None).event(job(provider="naked", url=URL.replace("forge", "naked")))
    assert event.webhook_id == WEBHOOK[:8]
    assert event.source == f"https://hooks.acme.dev/webhooks/naked/{WEBHOOK[:8]}"
    assert shown_source(None, job().delivery) == URL.replace(WEBHOOK, WEBHOOK[:8])
    assert NAKED.name == "naked"


async def test_what_cannot_be_read_is_dead_and_what_cannot_yet_is_not() -> None:
    """A body that is not JSON never will be; a definition may come back."""
    with pytest.raises(Drop, match="it cannot be read any more: the body is not JSON"):
        await reader(None).event(job(body=b"canary"))
    with pytest.raises(Again, match="no definition"):
        await reader(None).event(job(provider="gone"))
    later = job()
    with pytest.raises(Drop, match="it has no part 7"):
        await reader(None).event(Job(dispatch=_part(later, 7), delivery=later.delivery, attempt=1))


def _part(job: Job, number: int) -> Any:
    dispatch = job.dispatch
    return type(dispatch)(id=dispatch.id, delivery_id=dispatch.delivery_id, part=number, subscriber=dispatch.subscriber)


# -- http --------------------------------------------------------------------------------------------------------------


class Receiver:
    """Takes posts, and answers as it is told."""

    def __init__(self, status: int = 204, retry_after: str = "") -> None:
        self.answered = Answered(status=status, retry_after=retry_after)
        self.got: list[tuple[str, Mapping[str, str], bytes]] = []

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes, /) -> Answered:
        self.got.append((url, headers, body))
        return self.answered


def http(post: Any, secret: Secret = SECRET, now: float | None = None) -> HttpTarget:
    """A target that posts so."""
    moment = datetime.now(UTC).timestamp() if now is None else now  # noqa: TID251 - what the vendor's library goes by
    return HttpTarget("https://flows.acme.dev/in", post, lambda: secret, lambda: moment)


async def test_a_post_is_signed_as_standard_webhooks_asks() -> None:
    """The library of Standard Webhooks verifies it; a changed byte is refused by it."""
    receiver = Receiver()
    await http(receiver).send(EVENT)
    [(url, headers, body)] = receiver.got
    assert url == "https://flows.acme.dev/in"
    assert headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert headers["webhook-id"] == headers["Idempotency-Key"] == "a-00001"
    oracle = Webhook(SECRET.reveal())
    assert oracle.verify(body, dict(headers)) == EVENT.document()
    with pytest.raises(Exception, match="No matching signature"):
        oracle.verify(body.replace(b"canary", b"canarx"), dict(headers))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_2xx_is_done(status: int) -> None:
    """The body of the answer does not matter."""
    await http(Receiver(status)).send(EVENT)


async def test_410_is_dead_at_once() -> None:
    """The receiver says that it is gone for good."""
    with pytest.raises(Drop, match="410"):
        await http(Receiver(410)).send(EVENT)


@pytest.mark.parametrize(
    ("status", "words"),
    [(301, "redirects are not followed"), (400, "400"), (404, "404"), (429, "429"), (500, "500"), (503, "503")],
)
async def test_all_else_is_tried_again(status: int, words: str) -> None:
    """Also what looks like our own fault: receivers are mended."""
    with pytest.raises(Again, match=words) as raised:
        await http(Receiver(status)).send(EVENT)
    assert raised.value.after is None


@pytest.mark.parametrize("status", [429, 503])
async def test_a_receiver_says_when_to_come_back(status: int) -> None:
    """In `Retry-After`."""
    with pytest.raises(Again) as raised:
        await http(Receiver(status, "17")).send(EVENT)
    assert raised.value.after == 17.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("9" * 50, 999_999_999.0),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2023 22:14:20", 60.0),
        ("Tue, 14 Nov 2023 22:12:20 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("\N{ARABIC-INDIC DIGIT ONE}", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    """Anything else says nothing."""
    assert seconds_of(text, NOW) == seconds


async def test_no_answer_is_tried_again() -> None:
    """With the reason, which names no URL."""

    async def post(url: str, headers: Mapping[str, str], body: bytes, /) -> Answered:
        raise UnreachableError("no connection could be made")

    with pytest.raises(Again, match="no connection could be made"):
        await http(post).send(EVENT)


@pytest.mark.parametrize("secret", ["", "whsec_", "no base64!"])
async def test_nothing_is_sent_unsigned(secret: str) -> None:
    """A secret that is gone or no key: it waits."""
    receiver = Receiver()
    with pytest.raises(Again, match="it cannot be signed"):
        await http(receiver, Secret(secret)).send(EVENT)

    def missing() -> Secret:
        raise ConfigError((Problem("secret", "the environment variable X is not set"),))

    with pytest.raises(Again, match="it cannot be signed"):
        await HttpTarget("https://flows.acme.dev", receiver, missing, lambda: NOW).send(EVENT)
    assert not receiver.got


# -- python ------------------------------------------------------------------------------------------------------------


async def test_a_handler_may_be_async_or_plain() -> None:
    """An async one runs in the event loop, a plain one in a thread."""
    seen: list[tuple[str, bool]] = []
    main = threading.current_thread()

    async def coroutine(event: Event) -> None:
        await asyncio.sleep(0)
        seen.append((event.id, threading.current_thread() is main))

    def plain(event: Event) -> None:
        seen.append((event.id, threading.current_thread() is main))

    def eventual(event: Event) -> Awaitable[None]:
        return coroutine(event)

    class Callable:
        async def __call__(self, event: Event) -> None:
            await coroutine(event)

    for handler in (coroutine, plain, Callable(), eventual):
        target = PythonTarget(handler, 1)
        await target.send(EVENT)
        await target.aclose()
    assert seen == [("a-00001", True), ("a-00001", False), ("a-00001", True), ("a-00001", True)]


@pytest.mark.parametrize(
    ("raised", "expected", "words"),
    [
        (Drop("not for us"), Drop, "not for us"),
        (Again("later", after=3.0), Again, "later"),
        (KeyError("canary"), Again, "the handler raised KeyError"),
        (SystemExit("canary"), Again, "the handler raised SystemExit"),
    ],
    ids=str,
)
async def test_what_a_handler_raises(raised: BaseException, expected: type[Exception], words: str) -> None:
    """Its own text is not repeated, unless it says no in our words."""

    def handler(event: Event) -> None:
        raise raised

    target = PythonTarget(handler, 1)
    with pytest.raises(expected, match=words) as caught:
        await target.send(EVENT)
    assert "canary" not in str(caught.value)
    await target.aclose()


async def test_a_handler_that_is_cancelled_from_within_failed_and_one_whose_time_is_over_did_not() -> None:
    """Only who asked for the end of a try is told that it ended."""

    async def handler(event: Event) -> None:
        if event.attempt == 1:
            raise asyncio.CancelledError
        await asyncio.Event().wait()

    target = PythonTarget(handler, 1)
    with pytest.raises(Again, match="the handler raised CancelledError"):
        await target.send(EVENT)
    sending = asyncio.create_task(target.send(replace(EVENT, attempt=2)))
    await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await target.aclose()


def test_only_what_is_installed_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of an entry point; a path or a module says nothing."""

    def points(*, group: str) -> list[EntryPoint]:
        return [
            EntryPoint("flows", "json:dumps", group),
            EntryPoint("broken", "nowhere.at.all:x", group),
            EntryPoint("value", "stat:S_IFREG", group),
            EntryPoint("twice", "json:dumps", group),
            EntryPoint("twice", "json:loads", group),
        ]

    monkeypatch.setattr(python, "entry_points", points)
    assert handler_of("flows") is json.dumps
    for name, words in (
        ("json:dumps", "no installed distribution offers a target 'json:dumps'"),
        ("twice", "several distributions offer a target 'twice'"),
        ("broken", "cannot be loaded: ModuleNotFoundError"),
        ("value", "is not a callable"),
    ):
        with pytest.raises(ConfigError, match=words):
            handler_of(name)
    monkeypatch.setattr(python, "entry_points", lambda group: [])
    with pytest.raises(ConfigError, match="no installed distribution"):
        handler_of("flows")


# -- log ---------------------------------------------------------------------------------------------------------------


async def test_the_log_has_a_line_for_each() -> None:
    """Without what the delivery holds, unless that is asked for."""
    lines: list[str] = []
    await LogTarget(lines.append).send(EVENT)
    await LogTarget(lines.append, payload=True).send(EVENT)
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    assert json.loads(lines[0]) == EVENT.attributes()
    assert json.loads(lines[1]) == EVENT.document()
    assert "canary" not in lines[0]
    await LogTarget(lines.append).aclose()


async def test_a_log_that_nobody_reads_keeps_no_thread_but_its_own() -> None:
    """However often a line is given up, whatever else needs a thread has one."""
    read = threading.Event()

    def write(line: str) -> None:
        read.wait(10)

    target = LogTarget(write)
    for _ in range(40):  # more than the event loop has threads
        writing = asyncio.create_task(target.send(EVENT))
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
    async with asyncio.timeout(5):
        await asyncio.to_thread(read.is_set)
    read.set()
    await target.aclose()


async def test_a_log_file_is_the_owners_alone(tmp_path: Path) -> None:
    """It is made where it is not there, appended to where it is, and no symbolic link is followed.

    What a full disk cut off stays a line of its own.
    """
    path = tmp_path / "state" / "dispatches.jsonl"
    target = LogTarget(appending(path))
    await asyncio.gather(*(target.send(EVENT) for _ in range(5)))
    assert len(path.read_text().splitlines()) == 5
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open("a") as file:
        file.write('{"id": "cut off by a full di')
    await target.send(EVENT)
    assert [line.endswith("}") for line in path.read_text().splitlines()] == [True] * 5 + [False, True]
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Again, match="the log cannot be written"):
        await target.send(EVENT)
    assert not (tmp_path / "elsewhere").exists()
