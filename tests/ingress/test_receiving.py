"""The way of a delivery: refused alike, verified, read, stored, acknowledged."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.deliveries import Provenance
from reconciler.core.errors import StateError
from reconciler.core.model import Phase, Secret
from reconciler.ingress.counting import Outcome
from reconciler.ingress.limits import Limits
from reconciler.ingress.ports import Found, Vendor
from reconciler.verify.handshake_kinds import Handshake
from reconciler.verify.handshakes import HandshakeReply
from reconciler.verify.public_scheme import RemoteScheme, SnsScheme
from reconciler.verify.request import Fetched, Need, NeedKind
from tests.ingress.receiving_support import (
    FORGE,
    ID,
    NOBODYS,
    OTHER,
    SCOPE,
    SECRET,
    VENDORS,
    Answer,
    World,
    record,
    signature,
    wants,
)

# -- kept ------------------------------------------------------------------------------------------------------------


async def test_a_genuine_delivery_is_stored_before_it_is_acknowledged() -> None:
    """The answer comes after the transaction; the bytes and headers are kept as they came."""
    world = World()
    world.inbox.stall.clear()
    asking = asyncio.create_task(world.post({"n": 1}))
    await asyncio.to_thread(world.inbox.stalled.wait, 10)
    assert not asking.done()
    world.inbox.stall.set()

    answer = await asking

    assert answer.told == (200, {"content-length": "0"}, b"")
    ((kept, handed),) = world.inbox.kept()
    assert (kept.scope, kept.webhook_id, kept.provider, kept.provenance) == (SCOPE, ID, "forge", Provenance.RECEIVED)
    assert (kept.body, kept.events, kept.provider_delivery_id) == (b'{"n": 1}', ("push",), "d1")
    assert ("x-signature", signature(b'{"n": 1}')) in kept.headers
    assert kept.url == record().url
    assert [each.dispatch.events for each in handed] == [("push",)]
    assert world.woken == 1
    assert world.ingress.counters.of(Outcome.KEPT, "forge") == 1


async def test_each_who_asked_for_the_event_gets_a_dispatch() -> None:
    """`issues` gets every action, `issues.opened` only that, the wildcard all; others nothing."""
    relations = (
        wants("all", "issues"),
        wants("opened", "issues.opened"),
        wants("closed", "issues.closed"),
        wants("everything", "*"),
        wants("pushes", "push"),
    )
    world = World()
    world.shelf.put(record(relations=relations), SECRET)

    await world.post({"action": "opened"}, event="issues")

    ((_, handed),) = world.inbox.kept()
    assert sorted(each.dispatch.subscriber.id for each in handed) == ["all", "everything", "opened"]


async def test_what_nobody_asked_for_is_kept_all_the_same() -> None:
    """There is nobody to wake for it."""
    world = World()

    assert (await world.post(event="star")).status == 200

    ((kept, handed),) = world.inbox.kept()
    assert (kept.events, [*handed], world.woken) == (("star",), [], 0)


async def test_a_batch_is_verified_once_and_split() -> None:
    """Each part is dispatched to those who asked for its event, and by the definition's own status acknowledged."""
    world = World()
    world.shelf.put(record("batching", relations=(wants("a", "push"), wants("b", "issues"))), SECRET)
    items = [{"kind": "push"}, {"kind": "issues"}, {"kind": "push"}, {"other": 1}]

    answer = await world.post({"items": items}, path=f"/webhooks/batching/{ID}")

    assert answer.status == 202
    ((kept, handed),) = world.inbox.kept()
    assert kept.events == ("push", "issues")
    parts = sorted((each.dispatch.part, each.dispatch.subscriber.id) for each in handed)
    assert parts == [(0, "a"), (1, "b"), (2, "a")]
    assert len({each.dispatch.id for each in handed}) == 3


async def test_a_batch_of_nothing_is_kept() -> None:
    """Some vendors send one to see that we are there."""
    world = World()
    world.shelf.put(record("batching"), SECRET)

    assert (await world.post({"items": []}, path=f"/webhooks/batching/{ID}")).status == 202
    assert len(world.inbox.kept()) == 1


