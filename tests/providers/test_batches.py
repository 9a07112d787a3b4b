"""Requests that tell of several things, and forms: proved once, split, each part read as its vendor documents it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from reconciler.core.model import Secret
from reconciler.providers.client import HttpTransport
from reconciler.providers.definition import Definition, definition
from reconciler.providers.delivered import delivery_rules, scheme
from reconciler.providers.http import HttpProvider
from reconciler.testing.sandbox import ROOTS, FireOrder, SandboxConfig, create_sandbox
from reconciler.verify.body import DeliveryError, MediaTypeError
from reconciler.verify.delivery import Part, read_delivery, read_parts
from reconciler.verify.request import Request
from reconciler.verify.schemes import sign, verify
from tests.providers.support import NOW, SECRET, changed, credentials, registration, shipped, target
from tests.support.sandboxes import NOW as SANDBOX_NOW
from tests.support.sandboxes import ORIGIN, Clock, Receiver, counting_bytes

JSON, FORM = ("Content-Type", "application/json"), ("Content-Type", "application/x-www-form-urlencoded")
URL = "https://hooks.acme.dev/webhooks/hubspot/6f1c1a52-6f0e-4a27-9d2a-3c52a4f1d0aa"


def parts(name: str, kind: str, body: Any) -> list[tuple[tuple[str, ...], str]]:
    """The events and the id of each part of a body."""
    request = Request(headers=(JSON,), body=json.dumps(body).encode())
    return [(part.events, part.id) for part in read_parts(delivery_rules(shipped(name), kind), request).parts]


def test_asana_names_the_resource_and_what_became_of_it() -> None:
    """A list of events without ids; a heartbeat has none ("Webhooks guide: Event delivery")."""
    events = [
        {"action": "changed", "resource": {"gid": "1", "resource_type": "task"}, "change": {"field": "due_on"}},
        {"action": "added", "resource": {"gid": "2", "resource_type": "story"}, "parent": {"resource_type": "task"}},
        {"action": "changed"},
    ]
    assert parts("asana", "resource", {"events": events}) == [(("task.changed",), ""), (("story.added",), ""), ((), "")]
    assert parts("asana", "resource", {"events": []}) == []


def test_sendgrid_names_each_event_and_its_id() -> None:
    """A list at the top; a spam report is registered under another name ("Event Webhook Reference")."""
    events = [
        {"email": "a@example.com", "event": "delivered", "sg_event_id": "ZGVsaXZlcmVk"},
        {"email": "a@example.com", "event": "spamreport", "sg_event_id": "c3BhbQ"},
    ]
    expected = [(("delivered",), "ZGVsaXZlcmVk"), (("spam_report",), "c3BhbQ")]
    assert parts("sendgrid", "account", events) == expected


def test_hubspot_names_each_subscription_and_nothing_that_tells_it_apart() -> None:
    """`eventId` is not unique by the vendor's own words, so it is no id."""
    events = [
        {"eventId": 100, "subscriptionType": "contact.propertyChange", "propertyName": "email", "attemptNumber": 0},
        {"eventId": 100, "subscriptionType": "deal.creation", "attemptNumber": 0},
    ]
    assert parts("hubspot", "app", events) == [(("contact.propertyChange",), ""), (("deal.creation",), "")]


def test_graph_names_each_notification() -> None:
    """Each has an id of its own, where it is told ("changeNotification resource type")."""
    found = [{"changeType": "created", "id": "n1"}, {"changeType": "updated"}]
    assert parts("microsoft-graph", "outlook", {"value": found}) == [(("created",), "n1"), (("updated",), "")]


def test_hubspot_signs_method_url_body_and_milliseconds() -> None:
    """The registered URL, never the one that a proxy shows; five minutes, as the vendor says."""
    proof, body = scheme(shipped("hubspot")), b'[{"subscriptionType": "contact.creation"}]'
    blank = Request(url=URL)
    received = Request(url=URL, headers=sign(proof, SECRET, body, NOW, blank), body=body)
    assert dict(received.headers)["X-HubSpot-Request-Timestamp"] == str(int(NOW * 1000))
    assert verify(proof, [SECRET], received, NOW + 299)
    assert not verify(proof, [SECRET], received, NOW + 301)
    assert not verify(proof, [SECRET], replace(received, url=f"{URL}?a=b"), NOW)
    assert not verify(proof, [SECRET], replace(received, method="PUT"), NOW)
    assert not verify(proof, [SECRET], replace(received, body=body + b" "), NOW)


