"""The stand-in of Telegram behaves as the Bot API's documentation and its open server do."""

from __future__ import annotations

import json
from typing import Any

import httpx2 as httpx
import pytest

from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import Access, UnknownEventError
from tests.support.sandboxes import Clock, Receiver, SandboxTransport, counting_bytes

BOT = "/telegram/bot123456:AAbb-cc_dd"
URL = "https://hooks.acme.dev/webhooks/telegram/1"


async def info(client: httpx.AsyncClient) -> dict[str, Any]:
    """What getWebhookInfo says."""
    document: dict[str, Any] = (await client.get(f"{BOT}/getWebhookInfo")).json()["result"]
    return document


@pytest.mark.parametrize("way", ["json", "data", "params", "files"])
async def test_parameters_come_in_four_ways(client: httpx.AsyncClient, way: str) -> None:
    """JSON, URL-encoded form, query and multipart mean the same; lists are JSON text except in JSON itself."""
    kinds = ["message", "callback_query"]
    values = {"url": URL, "secret_token": "s3cret", "max_connections": "10"}
    values["allowed_updates"] = json.dumps(kinds)
    shaped: Any = {key: (None, value) for key, value in values.items()} if way == "files" else values
    if way == "json":
        shaped = {**values, "max_connections": 10, "allowed_updates": kinds}
    call = client.get if way == "params" else client.post

    answer = await call(f"{BOT}/setWebhook", **{way: shaped})

    assert answer.json() == {"ok": True, "result": True, "description": "Webhook was set"}
    assert await info(client) == {
        "url": URL,
        "has_custom_certificate": False,
        "pending_update_count": 0,
        "max_connections": 10,
        "ip_address": "<unknown>",
        "allowed_updates": kinds,
    }


async def test_a_bot_has_one_slot(client: httpx.AsyncClient) -> None:
    """A second setWebhook overwrites the first; the same again changes nothing and says so."""
    await client.post(f"{BOT}/setWebhook", json={"url": URL})
    again = await client.post(f"{BOT}/SETWEBHOOK", json={"url": URL})
    await client.post(f"{BOT}/setWebhook", json={"url": f"{URL}2"})

    assert again.json()["description"] == "Webhook is already set"
    assert (await info(client))["url"] == f"{URL}2"


async def test_the_wanted_updates_stay_when_they_are_left_out(client: httpx.AsyncClient) -> None:
    """Omitted keeps the previous list, even over a deletion; an empty list goes back to the default set."""
    await client.post(f"{BOT}/setWebhook", json={"url": URL, "allowed_updates": ["chat_member", "nonsense"]})
    await client.post(f"{BOT}/deleteWebhook", json={})
    await client.post(f"{BOT}/setWebhook", json={"url": URL})
    kept = await info(client)
    await client.post(f"{BOT}/setWebhook", json={"url": URL, "allowed_updates": []})

    assert kept["allowed_updates"] == ["chat_member"]
    assert "allowed_updates" not in await info(client)


async def test_the_slot_is_emptied_by_deletion_or_by_an_empty_url(client: httpx.AsyncClient) -> None:
    """Both say whether there was a webhook."""
    said = []
    for method, body in (("setWebhook", {"url": URL}), ("deleteWebhook", {"drop_pending_updates": True})):
        said.append((await client.post(f"{BOT}/{method}", json=body)).json()["description"])
    said.append((await client.post(f"{BOT}/setWebhook", json={"url": ""})).json()["description"])

    assert said == ["Webhook was set", "Webhook was deleted", "Webhook is already deleted"]
    assert (await info(client))["url"] == ""


