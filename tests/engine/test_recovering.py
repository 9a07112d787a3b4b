"""What a provider's log has and the inbox has not is found, and got back exactly once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.deliveries import Delivery, Provenance
from reconciler.core.errors import (
    ErrorKind,
    ReconcilerError,
    RetryableError,
    ScopeBoundError,
    TerminalError,
)
from reconciler.core.inbox import Arrival, Dispatch, Filter
from reconciler.core.model import Phase, ProviderTraits, Recorded, RecoveryTraits, RecoveryWay
from reconciler.core.ports import Missed, Outcome, Rebuilt, Target
from reconciler.engine.context import Stop
from reconciler.engine.recovering import OVERLAP_SECONDS, Backlog, Means, Recovered, Recovery, summary
from reconciler.testing.memory_inbox import MemoryInbox
from reconciler.testing.memory_provider import MemoryProvider
from tests.support.builders import trigger
from tests.support.catalogue import traits
from tests.support.world import World

HOUR = 3600.0
DAY = 24 * HOUR


def logging_traits(way: RecoveryWay, name: str = "acme") -> ProviderTraits:
    """A provider that keeps a log for three days; of webhooks in mode `strict` it tells nothing."""
    known = traits(name)
    kind = known.types["repo"]
    recovery = RecoveryTraits(way=way, horizon=3 * DAY, options={"mode": None})
    return replace(known, types={"repo": replace(kind, recovery=recovery)})


class Keys:
    """Which delivery ids the inbox has had."""

    def __init__(self, inbox: MemoryInbox) -> None:
        self._inbox = inbox
        self.asked: list[Sequence[str]] = []

    def __call__(self, webhook_id: str, provider_delivery_ids: Sequence[str], /) -> frozenset[str]:
        self.asked.append(tuple(provider_delivery_ids))
        kept = self._inbox.deliveries("test", Filter(webhook_id=webhook_id), 1000)
        return frozenset(delivery.provider_delivery_id for delivery, _ in kept) & set(provider_delivery_ids)


class Ingress:
    """Makes arrivals of what was fetched, as the ingress would; a body `bad` cannot be read."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._numbers: Iterator[int] = iter(range(1, 1000))

    def __call__(self, record: Recorded, rebuilt: Rebuilt, /) -> Arrival:
        if rebuilt.body == b"bad":
            raise ReconcilerError("the delivery does not say which event it is")
        return self.arrival(record, rebuilt.body.decode(), Provenance.RECOVERED)

    def arrival(self, record: Recorded, name: str, provenance: Provenance) -> Arrival:
        """A delivery with this id, for everybody who is subscribed."""
        number = next(self._numbers)
        delivery = Delivery(
            id=f"d{number:04}",
            scope="test",
            webhook_id=record.id,
            provider=record.key.provider,
            received_at=self._world.clock.now(),
            provenance=provenance,
            method="POST",
            url=record.url,
            query="",
            headers=(),
            body=name.encode(),
            provider_delivery_id=name,
        )
        dispatches = tuple(
            Dispatch(id=f"{name}:{item.subscriber}", delivery_id=delivery.id, part=0, subscriber=item.subscriber)
            for item in record.relations
        )
        return Arrival(delivery=delivery, keys=(f"id:{name}",), dispatches=dispatches)


