"""Which objects in a provider's list are a record's own, and how many are nobody's here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from reconciler.core.ingress_url import webhook_id_in
from reconciler.core.model import Group, Listing, Observation, Observed, Recorded, TypeTraits


def ours(listing: Listing, recorded: Recorded, traits: TypeTraits, base_urls: Iterable[str]) -> tuple[Observed, ...]:
    """The objects in the listing that are this record's, the healthiest first.

    By the id that the provider gave, or by our id in the URL; where a resource has one slot, its id says nothing. Each
    once: a list that grows while it is read may show an object on two pages, and that is no twin.
    """
    known = tuple(base_urls)
    mine = {
        item.remote_id: item
        for item in listing.objects
        if (recorded.id in item.url and webhook_id_in(item.url, recorded.key.provider, known) == recorded.id)
        or (not traits.slot and recorded.remote_id and item.remote_id == recorded.remote_id)
    }
    return healthiest_first(mine.values(), recorded.remote_id)


def healthiest_first(objects: Iterable[Observed], preferred: str = "") -> tuple[Observed, ...]:
    """The objects in the order in which one would keep them; `preferred` is the id that is recorded already."""
    return tuple(sorted(objects, key=lambda item: (item.active is False, item.remote_id != preferred, item.remote_id)))


def foreign(
    recorded: Iterable[Recorded],
    observed: Mapping[Group, Observation],
    base_urls: Collection[str],
    adopted: Iterable[tuple[Group, str]] = (),
) -> int:
    """How many objects there are that are not ours: by their URL, and by no recorded id. Each counts once.

    `adopted` are the ids of those that become ours, with their groups.
    """
    known = {(record.key.group, record.remote_id) for record in recorded}
    places = {
        (group.provider, group.type, group.resource, item.remote_id)
        for group, observation in observed.items()
        if isinstance(observation, Listing)
        for item in observation.objects
        if webhook_id_in(item.url, group.provider, base_urls) is None and (group, item.remote_id) not in known
    }
    return len(places - {(group.provider, group.type, group.resource, remote_id) for group, remote_id in adopted})