@pytest.mark.parametrize(
    ("values", "description"),
    [
        ({"url": "http://hooks.acme.dev/"}, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook"),
        (
            {"url": "https://hooks.acme.dev:8080/"},
            "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
        ),
        ({"url": "https://:99999/"}, "Bad Request: invalid webhook URL specified"),
        ({"url": URL, "secret_token": "no spaces"}, "Bad Request: secret token contains unallowed characters"),
        ({"url": URL, "secret_token": "a" * 257}, "Bad Request: secret token is too long"),
    ],
    ids=["plain HTTP", "other port", "no host", "characters", "length"],
)
async def test_a_refused_webhook_has_cost_the_one_before(
    client: httpx.AsyncClient, values: dict[str, str], description: str
) -> None:
    """An error is told in the body, with its code as HTTP status too, and the previous webhook is closed already."""
    await client.post(f"{BOT}/setWebhook", json={"url": URL})

    refused = await client.post(f"{BOT}/setWebhook", json=values)

    assert refused.status_code == 400
    assert refused.json() == {"ok": False, "error_code": 400, "description": description}
    assert (await info(client))["url"] == ""


@pytest.mark.parametrize("url", [f"https://hooks.acme.dev:{port}/" for port in (443, 80, 88, 8443)])
async def test_four_ports_are_allowed(client: httpx.AsyncClient, url: str) -> None:
    """443, 80, 88 and 8443."""
    assert (await client.post(f"{BOT}/setWebhook", json={"url": url})).json()["ok"] is True


async def test_connections_are_kept_within_bounds(client: httpx.AsyncClient) -> None:
    """40 unless said, and never beyond 1 to 100."""
    seen = []
    for wanted in ({}, {"max_connections": 500}, {"max_connections": 0}):
        await client.post(f"{BOT}/setWebhook", json={"url": URL, **wanted})
        seen.append((await info(client))["max_connections"])

    assert seen == [40, 100, 1]


async def test_tokens_and_methods_that_do_not_exist_are_refused(clock: Clock) -> None:
    """401 for a token that is malformed or unknown, 404 for a method or path that is none, 400 for a broken body."""
    access = {"telegram": Access(tokens=frozenset({"123456:good"}))}
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes(), access=access))
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as api:
        answers = [
            await api.post("/telegram/botgood/getMe"),
            await api.post("/telegram/bot123456:bad/getMe"),
            await api.post("/telegram/bot123456:good/getYou"),
            await api.post("/telegram/elsewhere"),
            await api.post(
                "/telegram/bot123456:good/setWebhook", content=b"{", headers={"Content-Type": "application/json"}
            ),
            await api.post("/telegram/bot123456:good/getMe"),
        ]

    assert [answer.status_code for answer in answers] == [401, 401, 404, 404, 400, 200]
    assert all(answer.json()["error_code"] == answer.status_code for answer in answers[:5])
    assert answers[5].json()["result"]["id"] == 123456


async def test_a_fired_update_carries_the_secret_token(
    client: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """An update names its kind by its key and has a growing id; `message.photo` is a message that holds a photo."""
    await client.post(f"{BOT}/setWebhook", json={"url": URL, "secret_token": "s3cret"})

    for event in ("message", "message.photo", "callback_query"):
        (outcome,) = await sandbox.fire(FireOrder(provider="telegram", event=event, resource="123456"))
        assert outcome.accepted

    updates = [json.loads(body) for _, _, body in receiver.requests]
    assert receiver.requests[0][0] == "http://receiver.test/webhooks/telegram/1"
    assert {headers["x-telegram-bot-api-secret-token"] for _, headers, _ in receiver.requests} == {"s3cret"}
    assert [set(update) - {"update_id"} for update in updates] == [{"message"}, {"message"}, {"callback_query"}]
    assert updates[1]["message"]["photo"][0]["width"] == 90
    assert updates[2]["update_id"] - updates[0]["update_id"] == 2


async def test_kinds_that_must_be_asked_for_do_not_come_by_default(client: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """chat_member is outside the default set; another bot's resource is not ours."""
    await client.post(f"{BOT}/setWebhook", json={"url": URL})

    assert await sandbox.fire(FireOrder(provider="telegram", event="chat_member")) == []
    assert await sandbox.fire(FireOrder(provider="telegram", event="message", resource="9")) == []
    with pytest.raises(UnknownEventError, match="messages"):
        await sandbox.fire(FireOrder(provider="telegram", event="messages"))


async def test_a_failed_delivery_shows_in_the_webhooks_info(
    client: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver, clock: Clock
) -> None:
    """The last error, its time and the waiting update are shown until the webhook is set anew."""
    await client.post(f"{BOT}/setWebhook", json={"url": URL})
    receiver.status = 503
    await sandbox.fire(FireOrder(provider="telegram", event="message"))
    ill = await info(client)
    await client.post(f"{BOT}/setWebhook", json={"url": URL, "drop_pending_updates": True})

    assert (ill["pending_update_count"], ill["last_error_date"]) == (1, int(clock()))
    assert "503" in ill["last_error_message"]
    assert "last_error_date" not in await info(client)
    assert (await info(client))["pending_update_count"] == 0
