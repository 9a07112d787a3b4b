"""The cases of the contract: each moves a provider between states and ends in "plan again, expect nothing"."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from reconciler.core.errors import ErrorKind, RetryableError, TerminalError
from reconciler.core.ingress_url import webhook_id_in
from reconciler.core.model import Phase, RecoveryWay
from reconciler.core.plan import Action, Reason
from reconciler.core.ports import Recovering, Registration
from reconciler.engine.unit import Result
from reconciler.testing.contract_bench import FOREIGN_URL, MOVED_URL, Bench, ContractError, Killed, expect

Case = Callable[[Bench], Awaitable[None]]
"""Raises `ContractError` where the provider breaks its promise."""


async def creates_one(bench: Bench) -> None:
    """A wanted webhook exists once, with its URL and events, and its secret is known to us."""
    first, _ = bench.subject.events
    await bench.run(first)
    if item := await bench.ours():
        expect(item.remote_id == bench.record().remote_id, "the list names another id than the create answered")
        expect(item.events in (None, bench.record().events), f"asked for {first}, the list shows {item.events}")
        expect(item.active is not False, "a new webhook is listed as inactive")
    if bench.subject.provider.traits.verified:
        expect(bool(bench.store.secrets(bench.record().id)), "deliveries are signed, yet no secret is known")
    await bench.settled(first)


async def widens_and_shrinks(bench: Bench) -> None:
    """Events are added and taken away; where the provider can update, id and URL stay."""
    first, second = bench.subject.events
    await bench.run(first)
    before = bench.record()
    for events in ((first, second), (second,)):
        await bench.run(*events)
        if item := await bench.ours():
            expect(item.events in (None, bench.record().events), f"asked for {events}, the list shows {item.events}")
        await bench.settled(*events)
    if bench.subject.can("update") and "events" in bench.subject.kind.updatable:
        expect(bench.record().id == before.id, "events were changed, and the webhook's id with them")


async def repairs_drift(bench: Bench) -> None:
    """Events that somebody changed at the provider are put right."""
    first, second = bench.subject.events
    await bench.run(first)
    if not bench.subject.can("update", "list") or "events" not in bench.subject.kind.updatable:
        return
    record = bench.record()
    edited = Registration(
        webhook_id=record.id,
        url=record.url,
        events=frozenset({second}),
        secret=next(iter(bench.store.secrets(record.id)), None),
        options=record.options,
    )
    await bench.subject.provider.update(bench.subject.target, record.remote_id, edited)
    item = await bench.ours()
    if item and item.events is not None:
        report = await bench.run(first)
        expect([step.reason for step in report.plan.steps] == [Reason.DRIFTED], "an edit there was not seen as drift")
    await bench.settled(first)


async def registers_again(bench: Bench) -> None:
    """What was deleted at the provider comes back with the same id and URL."""
    first, _ = bench.subject.events
    await bench.run(first)
    before = bench.record()
    if not bench.subject.can("delete", "list"):
        return
    await bench.subject.provider.delete(bench.subject.target, before.remote_id)
    await bench.run(first)
    expect((bench.record().id, bench.record().url) == (before.id, before.url), "id or URL changed")
    await bench.ours()
    await bench.settled(first)


async def prunes(bench: Bench) -> None:
    """What nobody wants is gone; deleting it once more is "not found", or nothing.

    Where the provider cannot delete, a tombstone is left, and the trigger that returns finds its webhook again.
    """
    first, _ = bench.subject.events
    await bench.run(first)
    before = bench.record()
    remote_id = before.remote_id
    report = await bench.run()
    if not bench.subject.can("delete"):
        expect(bench.record().phase is Phase.TOMBSTONE, "what cannot be deleted is not kept as a tombstone")
        expect(all(step.way_out for step in report.plan.steps), "a plan does not say that the webhook stays there")
        await bench.settled()
        await bench.run(first)
        expect(bench.record().id == before.id, "the trigger came back, and its webhook did not")
        await bench.settled(first)
        return
    expect(not await bench.objects(), "the webhook is still listed after its prune")
    expect(not bench.store.records("contract"), "the record is still there after its prune")
    try:
        await bench.subject.provider.delete(bench.subject.target, remote_id)
    except TerminalError as error:
        expect(error.kind is ErrorKind.NOT_FOUND, f"deleting what is gone is {error.kind}, not not_found")
    await bench.settled()


async def survives_a_lost_answer(bench: Bench) -> None:
    """The create took effect, its answer was lost: one object, in the same pass.

    Where the provider cannot list, nobody knows: the next pass makes another, and the doubtful one is an orphan.
    """
    first, _ = bench.subject.events
    bench.interference.after = RetryableError("the answer was lost", uncertain=True)
    if not bench.subject.can("list"):
        failed = (await bench.attempt(first)).applied.having(Result.FAILED)
        expect(len(failed) == 1, "a lost answer was not told, though nobody can look")
        await _doubted(bench, first)
        return
    await bench.run(first)
    await bench.ours()
    expect(len(await bench.objects()) == 1, "a lost answer left a twin")
    await bench.settled(first)


async def survives_a_lost_request(bench: Bench) -> None:
    """The create never arrived, or the provider asked us to wait: it is sent again."""
    first, _ = bench.subject.events
    blind = not bench.subject.can("list")
    bench.interference.before = RetryableError("slow down", after=1, uncertain=not blind)
    await bench.run(first)
    await bench.ours()
    await bench.settled(first)


async def survives_a_death(bench: Bench) -> None:
    """The process dies before the create, or after it with the answer unrecorded: the next pass leaves one object."""
    first, _ = bench.subject.events
    for moment in ("before", "after"):
        setattr(bench.interference, moment, Killed())
        try:
            await bench.run(first)
        except Killed:
            bench.subject.clock.time += 60
        if not bench.subject.can("list"):
            await _doubted(bench, first)
            return
        await bench.run(first)
        await bench.ours()
        expect(len(await bench.objects()) == 1, f"a death {moment} the create left a twin")
        await bench.settled(first)
        await bench.run()


async def moves_with_the_base_url(bench: Bench) -> None:
    """Another base URL: the webhook follows, in place where the provider can."""
    first, _ = bench.subject.events
    await bench.run(first)
    before = bench.record()
    bench.base_url = MOVED_URL
    await bench.run(first)
    item = await bench.ours()
    expect(item is None or item.url.startswith(f"{MOVED_URL}/"), "the object still has the former URL")
    expect(bench.record().url.startswith(f"{MOVED_URL}/"), "the record still has the former URL")
    if "update" in bench.subject.kind.operations and "url" in bench.subject.kind.updatable:
        expect(bench.record().id == before.id, "the URL is said to be updatable, yet the webhook was replaced")
    await bench.settled(first)


async def doubles_nothing(bench: Bench) -> None:
    """An empty store against a provider that holds our webhook: blocked, not doubled."""
    first, _ = bench.subject.events
    await bench.run(first)
    if not bench.subject.can("list"):
        return
    lost = Bench(bench.subject)
    plan = await lost.plan(first)
    expect(
        [(step.action, step.reason) for step in plan.steps] == [(Action.BLOCKED, Reason.UNRECORDED)],
        "an object of ours that no record explains did not block a create",
    )
    expect(len(await bench.objects()) == 1, "a plan changed something")
    await bench.settled(first)


async def leaves_others_alone(bench: Bench) -> None:
    """Somebody else's webhook survives create, update and prune; in a single slot it blocks."""
    first, second = bench.subject.events
    # Of another event than ours: some vendors take one webhook of a kind.
    foreign = Registration(
        webhook_id="foreign", url=FOREIGN_URL, events=frozenset({second}), secret=bench.entropy.secret(), options={}
    )
    await bench.subject.provider.create(bench.subject.target, foreign)
    if bench.subject.kind.slot:
        plan = await bench.plan(first)
        expect([step.reason for step in plan.steps] == [Reason.FOREIGN_URL], "a foreign URL did not block the slot")
    else:
        before = [item for item in await bench.objects() if item.url == FOREIGN_URL]
        await bench.run(first)
        await bench.run(first, second)
        await bench.settled(first, second)
        await bench.run()
        expect(list(await bench.objects()) == before, "somebody else's webhook was touched")
    await bench.settled()