class Place:
    """A registered webhook at a provider that keeps a log, and an inbox."""

    def __init__(self, way: RecoveryWay) -> None:
        known = logging_traits(way)
        self.world = World(catalogue={"acme": known}, providers={"acme": MemoryProvider(known)})
        self.inbox = MemoryInbox()
        self.seen = Keys(self.inbox)
        self.ingress = Ingress(self.world)

    @property
    def provider(self) -> MemoryProvider:
        """The provider."""
        return self.world.provider()

    @property
    def record(self) -> Recorded:
        """The webhook."""
        return self.world.record()

    @property
    def now(self) -> float:
        """UNIX seconds."""
        return self.world.clock.now()

    async def register(self, *events: str, **changes: Any) -> None:
        """Register the webhook, a day ago."""
        await self.world.run(trigger(*(events or ("push",)), **changes))
        self.world.clock.time += DAY

    def log(self, *missed: Missed) -> None:
        """Put tries into the provider's log, the newest first."""
        self.provider.log[self.record.remote_id] = list(missed)
        self.provider.held = {item.id: Rebuilt(body=item.provider_delivery_id.encode()) for item in missed}

    def failed(self, name: str, ago: float = HOUR, **changes: Any) -> Missed:
        """A try that nobody took."""
        fields: dict[str, Any] = {"at": self.now - ago, "event": "push", "delivered": False} | changes
        return Missed(id=f"try-{name}-{ago:g}", provider_delivery_id=name, **fields)

    def received(self, name: str) -> None:
        """A delivery that came to the ingress by itself."""
        self.inbox.accept([self.ingress.arrival(self.record, name, Provenance.RECEIVED)])

    def recovery(self, **changes: Any) -> Recovery:
        """As a new process would make it."""
        unit = self.world.reconciler().unit(None, {})  # type: ignore[arg-type] # for ports and scope: nothing is held
        scope = replace(unit.scope, **changes)
        return Recovery(unit.ports, scope, Means(inbox=self.inbox, seen=self.seen, admit=self.ingress))

    async def look(self, since: float | None = None) -> Backlog:
        """The webhook's backlog."""
        (backlog,) = await self.recovery().look(self.world.records(), since, Stop())
        return backlog

    async def get(self, stop: Stop | None = None) -> Recovered:
        """Look, and get what is missing."""
        recovery = self.recovery()
        (recovered,) = await recovery.get([await self.look()], stop or Stop())
        return recovered

    def kept(self) -> list[tuple[str, Provenance, int]]:
        """What the inbox holds: ids, how they came, and to how many each is dispatched; oldest first."""
        told = self.inbox.deliveries("test", Filter(after="d"), 1000)
        return [(delivery.provider_delivery_id, delivery.provenance, len(handed)) for delivery, handed in told]


@pytest.fixture
async def asking() -> Place:
    """A provider that sends again, when asked."""
    place = Place(RecoveryWay.REDELIVER)
    await place.register()
    return place


@pytest.fixture
async def telling() -> Place:
    """A provider that tells what it would have sent."""
    place = Place(RecoveryWay.INJECT)
    await place.register()
    return place


def ids(backlog: Backlog) -> list[str]:
    """The deliveries that are missing, in the order in which they will be got."""
    return [item.provider_delivery_id for item in backlog.missing]


async def test_what_failed_is_sent_again_oldest_first(asking: Place) -> None:
    """Every delivery that nobody took is asked for once, in the order in which it happened."""
    asking.log(asking.failed("c", ago=60), asking.failed("b", ago=120), asking.failed("a", ago=180))

    recovered = await asking.get()

    assert asking.provider.asked == ["try-a-180", "try-b-120", "try-c-60"]
    assert (recovered.backlog.found, recovered.asked, recovered.here, recovered.failed) == (3, 3, 0, ())
    assert recovered.complete
    assert asking.kept() == []


async def test_what_is_here_is_not_asked_for(asking: Place) -> None:
    """A delivery that failed at first and came by itself later is already here, whatever the log says of its tries."""
    asking.received("a")
    asking.log(asking.failed("b"), asking.failed("a"))

    recovered = await asking.get()

    assert (recovered.backlog.found, recovered.here, recovered.asked) == (2, 1, 1)
    assert asking.provider.asked == ["try-b-3600"]


async def test_several_tries_are_one_delivery(asking: Place) -> None:
    """Of a delivery that failed several times the newest try is asked for; one that succeeded in the end is not."""
    taken = replace(asking.failed("done", ago=50), delivered=True)
    asking.log(taken, asking.failed("a", ago=60), asking.failed("done", ago=70), asking.failed("a", ago=80))

    assert ids(await asking.look()) == ["a"]
    await asking.get()
    assert asking.provider.asked == ["try-a-60"]


async def test_what_the_inbox_lost_is_got_back(asking: Place) -> None:
    """A delivery that our ingress took, and that the inbox does not have, was lost with a store: it is asked for."""
    asking.received("kept")
    lost = replace(asking.failed("lost", ago=60), delivered=True)
    asking.log(lost, replace(asking.failed("kept"), delivered=True))

    assert ids(await asking.look()) == ["lost"]


