"""The machine's clock jumps by hours: nothing that was acknowledged is dropped, or handed on twice without need."""

from __future__ import annotations

import asyncio
import base64
import hmac

import pytest

from reconciler.core.inbox import Filter
from reconciler.core.model import EventTraits, Secret
from reconciler.engine.context import Stop
from reconciler.ingress.admission import FRESH
from reconciler.ingress.dispatching import LONGEST_PAUSE, _Turns
from reconciler.ingress.ports import Kind, Vendor
from reconciler.ingress.routes import Retries, Route, Routes
from reconciler.ingress.targets.event import Again, Event
from reconciler.ingress.tidying import EVERY, Tidying
from reconciler.testing.memory_inbox import MemoryInbox
from reconciler.testing.stand_ins import VirtualClock
from reconciler.verify.delivery import BodyEvent, DeliveryRules
from reconciler.verify.public_scheme import StandardWebhooksScheme
from tests.ingress.dispatch_support import NOW, SCOPE, Desk, Recording, arrival, kept
from tests.ingress.receiving_support import ID, Answer, Shelf, World, record

HOURS = 3600.0
JUMPS = pytest.mark.parametrize("jump", [5 * HOURS, -5 * HOURS], ids=["forwards", "backwards"])

KEY = b"k" * 32
STAMPED = Vendor(
    name="stamped",
    scheme=StandardWebhooksScheme(),
    kinds={
        "repo": Kind(
            rules=DeliveryRules(event=BodyEvent("kind")), events=EventTraits(names={"push": ""}, separator=".")
        )
    },
)


@JUMPS
async def test_what_is_under_way_while_the_clock_jumps_is_handed_on_once(jump: float) -> None:
    """Its claim seems to have ended, or to last for hours: whoever has it knows better."""
    hang = asyncio.Event()

    async def wait(_: Event) -> None:
        await hang.wait()

    target = Recording(wait)
    desk = Desk(inbox=kept(MemoryInbox(), [arrival(1, "a")]))
    desk.begin(Routes.of([Route(name="all", target=target)]))
    await desk.until(lambda: bool(target.ids))

    desk.clock.time += jump
    await desk.until(lambda: desk.clock.now() > NOW + jump + 60.0, step=10.0)
    hang.set()
    await desk.until(desk.all_done)
    await desk.end()

    assert target.ids == ["a-00001"]


@JUMPS
async def test_what_waits_while_the_clock_jumps_is_handed_on(jump: float) -> None:
    """One that is due, and one that is to be tried again: at once, or when the clock is there again; each once."""
    failing = True

    async def sometimes(_: Event) -> None:
        if failing:
            raise Again("not now")

    target = Recording(sometimes)
    routes = Routes.of([Route(name="all", target=target, retries=Retries(first=600.0))])
    desk = Desk(inbox=kept(MemoryInbox(), [arrival(1, "a")]))
    desk.begin(routes)
    await desk.until(lambda: bool(target.ids) and desk.handed()["a-00001"].error == "not now")
    await desk.end()
    desk.inbox.accept([arrival(2, "a", at=desk.clock.now())])
    failing = False

    desk.clock.time += jump
    desk.begin(routes)
    await desk.until(desk.all_done, step=300.0)
    await desk.end()

    assert sorted(target.ids) == ["a-00001", "a-00001", "a-00002"], "one try that failed, and one of each that worked"
    assert desk.clock.now() < NOW + max(jump, 0.0) + 4 * HOURS


@JUMPS
async def test_what_arrives_while_the_clock_is_wrong_is_handed_on_once_it_is_right(jump: float) -> None:
    """Received in a wrong hour, and due then: late by the jump at most."""
    desk, target = Desk(inbox=kept(MemoryInbox(), [arrival(1, "a", at=NOW + jump)])), Recording()
    desk.begin(Routes.of([Route(name="all", target=target)]))
    await desk.until(desk.all_done, step=300.0)
    await desk.end()
    assert target.ids == ["a-00001"]
    assert desk.clock.now() < NOW + max(jump, 0.0) + 4 * HOURS


def test_a_jump_makes_nobody_wait_for_a_busy_target_any_longer() -> None:
    """How long the target seems to have taken, and until when it is busy, would otherwise be wrong for hours."""
    turns = _Turns(concurrency=1, deadline=30.0)
    turns.took(5 * HOURS)
    assert turns.next(NOW) - NOW < LONGEST_PAUSE

    turns.next(NOW + 5 * HOURS)
    assert turns.next(NOW) <= NOW + LONGEST_PAUSE
    assert turns.next(NOW + LONGEST_PAUSE) < NOW + 2 * LONGEST_PAUSE


async def test_a_clock_that_was_a_year_ahead_drops_nothing_that_waits() -> None:
    """What was handed on is let go of too early then; what was not is handed on when the clock is right again."""
    inbox = kept(MemoryInbox(), [arrival(1), arrival(2, "a")])
    stop, clock = Stop(), VirtualClock(NOW + 365 * 24 * HOURS)
    tidying = asyncio.create_task(Tidying(inbox, (SCOPE,), clock, lambda *_, **__: None).run(stop))
    for _ in range(50):
        await asyncio.to_thread(lambda: None)
    stop.request()
    await clock.advance(EVERY)
    await tidying
    assert [delivery.id for delivery, _ in inbox.deliveries(SCOPE, Filter(), 10)] == ["d00002"]

    desk, target = Desk(inbox=inbox), Recording()
    desk.begin(Routes.of([Route(name="all", target=target)]))
    await desk.until(desk.all_done)
    await desk.end()
    assert target.ids == ["a-00002"]


@JUMPS
async def test_a_wrong_clock_refuses_what_proves_its_time_and_the_right_one_takes_it(jump: float) -> None:
    """Nothing is acknowledged meanwhile; sent again it is stored, and what was stored before is known still."""
    secret = Secret("whsec_" + base64.b64encode(KEY).decode())
    shelf = Shelf()
    shelf.put(record("stamped"), secret)
    world = World(shelf=shelf, vendors={"stamped": STAMPED})
    right = world.clock.now()
    assert (await sent(world, 1, right)).status == 200

    world.clock.time = right + jump
    assert [(await sent(world, number, right + 1)).status for number in (1, 2)] == [404, 404]
    assert len(world.inbox.kept()) == 1

    world.clock.time = right + FRESH
    assert [(await sent(world, number, right)).status for number in (1, 2)] == [200, 200]
    assert len(world.inbox.kept()) == 2


async def sent(world: World, number: int, at: float) -> Answer:
    """A delivery that proves when it was made, signed as Standard Webhooks asks."""
    body = b'{"kind": "push", "n": %d}' % number
    stamp = str(int(at))
    mac = hmac.digest(KEY, f"m{number}.{stamp}.".encode() + body, "sha256")
    headers = {
        "webhook-id": f"m{number}",
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
    }
    return await world.post(body, path=f"/webhooks/stamped/{ID}", headers=headers)