async def test_a_body_is_inflated_after_it_was_verified_where_the_definition_says_so() -> None:
    """The signature is of the bytes that came; what is kept is those bytes."""
    world = World()
    world.shelf.put(record("batching"), SECRET)
    raw = gzip.compress(json.dumps({"items": [{"kind": "push"}]}).encode(), mtime=0)

    answer = await world.post(raw, path=f"/webhooks/batching/{ID}", headers={"content-encoding": "gzip"})

    assert answer.status == 202
    assert [kept.body for kept, _ in world.inbox.kept()] == [raw]


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"content-encoding": "gzip"}, {}, 415),
        ({"content-type": "text/plain"}, {}, 415),
        ({"content-type": None}, {}, 415),
        ({}, b"not json", 400),
        ({}, b'{"action": "a", "action": "b"}', 400),
        ({}, b'{"\\u0061ction": "a", "action": "b"}', 400),
        ({}, b"\xff", 400),
    ],
)
async def test_genuine_and_not_to_be_read(headers: dict[str, Any], body: Any, status: int) -> None:
    """The vendor's own log tells its people what is wrong; nothing is kept."""
    world = World()

    assert (await world.post(body, headers=headers)).status == status
    assert world.inbox.kept() == []
    assert world.ingress.counters.of(Outcome.UNREADABLE, "forge") == 1


async def test_a_duplicate_gets_the_same_answer_and_is_not_kept_again() -> None:
    """A hundred at a time of one delivery are one row and one dispatch."""
    world = World()

    answers = await asyncio.gather(*(world.post({"n": 1}) for _ in range(100)))

    assert {answer.status for answer in answers} == {200}
    ((_, handed),) = world.inbox.kept()
    assert len(handed) == 1
    assert world.ingress.counters.of(Outcome.DUPLICATE) == 99


@pytest.mark.parametrize("again", ["d2", None])
async def test_the_same_bytes_under_another_id_are_a_repetition_and_said_aloud(again: str | None) -> None:
    """Or without the id: it stands in a header that nobody signed. Nothing of the delivery is in the log."""
    world = World()

    assert (await world.post({"n": 1}, delivery="d1")).status == 200
    assert (await world.post({"n": 1}, headers={"x-delivery": again})).status == 200
    await asyncio.gather(*world.ingress._receiver._suspicion._looking)

    assert len(world.inbox.kept()) == 1
    (told,) = [details["message"] for event, details in world.logs if event == "ingress_repeated"]
    assert "d2" not in told


async def test_a_captured_delivery_is_not_kept_again_for_a_query_that_nobody_signed() -> None:
    """Nor under another id beside it: its signature proves the body, and that came before."""
    world = World()
    answers = [await world.post({"n": 1}, delivery=f"d{n}", query=query) for n, query in enumerate((b"", b"x=1"))]

    assert [answer.status for answer in answers] == [200, 200]
    assert len(world.inbox.kept()) == 1


@pytest.mark.parametrize("again", ["d2", None])
async def test_the_same_bytes_a_day_later_are_another_event(again: str | None) -> None:
    """What is sent daily with one body is not lost; in between nobody gets it through by repeating it."""
    world = World()
    kept = []
    for delivery, hours in (("d1", 0.0), (again, 12.0), (again, 7.9), ("d3", 0.2), ("d4", 19.9), ("d3", 48.0)):
        await world.clock.advance(hours * 3600)
        changed = {"headers": {"x-delivery": None}} if delivery is None else {"delivery": delivery}
        assert (await world.post({"n": 1}, **changed)).status == 200
        kept.append(len(world.inbox.kept()))

    assert kept == [1, 1, 1, 2, 2, 2]
    assert all(len(handed) == 1 for _, handed in world.inbox.kept())


@pytest.mark.parametrize("value", [b'"\\ud800"', b"1e999"])
async def test_what_few_can_read_is_kept_as_it_came(value: bytes) -> None:
    """A genuine delivery is not refused for what its vendor let somebody write into it."""
    world, body = World(), b'{"note": ' + value + b"}"

    assert (await world.post(body)).status == 200
    assert [kept.body for kept, _ in world.inbox.kept()] == [body]