@pytest.mark.parametrize("used", [False, True])
async def test_what_another_receiver_took_is_left_alone(asking: Place, used: bool) -> None:
    """Where no ingress of ours ever took anything, or the object had another receiver then, nothing was lost here."""
    if used:
        asking.received("kept")
    before_us = replace(asking.failed("old", ago=DAY + 60), delivered=True)
    unknown_time = replace(asking.failed("whenever"), delivered=True, at=None)
    asking.log(unknown_time, before_us, *([] if used else [replace(asking.failed("a"), delivered=True)]))

    assert ids(await asking.look()) == []


async def test_the_url_tells_whose_a_delivery_was(asking: Place) -> None:
    """What went elsewhere does not concern the webhook; what went to its URL does, even if no time is told."""
    asking.received("kept")
    elsewhere = asking.failed("theirs", url="https://old.example.com/hook")
    lost = asking.failed("lost", url=asking.record.url, at=None, delivered=True)
    asking.log(elsewhere, lost)

    assert ids(await asking.look()) == ["lost"]


async def test_only_events_that_somebody_asked_for_count() -> None:
    """A ping, and an action that no trigger wants, are not missed; a log that tells the event coarsely is believed."""
    place = Place(RecoveryWay.REDELIVER)
    await place.register("issues.opened")
    place.log(
        place.failed("ping", event="ping"),
        place.failed("closed", event="issues.closed"),
        place.failed("coarse", event="issues"),
        place.failed("opened", event="issues.opened"),
        place.failed("untold", event=""),
    )

    assert sorted(ids(await place.look())) == ["coarse", "opened", "untold"]


async def test_a_webhook_without_subscribers_misses_what_it_is_registered_for(asking: Place) -> None:
    """Where no relation is recorded the events of the webhook itself count."""
    asking.log(asking.failed("a"), asking.failed("b", event="issues"))

    (backlog,) = await asking.recovery().look([replace(asking.record, relations=())], None, Stop())

    assert ids(backlog) == ["a"]


async def test_a_delivery_without_an_id_is_missed_if_it_failed(asking: Place) -> None:
    """The inbox cannot be asked for what the log does not name; the vendor is."""
    asking.log(replace(asking.failed("x"), provider_delivery_id=""))

    assert len((await asking.look()).missing) == 1
    assert asking.seen.asked == [()]


async def test_what_is_told_is_taken_in_as_if_it_had_arrived(telling: Place) -> None:
    """An injected delivery has its dispatches and the provenance `recovered`; a second recovery finds it here."""
    telling.log(telling.failed("b", delivered=None, ago=60), telling.failed("a", delivered=None))

    first, second = await telling.get(), await telling.get()

    assert (first.injected, first.asked) == (2, 0)
    assert (second.injected, second.here) == (0, 2)
    assert telling.kept() == [("a", Provenance.RECOVERED, 1), ("b", Provenance.RECOVERED, 1)]


async def test_what_the_log_holds_itself_is_not_fetched(telling: Place) -> None:
    """Where a row tells what the delivery held, that is taken, and nobody is called."""
    telling.log(telling.failed("a", held=Rebuilt(body=b"a")))

    assert (await telling.get()).injected == 1
    assert "fetch" not in {verb for verb, _ in telling.provider.calls}


async def test_what_arrives_meanwhile_is_dispatched_once(telling: Place) -> None:
    """A delivery that comes by itself between the look and the injection is found by its key, and counted as here."""
    telling.log(telling.failed("a", delivered=None))
    backlog = await telling.look()
    telling.received("a")

    (recovered,) = await telling.recovery().get([backlog], Stop())

    assert (recovered.injected, recovered.here) == (0, 1)
    assert telling.kept() == [("a", Provenance.RECEIVED, 1)]


async def test_one_unreadable_delivery_stops_no_other(telling: Place) -> None:
    """What cannot be read, or is gone from the log, is told with its reason; the rest is got."""
    bad, gone = telling.failed("bad"), telling.failed("gone", ago=60)
    telling.log(telling.failed("good", ago=30), gone, bad)
    backlog = await telling.look()
    telling.provider.log[telling.record.remote_id].remove(gone)

    (recovered,) = await telling.recovery().get([backlog], Stop())

    assert recovered.injected == 1
    reasons = {failure.missed.provider_delivery_id: failure.reason for failure in recovered.failed}
    assert reasons == {
        "bad": "the delivery does not say which event it is",
        "gone": "no delivery try-gone-60",
    }
    assert not recovered.complete


