"""The stand-in of SendGrid's Event Webhook behaves as Twilio's description and documents say."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx2 as httpx
import pytest
from sendgrid.helpers.eventwebhook import EventWebhook

from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import Access, UnknownEventError
from tests.support.sandboxes import NOW, Clock, SandboxTransport, counting_bytes

HOOKS = "/sendgrid/v3/user/webhooks/event/settings"
URL = "https://hooks.acme.dev/webhooks/sendgrid/1"


@pytest.fixture
def sendgrid(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client with an API key."""
    client.headers["Authorization"] = "Bearer SG.key"
    return client


async def created(sendgrid: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    """A new webhook as the API shows it."""
    answer = await sendgrid.post(HOOKS, json={"enabled": True, "url": URL, "bounce": True, **changes})
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_a_create_does_not_sign_and_a_call_of_its_own_does(sendgrid: httpx.AsyncClient) -> None:
    """The answer to it, and the list from then on, tell the public key; switched off, there is none."""
    hook = await created(sendgrid)
    assert "public_key" not in hook
    assert (hook["bounce"], hook["open"]) == (True, False)
    assert "public_key" not in (await sendgrid.get(f"{HOOKS}/all")).json()["webhooks"][0]
    signed = f"{HOOKS}/signed/{hook['id']}"
    told = (await sendgrid.patch(signed, json={"enabled": True})).json()
    assert told["id"] == hook["id"]
    assert base64.b64decode(told["public_key"]).startswith(bytes.fromhex("3059301306072a8648ce3d0201"))
    assert (await sendgrid.get(signed)).json() == told
    assert (await sendgrid.get(f"{HOOKS}/all")).json()["webhooks"][0]["public_key"] == told["public_key"]
    assert (await sendgrid.patch(signed, json={"enabled": False})).json()["public_key"] == ""
    assert (await sendgrid.get(signed)).json()["public_key"] == ""
    assert (await sendgrid.patch(signed, json={"enabled": "yes"})).status_code == 400


async def test_without_an_id_the_oldest_webhook_is_meant(sendgrid: httpx.AsyncClient) -> None:
    """The trap of this API: an operation without an id is an operation on somebody's."""
    oldest = await created(sendgrid)
    await created(sendgrid, url=f"{URL}2")
    assert (await sendgrid.patch(f"{HOOKS}/signed", json={"enabled": True})).json()["id"] == oldest["id"]


async def test_an_empty_list_holds_an_empty_object(sendgrid: httpx.AsyncClient) -> None:
    """As the description's example has it; each key sees its own webhooks."""
    assert (await sendgrid.get(f"{HOOKS}/all")).json() == {"max_allowed": 5, "webhooks": [{}]}
    await created(sendgrid)
    other = await sendgrid.get(f"{HOOKS}/all", headers={"Authorization": "Bearer other"})
    assert other.json()["webhooks"] == [{}]


async def test_a_url_is_taken_once_and_a_plan_ends_somewhere(sendgrid: httpx.AsyncClient) -> None:
    """400 names the webhook that has the URL; the sixth is one too many."""
    hook = await created(sendgrid)
    twin = await sendgrid.post(HOOKS, json={"url": URL})
    assert (twin.status_code, twin.json()["errors"][0]["id"]) == (400, hook["id"])
    others = [await created(sendgrid, url=f"{URL}{number}") for number in range(4)]
    assert "maximum number" in (await sendgrid.post(HOOKS, json={"url": f"{URL}x"})).json()["errors"][0]["message"]
    clash = await sendgrid.patch(f"{HOOKS}/{others[0]['id']}", json={"url": URL})
    assert clash.status_code == 400


@pytest.mark.parametrize("body", [{}, {"url": "hooks.acme.dev"}, {"url": URL, "bounce": "yes"}, []])
async def test_settings_that_make_no_sense_are_refused(sendgrid: httpx.AsyncClient, body: Any) -> None:
    """400, and nothing is made."""
    assert (await sendgrid.post(HOOKS, json=body)).status_code == 400
    assert (await sendgrid.get(f"{HOOKS}/all")).json()["webhooks"] == [{}]


async def test_an_update_changes_what_it_says(sendgrid: httpx.AsyncClient) -> None:
    """Flags that are left out stay; what is deleted is not found."""
    hook = await created(sendgrid)
    one = f"{HOOKS}/{hook['id']}"
    assert (await sendgrid.patch(one, json={"url": f"{URL}b", "open": True})).json()["bounce"] is True
    shown = (await sendgrid.get(one)).json()
    assert (shown["url"], shown["open"], shown["bounce"]) == (f"{URL}b", True, True)
    assert (await sendgrid.delete(one)).status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        answer = await sendgrid.request(method, one, json={"url": URL})
        assert (answer.status_code, answer.json()) == (404, {"errors": [{"message": "Invalid id provided."}]})
    assert (await sendgrid.get("/sendgrid/v3/mail")).json() == {"errors": [{"message": "Not Found"}]}


async def test_a_delivery_is_proved_by_the_vendor_s_own_library(sendgrid: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """Once it is signed; before that it carries no proof. A spam report has another name there."""
    hook = await created(sendgrid, spam_report=True)
    (plain,) = await sandbox.fire(FireOrder(provider="sendgrid", event="bounce"))
    assert "X-Twilio-Email-Event-Webhook-Signature" not in plain.delivery.headers
    key = (await sendgrid.patch(f"{HOOKS}/signed/{hook['id']}", json={"enabled": True})).json()["public_key"]
    (outcome,) = await sandbox.fire(FireOrder(provider="sendgrid", event="spam_report", payload={"ip": "192.0.2.1"}))
    delivery = outcome.delivery
    stamp = delivery.headers["X-Twilio-Email-Event-Webhook-Timestamp"]
    proof = delivery.headers["X-Twilio-Email-Event-Webhook-Signature"]
    assert stamp == str(int(NOW))
    library = EventWebhook(key)
    assert library.verify_signature(delivery.body.decode(), proof, stamp)
    assert not library.verify_signature(delivery.body.decode() + " ", proof, stamp)
    (event,) = json.loads(delivery.body)
    assert (event["event"], event["ip"]) == ("spamreport", "192.0.2.1")
    assert await sandbox.fire(FireOrder(provider="sendgrid", event="open")) == []
    with pytest.raises(UnknownEventError):
        await sandbox.fire(FireOrder(provider="sendgrid", event="eaten"))


async def test_a_disabled_webhook_gets_nothing_and_a_reset_forgets_it(
    sendgrid: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    """`enabled` is the vendor's own switch."""
    await created(sendgrid, enabled=False)
    assert await sandbox.fire(FireOrder(provider="sendgrid", event="bounce")) == []
    (shown,) = sandbox.vendors["sendgrid"].webhooks()
    assert (shown.events, shown.active) == (("bounce",), False)
    sandbox.reset()
    assert sandbox.vendors["sendgrid"].webhooks() == []


async def test_an_unknown_key_is_refused() -> None:
    """401."""
    access = {"sendgrid": Access(tokens=frozenset({"good"}))}
    sandbox = create_sandbox(SandboxConfig(now=Clock(), random_bytes=counting_bytes(), access=access))
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as client:
        assert (await client.get(f"{HOOKS}/all")).status_code == 401
