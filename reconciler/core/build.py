"""Building the plan: desired, recorded and observed in, steps with their reasons out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from reconciler.core.adopting import Match, Matcher, adoption_step, concerned
from reconciler.core.assess import View, assess
from reconciler.core.errors import Problem
from reconciler.core.ingress_url import webhook_id_in
from reconciler.core.matching import foreign
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
    WebhookKey,
)
from reconciler.core.pairing import Bond, Pair, pair
from reconciler.core.plan import Action, Plan, PlanOptions, Reason, Step
from reconciler.core.targets import matches, names, protected_problem, target_problem, undeclared_problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that a plan is made of, at `now` (UNIX seconds).

    `observed` lacks the groups that were not listed. `slots` maps a slot to its owner's (scope, webhook id) over all
    scopes, `slot_of` (provider, credentials) to the slot that they lead to. `known_ids` are the webhook ids that any
    scope of the store knows, of those seen in `observed`; `base_urls` the present and former base URLs. `elsewhere` are
    the (provider, credentials) that lead to a server of somebody's own, where the vendor's limits do not hold.
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
    elsewhere: frozenset[tuple[str, str]] = frozenset()
    tool_version: str = ""
    commit: str = ""


def build(situation: Situation) -> Plan:
    """The plan for a situation: deterministic, and independent of the order of its parts."""
    pairs = pair(situation.desired, situation.recorded, situation.slot_of)
    base_urls = situation.base_urls | {situation.base_url}
    kept = _kept(pairs, situation)
    selected = [item for item in pairs if _selected(item, situation)]
    adopting = _adopting(selected, situation, base_urls)
    if situation.options.adopt:
        adoptions, user = situation.options.adopt, situation.default_user
        selected = [item for item in selected if concerned(item, adoptions, user)]
    leaving = {item.recorded.id for item in selected if item.recorded and not item.desired and item not in kept}
    existing = Counter(item.key.provider for item in situation.recorded if item.phase is not Phase.TOMBSTONE)
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
        if situation.options.adopt:
            if item.desired and (match := adopting.get(item.key)):
                steps.append(adoption_step(item.desired, item.recorded, match, views.of(item)))
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
        steps=tuple(_hinted(steps)),
        in_sync=in_sync,
        existing=existing.total(),
        existing_at=dict(sorted(existing.items())),
        wanted=len(situation.desired),
        foreign=foreign(situation.recorded, situation.observed, base_urls, _adopted(steps, adopting)),
        kept=sum(item in kept for item in selected),
        held=frozenset(address for addresses in held.values() for address in addresses),
        problems=(*_list_problems(situation, held), *_target_problems(situation, pairs)),
        tool_version=situation.tool_version,
        commit=situation.commit,
    )


def _names(item: Pair, default_user: str) -> tuple[str, ...]:
    """What the webhook of a pair can be called by, wanted or recorded."""
    sources = [source.relations for source in (item.desired, item.recorded) if source]
    return names(item.key, (relation for relations in sources for relation in relations), default_user)


def _adopting(pairs: Sequence[Pair], situation: Situation, base_urls: frozenset[str]) -> Mapping[WebhookKey, Match]:
    """What declared webhooks are to be bound to, where that was asked for."""
    if not situation.options.adopt:
        return {}
    matcher = Matcher(
        situation.observed,
        situation.recorded,
        situation.known_ids,
        base_urls,
        situation.default_user,
        partial(_place, situation),
    )
    return matcher.matches(pairs, situation.options.adopt)


def _adopted(steps: Iterable[Step], adopting: Mapping[WebhookKey, Match]) -> Iterator[tuple[Group, str]]:
    """The objects that steps bind webhooks to."""
    for step in steps:
        if step.action is Action.ADOPT:
            yield from ((step.key.group, item.remote_id) for item in adopting.get(step.key, Match()).objects)


def _place(situation: Situation, group: Group) -> Group:
    """Where the objects of a group are: the resource alone tells, unless credentials lead to an account or a server."""
    provider = situation.catalogue.get(group.provider)
    kind = provider.types.get(group.type) if provider else None
    elsewhere = (group.provider, group.credentials) in situation.elsewhere
    own = elsewhere or kind is None or kind.slot or bool(kind.default_resource)
    return group if own else group._replace(credentials="")


class _Seen(NamedTuple):
    """Objects in a list that no record explains: the ids in URLs of ours, and how many are somebody else's."""

    unrecorded: frozenset[str]
    foreign: int


