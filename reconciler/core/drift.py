"""Drift: what the provider has against what we recorded, whatever the manifests say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.diff import Change, differences
from reconciler.core.errors import ConfigError, Problem
from reconciler.core.ingress_url import webhook_id_in
from reconciler.core.matching import foreign, ours
from reconciler.core.model import (
    Catalogue,
    Group,
    ListFailed,
    Listing,
    Observation,
    Phase,
    Recorded,
)
from reconciler.core.targets import matches, names, target_problem


class Cause(StrEnum):
    """What became of a webhook at its provider."""

    EDITED = "edited"
    """Somebody changed it there."""
    DELETED = "deleted"
    """Somebody deleted it there."""
    DISABLED = "disabled"
    """The provider, or somebody there, switched it off."""
    DUPLICATED = "duplicated"
    """It is there more than once."""
    LAPSED = "lapsed"
    """Its lease ended, and the provider dropped it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One recorded webhook whose object is not as recorded: why, and which fields differ.

    `changes` have the recorded value as `before` and the provider's as `after`; `health` is the provider's own word on
    why it is switched off; `remote_ids` are the objects found, the healthiest first.
    """

    cause: Cause
    recorded: Recorded
    changes: tuple[Change, ...] = ()
    health: str = ""
    remote_ids: tuple[str, ...] = ()
    secret_url: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unrecorded:
    """An object with a URL of ours that no record explains."""

    group: Group
    webhook_id: str
    remote_id: str
    url: str
    secret_url: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """Everything that a look at the providers showed: what drifted, how much is as recorded, and what is not ours.

    `unlisted` counts the webhooks at providers that cannot list, where nobody can look.
    """

    scope: str
    default_user: str
    drifted: tuple[Drift, ...] = ()
    in_sync: int = 0
    unlisted: int = 0
    foreign: int = 0
    unrecorded: tuple[Unrecorded, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What drift is judged from, at `now` (UNIX seconds); `known_ids` are the webhook ids that the store knows."""

    scope: str
    default_user: str
    recorded: tuple[Recorded, ...]
    observed: Mapping[Group, Observation]
    catalogue: Catalogue
    base_urls: frozenset[str]
    known_ids: frozenset[str]
    now: float


def chosen(recorded: Iterable[Recorded], targets: Sequence[str], default_user: str) -> tuple[Recorded, ...]:
    """The records that a target names: by its address, or by a subscriber (`graph:ID`, `preset:ID`).

    All of them without targets. Raises `ConfigError` for targets that match none.
    """
    records = tuple(recorded)
    if not targets:
        return records
    named = {record.id: names(record.key, record.relations, default_user) for record in records}
    unmatched = [target for target in targets if not any(matches(target, each) for each in named.values())]
    if unmatched:
        known = [name for each in named.values() for name in each]
        raise ConfigError(tuple(target_problem(target, known) for target in unmatched))
    return tuple(record for record in records if any(matches(target, named[record.id]) for target in targets))


def compare(sighting: Sighting) -> DriftReport:
    """The report of a sighting. Only registered webhooks whose group was listed can drift."""
    looked = [
        (record, observation)
        for record in sighting.recorded
        if record.phase is Phase.REGISTERED
        and isinstance(observation := sighting.observed.get(record.key.group), Listing)
    ]
    drifted = [found for record, listing in looked if (found := _drift(record, listing, sighting))]
    return DriftReport(
        scope=sighting.scope,
        default_user=sighting.default_user,
        drifted=tuple(sorted(drifted, key=lambda item: (item.recorded.key, item.recorded.id))),
        in_sync=len(looked) - len(drifted),
        unlisted=sum(not _listed(record, sighting.catalogue) for record in _unseen(sighting)),
        foreign=foreign(sighting.recorded, sighting.observed, sighting.base_urls),
        unrecorded=tuple(_unrecorded(sighting)),
        problems=(*_failures(sighting), *_unknown(sighting)),
    )


def _failures(sighting: Sighting) -> Iterable[Problem]:
    for group, failed in sorted(sighting.observed.items(), key=lambda item: item[0]):
        if isinstance(failed, ListFailed):
            yield Problem("list_failed", f"{_named(group)}: {failed.reason}")


def _unseen(sighting: Sighting) -> Iterable[Recorded]:
    """The registered webhooks that nobody looked at."""
    return (
        record
        for record in sighting.recorded
        if record.phase is Phase.REGISTERED and record.key.group not in sighting.observed
    )


def _listed(record: Recorded, catalogue: Catalogue) -> bool:
    """Whether the provider can be asked, or nobody knows that it cannot."""
    provider = catalogue.get(record.key.provider)
    kind = provider.types.get(record.key.type) if provider else None
    return kind is None or "list" in kind.operations


def _unknown(sighting: Sighting) -> Iterable[Problem]:
    """Why what can be listed was not: its definition, or its credentials, are gone from the project."""
    groups = {record.key.group for record in _unseen(sighting) if _listed(record, sighting.catalogue)}
    for group in sorted(groups):
        provider = sighting.catalogue.get(group.provider)
        if provider is None or group.type not in provider.types:
            why = f"no definition tells how to look at {group.provider} (type {group.type})"
        else:
            why = f"the credentials {group.credentials} are not declared in the project file"
        yield Problem("not_looked_at", f"{_named(group)}: {why}")


def _named(group: Group) -> str:
    return f"{group.provider}/{group.type}/{group.resource}@{group.credentials}"


def _drift(record: Recorded, listing: Listing, sighting: Sighting) -> Drift | None:
    provider = sighting.catalogue[record.key.provider]
    traits = provider.types[record.key.type]
    secret_url = not provider.verified
    mine = ours(listing, record, traits, sighting.base_urls)
    if not mine:
        lapsed = record.lease_expires_at is not None and record.lease_expires_at < sighting.now
        return Drift(cause=Cause.LAPSED if lapsed else Cause.DELETED, recorded=record, secret_url=secret_url)
    best = mine[0]
    changes = tuple(
        Change(field, aim, seen)
        for field, seen, aim in differences(record.url, record.events, record.options, best, traits.events)
    )
    if not changes and len(mine) == 1:
        return None
    edited = Cause.EDITED if changes else Cause.DUPLICATED
    return Drift(
        cause=Cause.DISABLED if best.active is False else edited,
        recorded=record,
        changes=changes,
        health=best.health,
        remote_ids=tuple(item.remote_id for item in mine),
        secret_url=secret_url,
    )


def _unrecorded(sighting: Sighting) -> Iterable[Unrecorded]:
    for group, observation in sorted(sighting.observed.items(), key=lambda item: item[0]):
        if isinstance(observation, Listing):
            secret_url = not sighting.catalogue[group.provider].verified
            for item in observation.objects:
                webhook_id = webhook_id_in(item.url, group.provider, sighting.base_urls)
                if webhook_id and webhook_id not in sighting.known_ids:
                    yield Unrecorded(
                        group=group,
                        webhook_id=webhook_id,
                        remote_id=item.remote_id,
                        url=item.url,
                        secret_url=secret_url,
                    )
