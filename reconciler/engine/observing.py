"""What the providers say now: one list call per group, each group's failure its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from reconciler.core.assess import in_place
from reconciler.core.diff import wish
from reconciler.core.errors import ConfigError, ProviderError
from reconciler.core.ingress_url import ingress_url, webhook_id_in
from reconciler.core.model import Desired, Group, ListFailed, Listing, Observation, Observed, Orphan, Phase
from reconciler.core.pairing import Bond, Pair, Slots, pair
from reconciler.core.ports import Credentials, Target
from reconciler.engine.calling import Retrying
from reconciler.engine.context import Ports, Scope, Stop
from reconciler.engine.knowing import Known
from reconciler.engine.pacing import Gates, spread
from reconciler.engine.permissions import why_refused

Groups = Mapping[Group, str]
"""Groups to list, with the resource as it is written."""


def every_group(desired: Iterable[Desired], known: Known, scope: Scope) -> Groups:
    """The groups of all auto webhooks, wanted, recorded or left behind: what a refresh lists."""
    groups = {orphan.group: orphan.group.resource for orphan in known.orphans}
    groups |= {record.key.group: record.resource for record in known.records if not record.key.manual}
    groups |= {wish.key.group: wish.resource for wish in desired if not wish.key.manual}
    return _listable(groups, scope)


def doubtful_groups(desired: Sequence[Desired], known: Known, scope: Scope, slots: Slots) -> Groups:
    """The groups to look at even without a refresh: where something is made, completed, replaced or removed.

    What is removed goes with its twins, and in a slot an id does not say whose webhook is there.
    """
    groups: dict[Group, str] = {}
    for item in pair(desired, known.records, slots):
        source = item.desired or item.recorded
        if item.key.manual or source is None:
            continue
        sure = item.recorded is not None and item.recorded.phase is Phase.REGISTERED
        if not sure or item.bond is Bond.CREDENTIALS or _goes(item, scope):
            groups[item.key.group] = source.resource
    return _listable(groups, scope)


def _goes(item: Pair, scope: Scope) -> bool:
    """Whether the object of a record is removed, or may be, in favour of another one."""
    if item.desired is None or item.recorded is None:
        return True
    traits = scope.catalogue[item.key.provider].types[item.key.type]
    if traits.renew_before and "renew" not in traits.operations:
        return True
    url = ingress_url(scope.base_url, item.key.provider, item.recorded.id)
    return not all(in_place(change, traits) for change in wish(item.desired, item.recorded, url, traits))


def gone_orphans(
    orphans: Iterable[Orphan], observed: Mapping[Group, Observation], base_urls: Iterable[str]
) -> tuple[Orphan, ...]:
    """The orphans whose group was listed in full, and does not hold them any more."""
    base_urls = tuple(base_urls)
    return tuple(
        orphan
        for orphan in orphans
        if isinstance(listing := observed.get(orphan.group), Listing)
        and not any(_is_left(orphan, item, base_urls) for item in listing.objects)
    )


def _is_left(orphan: Orphan, item: Observed, base_urls: Iterable[str]) -> bool:
    named = webhook_id_in(item.url, orphan.group.provider, base_urls)
    if named:  # by another id of ours it is that webhook: where there is room for one, all have one remote id
        return named == orphan.webhook_id
    return bool(orphan.remote_id) and item.remote_id == orphan.remote_id


async def observe(groups: Groups, ports: Ports, gates: Gates, stop: Stop) -> dict[Group, Observation]:
    """List every group. Those whose credentials are not declared any more are left out: nobody can ask there."""
    ports.progress("listing", number=len(groups))
    found: dict[Group, Observation] = {}

    async def look(group: Group) -> None:
        observation = await _list(group, groups[group], ports, _Way(gates, stop))
        if observation is not None:
            found[group] = observation

    await spread(gates, groups, lambda group: (group.provider, group.credentials), look)
    return {group: found[group] for group in groups if group in found}


def seen_ids(observed: Mapping[Group, Observation], base_urls: Iterable[str]) -> frozenset[str]:
    """The webhook ids in URLs of ours, anywhere in the listings."""
    base_urls = tuple(base_urls)
    found = (
        webhook_id_in(item.url, group.provider, base_urls)
        for group, observation in observed.items()
        if isinstance(observation, Listing)
        for item in observation.objects
    )
    return frozenset(webhook_id for webhook_id in found if webhook_id)


def resolve(ports: Ports, name: str) -> Credentials | str | None:
    """Credentials by name; a sentence where their secret does not resolve; None where they are not declared."""
    try:
        return ports.credentials.get(name)
    except ConfigError as error:
        return str(error)


def _listable(groups: Groups, scope: Scope) -> Groups:
    return {group: resource for group, resource in sorted(groups.items()) if "list" in _operations(group, scope)}


def _operations(group: Group, scope: Scope) -> frozenset[str]:
    """What can be done there; nothing where the definition of a recorded provider, or its type, is gone."""
    provider = scope.catalogue.get(group.provider)
    kind = provider.types.get(group.type) if provider else None
    return kind.operations if kind else frozenset()


class _Way(NamedTuple):
    """How lists are asked for: through gates, and until the pass is asked to stop."""

    gates: Gates
    stop: Stop


async def _list(group: Group, resource: str, ports: Ports, way: _Way) -> Observation | None:
    credentials = resolve(ports, group.credentials)
    if credentials is None:
        return None
    if isinstance(credentials, str):
        return ListFailed(credentials)
    if way.stop.requested:
        return ListFailed("the pass was asked to stop")
    target = Target(type=group.type, resource=resource, credentials=credentials)
    provider = ports.providers[group.provider]
    gate = way.gates.to(provider, credentials)
    retrying = Retrying(clock=ports.clock, entropy=ports.entropy, gate=gate, stop=way.stop)
    try:
        objects = await retrying.repeat(lambda: provider.list(target))
    except ProviderError as error:
        reason = f"{error}{await why_refused(error, provider, target, gate.place(way.stop))}"
        ports.progress("list_failed", group=group, reason=reason)
        return ListFailed(reason)
    ports.progress("listed", group=group, number=len(objects))
    return Listing(tuple(objects))
