"""Settling orphans: each is looked up again, and forgotten only once it is known to be gone.

Nothing here is undone by a death half-way: what was deleted is found to be gone the next time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from reconciler.core.errors import ProviderError, RetryableError
from reconciler.core.ingress_url import webhook_id_in
from reconciler.core.model import Observed, Orphan, TypeTraits
from reconciler.core.ports import Credentials, Entry, Outcome, Target
from reconciler.engine import journal
from reconciler.engine.observing import resolve
from reconciler.engine.points import Point, Side
from reconciler.engine.removing import delete_object
from reconciler.engine.unit import Remote, Unit


class Verdict(StrEnum):
    """What became of an orphan."""

    GONE = "gone"
    """The provider does not have it any more."""
    DELETED = "deleted"
    """It was deleted at the provider just now."""
    RECORDED = "recorded"
    """It belongs to a webhook that is recorded: it was adopted, or revived."""
    DECLARED = "declared"
    """Somebody says that it is gone."""
    LEFT = "left"
    """The provider has it, and it cannot be deleted from here."""
    UNKNOWN = "unknown"
    """Nobody can look it up from here."""
    UNANSWERED = "unanswered"
    """The provider cannot answer now."""


_REMAINS = frozenset({Verdict.LEFT, Verdict.UNKNOWN, Verdict.UNANSWERED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """An orphan and what became of it; `message` tells why it remains."""

    orphan: Orphan
    verdict: Verdict
    message: str = ""

    @property
    def settled(self) -> bool:
        """Whether it is an orphan no more."""
        return self.verdict not in _REMAINS

    @property
    def declarable(self) -> bool:
        """Whether a person's word can settle it: nobody can look, and not just because there is no answer now."""
        return self.verdict is Verdict.UNKNOWN


async def settle(unit: Unit, orphan: Orphan) -> Settlement:
    """Look an orphan up, delete it where it is still there, and forget it once it is gone.

    Raises `LeaseLostError` and `StateError`.
    """
    provider = unit.scope.catalogue.get(orphan.group.provider)
    kind = provider.types.get(orphan.group.type) if provider else None
    if kind is None:
        message = f"no definition tells of {orphan.group.provider}/{orphan.group.type} any more"
        return Settlement(orphan=orphan, verdict=Verdict.UNKNOWN, message=message)
    way = _way(unit, orphan)
    if isinstance(way, str):
        return Settlement(orphan=orphan, verdict=Verdict.UNKNOWN, message=way)
    try:
        found = await _looked_up(way, orphan, kind)
    except ProviderError as error:
        verdict = Verdict.UNANSWERED if isinstance(error, RetryableError) else Verdict.UNKNOWN
        return Settlement(orphan=orphan, verdict=verdict, message=str(error))
    return await _forgotten(unit, found) if found.settled else found


async def declare(unit: Unit, orphan: Orphan) -> Settlement:
    """Forget an orphan on a person's word that it is gone. Raises `LeaseLostError` and `StateError`."""
    return await _forgotten(unit, Settlement(orphan=orphan, verdict=Verdict.DECLARED))


async def _looked_up(way: Remote, orphan: Orphan, kind: TypeTraits) -> Settlement:
    if "list" in kind.operations:
        remains = await _listed(way, orphan, kind)
        if isinstance(remains, Verdict):
            return Settlement(orphan=orphan, verdict=remains)
        stuck = Verdict.LEFT
    elif orphan.remote_id and "delete" in kind.operations:
        remains, stuck = (orphan.remote_id,), Verdict.UNKNOWN
    else:
        message = f"{orphan.group.provider} has no call to list what is there"
        return Settlement(orphan=orphan, verdict=Verdict.UNKNOWN, message=message)
    if "delete" not in kind.operations:
        message = f"{orphan.group.provider} has no call to delete it: remove it there by hand"
        return Settlement(orphan=orphan, verdict=Verdict.LEFT, message=message)
    return await _deleted(way, orphan, remains, stuck)


async def _deleted(way: Remote, orphan: Orphan, remote_ids: Sequence[str], stuck: Verdict) -> Settlement:
    """Delete the objects, with a line in the audit log for the attempt."""
    entry = journal.left_behind(way.unit.ports, way.unit.scope, orphan)
    await _log(way.unit, entry)
    try:
        for remote_id in remote_ids:
            if reason := await delete_object(way, remote_id):
                await _log(way.unit, replace(entry, outcome=Outcome.FAILED, message=reason))
                return Settlement(orphan=orphan, verdict=stuck, message=reason)
    except ProviderError as error:
        await _log(way.unit, replace(entry, outcome=Outcome.FAILED, message=str(error)))
        raise
    await _log(way.unit, replace(entry, outcome=Outcome.DONE, message=str(Verdict.DELETED)))
    return Settlement(orphan=orphan, verdict=Verdict.DELETED)


async def _listed(way: Remote, orphan: Orphan, kind: TypeTraits) -> tuple[str, ...] | Verdict:
    """The objects that are left there, by their ids; a verdict where none is that is nobody's."""
    store, scope = way.unit.ports.store, way.unit.scope
    objects = await way.read(lambda: way.provider.list(way.target))
    base_urls = {scope.base_url, *await asyncio.to_thread(store.base_urls, scope.name)}
    group = orphan.group
    ids = {item.remote_id: webhook_id_in(item.url, group.provider, base_urls) for item in objects}
    known = await asyncio.to_thread(store.known_ids, [webhook_id for webhook_id in ids.values() if webhook_id])
    recorded = await asyncio.to_thread(store.records, scope.name)
    # What was bound to a record since then is that record's, whatever its URL still says.
    bound = {record.remote_id for record in recorded if record.key.group[:3] == group[:3]}

    def is_left(item: Observed) -> bool:
        if ids[item.remote_id] == orphan.webhook_id:
            return True
        return bool(orphan.remote_id) and item.remote_id == orphan.remote_id and not kind.slot

    left = [item.remote_id for item in objects if is_left(item)]
    free = tuple(
        remote_id for remote_id in left if ids[remote_id] not in known and (kind.slot or remote_id not in bound)
    )
    if free:
        return free
    return Verdict.RECORDED if left else Verdict.GONE


def _way(unit: Unit, orphan: Orphan) -> Remote | str:
    """The way to the provider, or why there is none."""
    group = orphan.group
    credentials = resolve(unit.ports, group.credentials)
    if credentials is None:
        return f"the credentials {group.credentials} are not declared any more"
    if not isinstance(credentials, Credentials):
        return credentials
    target = Target(type=group.type, resource=group.resource, credentials=credentials)
    return Remote(provider=unit.ports.providers[group.provider], target=target, unit=unit)


async def _forgotten(unit: Unit, settlement: Settlement) -> Settlement:
    """Drop the orphan, with its line in the audit log."""
    orphan, entries = settlement.orphan, []
    if settlement.verdict is not Verdict.DELETED:
        entry = journal.left_behind(unit.ports, unit.scope, orphan)
        entries = [replace(entry, outcome=Outcome.DONE, message=str(settlement.verdict))]
    unit.ports.probe(Point.TIDY, Side.BEFORE)
    await asyncio.to_thread(unit.ports.store.remove_orphan, unit.holding.check(), orphan.id, entries)
    unit.ports.probe(Point.TIDY, Side.AFTER)
    return settlement


async def _log(unit: Unit, entry: Entry) -> None:
    unit.ports.probe(Point.LOG, Side.BEFORE)
    await unit.commits.write((), (entry,))
    unit.ports.probe(Point.LOG, Side.AFTER)
