"""Room at the provider: whether all that is declared fits, counted before the first write."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from reconciler.core.build import Situation
from reconciler.core.events import normalised
from reconciler.core.ingress_url import webhook_id_in
from reconciler.core.model import Json, Listing, Observed, Quota, Recorded, WebhookKey
from reconciler.core.plan import Action, Plan, Refusal, Step

GROWING = frozenset({Action.CREATE, Action.REGISTER, Action.REPLACE, Action.UPDATE})
"""Actions that may need more room than there is."""


class Place(NamedTuple):
    """What a limit is counted on: one resource, whoever sees it; or an account, which the credentials lead to."""

    provider: str
    type: str
    resource: str
    credentials: str

    def __str__(self) -> str:
        account = f"@{self.credentials}" if self.credentials else ""
        return f"{self.provider}/{self.type}/{self.resource}{account}"


@dataclass(slots=True)
class _Load:
    """How many webhooks a place is to hold, in all and for each event."""

    total: int = 0
    events: Counter[str] = field(default_factory=Counter)

    def add(self, events: Iterable[str]) -> None:
        self.total += 1
        self.events.update(events)


@dataclass(slots=True)
class _Growth:
    """The addresses of what would need more room at a place: one webhook more, or one more for an event."""

    total: set[str] = field(default_factory=set)
    events: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, address: str, step: Step) -> None:
        """An update takes no more room than its webhook has already, but for the events that it adds."""
        if step.action is not Action.UPDATE:
            self.total.add(address)
        for event in _added(step):
            self.events[event].add(address)


def refusals(plan: Plan, situation: Situation) -> tuple[Refusal, ...]:
    """For each place with too little room: why, and the addresses of what would need more. There is no flag."""
    growing: defaultdict[Place, _Growth] = defaultdict(_Growth)
    for step in plan.steps:
        if step.action in GROWING and not step.key.manual and step.calls_provider and _limited(step.key, situation):
            growing[_place(step.key, situation)].add(plan.address(step), step)
    if not growing:
        return ()
    loads = _loads(plan, situation, growing)
    return tuple(
        Refusal(guard="quota", message=f"{place}: {message}", flag="", addresses=frozenset(addresses), actions=GROWING)
        for place in sorted(growing)
        for message, addresses in _excess(
            loads[place], growing[place], situation.catalogue[place.provider].types[place.type].quota
        )
    )


def _added(step: Step) -> Iterable[str]:
    """The events that a step subscribes to which its object, if there is one, does not."""
    if step.action is not Action.UPDATE:
        return step.desired.events if step.desired else ()
    change = next((change for change in step.changes if change.field == "events"), None)
    return _texts(change.after) - _texts(change.before) if change else ()


def _texts(value: Json) -> set[str]:
    return {str(item) for item in value} if isinstance(value, list) else set()


def _loads(plan: Plan, situation: Situation, places: Iterable[Place]) -> dict[Place, _Load]:
    """What each place holds once the plan is applied: what is declared, and what is there and stays."""
    loads = {place: _Load() for place in places}
    for wish in situation.desired:
        if not wish.key.manual and (load := loads.get(_place(wish.key, situation))):
            load.add(wish.events)
    for place, events in _others(plan, situation):
        if load := loads.get(place):
            load.add(events)
    return loads


def _others(plan: Plan, situation: Situation) -> Iterator[tuple[Place, Iterable[str]]]:
    """The objects at providers that no wish of this project stands for, and that this plan does not remove."""
    wanted = {wish.key for wish in situation.desired}
    owners = _Owners(situation)
    # What a step is about goes, or a wish stands for it: an object that is adopted, say, has no record yet.
    seen = {
        (_place(step.key, situation), remote_id)
        for step in plan.steps
        if step.action is not Action.BLOCKED and not step.key.manual
        for remote_id in (*step.remote_ids, *step.surplus)
    }
    for group, observation in situation.observed.items():
        if not isinstance(observation, Listing):
            continue
        traits = situation.catalogue[group.provider].types[group.type]
        place = _placed(group.provider, group.type, group.resource, group.credentials, situation)
        for item in observation.objects:
            record = owners.of(item, place)
            if (place, item.remote_id) not in seen and (record is None or _stays(record, situation, wanted)):
                seen.add((place, item.remote_id))
                yield place, normalised(item.events or frozenset(), traits.events)


class _Owners:
    """Finds the record of an object: by our id in its URL, or by the id there, should somebody have edited the URL."""

    def __init__(self, situation: Situation) -> None:
        self._base_urls = situation.base_urls | {situation.base_url}
        self._by_id = {record.id: record for record in situation.recorded}
        self._by_object = {
            (_place(record.key, situation), record.remote_id): record
            for record in situation.recorded
            if record.remote_id and not record.key.manual and _defined(record.key, situation)
        }

    def of(self, item: Observed, place: Place) -> Recorded | None:
        known = self._by_id.get(webhook_id_in(item.url, place.provider, self._base_urls) or "")
        return known or self._by_object.get((place, item.remote_id))


def _stays(record: Recorded, situation: Situation, wanted: set[WebhookKey]) -> bool:
    return record.key not in wanted and not situation.options.prune


def _excess(load: _Load, growth: _Growth, quota: Quota) -> Iterator[tuple[str, set[str]]]:
    """What there is no room for, in words, with the addresses of what asks for it: where nothing does, all is well."""
    if quota.per_resource is not None and load.total > quota.per_resource and growth.total:
        message = f"{load.total} webhooks would be there, and the provider has room for {quota.per_resource}"
        yield message, growth.total
    if quota.per_event is not None:
        for event, number in sorted(load.events.items()):
            if number > quota.per_event and (asking := growth.events.get(event)):
                message = (
                    f"{number} webhooks would subscribe to {event}, and the provider has room for {quota.per_event}"
                )
                yield f"{message} for each event", asking


def _limited(key: WebhookKey, situation: Situation) -> bool:
    if (key.provider, key.credentials) in situation.elsewhere:
        return False
    quota = situation.catalogue[key.provider].types[key.type].quota
    return quota.per_resource is not None or quota.per_event is not None


def _defined(key: WebhookKey, situation: Situation) -> bool:
    """Whether the provider and type of a record are still described."""
    provider = situation.catalogue.get(key.provider)
    return provider is not None and key.type in provider.types


def _place(key: WebhookKey, situation: Situation) -> Place:
    return _placed(key.provider, key.type, key.resource, key.credentials, situation)


def _placed(provider: str, kind: str, resource: str, credentials: str, situation: Situation) -> Place:
    account = situation.catalogue[provider].types[kind].default_resource
    return Place(provider, kind, resource, credentials if account else "")