async def refuses_an_empty_id(bench: Bench) -> None:
    """An operation without an id is refused before any call: some vendors would take the first webhook they find.

    In a single slot there is no id to say.
    """
    first, _ = bench.subject.events
    await bench.run(first)
    if bench.subject.kind.slot or not bench.subject.can("delete"):
        return
    try:
        await bench.subject.provider.delete(bench.subject.target, "")
    except TerminalError:
        pass
    else:
        raise ContractError("a delete without an id was not refused")
    await bench.ours()
    await bench.settled(first)


async def recognises_only_its_own_url(bench: Bench) -> None:
    """The listed URL leads back to the record, as it is after a crash."""
    first, _ = bench.subject.events
    await bench.run(first)
    record = bench.record()
    name = bench.subject.provider.traits.name
    found = [webhook_id_in(item.url, name, [bench.base_url]) for item in await bench.objects()]
    if not bench.subject.can("list"):
        return
    expect(found == [record.id], f"the listed URLs lead to {found}, not to {record.id}")
    await bench.settled(first)


async def renews_its_lease(bench: Bench) -> None:
    """A lease is renewed shortly before it ends, and not earlier; one that lapsed is made good."""
    first, _ = bench.subject.events
    await bench.run(first)
    before, kind, clock = bench.record(), bench.subject.kind, bench.subject.clock
    if not kind.renew_before:
        expect(before.lease_expires_at is None, "the provider tells the end of a lease that its traits do not know")
        return
    end = _end_of_lease(bench)
    clock.time = end - kind.renew_before - 1
    await bench.settled(first)
    clock.time = end - kind.renew_before + 1
    report = await bench.run(first)
    expect([step.reason for step in report.plan.steps] == [Reason.LEASE_EXPIRING], "a lease was not seen to end soon")
    expect(_end_of_lease(bench) > end, "a renewed lease ends no later than before")
    if bench.subject.can("renew"):
        expect(bench.record().id == before.id, "a renewal changed the webhook's id")
    await bench.settled(first)
    clock.time = _end_of_lease(bench) + 1
    await bench.run(first)
    item = await bench.ours()
    expect(item is None or item.active is not False, "a webhook whose lease lapsed was left as it is")
    expect(_end_of_lease(bench) > clock.time, "a webhook whose lease lapsed has no new one")
    await bench.settled(first)