class _Views:
    """Makes the view of each pair; keeps track of who holds which slot."""

    def __init__(self, situation: Situation, leaving: Collection[str]) -> None:
        self._situation = situation
        self._leaving = leaving
        self._orphans = {orphan.webhook_id: orphan.reason for orphan in situation.orphans}
        self._base_urls = situation.base_urls | {situation.base_url}
        self._taken: dict[str, str] = {}
        self._seen: dict[Group, _Seen] = {}

    def of(self, item: Pair) -> View:
        situation, key = self._situation, item.key
        provider = situation.catalogue[key.provider]
        traits = provider.types[key.type]
        observation = situation.observed.get(key.group)
        slot = situation.slot_of.get((key.provider, key.credentials), "") if traits.slot and not key.manual else ""
        listing = observation if isinstance(observation, Listing) else None
        seen = self._seen_in(key.group, listing)
        return View(
            now=situation.now,
            base_url=situation.base_url,
            base_urls=self._base_urls,
            traits=traits,
            secret_origin=provider.secret_origin,
            secret_url=not provider.verified,
            listing=listing,
            list_failed=observation.reason if isinstance(observation, ListFailed) else "",
            slot=slot,
            slot_owner=self._owner(item, slot) if slot and item.desired else "",
            unrecorded=seen.unrecorded,
            orphans=self._orphans,
            foreign=seen.foreign,
        )

    def _owner(self, item: Pair, slot: str) -> str:
        """The address that holds the slot, unless it is this webhook, or one that leaves in this very plan."""
        scope, webhook_id = self._situation.slots.get(slot, ("", ""))
        mine = item.recorded.id if item.recorded else ""
        if webhook_id and webhook_id != mine and webhook_id not in self._leaving:
            known = self._named(webhook_id)
            return known if scope == self._situation.scope else f"{known} of scope {scope}"
        address = item.key.address(self._situation.default_user)
        holder = self._taken.setdefault(slot, address)
        return "" if holder == address else holder

    def _named(self, webhook_id: str) -> str:
        """The address of a record of this scope; few webhooks have a slot, so nothing is kept for this."""
        user = self._situation.default_user
        found = (record.key.address(user) for record in self._situation.recorded if record.id == webhook_id)
        return next(found, f"webhook {webhook_id}")

    def _seen_in(self, group: Group, listing: Listing | None) -> _Seen:
        """What a list holds that is no record's; looked up once, for many webhooks share a list."""
        if listing is None:
            return _Seen(frozenset(), 0)
        if group not in self._seen:
            found = [webhook_id_in(item.url, group.provider, self._base_urls) for item in listing.objects]
            unrecorded = frozenset(known for known in found if known and known not in self._situation.known_ids)
            self._seen[group] = _Seen(unrecorded, found.count(None))
        return self._seen[group]


def _selected(item: Pair, situation: Situation) -> bool:
    targets = situation.options.targets
    return not targets or any(matches(target, _names(item, situation.default_user)) for target in targets)


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


def _hinted(steps: Sequence[Step]) -> Iterable[Step]:
    """The steps; a manual webhook that is made while its like goes may be the same one under another name."""
    going = {
        step.key._replace(subscriber=""): step.key.subscriber
        for step in steps
        if step.action is Action.PRUNE and step.key.manual
    }
    for step in steps:
        former = going.get(step.key._replace(subscriber="")) if step.action is Action.CREATE else None
        if former is None or step.way_out or step.reason is Reason.REVIVED:
            yield step
        else:
            note = (
                f"it gets a URL of its own; if {former} was renamed, `moved: [{former}]` in its manifest keeps that one"
            )
            yield replace(step, way_out=note)


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


def _list_problems(situation: Situation, held: Mapping[Group, Sequence[str]]) -> Iterable[Problem]:
    left = Counter(orphan.group for orphan in situation.orphans if _looked_for(orphan, situation))
    for group, observation in sorted(situation.observed.items()):
        if isinstance(observation, ListFailed) and (group in held or group in left):
            number = len(held.get(group, ()))
            frozen = f"{number} webhook{'s are' if number != 1 else ' is'} left alone in this pass"
            unseen = f"whether {left[group]} orphan{'s are' if left[group] != 1 else ' is'} gone cannot be seen"
            yield Problem(
                "list_failed",
                f"{group.provider}/{group.type}/{group.resource}@{group.credentials}: {observation.reason}",
                hint=frozen if number else f"{unseen}; `reconcile orphans` shows what was left there",
            )


def _looked_for(orphan: Orphan, situation: Situation) -> bool:
    targets = situation.options.targets
    return not targets or any(matches(target, (orphan.address,)) for target in targets)


def _target_problems(situation: Situation, pairs: Iterable[Pair]) -> Iterable[Problem]:
    pairs, user, options = tuple(pairs), situation.default_user, situation.options
    for target in options.targets:
        if not any(matches(target, _names(item, user)) for item in pairs):
            yield target_problem(target, (name for item in pairs for name in _names(item, user)))
    if options.allow_protected:
        known = {source.key.address(user) for item in pairs for source in (item.desired, item.recorded) if source}
        yield from (protected_problem(each, known) for each in options.allow_protected if each not in known)
    addresses = {item.key.address(situation.default_user) for item in pairs if item.desired and not item.key.manual}
    for adoption in situation.options.adopt:
        if adoption.address and adoption.address not in addresses:
            yield undeclared_problem(adoption.address)
