"""Firing for providers that have no API: a person pasted the URL, so the caller says where the delivery goes.

`generic` is any sender that repeats a shared secret in the header `X-Webhook-Secret`; `compass` sends transcriptions
and proves nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.model import Json
from reconciler.testing.vendors.base import Delivery, unlike


@dataclass(frozen=True, slots=True)
class Sender:
    """A provider without an API: its one event, the body that it sends, and whether it knows a secret header."""

    name: str
    event: str
    body: Mapping[str, Json] = field(default_factory=dict)
    secret_header: str = ""

    def delivery(self, url: str, event: str, secret: str, payload: Mapping[str, Json] | None) -> Delivery:
        """The request that this sender makes to `url`; `payload` replaces the body's top-level fields."""
        headers = {"Content-Type": "application/json", "User-Agent": f"{self.name}-sandbox"}
        if secret and self.secret_header:
            headers[self.secret_header] = secret
        return Delivery(
            provider=self.name,
            webhook_id="",
            event=event or self.event,
            url=url,
            headers=headers,
            body=unlike({**self.body, **(payload or {})}, secrets.token_bytes),
        )


SENDERS: Mapping[str, Sender] = {
    "generic": Sender("generic", "plain", {"message": "Hello"}, "X-Webhook-Secret"),
    "compass": Sender(
        "compass",
        "transcription",
        {"date": "2026-01-01", "transcription": "Hello from the sandbox.", "duration": 12},
    ),
}
"""By provider name; immutable in use."""