async def test_repetitions_under_the_same_id_are_not_worth_a_word() -> None:
    """Vendors repeat what they have no answer to."""
    world = World()
    await world.post({"n": 1})
    await world.post({"n": 1})
    await asyncio.gather(*world.ingress._receiver._suspicion._looking)

    assert world.logs == []


# -- refused ---------------------------------------------------------------------------------------------------------


def forged(world: World, **changes: Any) -> Any:
    """A delivery that nobody signed."""
    return world.post(headers={"x-signature": signature(b"another")}, **changes)


async def test_all_refusals_look_alike() -> None:
    """No such webhook, another provider's, a tombstone, a bad signature: status, headers and body are the same."""
    world = World()
    world.shelf.put(record("forge", OTHER, phase=Phase.TOMBSTONE), SECRET)
    answers: list[Answer] = [
        await forged(world),
        await world.post(path=f"/webhooks/forge/{NOBODYS}"),
        await world.post(path=f"/webhooks/batching/{ID}"),
        await world.post(path=f"/webhooks/forge/{OTHER}"),
        await world.post(path=f"/webhooks/nosuchvendor/{ID}"),
        await world.post(headers={"x-signature": None}),
        await world.ask("GET", f"/webhooks/forge/{ID}", [(b"x-signature", signature(b"").encode())]),
    ]

    assert {str(answer.told) for answer in answers} == {str((404, {"content-length": "0"}, b""))}
    assert world.inbox.kept() == []
    counters = world.ingress.counters
    assert [counters.of(kind) for kind in (Outcome.FORGED, Outcome.UNKNOWN, Outcome.DISABLED)] == [2, 3, 1]


async def test_a_vendor_that_demands_another_status_gets_it_for_every_refusal() -> None:
    """It belongs to the provider in the URL, so it tells nothing of the webhook."""
    world = World()
    world.shelf.put(record("token", OTHER), SECRET)
    answers = [
        await world.ask("POST", f"/webhooks/token/{each}", [(b"x-token", b"wrong")], b"{}")
        for each in (OTHER, NOBODYS, ID)
    ]

    assert {str(answer.told) for answer in answers} == {str((401, {"content-length": "0"}, b""))}


async def test_a_refusal_does_what_any_other_does() -> None:
    """For an id of nobody's the store is asked and a signature checked, as for a bad signature."""
    world = World()

    await forged(world)
    known = world.shelf.asked
    await world.post(path=f"/webhooks/forge/{NOBODYS}")

    assert world.shelf.asked - known <= 1 <= known


async def test_a_retiring_webhook_goes_on_verifying() -> None:
    """What is replaced or pruned is genuine until its provider forgot it."""
    world = World()
    world.shelf.put(record(phase=Phase.RETIRING, replaced=True), SECRET)

    assert (await world.post()).status == 200


async def test_an_empty_secret_verifies_nothing() -> None:
    """Neither does a webhook without any."""
    world = World()
    world.shelf.put(record(), Secret(""))
    assert (await world.post(secret=Secret(""))).status == 404
    world.shelf.put(record("forge", OTHER))
    assert (await world.post(path=f"/webhooks/forge/{OTHER}", secret=Secret(""))).status == 404


async def test_a_security_header_that_is_there_twice_is_refused() -> None:
    """Whichever of the two is right."""
    world = World()
    right = signature(b"{}").encode()
    rows = [(b"content-type", b"application/json"), (b"x-event", b"push")]

    for signatures in ((right, right), (right, b"sha256=00"), (b"sha256=00", right)):
        answer = await world.ask(
            "POST", f"/webhooks/forge/{ID}", [*rows, *((b"x-signature", each) for each in signatures)], b"{}"
        )
        assert answer.status == 404


async def test_a_webhook_of_a_type_that_no_definition_knows_is_nobodys() -> None:
    """Nothing could be verified or read."""
    world = World()
    key = record().key._replace(type="gone")
    world.shelf.put(record(key=key), SECRET)

    assert (await world.post()).status == 404


