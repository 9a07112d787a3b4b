"""Field by field: what separates a wanted webhook from its record, and from the object at the provider."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from reconciler.core.events import normalised
from reconciler.core.ingress_url import is_shaped_like_ours
from reconciler.core.model import (
    Desired,
    EventTraits,
    Json,
    Observed,
    OptionTraits,
    Recorded,
    Relation,
    TypeTraits,
    canonical_json,
)
from reconciler.core.shown_url import shown_url

SUPPLIED = "supplied"
"""In the place of a new webhook's secret. No fingerprint: those of a state that does not exist yet cannot be told."""

LOCAL_FIELDS = frozenset({"triggers", "protect", "credentials", "subscriber"})
"""Fields that live in our store alone: changing them needs no call."""


class Change(NamedTuple):
    """One field that differs. `field` is `events`, `url`, `active`, `secret`, `credentials`, `options.NAME`, ..."""

    field: str
    before: Json
    after: Json


def creation(desired: Desired) -> tuple[Change, ...]:
    """What a new webhook brings, and for whom; its URL is left out, for its id is not minted yet."""
    changes = [Change("events", None, sorted(desired.events))]
    changes += [Change(f"options.{name}", None, value) for name, value in sorted(desired.options.items())]
    if desired.secret:
        changes.append(Change("secret", None, SUPPLIED))
    if desired.protect:
        changes.append(Change("protect", None, True))
    changes.append(Change("triggers", None, relations_document(desired.relations)))
    return tuple(sorted(changes, key=lambda change: change.field))


def wish(desired: Desired, recorded: Recorded, url: str, traits: TypeTraits) -> tuple[Change, ...]:
    """Desired against recorded: what the manifests, or the base URL, ask to be changed."""
    changes: list[Change] = []
    _add(changes, "credentials", recorded.key.credentials, desired.key.credentials)
    if desired.key.manual and recorded.key.manual:
        _add(changes, "subscriber", recorded.key.subscriber, desired.key.subscriber)
    if recorded.events != desired.events:
        changes.append(Change("events", sorted(recorded.events), sorted(desired.events)))
    _add(changes, "url", recorded.url, url)
    if recorded.options != desired.options:
        changes += _option_changes(recorded.options, desired.options, traits)
    if desired.secret and desired.secret != recorded.secret:
        changes.append(Change("secret", recorded.secret[:8] or None, desired.secret[:8]))
    if desired.protect is not None:
        _add(changes, "protect", recorded.protect, desired.protect)
    if recorded.relations != desired.relations:
        before, after = relations_document(recorded.relations), relations_document(desired.relations)
        _add(changes, "triggers", before, after)
    return tuple(sorted(changes, key=lambda change: change.field))


def needed(
    desired: Desired, url: str, wished: Iterable[Change], observed: Observed, traits: EventTraits
) -> tuple[Change, ...]:
    """Desired against observed as well: everything that is left to do, with what the provider has now as `before`.

    A field that the provider already has as desired stays listed when our record must learn of it; a field that the
    provider does not tell counts as recorded.
    """
    changes = {change.field: change for change in wished}
    for field, seen, aim in differences(url, desired.events, desired.options, observed, traits):
        changes[field] = Change(field, seen, aim)
    return tuple(changes[field] for field in sorted(changes))


def differences(
    url: str, events: Iterable[str], options: Mapping[str, Json], observed: Observed, traits: EventTraits
) -> list[tuple[str, Json, Json]]:
    """The fields in which an object is not as it should be, sorted: their name, what is seen, and what is aimed at.

    A field that the provider does not tell is no difference; of a secret it tells at most that there is none. Events
    compare as sets, the vendor's wildcard normalised. A URL that is not of our shape is given as it may be shown.
    """
    seen: dict[str, Json] = {"url": observed.url}
    if observed.events is not None:
        seen["events"] = sorted(normalised(observed.events, traits))
    seen |= {f"options.{name}": value for name, value in observed.options.items()}
    aims: dict[str, Json] = {"url": url, "events": sorted(events)}
    aims |= {f"options.{name}": value for name, value in options.items()}
    found = [(field, seen[field], aim) for field, aim in aims.items() if field in seen and not same(seen[field], aim)]
    # Somebody else's URL may hold a token of theirs.
    if not is_shaped_like_ours(observed.url):
        found = [(field, shown_url(observed.url) if field == "url" else value, aim) for field, value, aim in found]
    if observed.active is False:
        found.append(("active", observed.health or False, True))
    if observed.has_secret is False:
        found.append(("secret", None, "set"))
    return sorted(found, key=lambda item: item[0])


def relations_document(relations: Iterable[Relation]) -> list[Json]:
    """Who is dispatched to, as JSON."""
    return [
        {str(relation.subscriber.kind): relation.subscriber.id, "events": list(relation.events)}
        | ({"node": relation.node_id} if relation.node_id else {})
        for relation in sorted(relations)
    ]


def same(left: Json, right: Json) -> bool:
    """Whether two JSON values are equal; `true` is not `1`, and null is not absence."""
    if isinstance(left, str) or isinstance(right, str):
        return bool(left == right)
    return left is right or canonical_json(left) == canonical_json(right)


def _add(changes: list[Change], field: str, before: Json, after: Json) -> None:
    if before != after:
        changes.append(Change(field, before, after))


def _option_changes(before: Mapping[str, Json], after: Mapping[str, Json], traits: TypeTraits) -> Iterable[Change]:
    for name in {*before, *after}:
        option = traits.options.get(name, OptionTraits())
        if not option.at_creation and not same(before.get(name), after.get(name)):
            yield Change(f"options.{name}", before.get(name), after.get(name))
