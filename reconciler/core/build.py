"""Building the plan: desired, recorded and observed in, steps with their reasons out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from reconciler.core.assess import View, assess
from reconciler.core.errors import Problem
from reconciler.core.ingress_url import webhook_id_in
from reconciler.core.model import (
    Catalogue,
    Desired,
    Group,
    ListFailed,
    Listing,
    Observation,
    Orphan,
    Phase,
    Recorded,
)
from reconciler.core.pairing import Bond, Pair, pair
from reconciler.core.plan import Action, Plan, PlanOptions, Reason, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that a plan is made of, at `now` (UNIX seconds).

    `observed` lacks the groups that were not listed. `slots` maps a slot to its owner's (scope, webhook id) over all
    scopes, `slot_of` (provider, credentials) to the slot that they lead to. `known_ids` are the webhook ids that any
    scope of the store knows, of those seen in `observed`; `base_urls` the present and former base URLs.
    """

    scope: str
    base_url: str
    default_user: str
    desired: Sequence[Desired]
    recorded: Sequence[Recorded]
    observed: Mapping[Group, Observation]
    now: float
    catalogue: Catalogue
    options: PlanOptions
    orphans: Sequence[Orphan] = ()
    slots: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    slot_of: Mapping[tuple[str, str], str] = field(default_factory=dict)
    known_ids: frozenset[str] = frozenset()
    base_urls: frozenset[str] = frozenset()
    tool_version: str = ""
    commit: str = ""


def build(situation: Situation) -> Plan:
    """The plan for a situation: deterministic, and independent of the order of its parts."""
    pairs = pair(situation.desired, situation.recorded, situation.slot_of)
    kept = _kept(pairs, situation)
    selected = [item for item in pairs if _selected(item, situation)]
    leaving = {item.recorded.id for item in selected if item.recorded and not item.desired and item not in kept}
    views = _Views(situation, leaving)
    steps: list[Step] = []
    held: dict[Group, list[str]] = {}
    in_sync = 0
    for item in selected:
        if item in kept:
            continue
        group = item.key.group
        if item.bond is not Bond.CREDENTIALS and isinstance(situation.observed.get(group), ListFailed):
            held.setdefault(group, []).append(item.key.address(situation.default_user))
            continue
        step = assess(item, views.of(item)) if _defined(item, situation.catalogue) else _undefined(item)
        if step is None:
            in_sync += 1
        else:
            steps.append(step)
    return Plan(
        scope=situation.scope,
        base_url=situation.base_url,
        default_user=situation.default_user,
        options=situation.options,
        steps=tuple(steps),
        in_sync=in_sync,
        existing=sum(record.phase is not Phase.TOMBSTONE for record in situation.recorded),
        wanted=len(situation.desired),
        foreign=_foreign(situation),
        kept=sum(item in kept for item in selected),
        held=frozenset(address for addresses in held.values() for address in addresses),
        problems=(*_list_problems(situation, held), *_target_problems(situation, pairs)),
        tool_version=situation.tool_version,
        commit=situation.commit,
    )


def matches(target: str, item: Pair, default_user: str) -> bool:
    """Whether a `--target` glob names this webhook: by its address, or by a subscriber (`graph:ID`, `preset:ID`)."""
    names = [item.key.address(default_user)]
    if item.desired:
        names += [str(relation.subscriber) for relation in item.desired.relations]
    if item.recorded:
        names += [str(relation.subscriber) for relation in item.recorded.relations]
    return any(name == target or fnmatchcase(name, target) for name in names)


