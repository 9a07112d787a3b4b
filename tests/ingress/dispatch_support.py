"""An inbox with deliveries in it, and targets that remember what they were given."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.deliveries import Delivery, Provenance
from reconciler.core.inbox import Arrival, Dispatch, DispatchState, Filter, Handed, Inbox, Job
from reconciler.core.model import EventTraits, Subscriber, SubscriberKind
from reconciler.engine.context import Stop
from reconciler.ingress.dispatching import Dispatcher, Means
from reconciler.ingress.ports import Kind, Vendor
from reconciler.ingress.routes import Routes
from reconciler.ingress.targets.event import Event
from reconciler.testing.memory_inbox import MemoryInbox
from reconciler.testing.stand_ins import CountingEntropy, VirtualClock
from reconciler.verify.delivery import BodyId, ConstantEvent, DeliveryRules, HeaderEvent
from reconciler.verify.hmac_signature import HmacScheme
from reconciler.verify.kinds import Unverified

SCOPE = "acme"
WEBHOOK = "1f51d05d-fc68-47e4-a4f9-460f18081e83"
URL = f"https://hooks.acme.dev/webhooks/forge/{WEBHOOK}"
NOW = 1_700_000_000.0

RULES = DeliveryRules(event=HeaderEvent("X-Event"), ids=(BodyId("id"),))
FORGE = Vendor(
    name="forge",
    scheme=HmacScheme(header="X-Signature"),
    kinds={"repo": Kind(rules=RULES, events=EventTraits(names={"push": "", "issues": ""}, separator="."))},
)
NAKED = Vendor(
    name="naked",
    scheme=Unverified(),
    kinds={"form": Kind(rules=DeliveryRules(event=ConstantEvent("plain")), events=EventTraits(names={"plain": ""}))},
)
VENDORS = {"forge": FORGE, "naked": NAKED}


def graph(name: str) -> Subscriber:
    """A graph."""
    return Subscriber(SubscriberKind.GRAPH, name)


def delivery(number: int, at: float = NOW, **changes: Any) -> Delivery:
    """A delivery that says its number."""
    values: dict[str, Any] = {
        "id": f"d{number:05}",
        "scope": SCOPE,
        "webhook_id": WEBHOOK,
        "provider": "forge",
        "received_at": at,
        "provenance": Provenance.RECEIVED,
        "method": "POST",
        "url": URL,
        "query": "",
        "headers": (("X-Event", "push"), ("X-Signature", "canary-of-a-header")),
        "body": json.dumps({"id": number, "note": "canary-of-a-body"}).encode(),
        "events": ("push",),
        "provider_delivery_id": str(number),
    }
    return Delivery(**{**values, **changes})


def arrival(number: int, *subscribers: str, ordered: bool = False, **changes: Any) -> Arrival:
    """A delivery with a dispatch to each of the graphs."""
    made = delivery(number, **changes)
    dispatches = tuple(
        Dispatch(
            id=f"{name}-{number:05}",
            delivery_id=made.id,
            part=0,
            subscriber=graph(name),
            events=made.events,
            ordered=ordered,
        )
        for name in subscribers
    )
    return Arrival(delivery=made, keys=(f"id {made.id}",), dispatches=dispatches)


@dataclass
class Recording:
    """A target that remembers, and does with each event what `answer` says."""

    answer: Callable[[Event], Awaitable[None]] | None = None
    events: list[Event] = field(default_factory=list)
    closed: bool = False
    running: int = 0
    most: int = 0

    async def send(self, event: Event) -> None:
        self.events.append(event)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(0)
            if self.answer is not None:
                await self.answer(event)
        finally:
            self.running -= 1

    async def aclose(self) -> None:
        self.closed = True

    @property
    def ids(self) -> list[str]:
        """The ids of all events, in order."""
        return [event.id for event in self.events]


async def plainly(job: Job) -> Event:
    """The event of a job, without reading a body."""
    return Event(
        id=job.dispatch.id,
        source=job.delivery.url,
        time=job.delivery.received_at,
        subscriber=job.dispatch.subscriber,
        provider=job.delivery.provider,
        events=job.dispatch.events,
        payload=None,
        attempt=job.attempt,
    )


@dataclass
class Desk:
    """A dispatcher at work on an inbox, in virtual time."""

    inbox: Inbox = field(default_factory=MemoryInbox)
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOW))
    entropy: CountingEntropy = field(default_factory=lambda: CountingEntropy(share=0.5))
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    stop: Stop = field(default_factory=Stop)
    dispatcher: Dispatcher | None = None
    task: asyncio.Task[None] | None = None

    def begin(self, routes: Routes, holder: str = "one", **means: Any) -> Dispatcher:
        """Start a dispatcher."""
        made = Means(
            **{
                "inbox": self.inbox,
                "read": plainly,
                "clock": self.clock,
                "entropy": self.entropy,
                "scope": SCOPE,
                "holder": holder,
                "progress": lambda event, /, **details: self.told.append((event, details)),
                **means,
            }
        )
        self.stop = Stop()
        self.dispatcher = Dispatcher(made, routes)
        self.task = asyncio.create_task(self.dispatcher.run(self.stop))
        return self.dispatcher

    async def end(self) -> None:
        """Ask it to stop, and wait for that."""
        self.stop.request()
        assert self.task is not None
        await self.task

    async def until(self, happened: Callable[[], bool], step: float = 1.0) -> None:
        """Let time pass until something has happened."""
        for _ in range(20_000):
            if happened():
                return
            assert self.task is not None
            if self.task.done():
                self.task.result()
            for _ in range(20):
                await asyncio.sleep(0)
            await asyncio.to_thread(lambda: None)
            if not happened():
                await self.clock.advance(step)
        raise AssertionError("it never happened")

    def handed(self) -> dict[str, Handed]:
        """How far each dispatch has come, by its id."""
        found = self.inbox.deliveries(SCOPE, Filter(), 10_000)
        return {each.dispatch.id: each for _, several in found for each in several}

    def states(self) -> dict[str, str]:
        """The state of each."""
        return {name: str(each.state) for name, each in self.handed().items()}

    def all_done(self) -> bool:
        """Whether all are handed on."""
        return all(each.state is DispatchState.DONE for each in self.handed().values())

    def all_over(self) -> bool:
        """Whether none waits."""
        return all(each.state is not DispatchState.PENDING for each in self.handed().values())


def kept(inbox: Inbox, arrivals: Sequence[Arrival]) -> Inbox:
    """The inbox with these in it."""
    inbox.accept(arrivals)
    return inbox
