"""The stand-in of Typeform behaves as Typeform's documentation says."""

from __future__ import annotations

import json
from typing import Any

import httpx2 as httpx
import pytest

from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import Access, UnknownEventError
from reconciler.testing.vendors.typeform import signature
from tests.support.sandboxes import Clock, Receiver, SandboxTransport, counting_bytes

HOOKS = "/typeform/forms/u6nXL7/webhooks"
PHOENIX = f"{HOOKS}/phoenix"
WISH: dict[str, Any] = {"url": "https://hooks.acme.dev/webhooks/typeform/1", "enabled": True, "secret": "s3cret"}


@pytest.fixture
def typeform(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client with a token."""
    client.headers["Authorization"] = "Bearer t0ken"
    return client


async def test_a_put_makes_a_webhook_under_the_clients_tag(typeform: httpx.AsyncClient) -> None:
    """It is shown with what was sent, the vendor's id and times, and the defaults of the rest."""
    answer = await typeform.put(PHOENIX, json=WISH)

    hook = answer.json()
    assert answer.status_code == 200
    assert {key: hook[key] for key in WISH} == WISH
    assert (hook["form_id"], hook["tag"], hook["verify_ssl"]) == ("u6nXL7", "phoenix", True)
    assert hook["event_types"] == {"form_response": True}
    assert hook["created_at"].endswith("Z")
    assert (await typeform.get(PHOENIX)).json() == hook
    assert (await typeform.get(HOOKS)).json() == {"items": [hook]}


async def test_a_second_put_changes_the_webhook_of_the_tag(typeform: httpx.AsyncClient, clock: Clock) -> None:
    """There is still one, with its id; what the second does not name is as it was."""
    first = (await typeform.put(PHOENIX, json=WISH)).json()
    clock.advance(60)

    second = (await typeform.put(PHOENIX, json={"enabled": False, "url": "https://hooks.acme.dev/moved"})).json()
    third = (await typeform.put(PHOENIX, json={"secret": ""})).json()

    changed = {"enabled": False, "url": "https://hooks.acme.dev/moved", "updated_at": second["updated_at"]}
    assert second == {**first, **changed}
    assert second["updated_at"] > first["updated_at"]
    assert (third["url"], "secret" in third) == ("https://hooks.acme.dev/moved", False)
    assert (await typeform.get(HOOKS)).json() == {"items": [third]}


async def test_a_webhook_is_off_unless_said_otherwise(typeform: httpx.AsyncClient) -> None:
    """The URL alone makes a webhook that sends nothing."""
    assert (await typeform.put(PHOENIX, json={"url": WISH["url"]})).json()["enabled"] is False


async def test_a_tag_belongs_to_its_form(typeform: httpx.AsyncClient) -> None:
    """The same tag of another form is another webhook."""
    await typeform.put(PHOENIX, json=WISH)
    await typeform.put("/typeform/forms/other/webhooks/phoenix", json=WISH)

    assert len((await typeform.get(HOOKS)).json()["items"]) == 1
    assert (await typeform.get("/typeform/forms/none/webhooks")).json() == {"items": []}


async def test_a_deleted_webhook_is_gone(typeform: httpx.AsyncClient) -> None:
    """Delete answers 204, and 404 from then on."""
    await typeform.put(PHOENIX, json=WISH)

    assert (await typeform.delete(PHOENIX)).status_code == 204
    gone = await typeform.delete(PHOENIX)

    assert (gone.status_code, gone.json()["code"]) == (404, "NOT_FOUND")
    assert (await typeform.get("/typeform/forms")).json()["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"enabled": True}, "/url"),
        ({**WISH, "url": "hooks.acme.dev"}, "/url"),
        ({**WISH, "enabled": "yes"}, "/enabled"),
        ({**WISH, "verify_ssl": 1}, "/verify_ssl"),
        ({**WISH, "secret": 7}, "/secret"),
        ({**WISH, "event_types": {"form_eaten": True}}, "/event_types"),
        ({**WISH, "event_types": ["form_response"]}, "/event_types"),
        ([], "/body"),
    ],
)
async def test_a_put_that_makes_no_sense_is_refused(typeform: httpx.AsyncClient, body: Any, field: str) -> None:
    """400 names the field, and nothing is kept."""
    answer = await typeform.put(PHOENIX, json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
    assert answer.json()["details"][0]["field"] == field
    assert (await typeform.get(HOOKS)).json() == {"items": []}


async def test_tokens_and_forms_are_checked(clock: Clock) -> None:
    """401 for no or a wrong token, 404 for a form that it cannot see."""
    access = {"typeform": Access(tokens=frozenset({"good"}), resources=frozenset({"u6nXL7"}))}
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes(), access=access))
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as client:
        none = await client.get(HOOKS)
        bad = await client.get(HOOKS, headers={"Authorization": "Bearer bad"})
        good = await client.get(HOOKS, headers={"Authorization": "Bearer good"})
        unknown = await client.put("/typeform/forms/x/webhooks/t", json=WISH, headers={"Authorization": "Bearer good"})

    assert [answer.status_code for answer in (none, bad, good, unknown)] == [401, 401, 200, 404]
    assert none.json()["code"] == "AUTHENTICATION_FAILED"


