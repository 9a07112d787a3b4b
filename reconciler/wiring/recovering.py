"""Recovering missed deliveries in a project: the engine's part, with the inbox and the ingress's way into it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.deliveries import id_key
from reconciler.core.drift import chosen
from reconciler.core.errors import LockedError
from reconciler.core.inbox import Arrival, Filter
from reconciler.core.model import Recorded
from reconciler.core.ports import Rebuilt
from reconciler.engine.context import Stop
from reconciler.engine.recovering import Backlog, Means, Recovered, Recovery
from reconciler.ingress.arriving import Arrivals
from reconciler.ingress.ports import Vendor
from reconciler.providers.catalogue import known_definitions
from reconciler.store.empty_inbox import EmptyInbox
from reconciler.store.inbox import StoredInbox
from reconciler.store.inboxes import inbox_of
from reconciler.wiring.dispatching import ordered_by
from reconciler.wiring.ingress import vendor_of
from reconciler.wiring.loading import Loaded
from reconciler.wiring.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What to look for: since a time (UNIX seconds; None: since the last time), of webhooks that `targets` name."""

    since: float | None = None
    targets: tuple[str, ...] = ()


async def missed(session: Session, loaded: Loaded, span: Span, stop: Stop) -> tuple[Backlog, ...]:
    """What is missing; reads only. Raises `ConfigError` for a target without match, and `StateError`."""
    records = await asyncio.to_thread(session.store.records, session.scope.name)
    records = chosen(records, span.targets, session.scope.default_user)
    return await _recovery(session, loaded).look(records, span.since, stop)


async def recover(session: Session, loaded: Loaded, span: Span, stop: Stop) -> tuple[Recovered, ...]:
    """Look for what is missing, and get it. Raises what `missed` raises."""
    began = session.ports.clock.now()
    backlogs = await missed(session, loaded, span, stop)
    recovery = _recovery(session, loaded)
    recovered = await recovery.get(backlogs, stop)
    try:
        await recovery.note(recovered, began)
    except LockedError:
        message = "another pass holds the scope, so this is not in the audit log: the next recovery looks further back"
        session.ports.progress("recovery_not_noted", level="warning", message=message)
    return recovered


async def ingress_is_used(session: Session) -> bool:
    """Whether deliveries of this scope ever came to the inbox: where somebody else takes them, none is missing here."""
    inbox, scope = inbox_of(session.store), session.scope.name
    return await asyncio.to_thread(lambda: next(inbox.deliveries(scope, Filter(), 1), None) is not None)


def _recovery(session: Session, loaded: Loaded) -> Recovery:
    inbox = inbox_of(session.store)
    means = Means(inbox=inbox, seen=_Seen(inbox, session.scope.name), admit=_Admitting(session, loaded))
    return Recovery(session.ports, session.scope, means)


class _Seen:
    """Looks ids up among the dedupe keys of the inbox."""

    def __init__(self, inbox: StoredInbox | EmptyInbox, scope: str) -> None:
        self._inbox = inbox
        self._scope = scope

    def __call__(self, webhook_id: str, provider_delivery_ids: Sequence[str], /) -> frozenset[str]:
        keys = {id_key(name): name for name in provider_delivery_ids}
        return frozenset(keys[key] for key in self._inbox.seen(self._scope, webhook_id, list(keys)))


class _Admitting:
    """Makes arrivals as the ingress makes them of what it receives."""

    def __init__(self, session: Session, loaded: Loaded) -> None:
        self._scope = session.scope.name
        self._definitions = known_definitions(loaded.project.providers)
        self._arrivals = Arrivals(session.ports.clock, session.ports.entropy, ordered_by(loaded.project.targets))
        self._vendors: dict[str, Vendor] = {}

    def __call__(self, record: Recorded, rebuilt: Rebuilt, /) -> Arrival:
        name = record.key.provider
        vendor = self._vendors.get(name)
        if vendor is None:
            vendor = self._vendors[name] = vendor_of(self._definitions[name])
        return self._arrivals.recovered(self._scope, record, vendor, rebuilt)
