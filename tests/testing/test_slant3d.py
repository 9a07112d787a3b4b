"""The stand-in of Slant 3D takes subscriptions and never gives one back."""

from __future__ import annotations

import json

import httpx2 as httpx
import pytest

from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import Access, UnknownEventError
from tests.support.sandboxes import Clock, Receiver, SandboxTransport, counting_bytes

SUBSCRIBE = "/slant3d/api/customer/webhookSubscribe"
URL = "https://hooks.acme.dev/webhooks/slant3d/1"


@pytest.fixture
def api(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client with a key."""
    client.headers["api-key"] = "k3y"
    return client


async def test_an_endpoint_is_subscribed_once(api: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """The answer has no id; the same URL again is the same subscription, another is another."""
    first = await api.post(SUBSCRIBE, json={"endPoint": URL})
    await api.post(SUBSCRIBE, json={"endPoint": URL})
    await api.post(SUBSCRIBE, json={"endPoint": f"{URL}2"})

    assert (first.status_code, "id" in first.json()) == (200, False)
    assert [webhook.url for webhook in sandbox.slant3d.webhooks()] == [URL, f"{URL}2"]
    assert {webhook.events for webhook in sandbox.slant3d.webhooks()} == {("order.shipped",)}


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
async def test_there_is_no_list_and_no_deletion(api: httpx.AsyncClient, sandbox: Sandbox, method: str) -> None:
    """What was subscribed stays subscribed."""
    await api.post(SUBSCRIBE, json={"endPoint": URL})

    assert (await api.request(method, SUBSCRIBE)).status_code == 404
    assert len(sandbox.slant3d.webhooks()) == 1


async def test_a_shipped_order_reaches_every_endpoint_without_proof(
    api: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """The body has the four fields that the platform reads; no header proves anything."""
    for url in (URL, f"{URL}2"):
        await api.post(SUBSCRIBE, json={"endPoint": url})
    outcomes = await sandbox.fire(FireOrder(provider="slant3d", event="order.shipped", payload={"carrierCode": "ups"}))
    _, headers, body = receiver.requests[0]

    assert [outcome.accepted for outcome in outcomes] == [True, True]
    order = json.loads(body)
    assert set(order) == {"orderId", "status", "trackingNumber", "carrierCode"}
    assert (order["status"], order["carrierCode"]) == ("SHIPPED", "ups")
    assert not [name for name in headers if "signature" in name or name.startswith("x-")]
    with pytest.raises(UnknownEventError, match=r"order\.made"):
        await sandbox.fire(FireOrder(provider="slant3d", event="order.made"))
    sandbox.reset()
    assert sandbox.slant3d.webhooks() == []


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"{}", b'{"endPoint": "hooks.acme.dev"}', b'{"endPoint": "http://a:b/"}']
)
async def test_a_wish_without_a_url_is_refused(api: httpx.AsyncClient, sandbox: Sandbox, body: bytes) -> None:
    """The reason is the field `error`, which the platform shows."""
    answer = await api.post(SUBSCRIBE, content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert sandbox.slant3d.webhooks() == []


async def test_keys_are_checked_and_not_logged(clock: Clock) -> None:
    """401 without a key or with a wrong one; the log masks it."""
    access = {"slant3d": Access(tokens=frozenset({"good"}))}
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes(), access=access))
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as api:
        body = {"endPoint": URL}
        answers = [
            await api.post(SUBSCRIBE, json=body),
            await api.post(SUBSCRIBE, json=body, headers={"api-key": "bad"}),
            await api.post(SUBSCRIBE, json=body, headers={"api-key": "good"}),
        ]

    assert [answer.status_code for answer in answers] == [401, 401, 200]
    assert [entry.headers.get("api-key") for entry in sandbox.log] == [None, "********", "********"]