async def test_a_response_is_delivered_and_signed_in_base64(
    typeform: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """The body says its event, an id, the form's definition and the answers."""
    await typeform.put(PHOENIX, json=WISH)

    await sandbox.fire(FireOrder(provider="typeform", event="form_response", payload={"event_id": "E1"}))

    url, headers, body = receiver.requests[0]
    document = json.loads(body)
    assert url == "http://receiver.test/webhooks/typeform/1"
    assert headers["typeform-signature"] == signature("s3cret", body)
    assert (document["event_id"], document["event_type"]) == ("E1", "form_response")
    assert document["form_response"]["form_id"] == "u6nXL7"
    assert document["form_response"]["answers"][0]["field"]["ref"] == "name"


async def test_only_enabled_webhooks_of_the_form_and_the_event_are_told(
    typeform: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    """Partial responses are an event of their own; an event that Typeform lacks is an error."""
    await typeform.put(f"{HOOKS}/off", json={**WISH, "enabled": False})
    await typeform.put(f"{HOOKS}/partial", json={**WISH, "event_types": {"form_response_partial": True}})
    await typeform.put(f"{HOOKS}/unsigned", json={"url": WISH["url"], "enabled": True})
    await typeform.put("/typeform/forms/other/webhooks/phoenix", json=WISH)

    (whole,) = await sandbox.fire(FireOrder(provider="typeform", event="form_response", resource="u6nXL7"))
    (part,) = await sandbox.fire(FireOrder(provider="typeform", event="form_response_partial"))

    assert (whole.delivery.webhook_id, part.delivery.webhook_id) == ("unsigned", "partial")
    assert "Typeform-Signature" not in whole.delivery.headers
    with pytest.raises(UnknownEventError, match="form_eaten"):
        await sandbox.fire(FireOrder(provider="typeform", event="form_eaten"))


async def test_onlookers_see_no_secret(typeform: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """The API shows it to who may read the form; the sandbox's list and log do not."""
    await typeform.put(PHOENIX, json=WISH)

    assert "s3cret" not in str(sandbox.vendors["typeform"].webhooks())
    assert "s3cret" not in str([entry.document() for entry in sandbox.log])


def test_the_signature_is_what_openssl_makes() -> None:
    """`printf '{"a":1}' | openssl dgst -sha256 -hmac s3cret -binary | base64`."""
    assert signature("s3cret", b'{"a":1}') == "sha256=WRDmIBbvUDQnLJJsJwcZkqRlwjNc7PQYUb2gcVd/T20="