class _Views:
    """Makes the view of each pair; keeps track of who holds which slot."""

    def __init__(self, situation: Situation, leaving: Collection[str]) -> None:
        self._situation = situation
        self._leaving = leaving
        self._orphans = {orphan.webhook_id: orphan.reason for orphan in situation.orphans}
        self._addresses = {record.id: record.key.address(situation.default_user) for record in situation.recorded}
        self._base_urls = situation.base_urls | {situation.base_url}
        self._taken: dict[str, str] = {}

    def of(self, item: Pair) -> View:
        situation, key = self._situation, item.key
        provider = situation.catalogue[key.provider]
        traits = provider.types[key.type]
        observation = situation.observed.get(key.group)
        slot = situation.slot_of.get((key.provider, key.credentials), "") if traits.slot and not key.manual else ""
        listing = observation if isinstance(observation, Listing) else None
        return View(
            now=situation.now,
            base_url=situation.base_url,
            base_urls=self._base_urls,
            traits=traits,
            secret_origin=provider.secret_origin,
            listing=listing,
            list_failed=observation.reason if isinstance(observation, ListFailed) else "",
            slot=slot,
            slot_owner=self._owner(item, slot) if slot and item.desired else "",
            unrecorded=self._unrecorded(key.provider, listing),
            orphans=self._orphans,
            foreign=sum(not self._id_in(item.url, key.provider) for item in (listing.objects if listing else ())),
        )

    def _owner(self, item: Pair, slot: str) -> str:
        """The address that holds the slot, unless it is this webhook, or one that leaves in this very plan."""
        scope, webhook_id = self._situation.slots.get(slot, ("", ""))
        mine = item.recorded.id if item.recorded else ""
        if webhook_id and webhook_id != mine and webhook_id not in self._leaving:
            known = self._addresses.get(webhook_id, f"webhook {webhook_id}")
            return known if scope == self._situation.scope else f"{known} of scope {scope}"
        address = item.key.address(self._situation.default_user)
        holder = self._taken.setdefault(slot, address)
        return "" if holder == address else holder

    def _unrecorded(self, provider: str, listing: Listing | None) -> frozenset[str]:
        found = (self._id_in(item.url, provider) for item in (listing.objects if listing else ()))
        return frozenset(known for known in found if known and known not in self._situation.known_ids)

    def _id_in(self, url: str, provider: str) -> str | None:
        return webhook_id_in(url, provider, self._base_urls)


def _selected(item: Pair, situation: Situation) -> bool:
    targets = situation.options.targets
    return not targets or any(matches(target, item, situation.default_user) for target in targets)


def _kept(pairs: Iterable[Pair], situation: Situation) -> frozenset[Pair]:
    """Without prune, what is dangling stays as it is; what an earlier pass began to remove is still finished.

    But not an old webhook whose dangling successor was never made: it is the only one that lives.
    """
    if situation.options.prune:
        return frozenset()
    dangling = {item for item in pairs if item.bond is Bond.DANGLING}
    unmade = {item.key for item in dangling if item.recorded and item.recorded.phase is Phase.PENDING}
    replaced = {item for item in pairs if item.bond is Bond.LEFTOVER and item.recorded and item.recorded.replaced}
    return frozenset(dangling | {item for item in replaced if item.key in unmade})


def _defined(item: Pair, catalogue: Catalogue) -> bool:
    """Whether the provider and type of a record are still described; those of a wish always are."""
    provider = catalogue.get(item.key.provider)
    return provider is not None and item.key.type in provider.types


def _undefined(item: Pair) -> Step:
    name = f"{item.key.provider} (type {item.key.type})"
    return Step(
        action=Action.BLOCKED,
        reason=Reason.NO_DEFINITION,
        key=item.key,
        recorded=item.recorded,
        way_out=f"put the definition of {name} back, so that the webhook can be deregistered",
    )


def _foreign(situation: Situation) -> int:
    known = {(record.key.group, record.remote_id) for record in situation.recorded}
    base_urls = situation.base_urls | {situation.base_url}
    return sum(
        webhook_id_in(item.url, group.provider, base_urls) is None and (group, item.remote_id) not in known
        for group, observation in situation.observed.items()
        if isinstance(observation, Listing)
        for item in observation.objects
    )


def _list_problems(situation: Situation, held: Mapping[Group, Sequence[str]]) -> Iterable[Problem]:
    for group, observation in sorted(situation.observed.items()):
        if isinstance(observation, ListFailed) and group in held:
            number = len(held[group])
            yield Problem(
                "list_failed",
                f"{group.provider}/{group.type}/{group.resource}@{group.credentials}: {observation.reason}",
                hint=f"{number} webhook{'s are' if number != 1 else ' is'} left alone in this pass",
            )


def _target_problems(situation: Situation, pairs: Iterable[Pair]) -> Iterable[Problem]:
    pairs = tuple(pairs)
    for target in situation.options.targets:
        if not any(matches(target, item, situation.default_user) for item in pairs):
            yield Problem(
                "target_unmatched",
                f"--target {target} matches no webhook",
                hint="a target is an address, graph:ID or preset:ID; * and ? are wildcards",
            )
