"""Getting back what was missed: deliveries that a provider's log has, and the inbox has not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import NamedTuple

from reconciler.core.errors import ErrorKind, ProviderError, ReconcilerError, TerminalError
from reconciler.core.events import wanted
from reconciler.core.inbox import Admission, Inbox, Seen
from reconciler.core.model import EventTraits, Phase, Recorded, RecoveryWay, TypeTraits
from reconciler.core.ports import Entry, Missed, Outcome, Recovering, Target
from reconciler.engine.calling import Retrying
from reconciler.engine.context import Ports, Scope, Stop
from reconciler.engine.knowing import require_ours
from reconciler.engine.leasing import held
from reconciler.engine.pacing import Gates, spread
from reconciler.engine.unit import target_of

OVERLAP_SECONDS = 600.0
"""How much earlier than the last recovery the log is looked at: what was on its way then may have failed since."""

QUIET_SECONDS = 24 * 3600.0
"""How often the audit log hears that nothing was missed."""

ACTION = "recover"
"""What the audit log calls it."""

_NAMELESS = "\0"
"""Before the id of a try whose delivery the log does not name."""

_STOPPED = "not begun: asked to stop"

_OF_ONE_DELIVERY = frozenset({ErrorKind.NOT_FOUND, ErrorKind.INVALID, ErrorKind.BAD_ANSWER, ErrorKind.LIMIT})
"""Refusals that say nothing of the next delivery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What it takes beside the ports of a pass: where deliveries are kept, what it has seen, and the way into it."""

    inbox: Inbox
    seen: Seen
    admit: Admission


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What a provider's log tells of one webhook since a time (UNIX seconds), by delivery, not by try.

    `found` counts what concerns it, `here` what the inbox has of that; `missing` is the rest, oldest first. `gap` tells
    that something earlier was left out that was never looked at. `problem` says why the log could not be read,
    `unsupported` why there is none to read.
    """

    record: Recorded
    address: str
    since: float = 0.0
    found: int = 0
    here: int = 0
    missing: tuple[Missed, ...] = ()
    gap: bool = False
    problem: str = ""
    unsupported: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A delivery that could not be had, and why."""

    missed: Missed
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What became of a backlog.

    `asked` counts what the provider was asked to send again, `injected` what was taken in at once, `here` what had
    arrived before.
    """

    backlog: Backlog
    here: int = 0
    asked: int = 0
    injected: int = 0
    failed: tuple[Failure, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing of it is left to be done."""
        return not self.failed and not self.backlog.problem


@dataclass(slots=True)
class _Tally:
    """A `Recovered` in the making."""

    here: int
    asked: int = 0
    injected: int = 0
    failed: list[Failure] = field(default_factory=list)


class _Span(NamedTuple):
    """Since when somebody wants to look, and since when it would be usual (UNIX seconds)."""

    since: float | None
    last: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One webhook's provider, and how it is called."""

    provider: Recovering
    target: Target
    retrying: Retrying


class Recovery:
    """Looks for what was missed in one scope, and gets it. Nothing is ever dispatched twice.

    What is sent again arrives at the ingress like any delivery; what is injected has the same dedupe keys.
    """

    def __init__(self, ports: Ports, scope: Scope, means: Means) -> None:
        self._ports = ports
        self._scope = scope
        self._means = means
        self._gates = Gates(ports, scope)

    async def look(self, records: Sequence[Recorded], since: float | None, stop: Stop) -> tuple[Backlog, ...]:
        """What is missing of each registered webhook; reads only.

        Since a time (UNIX seconds); without one since the last recovery of the whole scope, and where there was none as
        far back as each provider's log goes. Never since before the webhook was ours. Raises `ScopeBoundError` and
        `StateError`.
        """
        await require_ours(self._ports, self._scope)
        chosen = [record for record in records if _recoverable(record)]
        span = _Span(since, await asyncio.to_thread(self._last, chosen))
        found: dict[str, Backlog] = {}

        async def work(record: Recorded) -> None:
            found[record.id] = await self._backlog(record, span, stop)

        await spread(self._gates, chosen, lambda record: (record.key.provider, record.key.credentials), work)
        return tuple(found[record.id] for record in chosen)

    async def get(self, backlogs: Sequence[Backlog], stop: Stop) -> tuple[Recovered, ...]:
        """Have what is missing sent again, or take it in; of one webhook one after another, oldest first."""
        found: dict[str, Recovered] = {}

        async def work(backlog: Backlog) -> None:
            found[backlog.record.id] = await self._recovered(backlog, stop)

        await spread(self._gates, backlogs, lambda item: (item.record.key.provider, item.record.key.credentials), work)
        return tuple(found[backlog.record.id] for backlog in backlogs)

    async def note(self, recovered: Sequence[Recovered], began: float) -> None:
        """Write down in the audit log what was recovered.

        Where nothing of the scope was left out, the next recovery starts from `began` (UNIX seconds). That nothing was
        missed is worth a line a day. Raises `LockedError` while a pass holds the scope.
        """
        store, scope = self._ports.store, self._scope
        records = await asyncio.to_thread(store.records, scope.name)
        left = {record.id for record in records if _recoverable(record)}
        left -= {item.backlog.record.id for item in recovered if item.complete and not item.backlog.gap}
        entries = [*self._entries(recovered, began)]
        last = None if entries else await asyncio.to_thread(self._last, records)
        if not left and (last is None or began - last > QUIET_SECONDS):
            entries.append(self._entry(began, Outcome.DONE, summary(recovered)))
        if not entries:
            return
        async with held(store, self._ports.clock, scope.name, scope.holder, scope.lock_timeout) as holding:
            await asyncio.to_thread(store.write, holding.check(), (), entries)

    # Looking

    def _last(self, records: Iterable[Recorded]) -> float | None:
        """When all of the scope was last recovered, less the overlap; None where that is longer ago than any log."""
        kinds = (self._kind(record) for record in records)
        horizon = max((kind.recovery.horizon for kind in kinds if kind), default=0.0)
        oldest = self._ports.clock.now() - horizon
        recent = takewhile(lambda entry: entry.at >= oldest, self._ports.store.history(self._scope.name))
        for entry in recent:
            if entry.action == ACTION and not entry.webhook_id and entry.outcome is Outcome.DONE:
                return entry.at - OVERLAP_SECONDS
        return None

    async def _backlog(self, record: Recorded, span: _Span, stop: Stop) -> Backlog:
        address = record.key.address(self._scope.default_user)
        kind = self._kind(record)
        if kind is None or (reason := _unsupported(record, kind)):
            reason = reason if kind else "its provider, or type, is not known any more"
            return Backlog(record=record, address=address, unsupported=reason)
        oldest = max(self._ports.clock.now() - kind.recovery.horizon, record.created_at - OVERLAP_SECONDS)
        usual = max(span.last or oldest, oldest)
        since = usual if span.since is None else max(span.since, oldest)
        blank = Backlog(record=record, address=address, since=since, gap=since > usual)
        if stop.requested:
            return replace(blank, problem=_STOPPED)
        try:
            way = self._way(record, stop)
            log = await way.retrying.repeat(lambda: way.provider.missed(way.target, record.remote_id, blank.since))
        except ProviderError as error:
            return replace(blank, problem=str(error))
        tries = _by_delivery(_concerning(record, log, kind.events))
        known = await asyncio.to_thread(
            self._means.seen, record.id, [key for key in tries if not key.startswith(_NAMELESS)]
        )
        used = await asyncio.to_thread(self._means.inbox.last_received, self._scope.name, record.id) is not None
        lost = [
            group[0]
            for key, group in tries.items()
            if key not in known and (not _taken(group) or (used and _ours(group, record)))
        ]
        here = sum(key in known for key in tries)
        return replace(blank, found=here + len(lost), here=here, missing=tuple(reversed(lost)))

    # Getting

    async def _recovered(self, backlog: Backlog, stop: Stop) -> Recovered:
        tally = _Tally(backlog.here)
        if backlog.missing:
            try:
                way = self._way(backlog.record, stop)
            except ProviderError as error:
                return Recovered(backlog=backlog, here=backlog.here, failed=_all_failed(backlog.missing, str(error)))
            for index, missed in enumerate(backlog.missing):
                if reason := await self._one(backlog.record, missed, way, tally):
                    tally.failed.extend(_all_failed(backlog.missing[index:], reason))
                    break
        return Recovered(
            backlog=backlog,
            here=tally.here,
            asked=tally.asked,
            injected=tally.injected,
            failed=tuple(tally.failed),
        )

    async def _one(self, record: Recorded, missed: Missed, way: _Way, tally: _Tally) -> str:
        """Get one delivery. Returns why this one and those after it cannot be had now, empty where they may be."""
        if way.retrying.stop.requested:
            return _STOPPED
        kind = self._kind(record)
        try:
            if kind and kind.recovery.way is RecoveryWay.INJECT:
                await self._inject(record, missed, way, tally)
            else:
                await way.retrying.repeat(lambda: way.provider.redeliver(way.target, record.remote_id, missed.id))
                tally.asked += 1
        except TerminalError as error:
            if error.kind not in _OF_ONE_DELIVERY:
                return str(error)
            tally.failed.append(Failure(missed=missed, reason=str(error)))
        except ProviderError as error:
            return str(error)
        except ReconcilerError as error:
            tally.failed.append(Failure(missed=missed, reason=str(error)))
        return ""

    async def _inject(self, record: Recorded, missed: Missed, way: _Way, tally: _Tally) -> None:
        rebuilt = missed.held
        if rebuilt is None:
            rebuilt = await way.retrying.repeat(lambda: way.provider.fetch(way.target, record.remote_id, missed.id))
        arrival = await asyncio.to_thread(self._means.admit, record, rebuilt)
        kept = await asyncio.to_thread(self._means.inbox.accept, [arrival])
        if list(kept) == [arrival.delivery.id]:
            tally.injected += 1
        else:  # it came by itself meanwhile
            tally.here += 1

    def _kind(self, record: Recorded) -> TypeTraits | None:
        provider = self._scope.catalogue.get(record.key.provider)
        return provider.types.get(record.key.type) if provider else None

    def _way(self, record: Recorded, stop: Stop) -> _Way:
        provider = self._ports.providers[record.key.provider]
        if not isinstance(provider, Recovering):
            message = f"the adapter of {record.key.provider} cannot ask for missed deliveries"
            raise TerminalError(message, kind=ErrorKind.UNSUPPORTED)
        target = target_of(self._ports, record)
        gate = self._gates.to(provider, target.credentials)
        retrying = Retrying(clock=self._ports.clock, entropy=self._ports.entropy, gate=gate, stop=stop)
        return _Way(provider=provider, target=target, retrying=retrying)

    # Telling

    def _entries(self, recovered: Sequence[Recovered], began: float) -> Iterator[Entry]:
        """One for each webhook of which something was missing."""
        for item in recovered:
            if item.asked or item.injected or not item.complete:
                outcome = Outcome.DONE if item.complete else Outcome.FAILED
                entry = self._entry(began, outcome, summary((item,)))
                yield replace(entry, webhook_id=item.backlog.record.id, address=item.backlog.address)

    def _entry(self, at: float, outcome: Outcome, message: str) -> Entry:
        return Entry(
            id=self._ports.entropy.webhook_id(),
            at=at,
            user=self._scope.actor,
            host=self._scope.host,
            commit=self._scope.commit,
            webhook_id="",
            address="",
            action=ACTION,
            reason="missed_deliveries",
            outcome=outcome,
            message=message,
        )


def summary(recovered: Sequence[Recovered]) -> str:
    """What became of several webhooks' deliveries, in numbers."""
    numbers = {
        "found": sum(item.backlog.found for item in recovered),
        "already here": sum(item.here for item in recovered),
        "asked for": sum(item.asked for item in recovered),
        "injected": sum(item.injected for item in recovered),
        "failed": sum(len(item.failed) for item in recovered),
    }
    return ", ".join(f"{number} {word}" for word, number in numbers.items())


def _recoverable(record: Recorded) -> bool:
    return record.phase is Phase.REGISTERED and not record.key.manual


def _unsupported(record: Recorded, kind: TypeTraits) -> str:
    """Why nobody can tell what was missed of a webhook; empty where the provider can."""
    recovery = kind.recovery
    if recovery.way is RecoveryWay.NONE:
        return f"{record.key.provider} keeps no log of deliveries that can be asked"
    for name, value in recovery.options.items():
        option = kind.options.get(name)
        if record.options.get(name, option.default if option else None) != value:
            return f"{record.key.provider} does not tell what webhooks with the option {name} missed"
    return ""


def _concerning(record: Recorded, log: Iterable[Missed], traits: EventTraits) -> Iterator[Missed]:
    """What went, or would have gone, to our URL, and that somebody asked for: no ping, nor what was meant for others.

    The log may tell an event less finely than somebody asked for it.
    """
    asked = [name for relation in record.relations for name in relation.events] or list(record.events)
    for missed in log:
        event = missed.event
        coarse = bool(traits.separator) and any(name.startswith(event + traits.separator) for name in asked)
        concerns = not event or coarse or wanted(event, asked, traits)
        if concerns and (not missed.url or record.id in missed.url):
            yield missed


def _by_delivery(log: Iterable[Missed]) -> dict[str, list[Missed]]:
    """The tries at each delivery, newest first; what the log does not name stands by itself."""
    tries: dict[str, list[Missed]] = {}
    for missed in log:
        tries.setdefault(missed.provider_delivery_id or f"{_NAMELESS}{missed.id}", []).append(missed)
    return tries


def _taken(tries: Iterable[Missed]) -> bool:
    """Whether some receiver took it."""
    return any(missed.delivered for missed in tries)


def _ours(tries: Iterable[Missed], record: Recorded) -> bool:
    """Whether the receiver that took it was ours, so that whatever we lack was lost here.

    The URL proves that, or the time: an object that was adopted had another receiver before.
    """
    taken = (missed for missed in tries if missed.delivered)
    return any(missed.url or (missed.at is not None and missed.at >= record.created_at) for missed in taken)


def _all_failed(missing: Iterable[Missed], reason: str) -> tuple[Failure, ...]:
    return tuple(Failure(missed=missed, reason=reason) for missed in missing)