@pytest.mark.parametrize(
    ("name", "kind", "event", "told"),
    [
        ("asana", "resource", "task.added", "task.added"),
        ("sendgrid", "account", "spam_report", "spam_report"),
    ],
)
async def test_what_is_registered_is_delivered_and_proved(name: str, kind: str, event: str, told: str) -> None:
    """The secret that the vendor told, in a handshake or when it was asked, proves what it delivers then."""
    receiver = Receiver()
    config = SandboxConfig(now=Clock(), random_bytes=counting_bytes(), forward_to="http://r.test", receiver=receiver)
    sandbox, definition = create_sandbox(config), shipped(name)
    place = replace(target(name, kind), credentials=replace(credentials(name), api_url=ORIGIN + ROOTS[name]))
    async with HttpTransport(sandbox) as transport:
        answer = await HttpProvider(definition, transport).create(place, registration(event))
    handed_over = [headers["x-hook-secret"] for _, headers, _ in receiver.requests]
    secret = answer.secret or Secret(handed_over.pop())
    await sandbox.fire(FireOrder(provider=name, event=event))
    (_, headers, body) = receiver.requests[-1]
    request = Request(headers=tuple(headers.items()), body=body)
    assert verify(scheme(definition), [secret], request, SANDBOX_NOW)
    assert not verify(scheme(definition), [secret], replace(request, body=body + b" "), SANDBOX_NOW)
    (part,) = read_parts(delivery_rules(definition, kind), request).parts
    assert (part.events, bool(part.id)) == ((told,), name == "sendgrid")


# -- forms -------------------------------------------------------------------------------------------------------------


def test_github_s_form_holds_the_json_in_its_payload() -> None:
    """The default of a webhook that is made by hand; the signature is over the form as it came."""
    payload = {"action": "opened", "issue": {"title": "Café & co = 1"}}
    body = urlencode({"payload": json.dumps(payload)}).encode()
    proof = scheme(shipped("github"))
    headers = (FORM, ("X-GitHub-Event", "issues"), ("X-GitHub-Delivery", "d1"), *sign(proof, SECRET, body, NOW))
    request = Request(headers=headers, body=body)
    assert verify(proof, [SECRET], request, NOW)
    found = read_delivery(delivery_rules(shipped("github"), "repo"), request)
    assert (found.payload, found.event, found.id) == (payload, "issues.opened", "d1")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"other=1",
        b"payload=%7B%7D&payload=%7B%7D",
        b"payload=",
        b"payload=%7B",
        b"payload=%ff",
        b"payload",
        b'{"action": "opened"}',
        "payload=é".encode(),
        b"&".join([b"a=1"] * 1002),
        b"payload=" + urlencode({"": '{"action": "a", "action": "b"}'}).encode()[1:],
    ],
)
def test_a_form_that_does_not_hold_one_payload_is_unreadable(body: bytes) -> None:
    """Nothing is guessed, and what would be read two ways is refused."""
    request = Request(headers=(FORM, ("X-GitHub-Event", "issues")), body=body)
    with pytest.raises(DeliveryError):
        read_delivery(delivery_rules(shipped("github"), "repo"), request)


def with_form(form: Any, event: dict[str, str], ids: list[dict[str, str]]) -> Definition:
    """A sender of forms, as Twilio and Slack's slash commands are."""
    types = ["application/json", "application/x-www-form-urlencoded"]
    delivery = {"content_types": types, "form": form, "event": event, "id": ids}
    return definition(changed("slack", {("delivery",): delivery}))


def test_the_fields_of_a_form_are_its_payload() -> None:
    """Texts, decoded; one that is there several times is a list; events and ids are read from them."""
    block = {"from": "body", "path": "command"}
    rules = delivery_rules(with_form("fields", block, [{"path": "trigger_id"}]), "app")
    body = b"command=%2Fweather&text=94070+Caf%C3%A9&trigger_id=13345224609.7&tag=a&tag=b&empty="
    reading = read_parts(rules, Request(headers=(FORM,), body=body))
    payload = {
        "command": "/weather",
        "text": "94070 Café",
        "trigger_id": "13345224609.7",
        "tag": ["a", "b"],
        "empty": "",
    }
    assert reading.parts == (Part(payload, ("/weather",)),)
    assert (reading.payload, reading.id) == (payload, "13345224609.7")
    twice = Request(headers=(FORM,), body=b"command=%2Fa&command=%2Fb")
    with pytest.raises(DeliveryError, match="twice"):
        read_parts(rules, twice)


def test_what_is_no_form_is_json_still() -> None:
    """The media type decides, where both are taken; where only one is, the other is refused as such."""
    block = {"from": "body", "path": "kind"}
    rules = delivery_rules(with_form("fields", block, []), "app")
    assert read_parts(rules, Request(headers=(JSON,), body=b'{"kind": "a"}')).events == ("a",)
    with pytest.raises(MediaTypeError):
        read_parts(delivery_rules(shipped("slack"), "app"), Request(headers=(FORM,), body=b"kind=a"))
    with pytest.raises(DeliveryError, match="not JSON"):
        read_parts(replace(rules, form=None, content_types=frozenset()), Request(headers=(FORM,), body=b"kind=a"))