@pytest.mark.parametrize(
    "error",
    [TerminalError("the token was revoked", kind=ErrorKind.AUTH), RetryableError("no answer", after=1000)],
)
async def test_a_provider_that_does_not_let_us_is_asked_no_further(asking: Place, error: Exception) -> None:
    """A refusal that is about more than one delivery ends that webhook's turn; all that is left has the reason."""

    def fault(verb: str, target: Target) -> None:
        if verb == "redeliver":
            raise error

    asking.log(asking.failed("b", ago=60), asking.failed("a"))
    asking.provider.before = fault

    recovered = await asking.get()

    assert [failure.reason for failure in recovered.failed] == [str(error)] * 2
    assert [verb for verb, _ in asking.provider.calls].count("redeliver") == 1


async def test_a_log_that_cannot_be_read_is_a_problem_of_its_webhook(asking: Place) -> None:
    """The provider's refusal is told, nothing is asked for, and the recovery is not complete."""

    def fault(verb: str, target: Target) -> None:
        if verb == "missed":
            raise TerminalError("forbidden", kind=ErrorKind.FORBIDDEN)

    asking.provider.before = fault

    recovered = await asking.get()

    assert recovered.backlog.problem == "forbidden"
    assert not recovered.complete


async def test_credentials_that_went_missing_between_look_and_get_are_told(asking: Place) -> None:
    """Each delivery that could not be asked for says so."""
    asking.log(asking.failed("a"))
    backlog = await asking.look()
    asking.world.undeclared = frozenset({"main"})

    (recovered,) = await asking.recovery().get([backlog], Stop())

    assert [failure.reason for failure in recovered.failed] == ["credentials main are not declared in the project file"]


async def test_nothing_is_begun_once_the_end_is_asked_for(asking: Place) -> None:
    """After a signal what is left fails with that reason."""
    asking.log(asking.failed("a"))
    stop = Stop()
    stop.request()

    recovered = await asking.get(stop)

    assert [failure.reason for failure in recovered.failed] == ["not begun: asked to stop"]
    assert asking.provider.asked == []


async def test_no_log_is_asked_for_once_the_end_is_asked_for(asking: Place) -> None:
    """A look that was interrupted is no look: the recovery is not complete."""
    stop = Stop()
    stop.request()

    (backlog,) = await asking.recovery().look(asking.world.records(), None, stop)

    assert backlog.problem == "not begun: asked to stop"


async def test_a_lost_answer_asks_again(asking: Place) -> None:
    """A retryable failure is tried again; the ingress drops what then comes twice."""
    failures = [RetryableError("lost", uncertain=True)]

    def fault(verb: str, target: Target) -> None:
        if verb == "redeliver" and failures:
            raise failures.pop()

    asking.log(asking.failed("a"))
    asking.provider.after = fault

    assert (await asking.get()).asked == 1
    assert asking.provider.asked == ["try-a-3600"] * 2


async def test_without_a_time_the_whole_log_is_looked_at_but_nothing_before_the_webhook_was_ours(
    asking: Place,
) -> None:
    """The first recovery goes back as far as the provider's log, or to the webhook's creation."""
    assert (await asking.look()).since == asking.record.created_at - OVERLAP_SECONDS

    asking.world.clock.time += 9 * DAY
    assert (await asking.look()).since == asking.now - 3 * DAY


async def test_a_time_is_kept_within_the_horizon(asking: Place) -> None:
    """What was asked for holds, unless the log does not go back so far."""
    assert (await asking.look(since=asking.now - HOUR)).since == asking.now - HOUR
    assert (await asking.look(since=0)).since == asking.record.created_at - OVERLAP_SECONDS


async def test_the_next_recovery_starts_where_the_last_whole_one_began(asking: Place) -> None:
    """The audit log remembers it; a little overlap covers what was on its way then."""
    began = asking.now
    recovered = await asking.get()
    await asking.recovery().note([recovered], began)
    asking.world.clock.time += HOUR

    assert (await asking.look()).since == began - OVERLAP_SECONDS


@pytest.mark.parametrize("outcome", ["failed", "gap", "partial"])
async def test_a_recovery_that_left_something_out_moves_nothing(asking: Place, outcome: str) -> None:
    """After failures, a late start or a choice of webhooks the next one looks at all of the log again."""
    usual = (await asking.look()).since
    backlog = await asking.look(since=asking.now - HOUR if outcome == "gap" else None)
    if outcome == "failed":
        backlog = replace(backlog, problem="no answer")
    await asking.recovery().note([] if outcome == "partial" else [Recovered(backlog=backlog)], asking.now)

    assert (await asking.look()).since == usual