# -- the webhook in memory -------------------------------------------------------------------------------------------


async def test_a_webhook_is_read_once_however_many_ask() -> None:
    """And stays in memory for a moment."""
    world = World()

    await asyncio.gather(*(world.post({"n": number}, delivery=f"d{number}") for number in range(20)))

    assert world.shelf.asked == 1


@pytest.mark.looptime
async def test_what_is_in_memory_is_good_for_about_a_second() -> None:
    """A webhook that was pruned since is refused."""
    world = World()
    admission = world.ingress._receiver.admission
    loop = asyncio.get_running_loop()
    admitted = await admission.look_up(ID)
    assert admission.remembered(ID, loop.time()) is admitted

    await asyncio.sleep(1.1)

    assert admission.remembered(ID, loop.time()) is None
    assert admission.familiar(ID)


async def test_a_secret_that_was_rotated_just_now_is_taken() -> None:
    """Before a signature is refused the webhook is read once more, unless that was just now."""
    world = World()
    await world.post({"n": 1}, delivery="d1")
    admission = world.ingress._receiver.admission
    admission._known[ID] = replace(admission._known[ID], at=admission._known[ID].at - 0.5)
    newer = Secret("f" * 32)
    world.shelf.put(record(), newer, SECRET)

    assert (await world.post({"n": 2}, delivery="d2", secret=newer)).status == 200
    assert (await world.post({"n": 3}, delivery="d3")).status == 200
    assert world.shelf.asked == 2


async def test_what_nobody_asked_for_a_moment_ago_goes_to_whoever_asks_for_it_now() -> None:
    """Before a delivery is kept for nobody the webhook is read once more, unless that was just now, or it is gone."""
    world = World()
    await world.post({"n": 1}, delivery="d1")
    admission = world.ingress._receiver.admission
    admission._known[ID] = replace(admission._known[ID], at=admission._known[ID].at - 0.5)
    world.shelf.put(record(relations=(wants("triage", "push"), wants("notify", "issues"))), SECRET)

    assert (await world.post({"n": 2}, delivery="d2", event="issues")).status == 200
    [(_, handed)] = [told for told in world.inbox.kept() if told[0].provider_delivery_id == "d2"]
    assert [each.dispatch.subscriber.id for each in handed] == ["notify"]
    assert (await world.post({"n": 3}, delivery="d3", event="other")).status == 200
    assert world.shelf.asked == 2
    admission._known[ID] = replace(admission._known[ID], at=admission._known[ID].at - 0.5)
    del world.shelf.found[ID]
    assert (await world.post({"n": 4}, delivery="d4", event="other")).status == 200
    assert len(world.inbox.kept()) == 4


async def test_a_webhook_that_went_away_meanwhile_is_refused() -> None:
    """The second look finds nothing, or a tombstone."""
    world = World()
    admission = world.ingress._receiver.admission
    for gone in (None, record(phase=Phase.TOMBSTONE)):
        world.shelf.put(record(), SECRET)
        await world.post()
        admission._known[ID] = replace(admission._known[ID], at=admission._known[ID].at - 0.5)
        if gone is None:
            del world.shelf.found[ID]
        else:
            world.shelf.put(gone, SECRET)
        assert (await forged(world)).status == 404
        admission._known.clear()
        admission._absent.clear()


async def test_an_id_that_is_nobodys_is_not_looked_for_twice_at_once() -> None:
    """As a webhook is not read again that was read just now."""
    world = World()

    for _ in range(3):
        await world.post(path=f"/webhooks/forge/{NOBODYS}")

    assert world.shelf.asked == 1


async def test_memory_is_bounded() -> None:
    """Ids that nobody has do not fill it."""
    world = World(limits=Limits(unknown_rate=1e6, unknown_burst=1e6, unknown_rate_each=1e6, unknown_burst_each=1e6))
    admission = world.ingress._receiver.admission
    admission._absent.update({str(number): 0.0 for number in range(10_000)})

    await world.post(path=f"/webhooks/forge/{NOBODYS}")

    assert len(admission._absent) == 10_000