async def tells_what_was_missed(bench: Bench) -> None:
    """A delivery that nobody took is in the provider's log, once and by its own id, and can be had from there."""
    first, _ = bench.subject.events
    recovery, miss = bench.subject.kind.recovery, bench.subject.miss
    await bench.run(first)
    if miss is None or recovery.way is RecoveryWay.NONE:
        return
    await miss(first)
    provider, target, remote_id = bench.subject.provider, bench.subject.target, bench.record().remote_id
    if not isinstance(provider, Recovering):
        raise ContractError("the traits tell of a log, and the provider cannot be asked for it")
    since = bench.subject.clock.now() - recovery.horizon
    missed = [item for item in await provider.missed(target, remote_id, since) if item.event == first]
    expect(len(missed) == 1, f"expected one delivery of {first} in the log, there are {len(missed)}")
    (item,) = missed
    expect(not item.delivered, "what nobody took is told as delivered")
    expect(bool(item.provider_delivery_id), "the log does not tell the id by which the delivery would be known")
    expect(
        item.at is None or item.at >= since, f"the log tells of {item.at}, which is before the time that was asked for"
    )
    if recovery.way is RecoveryWay.REDELIVER:
        await provider.redeliver(target, remote_id, item.id)
    else:
        held = item.held or await provider.fetch(target, remote_id, item.id)
        expect(bool(held.body), "the delivery that the log tells of holds nothing")
    await bench.settled(first)


CASES: Mapping[str, Case] = {
    case.__name__: case
    for case in (
        creates_one,
        widens_and_shrinks,
        repairs_drift,
        registers_again,
        prunes,
        survives_a_lost_answer,
        survives_a_lost_request,
        survives_a_death,
        moves_with_the_base_url,
        doubles_nothing,
        leaves_others_alone,
        refuses_an_empty_id,
        recognises_only_its_own_url,
        renews_its_lease,
        tells_what_was_missed,
    )
}
"""Every case by name. All of them need an empty resource."""


async def _doubted(bench: Bench, event: str) -> None:
    """The next pass after a doubtful create, where nobody can look: another webhook, and an orphan."""
    await bench.attempt(event)
    await bench.ours()
    expect(len(bench.store.orphans("contract")) == 1, "what may be left at the provider is not an orphan")
    await bench.settled(event)


def _end_of_lease(bench: Bench) -> float:
    end = bench.record().lease_expires_at
    if end is None:
        raise ContractError("webhooks expire, and the answer does not tell when")
    return end
