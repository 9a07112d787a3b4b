"""Firing as HubSpot does for an app: a person entered the URL, so the caller says where the delivery goes.

Written from HubSpot's "Validating requests" (signature v3) and "Create and manage webhook subscriptions" (payloads).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

from reconciler.core.model import Json
from reconciler.testing.vendors.base import Delivery, Surroundings, UnknownEventError

OBJECTS = ("contact", "company", "deal", "ticket", "product", "line_item", "object")
VERBS = ("creation", "deletion", "merge", "restore", "propertyChange", "associationChange")
OTHERS = frozenset(
    {
        "contact.privacyDeletion",
        "conversation.creation",
        "conversation.deletion",
        "conversation.newMessage",
        "conversation.privacyDeletion",
        "conversation.propertyChange",
    }
)


class HubSpot:
    """The sender; `secret` is the client secret of the app."""

    name = "hubspot"

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings

    def delivery(self, url: str, event: str, secret: str, payload: Mapping[str, Json] | None) -> Delivery:
        """The request that HubSpot makes to `url`: a list of one event; `payload` replaces fields of that.

        Raises `UnknownEventError` for a subscription type that there is not.
        """
        kind = event or "contact.creation"
        thing, _, verb = kind.partition(".")
        if kind not in OTHERS and (thing not in OBJECTS or verb not in VERBS):
            raise UnknownEventError(f"HubSpot has no event {kind!r}")
        now = int(self._around.now() * 1000)
        content: dict[str, Json] = {
            "appId": 4210286,
            "eventId": 100,
            "subscriptionId": 2881778,
            "portalId": 44237313,
            "occurredAt": now,
            "subscriptionType": kind,
            "attemptNumber": 0,
            "objectId": 123,
            "changeSource": "CRM",
        }
        if verb == "propertyChange":
            content |= {"propertyName": "email", "propertyValue": "ada@example.com"}
        body = self._around.unlike([content | dict(payload or {})])
        headers = {"Content-Type": "application/json"}
        if secret:
            headers["X-HubSpot-Request-Timestamp"] = str(now)
            headers["X-HubSpot-Signature-v3"] = signature(secret, url, body, str(now))
        return Delivery(provider=self.name, webhook_id="", event=kind, url=url, headers=headers, body=body)


def signature(secret: str, url: str, body: bytes, timestamp: str) -> str:
    """Signature v3 of a POST ("Validate the v3 request signature")."""
    message = f"POST{url}".encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()