async def test_a_store_that_cannot_be_read_is_our_fault() -> None:
    """The sender is to come again: never a refusal."""
    world = World()
    world.shelf.broken = True

    answer = await world.post()

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert world.ingress.counters.of(Outcome.UNAVAILABLE) == 1


# -- not kept, and said so ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [StateError("the disk is full"), StateError("locked"), RuntimeError("a bug")])
async def test_what_cannot_be_stored_is_never_acknowledged(error: Exception) -> None:
    """Nor refused: 503 with a time to come back, and `/readyz` fails for a while."""
    world = World()
    world.inbox.error = error

    answer = await world.post({"n": 1})

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert (await world.ask("GET", "/readyz")).status == 503
    world.inbox.error = None
    assert (await world.post({"n": 1})).status == 200
    assert (await world.ask("GET", "/readyz")).status == 200


async def test_a_stalled_disk_fills_a_queue_that_is_bounded() -> None:
    """Those within wait, those beyond are told to come again; all within are stored in the end."""
    world = World(limits=Limits(queue=3))
    world.inbox.stall.clear()
    asking = [asyncio.create_task(world.post({"n": number}, delivery=f"d{number}")) for number in range(10)]
    await asyncio.to_thread(world.inbox.stalled.wait, 10)
    done, waiting = await asyncio.wait(asking, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
    while len(waiting) > 3:
        more, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        done |= more
    assert {task.result().status for task in done} == {503}
    assert (await world.ask("GET", "/readyz")).status == 503

    world.inbox.stall.set()

    assert [(await task).status for task in waiting] == [200, 200, 200]
    assert len(world.inbox.kept()) == 3
    assert world.ingress.counters.of(Outcome.OVERLOADED) == 7


async def test_a_state_that_does_not_answer_is_waited_for_with_patience() -> None:
    """A disk may stall for readers, too: 503 in time, and `/readyz` tells."""
    world, answering = World(limits=Limits(keep_seconds=0.1)), threading.Event()
    find = world.shelf.find

    def late(webhook_id: str) -> Found | None:
        answering.wait(10)
        return find(webhook_id)

    world.shelf.find = late  # type: ignore[method-assign] # a disk that stalls
    answer, ready = await asyncio.gather(world.post(), world.ask("GET", "/readyz"))
    assert (answer.status, answer.headers["retry-after"], ready.status) == (503, "5", 503)
    assert not answering.is_set()
    answering.set()
    assert world.inbox.kept() == []


async def test_threads_that_all_wait_for_something_else_delay_nobody() -> None:
    """Those that the application shares may be busy with writing, or with work of an application around it."""
    world, over = World(), threading.Event()
    with ThreadPoolExecutor(1) as shared:
        asyncio.get_running_loop().set_default_executor(shared)
        busy = asyncio.create_task(asyncio.to_thread(over.wait, 10))
        await asyncio.sleep(0)
        assert (await world.post()).status == 200
        over.set()
        assert await busy


async def test_a_bug_is_our_fault_and_tells_nothing() -> None:
    """503, and in the log the kind of the error alone."""
    world = World()
    world.shelf.find = lambda _: 1 / 0  # type: ignore[assignment,method-assign,return-value] # a bug

    answer = await world.post()

    assert answer.status == 503
    assert [event for event, _ in world.logs] == ["ingress_bug"]
    assert "ZeroDivisionError" in world.logs[0][1]["message"]
    assert (await world.ask("GET", "/readyz")).status == 503


@pytest.mark.parametrize("error", [OSError("client gone"), RuntimeError("the handler is closed")])
async def test_an_answer_that_nobody_hears_is_no_bug(error: Exception) -> None:
    """The client hung up just before: what it sent is stored, and the server's complaint is not ours."""
    world = World(gone=error)

    await world.post()
    await world.ask("GET", "/healthz")

    assert len(world.inbox.kept()) == 1
    assert world.logs == []
    assert world.ingress.counters.of(Outcome.FAILED) == 0


# -- handshakes --------------------------------------------------------------------------------------------------------


async def test_a_handshake_is_answered_and_nothing_is_kept() -> None:
    """Also while the webhook is only an intent, for providers ask while they create it."""
    world = World()
    world.shelf.put(record("token", phase=Phase.PENDING, remote_id=""), SECRET)

    answer = await world.ask("GET", f"/webhooks/token/{ID}", query=b"challenge=abc")

    assert (answer.status, answer.body) == (200, b"abc")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert world.inbox.kept() == []
    assert world.ingress.counters.of(Outcome.HANDSHAKE, "token") == 1


async def test_a_handshake_for_nobody_is_refused() -> None:
    """As anything else is."""
    world = World()

    answer = await world.ask("GET", f"/webhooks/token/{NOBODYS}", query=b"challenge=abc")

    assert (answer.status, answer.body) == (401, b"")


async def test_a_secret_told_while_registering_is_stored_before_the_answer() -> None:
    """And proves the deliveries from then on; it is told once."""
    world = World()
    world.shelf.put(record("token", phase=Phase.PENDING, remote_id=""))
    world.clock.time = 1_700_000_010.0
    told = [(b"x-hook-secret", b"of-the-vendor")]

    assert (await world.ask("POST", f"/webhooks/token/{ID}", told)).status == 200
    assert world.shelf.captured == [Secret("of-the-vendor")]
    delivered = await world.ask("POST", f"/webhooks/token/{ID}", [(b"x-token", b"of-the-vendor")], b'{"kind": "push"}')
    assert delivered.status == 200
    assert (await world.ask("POST", f"/webhooks/token/{ID}", told)).status == 401


@pytest.mark.parametrize(
    ("changes", "later"),
    [({"phase": Phase.REGISTERED}, 10.0), ({"phase": Phase.PENDING}, 700.0)],
)
async def test_a_secret_is_taken_in_its_window_only(changes: dict[str, Any], later: float) -> None:
    """While the webhook is being registered, and for some minutes."""
    world = World()
    world.shelf.put(record("token", remote_id="", **changes))
    world.clock.time = 1_700_000_000.0 + later

    assert (await world.ask("POST", f"/webhooks/token/{ID}", [(b"x-hook-secret", b"mine")])).status == 401
    assert world.shelf.captured == []


async def test_of_two_secrets_told_at_once_one_is_kept() -> None:
    """The other asker is refused: whoever was second did not read the store's answer."""
    world = World()
    world.shelf.put(record("token", phase=Phase.PENDING, remote_id=""))
    world.clock.time = 1_700_000_010.0
    admitted = await world.ingress._receiver.admission.look_up(ID)
    assert admitted is not None
    assert await world.ingress._receiver.admission.capture(admitted, Secret("first"))
    world.ingress._receiver.admission._known[ID] = admitted

    assert (await world.ask("POST", f"/webhooks/token/{ID}", [(b"x-hook-secret", b"second")])).status == 401


async def test_a_secret_that_cannot_be_stored_is_not_answered() -> None:
    """The vendor asks again."""
    world = World()
    world.shelf.put(record("token", phase=Phase.PENDING, remote_id=""))
    world.clock.time = 1_700_000_010.0
    await world.ingress._receiver.admission.look_up(ID)
    world.shelf.broken = True

    assert (await world.ask("POST", f"/webhooks/token/{ID}", [(b"x-hook-secret", b"mine")])).status == 503


# -- what must be fetched ----------------------------------------------------------------------------------------------

REMOTE = Vendor(
    name="remote",
    scheme=RemoteScheme(path="/verify", fields={}, payload="event", genuine="ok == `true`", forged="ok == `false`"),
    kinds=FORGE.kinds,
)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:topic"
SNS = Vendor(name="sns", scheme=SnsScheme(), kinds=FORGE.kinds, handshakes=(Handshake(confirm=True, method="POST"),))


@pytest.mark.parametrize(
    ("fetched", "status", "outcome"),
    [
        (Fetched(status=200, body=b'{"ok": true}'), 200, Outcome.KEPT),
        (Fetched(status=200, body=b'{"ok": false}'), 404, Outcome.FORGED),
        (Fetched(status=500), 503, Outcome.UNDECIDED),
        (Fetched(status=0), 503, Outcome.UNDECIDED),
    ],
)
async def test_the_provider_is_asked_where_only_it_knows(fetched: Fetched, status: int, outcome: Outcome) -> None:
    """What it does not say is no refusal: the sender is to come again."""
    world = World(vendors={**VENDORS, "remote": REMOTE})
    world.shelf.put(record("remote"), SECRET)
    world.answers["/verify"] = fetched

    answer = await world.post(path=f"/webhooks/remote/{ID}")

    assert answer.status == status
    assert (status == 503) == ("retry-after" in answer.headers)
    assert world.ingress.counters.of(outcome) == 1
    assert [need.of_api for need in world.fetched][:1] == [True]


async def test_a_certificate_that_cannot_be_fetched_is_no_refusal() -> None:
    """Neither for a delivery nor for what asks to confirm a subscription."""
    world = World(vendors={**VENDORS, "sns": SNS})
    world.shelf.put(record("sns", resource=TOPIC))
    body = {
        "Type": "SubscriptionConfirmation",
        "TopicArn": TOPIC,
        "Timestamp": "2023-11-14T22:13:20.000Z",
        "SignatureVersion": "2",
        "Signature": "AAAA",
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "Message": "m",
        "MessageId": "1",
        "SubscribeURL": "https://example.com",
        "Token": "t",
    }

    assert (await world.post(body, path=f"/webhooks/sns/{ID}")).status == 503
    assert world.ingress.counters.of(Outcome.UNDECIDED) == 1


async def test_what_asks_for_more_and_more_is_not_decided() -> None:
    """A request has so many fetches and no more."""
    world = World()
    needs = (Need(kind=NeedKind.KEYS, url=f"https://example.com/{number}") for number in range(100))
    world.ingress._receiver._judge = lambda *_: next(needs)  # type: ignore[method-assign] # a scheme that never ends

    assert (await world.post()).status == 503
    assert len(world.fetched) == 3
    assert world.ingress.counters.of(Outcome.UNDECIDED) == 1


async def test_a_subscription_that_could_not_be_confirmed_is_asked_about_again() -> None:
    """The call failed for reasons of ours; a reply without a body has none."""
    world = World()
    replies = [HandshakeReply(status=503), HandshakeReply(status=204, body=b"nothing")]
    world.ingress._receiver._judge = lambda *_: replies.pop(0)  # type: ignore[method-assign] # as SNS would have it

    assert (await world.post()).told == (503, {"content-length": "0", "retry-after": "5"}, b"")
    assert (await world.post()).told == (204, {}, b"")


async def test_a_repetition_that_cannot_be_looked_at_is_let_be() -> None:
    """Its answer does not depend on that."""
    world = World()

    def broken(_scope: str, _delivery_id: str) -> None:
        raise StateError("locked")

    world.inbox.delivery = broken  # type: ignore[assignment,method-assign] # a store that is busy
    await world.post({"n": 1})
    assert (await world.post({"n": 1}, delivery="d2")).status == 200
    await asyncio.gather(*world.ingress._receiver._suspicion._looking)

    assert world.logs == []


async def test_who_hangs_up_while_a_webhook_is_read_ends_nothing_for_others() -> None:
    """The reading is everybody's; where it is ended, it is forgotten."""
    world = World()
    admission = world.ingress._receiver.admission
    first, second = (asyncio.create_task(admission.look_up(ID)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is not None
    third = asyncio.create_task(admission.look_up(OTHER))
    await asyncio.sleep(0)
    admission._flights[OTHER].cancel()
    with pytest.raises(asyncio.CancelledError):
        await third
    assert admission._flights == {}


# -- the rest of the application ---------------------------------------------------------------------------------------


async def test_it_tells_how_it_is() -> None:
    """`/healthz` while the process lives, `/readyz` while deliveries would be taken."""
    world = World()
    assert (await world.ask("GET", "/healthz")).body == b"ok\n"
    assert (await world.ask("HEAD", "/readyz")).told == (
        200,
        {"content-type": "text/plain", "content-length": "0"},
        b"",
    )
    world.shelf.broken = True
    world.ingress._receiver.admission._absent.clear()
    assert (await world.ask("GET", "/readyz")).status == 503
    world.shelf.broken = False
    world.ingress.drain()
    assert (await world.ask("GET", "/readyz")).body == b"not ready\n"
    assert (await world.ask("GET", "/healthz")).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/webhooks",
        "/webhooks/forge",
        f"/webhooks/forge/{ID}/",
        f"/webhooks/forge/{ID.upper()}",
        f"/webhooks/Forge/{ID}",
        f"//webhooks/forge/{ID}",
        f"/webhooks/../webhooks/forge/{ID}",
        f"/webhooks/forge/{ID}\n",
        f"/webhooks/f%6Frge/{ID}",
        "/webhooks/forge/1f51d05d-fc68-17e4-a4f9-460f18081e83",
        "/x" * 400,
    ],
)
async def test_a_path_of_another_shape_is_not_here(path: str) -> None:
    """Nothing is looked up for it."""
    world = World()

    assert (await world.post(path=path)).status == 404
    assert world.shelf.asked == 0


async def test_a_prefix_and_a_mount_come_off_the_path() -> None:
    """What the base URL has before `/webhooks`, and what an application mounts us at."""
    world = World(prefix="/hooks")
    assert (await world.post(path=f"/hooks/webhooks/forge/{ID}")).status == 200
    assert (await world.post(path=f"/webhooks/forge/{ID}", delivery="d2")).status == 404
    answer = await world.ask("GET", "/mounted/healthz", root="/mounted")
    assert answer.status == 200


async def test_while_the_base_url_moves_both_are_taken() -> None:
    """The record has the new URL already; what the provider still sends to the old host and path is no less genuine."""
    world = World(prefix="/new", former=("", "/old"))
    world.shelf.put(record(url=f"https://new.acme.dev/new/webhooks/forge/{ID}"), SECRET)
    for number, place in enumerate(("/new", "/old", "")):
        path, host = f"{place}/webhooks/forge/{ID}", {"host": f"host{number}.acme.dev"}
        assert (await world.post({"n": number}, path=path, delivery=f"d{number}", headers=host)).status == 200
    assert (await world.post(path=f"/other/webhooks/forge/{ID}", delivery="d9")).status == 404
    assert len(world.inbox.kept()) == 3


async def test_it_lives_with_a_lifespan_and_refuses_web_sockets() -> None:
    """At the end of the lifespan what waits is stored, and nothing is taken any more."""
    world = World()
    await world.post()
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await world.ingress({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert (await world.post({"n": 2}, delivery="d2")).status == 503

    messages.append({"type": "websocket.connect"})
    await world.ingress({"type": "websocket"}, receive, send)
    assert sent[2:] == ["websocket.close"]


async def test_whoever_stands_between_may_change_an_answer() -> None:
    """A middleware that adds a header to one answer adds it to no other."""
    world = World()
    answers: list[int] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            message["headers"].append((b"x-added", b"1"))
            answers.append(len(message["headers"]))

    scope = {"type": "http", "method": "PUT", "path": f"/webhooks/forge/{ID}", "query_string": b"", "headers": []}
    for _ in range(3):
        await world.ingress(dict(scope), receive, send)

    assert answers == [3, 3, 3]


async def test_nothing_secret_is_in_the_log_or_the_counts() -> None:
    """Neither secrets nor bodies nor header values, whatever happens."""
    world = World()
    for _ in range(2):
        await world.post({"canary": "in-the-body"}, headers={"x-canary": "in-a-header"})
        await world.post(b"canary not json", delivery="in-a-header")
        await forged(world, delivery="in-a-header")
        world.inbox.error = StateError("the disk is full")
        await world.post({"canary": "again"}, delivery="d9")
        world.inbox.error = RuntimeError("in-the-body")
        await world.post({"canary": "again"}, delivery="d9")

    words = f"{world.logs} {world.ingress.counters.text()}"
    for secret in (SECRET.reveal(), "in-the-body", "in-a-header", "canary", ID):
        assert secret not in words
