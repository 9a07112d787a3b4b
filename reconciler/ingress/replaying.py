"""Handing a stored delivery on once more: the same bytes, looked at again, to whoever asks for them now.

The dispatches have the ids that the first ones had, so a target that knows one has handled it. Byte for byte it is the
stored delivery, with an id of its own and the word that it was replayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler.core.deliveries import Delivery, Provenance
from reconciler.core.inbox import Arrival, Dispatch, Handed
from reconciler.ingress.arriving import Arrivals, request_of
from reconciler.ingress.ports import Found, Vendor
from reconciler.verify.request import Need
from reconciler.verify.schemes import verify


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What replaying a delivery comes to. `doubt` says why no secret of now proves it; empty where one does."""

    delivery: Delivery
    dispatches: tuple[Dispatch, ...]
    doubt: str = ""

    def arrival(self, delivery_id: str) -> Arrival:
        """The delivery as it is to be kept, under an id of its own; `received_at` stays, for that is when it came."""
        again = replace(self.delivery, id=delivery_id, provenance=Provenance.REPLAYED, replayed_as="")
        dispatches = tuple(replace(dispatch, delivery_id=delivery_id) for dispatch in self.dispatches)
        return Arrival(delivery=again, keys=(f"replay {delivery_id}",), dispatches=dispatches)


def replay_of(
    delivery: Delivery, handed: Sequence[Handed], found: Found | None, vendor: Vendor | None, arrivals: Arrivals
) -> Replay:
    """What to hand on, and to whom. Raises `DeliveryError` where it cannot be read any more.

    To the triggers of now, where the webhook is still recorded; else to those that it went to before.
    """
    before = tuple(each.dispatch for each in handed)
    if vendor is None or (found is not None and found.record.key.type not in vendor.kinds):
        return Replay(delivery=delivery, dispatches=before, doubt="no definition tells how its provider proves it")
    if found is None:
        return Replay(delivery=delivery, dispatches=before, doubt="its webhook is recorded no more")
    known = {(each.part, each.subscriber, each.node_id): each.id for each in before}
    dispatches = tuple(
        replace(each, id=known.get((each.part, each.subscriber, each.node_id), each.id))
        for each in arrivals.again(delivery, found.record, vendor)
    )
    return Replay(delivery=delivery, dispatches=dispatches, doubt=_doubt(delivery, found, vendor))


def _doubt(delivery: Delivery, found: Found, vendor: Vendor) -> str:
    """Why the delivery would not be taken with the secrets of now, at the time at which it came."""
    if delivery.provenance is Provenance.RECOVERED:
        return ""  # it came from nobody but the provider, and was never signed for us
    verdict = verify(vendor.scheme, found.secrets, request_of(delivery), delivery.received_at)
    if isinstance(verdict, Need):
        return verdict.reason
    return "" if verdict else verdict.reason