async def test_that_nothing_was_missed_is_written_down_once_a_day(asking: Place) -> None:
    """A daemon that looks every hour does not fill the audit log; what it finds is always written."""
    for _ in range(30):
        await asking.recovery().note([Recovered(backlog=await asking.look())], asking.now)
        asking.world.clock.time += HOUR

    assert len([entry for entry in asking.world.store.history("test") if entry.action == "recover"]) == 2


async def test_the_audit_log_tells_what_was_recovered_for_which_webhook(asking: Place) -> None:
    """One entry for each webhook that missed something, and one for the scope."""
    asking.log(asking.failed("a"))
    recovered = await asking.get()

    await asking.recovery(actor="alice", host="box").note([recovered], asking.now)

    entries = [entry for entry in asking.world.store.history("test") if entry.action == "recover"]
    assert {entry.webhook_id for entry in entries} == {"", asking.record.id}
    assert {entry.outcome for entry in entries} == {Outcome.DONE}
    assert {(entry.user, entry.host, entry.message) for entry in entries} == {
        ("alice", "box", "1 found, 0 already here, 1 asked for, 0 injected, 0 failed")
    }


async def test_failures_are_written_down_as_such(asking: Place) -> None:
    """An incomplete recovery of a webhook is a failed entry."""
    backlog = replace(await asking.look(), problem="no answer")

    await asking.recovery().note([Recovered(backlog=backlog)], asking.now)

    (entry,) = [entry for entry in asking.world.store.history("test") if entry.action == "recover"]
    assert (entry.outcome, entry.webhook_id) == (Outcome.FAILED, asking.record.id)


async def test_providers_without_a_log_say_so() -> None:
    """A webhook whose provider cannot be asked is told apart, and is no failure."""
    place = Place(RecoveryWay.NONE)
    await place.register()

    recovered = await place.get()

    assert recovered.backlog.unsupported == "acme keeps no log of deliveries that can be asked"
    assert recovered.complete
    assert "missed" not in {verb for verb, _ in place.provider.calls}


async def test_a_log_that_does_not_tell_of_webhooks_with_an_option_is_not_asked() -> None:
    """What the list holds may be others' events: nothing of it is taken."""
    place = Place(RecoveryWay.INJECT)
    await place.register(options={"mode": "strict"})

    assert (await place.look()).unsupported == "acme does not tell what webhooks with the option mode missed"


async def test_an_adapter_that_cannot_be_asked_is_told() -> None:
    """Traits may promise what an adapter of somebody's does not have."""
    place = Place(RecoveryWay.REDELIVER)
    await place.register()
    known = place.provider

    class Plain:
        """Only the verbs of `Provider`."""

        traits = known.traits

    place.world.providers["acme"] = Plain()

    assert "cannot ask for missed deliveries" in (await place.look()).problem


async def test_a_record_of_an_unknown_provider_is_unsupported(asking: Place) -> None:
    """A definition that is gone leaves records behind; they are named, and nothing else fails."""
    (backlog,) = await asking.recovery(catalogue={}).look(asking.world.records(), None, Stop())

    assert backlog.unsupported == "its provider, or type, is not known any more"


async def test_manual_and_unfinished_webhooks_are_not_looked_at(asking: Place) -> None:
    """Only what is registered by us is at a provider whose log can be asked."""
    pending = replace(asking.record, phase=Phase.PENDING)
    manual = replace(asking.record, key=asking.record.key._replace(manual=True))

    assert await asking.recovery().look([pending, manual], None, Stop()) == ()


async def test_another_projects_scope_is_refused(asking: Place) -> None:
    """Nothing is asked in a scope that is bound to another project."""
    with pytest.raises(ScopeBoundError):
        await asking.recovery(binding="theirs").look(asking.world.records(), None, Stop())


async def test_unresolved_credentials_are_a_problem(asking: Place) -> None:
    """A secret that cannot be had stops its webhook alone."""
    asking.world.unresolved = frozenset({"main"})

    assert "TOKEN is not set" in (await asking.look()).problem


def test_numbers_add_up() -> None:
    """The summary tells of all webhooks together."""
    assert summary(()) == "0 found, 0 already here, 0 asked for, 0 injected, 0 failed"
