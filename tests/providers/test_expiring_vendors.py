"""Deliveries of Airtable, Microsoft Graph, Slack and Slant 3D: proved, and read, as each documents them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.model import Secret
from reconciler.providers.client import HttpTransport
from reconciler.providers.delivered import delivery_rules, handshakes, scheme
from reconciler.providers.http import HttpProvider
from reconciler.testing.sandbox import ROOTS, FireOrder, SandboxConfig, create_sandbox
from reconciler.verify.body import DeliveryError
from reconciler.verify.delivery import Delivery, events_in, read_delivery
from reconciler.verify.handshakes import answer
from reconciler.verify.request import Request
from reconciler.verify.schemes import Unverified, sign, verify
from tests.providers.support import NOW, SECRET, registration, shipped, target
from tests.support.sandboxes import ORIGIN, Answering, Clock, counting_bytes

JSON = ("Content-Type", "application/json; charset=utf-8")


def read(name: str, kind: str, body: Any) -> Delivery:
    """What a delivery with this body says."""
    request = Request(headers=(JSON,), body=json.dumps(body).encode())
    return read_delivery(delivery_rules(shipped(name), kind), request)


@pytest.mark.parametrize(
    ("name", "kind", "event"),
    [
        ("airtable", "base", "tableData"),
        ("microsoft-graph", "outlook", "created"),
        ("slant3d", "orders", "order.shipped"),
    ],
)
async def test_what_a_stand_in_delivers_is_proved_and_read(name: str, kind: str, event: str) -> None:
    """A webhook made by the definition gets deliveries that the definition proves, with its own secret alone."""
    receiver = Answering(shipped(name), lambda: NOW)
    here = {"forward_to": "http://127.0.0.1:1", "receiver": receiver, "answer_handshakes": False}
    sandbox = create_sandbox(SandboxConfig(now=Clock(NOW), random_bytes=counting_bytes(), **here))
    place = target(name, kind)
    place = replace(place, credentials=replace(place.credentials, api_url=f"{ORIGIN}{ROOTS[name]}"))
    async with HttpTransport(sandbox) as transport:
        made = await HttpProvider(shipped(name), transport, lambda: NOW).create(place, registration(event))
    await sandbox.fire(FireOrder(provider=name, event=event))
    (request,) = receiver.taken
    proof = scheme(shipped(name))
    assert verify(proof, [made.secret or SECRET], request, NOW)
    assert isinstance(proof, Unverified) or not verify(proof, [Secret("b3RoZXI=")], request, NOW)
    delivery = read_delivery(delivery_rules(shipped(name), kind), request)
    assert event in events_in(delivery.event)
    assert SECRET.reveal() not in json.dumps(delivery.payload)


@pytest.mark.parametrize("event", ["app_mention", "message.channels", "message.groups", "message.im", "message.mpim"])
async def test_what_slack_delivers_is_proved_and_read(event: str) -> None:
    """A person pasted the URL and copied the signing secret; messages are told apart as they are subscribed to."""
    receiver = Answering(shipped("slack"), lambda: NOW)
    config = SandboxConfig(now=Clock(NOW), forward_to="http://127.0.0.1:1", receiver=receiver)
    url = "https://hooks.example.com/webhooks/slack/x"
    order = FireOrder(provider="slack", event=event, url=url, secret=SECRET.reveal())
    await create_sandbox(config).fire(order)
    (request,) = receiver.taken
    assert verify(scheme(shipped("slack")), [SECRET], request, NOW)
    delivery = read_delivery(delivery_rules(shipped("slack"), "app"), request)
    assert (delivery.event, delivery.id[:2]) == (event, "Ev")
    assert event in shipped("slack").events_of("app")


def test_slacks_challenge_is_answered() -> None:
    """Signed, as it comes when a person enters the URL; with another secret it is not."""
    body = b'{"token": "t", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWM", "type": "url_verification"}'
    loaded = shipped("slack")
    request = Request(headers=sign(scheme(loaded), SECRET, body, NOW), body=body)
    reply = answer(handshakes(loaded), scheme(loaded), [SECRET], request, NOW)
    assert reply
    assert reply.body == b"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWM"
    assert answer(handshakes(loaded), scheme(loaded), [Secret("other")], request, NOW) is None


def test_graphs_validation_is_answered_before_there_is_a_secret() -> None:
    """It comes during the create, unsigned: the token of the query, decoded."""
    loaded = shipped("microsoft-graph")
    request = Request(query="validationToken=Validation%3A+Testing+client", headers=(("Content-Type", "text/plain"),))
    reply = answer(handshakes(loaded), scheme(loaded), [], request, NOW)
    assert reply
    assert (reply.body, reply.headers[0]) == (
        b"Validation: Testing client",
        ("Content-Type", "text/plain; charset=utf-8"),
    )


def test_a_collection_of_graphs_is_of_each_of_its_changes() -> None:
    """Each named once; the state is taken out of every item; an id only where it is the id of all."""
    created = {"id": "n1", "changeType": "created", "clientState": "s", "resource": "me/messages/1"}
    updated = {"id": "n2", "changeType": "updated", "clientState": "s", "resource": "me/messages/2"}
    both = read("microsoft-graph", "outlook", {"value": [created, updated, created]})
    assert events_in(both.event) == ("created", "updated")
    assert both.id == ""
    assert all("clientState" not in item for item in both.payload["value"])
    assert read("microsoft-graph", "outlook", {"value": [updated]}).id == "n2"


@pytest.mark.parametrize(
    "body", [{"value": []}, {}, {"value": [{"lifecycleEvent": "missed"}]}, {"value": [{"changeType": {}}]}]
)
def test_a_notification_without_a_change_is_refused(body: Any) -> None:
    """It cannot be dispatched."""
    with pytest.raises(DeliveryError):
        read("microsoft-graph", "outlook", body)


def test_a_notification_of_airtable_is_for_all() -> None:
    """It does not tell what changed: it may be anything that the webhook subscribes to."""
    body = {"base": {"id": "app1"}, "webhook": {"id": "ach1"}, "timestamp": "2022-02-01T21:25:05.663Z"}
    assert events_in(read("airtable", "base", body).event) == ("tableData", "tableFields", "tableMetadata")


def test_an_order_of_slant3d_that_is_not_shipped_is_nobodys() -> None:
    """Only what is documented has a name in the catalogue."""
    order = {"orderId": "1", "status": "SHIPPED", "trackingNumber": "2", "carrierCode": "usps"}
    assert read("slant3d", "orders", order).event == "order.shipped"
    assert read("slant3d", "orders", order | {"status": "PRINTING"}).event not in shipped("slant3d").events_of("orders")
