"""The stand-in of Airtable behaves as the reference of its Web API says; pyAirtable reads what it answers and sends."""

from __future__ import annotations

import json
from typing import Any

import httpx2 as httpx
import pytest
from pyairtable.models.webhook import CreateWebhookResponse, Webhook, WebhookNotification, WebhookPayloads

from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import Access, UnknownEventError
from tests.support.sandboxes import Clock, Receiver, SandboxTransport, counting_bytes

WEBHOOKS = "/airtable/v0/bases/app00000000000001/webhooks"
URL = "https://hooks.acme.dev/webhooks/airtable/1"
DAY = 86_400
AUTH = {"Authorization": "Bearer pat.t0ken"}


def wish(*data_types: str, url: str | None = URL) -> dict[str, Any]:
    """The body of a create."""
    filters = {"dataTypes": list(data_types or ("tableData",)), "recordChangeScope": "tbl00000000000001"}
    body: dict[str, Any] = {"specification": {"options": {"filters": filters}}}
    return body if url is None else {**body, "notificationUrl": url}


@pytest.fixture
def api(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client with a token."""
    client.headers.update(AUTH)
    return client


async def made(api: httpx.AsyncClient, *data_types: str) -> dict[str, Any]:
    """A new webhook, as create answers it."""
    answer = await api.post(WEBHOOKS, json=wish(*data_types))
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


async def listed(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    """The webhooks of the base."""
    webhooks: list[dict[str, Any]] = (await api.get(WEBHOOKS)).json()["webhooks"]
    return webhooks


async def test_the_secret_is_told_once(api: httpx.AsyncClient) -> None:
    """Create answers with the id, the base64 secret and the expiry in 7 days; the list has all but the secret."""
    answer = await made(api)
    (webhook,) = await listed(api)

    assert set(answer) == {"id", "macSecretBase64", "expirationTime"}
    assert CreateWebhookResponse(**answer).id == webhook["id"]
    assert answer["expirationTime"] == webhook["expirationTime"] == "2026-11-25T11:06:40.000Z"
    assert (webhook["notificationUrl"], webhook["isHookEnabled"], webhook["cursorForNextPayload"]) == (URL, True, 1)
    assert webhook["specification"] == wish()["specification"]
    assert "macSecret" not in json.dumps(webhook)
    assert Webhook.model_validate(webhook).are_notifications_enabled is True


async def test_a_webhook_lapses_after_seven_days_unless_it_is_refreshed(api: httpx.AsyncClient, clock: Clock) -> None:
    """A refresh gives seven days from then; an expired one is disabled, cannot be refreshed, and is gone a week on."""
    webhook = f"{WEBHOOKS}/{(await made(api))['id']}"
    clock.advance(6 * DAY)
    renewed = await api.post(f"{webhook}/refresh")
    clock.advance(6 * DAY)
    (alive,) = await listed(api)
    clock.advance(DAY)
    (expired,) = await listed(api)
    late = await api.post(f"{webhook}/refresh")
    clock.advance(7 * DAY)

    assert (
        renewed.json() == {"expirationTime": alive["expirationTime"]} == {"expirationTime": "2026-12-01T11:06:40.000Z"}
    )
    assert (alive["isHookEnabled"], expired["isHookEnabled"], late.status_code) == (True, False, 422)
    assert await listed(api) == []


async def test_reading_the_payloads_refreshes_too(api: httpx.AsyncClient, sandbox: Sandbox, clock: Clock) -> None:
    """Payloads come in order from a cursor, at most as many as asked, and each read gives the webhook seven days."""
    webhook = (await made(api))["id"]
    for _ in range(3):
        await sandbox.fire(FireOrder(provider="airtable", event="tableData"))
    clock.advance(3 * DAY)
    first = (await api.get(f"{WEBHOOKS}/{webhook}/payloads", params={"limit": 2})).json()
    rest = (await api.get(f"{WEBHOOKS}/{webhook}/payloads", params={"cursor": first["cursor"]})).json()
    none = (await api.get(f"{WEBHOOKS}/{webhook}/payloads", params={"cursor": rest["cursor"]})).json()

    assert [payload["baseTransactionNumber"] for payload in first["payloads"] + rest["payloads"]] == [1, 2, 3]
    assert (first["cursor"], first["mightHaveMore"], rest["mightHaveMore"]) == (3, True, False)
    assert none == {"payloads": [], "cursor": 4, "mightHaveMore": False}
    assert WebhookPayloads.model_validate(first).payloads[0].changed_tables_by_id
    assert (await listed(api))[0]["expirationTime"] == "2026-11-28T11:06:40.000Z"
    clock.advance(5 * DAY)
    assert (await api.get(f"{WEBHOOKS}/{webhook}/payloads")).json()["payloads"] == []


async def test_a_deleted_webhook_is_gone(api: httpx.AsyncClient) -> None:
    """A deletion answers with nothing; after it the id is unknown, and so it is in another base."""
    webhook = (await made(api))["id"]
    elsewhere = await api.delete(f"/airtable/v0/bases/app00000000000002/webhooks/{webhook}")
    deleted = await api.delete(f"{WEBHOOKS}/{webhook}")
    again = await api.delete(f"{WEBHOOKS}/{webhook}")

    assert (elsewhere.status_code, deleted.status_code, deleted.content) == (404, 200, b"")
    assert (again.status_code, again.json()) == (404, {"error": "NOT_FOUND"})


async def test_a_base_has_at_most_ten_webhooks(api: httpx.AsyncClient) -> None:
    """The eleventh is refused."""
    for _ in range(10):
        await made(api)
    refused = await api.post(WEBHOOKS, json=wish())

    assert (refused.status_code, refused.json()["error"]["type"]) == (422, "TOO_MANY_WEBHOOKS_IN_BASE")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"notificationUrl": URL},
        wish("tableRows"),
        {"specification": {"options": {"filters": {"dataTypes": []}}}},
        {"specification": {"options": {"filters": {"dataTypes": ["tableData"], "changeTypes": ["rename"]}}}},
        wish(url="hooks.acme.dev"),
        {**wish(), "colour": "red"},
        [],
    ],
    ids=["empty", "no specification", "unknown type", "no type", "unknown change", "no URL", "unknown field", "list"],
)
async def test_a_wish_that_makes_no_sense_is_refused(api: httpx.AsyncClient, body: Any) -> None:
    """The specification is required and must name data types."""
    assert (await api.post(WEBHOOKS, json=body)).status_code == 422
    assert await listed(api) == []


async def test_a_notification_is_signed_with_the_decoded_secret(
    api: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """The SDK accepts the notification, which only says where something changed."""
    webhook = await made(api)
    (outcome,) = await sandbox.fire(FireOrder(provider="airtable", event="tableData", resource="app00000000000001"))
    ((_, headers, body),) = receiver.requests
    (shown,) = await listed(api)

    assert outcome.accepted
    notice = WebhookNotification.from_request(
        body.decode(), headers["x-airtable-content-mac"], webhook["macSecretBase64"]
    )
    assert (notice.base.id, notice.webhook.id) == ("app00000000000001", webhook["id"])
    with pytest.raises(ValueError, match="failed validation"):
        WebhookNotification.from_request(
            body.decode() + " ", headers["x-airtable-content-mac"], webhook["macSecretBase64"]
        )
    assert set(json.loads(body)) == {"base", "webhook", "timestamp"}
    assert (shown["cursorForNextPayload"], shown["lastNotificationResult"]["success"]) == (2, True)
    assert shown["lastSuccessfulNotificationTime"] == "2026-11-18T11:06:40.000Z"


async def test_only_what_is_watched_and_wanted_is_notified(
    api: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver, clock: Clock
) -> None:
    """Other data types, other bases, switched-off notifications, webhooks without URL and expired ones are silent."""
    webhook = (await made(api, "tableFields"))["id"]
    await api.post(WEBHOOKS, json=wish("tableFields", url=None))

    async def fired(event: str, resource: str | None = None) -> int:
        return len(await sandbox.fire(FireOrder(provider="airtable", event=event, resource=resource)))

    assert (await fired("tableFields"), await fired("tableData"), await fired("tableFields", "app2")) == (1, 0, 0)
    await api.post(f"{WEBHOOKS}/{webhook}/enableNotifications", json={"enable": False})
    assert await fired("tableFields") == 0
    assert [one["cursorForNextPayload"] for one in await listed(api)] == [3, 3]
    await api.post(f"{WEBHOOKS}/{webhook}/enableNotifications", json={"enable": True})
    receiver.status = 500
    assert await fired("tableFields") == 1
    assert (await listed(api))[0]["lastNotificationResult"]["error"]["message"].endswith("500")
    assert (await api.post(f"{WEBHOOKS}/{webhook}/enableNotifications", json={})).status_code == 422
    clock.advance(7 * DAY)
    assert await fired("tableFields") == 0
    with pytest.raises(UnknownEventError, match="tableRows"):
        await fired("tableRows")


async def test_tokens_and_bases_are_checked(clock: Clock) -> None:
    """401 without a token or with a wrong one, 403 for a base that the token does not see, 404 for another path."""
    access = {"airtable": Access(tokens=frozenset({"good"}), resources=frozenset({"app1"}))}
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes(), access=access))
    root = "/airtable/v0/bases"
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as api:
        answers = [
            await api.get(f"{root}/app1/webhooks"),
            await api.get(f"{root}/app1/webhooks", headers={"Authorization": "Bearer bad"}),
            await api.get(f"{root}/app2/webhooks", headers={"Authorization": "Bearer good"}),
            await api.get(f"{root}/app1/hooks", headers={"Authorization": "Bearer good"}),
            await api.get(f"{root}/app1/webhooks", headers={"Authorization": "Bearer good"}),
        ]

    assert [answer.status_code for answer in answers] == [401, 401, 403, 404, 200]
    kinds = ["AUTHENTICATION_REQUIRED", "UNAUTHORIZED", "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"]
    assert [answer.json()["error"]["type"] for answer in answers[:3]] == kinds


async def test_a_reset_and_the_controls_know_it(api: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """The sandbox lists the webhook with its base and data types, and forgets it."""
    await made(api, "tableData", "tableFields")
    (shown,) = (await api.get("/_sandbox/webhooks", params={"provider": "airtable"})).json()["webhooks"]
    sandbox.reset()

    assert (shown["resource"], shown["events"], shown["active"]) == (
        "app00000000000001",
        ["tableData", "tableFields"],
        True,
    )
    assert sandbox.airtable.webhooks() == []
