"""The sender of HubSpot signs and writes as HubSpot's documentation says."""

from __future__ import annotations

import json

import pytest

from reconciler.testing.sandbox import FireOrder, Sandbox
from reconciler.testing.vendors.base import UnknownEventError
from reconciler.testing.vendors.hubspot import OTHERS, signature
from tests.support.sandboxes import NOW

URL = "http://127.0.0.1:9/webhooks/hubspot/1"


def test_a_delivery_is_a_list_of_one_event(sandbox: Sandbox) -> None:
    """Its subscription type says what happened; a changed property is named."""
    (delivery,) = sandbox.made(FireOrder(provider="hubspot", event="deal.propertyChange", url=URL, secret="s"))
    (event,) = json.loads(delivery.body)
    assert (event["subscriptionType"], event["propertyName"]) == ("deal.propertyChange", "email")
    assert delivery.headers["X-HubSpot-Request-Timestamp"] == str(int(NOW * 1000))
    (plain,) = sandbox.made(FireOrder(provider="hubspot", url=URL, payload={"objectId": 7}))
    assert [(item["subscriptionType"], item["objectId"]) for item in json.loads(plain.body)] == [
        ("contact.creation", 7)
    ]
    assert "X-HubSpot-Signature-v3" not in plain.headers


def test_the_signature_covers_method_url_body_and_time() -> None:
    """What `openssl dgst -sha256 -hmac` makes of them, in base64."""
    assert signature("Jefe", "", b"", "") != signature("Jefe", "", b"", "1")
    assert (
        signature("secret", "https://a.dev/h", b"[]", "1790000000000") == "vy1Uvib2fCcn0dJTOFpkW8Cps+lxP21X0+s7HE5D7XE="
    )


@pytest.mark.parametrize("event", ["contact.eaten", "planet.creation", "contact"])
def test_an_event_that_there_is_not_is_refused(sandbox: Sandbox, event: str) -> None:
    """Those that only some objects have are known."""
    with pytest.raises(UnknownEventError):
        sandbox.made(FireOrder(provider="hubspot", event=event, url=URL))
    for known in sorted(OTHERS):
        assert sandbox.made(FireOrder(provider="hubspot", event=known, url=URL))
