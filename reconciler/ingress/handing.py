"""From a claimed job to the event that a target is given: the payload is read again from the bytes that were kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from reconciler.core.deliveries import Delivery
from reconciler.core.inbox import Job
from reconciler.core.model import Json
from reconciler.core.plan import SHOWN_DIGITS
from reconciler.ingress.arriving import request_of
from reconciler.ingress.ports import Found, Kind, Vendor
from reconciler.ingress.targets.event import Again, Drop, Event
from reconciler.verify.body import DeliveryError, plain, plain_text
from reconciler.verify.delivery import read_parts
from reconciler.verify.kinds import Unverified

FRESH: Final = 60.0
"""Seconds for which it is remembered whose webhook it is: its user and type change by hand alone."""

REMEMBERED: Final = 10_000
"""Of how many webhooks at most."""

BATCHES: Final = 4
"""Of how many deliveries the parts are in memory: those of one are handed on one after another."""

Find = Callable[[str], Found | None]
"""A webhook by its id; synchronous, called in threads; may raise `StateError`."""


@dataclass(frozen=True, slots=True)
class _Owner:
    """What is not in a delivery: whose webhook it came for, and of which type that is; empty where nobody knows."""

    user: str
    type: str
    at: float


class EventReader:
    """Makes events of jobs. `now` gives UNIX seconds."""

    def __init__(self, vendors: Mapping[str, Vendor], find: Find, now: Callable[[], float]) -> None:
        self._vendors = vendors
        self._find = find
        self._now = now
        self._owners: dict[str, _Owner] = {}
        self._batches: dict[tuple[str, str], tuple[str, ...]] = {}

    async def event(self, job: Job) -> Event:
        """The event. Raises `Drop` for what can never be read, `Again` for what cannot now, and `StateError`."""
        delivery, dispatch = job.delivery, job.dispatch
        owner = await self._owner(delivery.webhook_id)
        vendor = self._vendors.get(delivery.provider)
        if vendor is None:
            raise Again("no definition tells how deliveries of its provider are read")
        try:
            payload = self._payload(vendor, owner.type, delivery, dispatch.part)
        except DeliveryError as error:
            raise Drop(f"it cannot be read any more: {error}") from None
        return Event(
            id=dispatch.id,
            source=shown_source(vendor, delivery),
            time=delivery.received_at,
            subscriber=dispatch.subscriber,
            provider=delivery.provider,
            events=dispatch.events,
            payload=payload,
            attempt=job.attempt,
            user=owner.user,
            node_id=dispatch.node_id,
            webhook_id=shown_id(vendor, delivery),
            delivery_id=delivery.id,
            provider_delivery_id=delivery.provider_delivery_id,
            provenance=delivery.provenance,
            part=dispatch.part,
        )

    def _payload(self, vendor: Vendor, type_name: str, delivery: Delivery, part: int) -> Json:
        """What a part holds, each time a value of its own. The parts of a batch are read together, and remembered."""
        known = self._batches.get((delivery.id, type_name))
        if known is None:
            found = read_parts(kind_of(vendor, type_name).rules, request_of(delivery)).parts
            if len(found) == 1 and part == 0:
                return plain(found[0].payload)
            known = self._batches[delivery.id, type_name] = tuple(plain_text(each.payload) for each in found)
            if len(self._batches) > BATCHES:
                del self._batches[next(iter(self._batches))]
        if part >= len(known):
            raise DeliveryError(f"it has no part {part}")
        payload: Json = json.loads(known[part])
        return payload

    async def _owner(self, webhook_id: str) -> _Owner:
        now = self._now()
        owner = self._owners.get(webhook_id)
        if owner is None or now - owner.at >= FRESH:
            found = await asyncio.to_thread(self._find, webhook_id)
            key = found.record.key if found else None
            owner = _Owner(key.user if key else "", key.type if key else "", now)
            self._owners.pop(webhook_id, None)
            self._owners[webhook_id] = owner
            if len(self._owners) > REMEMBERED:
                del self._owners[next(iter(self._owners))]
        return owner


def kind_of(vendor: Vendor, type_name: str) -> Kind:
    """How deliveries of a type are read. The types of a vendor differ in their events alone, so any will do."""
    return vendor.kinds.get(type_name) or next(iter(vendor.kinds.values()))


def shown_id(vendor: Vendor | None, delivery: Delivery) -> str:
    """The webhook's id, shortened where the URL is the secret, or may be."""
    secret = vendor is None or isinstance(vendor.scheme, Unverified)
    return delivery.webhook_id[:SHOWN_DIGITS] if secret else delivery.webhook_id


def shown_source(vendor: Vendor | None, delivery: Delivery) -> str:
    """The ingress URL, in the same way."""
    return delivery.url.replace(delivery.webhook_id, shown_id(vendor, delivery))
