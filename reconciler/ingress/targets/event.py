"""What a target is given, and the two words in which it says no."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

from reconciler.core.deliveries import Provenance
from reconciler.core.model import Json, Subscriber

TYPE: Final = "dev.webhook-reconciler.delivery"
"""What the CloudEvents type of every event begins with; the provider and, where it is one, its event follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One part of a delivery, for one trigger.

    `id` is the same for every try and every replay: whoever knows it already has handled it. `source` is the ingress
    URL and `webhook_id` the webhook's id, both shortened where the URL is the secret; `time` is when the delivery was
    received, in UNIX seconds. `events` are the vendor's words, those that the trigger asked for. `attempt` counts from
    1. The payload holds no secret of the webhook.
    """

    id: str
    source: str
    time: float
    subscriber: Subscriber
    provider: str
    events: tuple[str, ...]
    payload: Json = field(repr=False)
    attempt: int = 1
    user: str = ""
    node_id: str = ""
    webhook_id: str = ""
    delivery_id: str = ""
    provider_delivery_id: str = ""
    provenance: Provenance = Provenance.RECEIVED
    part: int = 0

    @property
    def type(self) -> str:
        """The CloudEvents type."""
        return f"{TYPE}.{self.provider}" + (f".{self.events[0]}" if len(self.events) == 1 else "")

    def attributes(self) -> dict[str, Json]:
        """The context attributes of CloudEvents 1.0, ours among them; those that would be empty are left out."""
        known: dict[str, Json] = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "subject": str(self.subscriber),
            "time": datetime.fromtimestamp(self.time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "provider": self.provider,
            "event": ",".join(self.events),
            "user": self.user,
            "node": self.node_id,
            "webhookid": self.webhook_id,
            "deliveryid": self.delivery_id,
            "providerdeliveryid": self.provider_delivery_id,
            "provenance": str(self.provenance),
            "part": self.part,
            "attempt": self.attempt,
        }
        return {name: value for name, value in known.items() if value != ""}

    def document(self) -> dict[str, Json]:
        """The event in the JSON format of CloudEvents 1.0, with its data."""
        return {**self.attributes(), "data": self.payload}


class Drop(Exception):  # noqa: N818 - an answer of the target, not an error of ours
    """The target does not want this dispatch, now or ever: it goes to the dead letters at once.

    The text is kept, and shown to people: it must hold no secret.
    """


class Again(Exception):  # noqa: N818 - an answer of the target, not an error of ours
    """It did not work this time. `after` is how many seconds the target wants to be left alone, if it said so.

    The text is kept, and shown to people: it must hold no secret.
    """

    def __init__(self, reason: str = "", *, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Target(Protocol):
    """Takes events. On return the event is handed on, for good."""

    async def send(self, event: Event) -> None:
        """Hand it on. Raises `Drop` or `Again`; may be cancelled when it takes too long."""
        ...

    async def aclose(self) -> None:
        """Let go of what it holds."""
        ...
