"""The stand-in of Exa behaves as the description of its Websets says."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import httpx2 as httpx
import pytest

from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import Access, UnknownEventError
from tests.support.sandboxes import Clock, Receiver, SandboxTransport, counting_bytes

WEBHOOKS = "/exa/websets/v0/webhooks"
URL = "https://hooks.acme.dev/webhooks/exa/1"
WISH: dict[str, Any] = {"url": URL, "events": ["webset.created", "webset.item.enriched"], "metadata": {"team": "a"}}


@pytest.fixture
def api(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client with a key."""
    client.headers["x-api-key"] = "k3y"
    return client


async def test_the_secret_is_told_once(api: httpx.AsyncClient) -> None:
    """Create answers with the secret, every later answer with null in its place; every answer has a request id."""
    made = await api.post(WEBHOOKS, json=WISH)
    webhook = made.json()
    got = await api.get(f"{WEBHOOKS}/{webhook['id']}")
    listed = (await api.get(WEBHOOKS)).json()

    assert made.status_code == 200
    assert len(webhook["secret"]) == 64
    assert {key: webhook[key] for key in WISH} == WISH
    assert (webhook["object"], webhook["status"]) == ("webhook", "active")
    assert got.json() == {**webhook, "secret": None}
    assert listed == {"data": [{**webhook, "secret": None}], "hasMore": False, "nextCursor": None}
    assert made.headers["x-request-id"].startswith("req_")


async def test_an_update_changes_what_it_names(api: httpx.AsyncClient, clock: Clock) -> None:
    """URL, events and metadata can be changed; the rest stays, and so does the secret's silence."""
    made = (await api.post(WEBHOOKS, json=WISH)).json()
    clock.advance(60)
    changed = (await api.patch(f"{WEBHOOKS}/{made['id']}", json={"events": ["webset.idle"]})).json()

    assert changed == {
        **made,
        "events": ["webset.idle"],
        "updatedAt": "2026-11-18T11:07:40.000Z",
        "secret": None,
    }
    assert changed["createdAt"] == "2026-11-18T11:06:40.000Z"


async def test_a_deletion_answers_with_what_is_gone(api: httpx.AsyncClient) -> None:
    """The webhook comes back a last time; then its id is unknown to every call."""
    made = (await api.post(WEBHOOKS, json=WISH)).json()
    deleted = await api.delete(f"{WEBHOOKS}/{made['id']}")
    after = [await api.request(method, f"{WEBHOOKS}/{made['id']}", json={}) for method in ("GET", "PATCH", "DELETE")]

    assert (deleted.status_code, deleted.json()["id"]) == (200, made["id"])
    assert [answer.status_code for answer in after] == [404, 404, 404]
    assert set(after[0].json()) == {"requestId", "error", "tag"}


async def test_a_list_is_read_page_by_page(api: httpx.AsyncClient) -> None:
    """A page holds 25 unless said, at most 200, and names the cursor of the next."""
    made = [(await api.post(WEBHOOKS, json=WISH)).json()["id"] for _ in range(27)]
    first = (await api.get(WEBHOOKS)).json()
    second = (await api.get(WEBHOOKS, params={"cursor": first["nextCursor"]})).json()
    whole = (await api.get(WEBHOOKS, params={"limit": 200})).json()
    refused = [await api.get(WEBHOOKS, params=params) for params in ({"limit": 201}, {"limit": 0}, {"cursor": "x"})]

    assert (len(first["data"]), first["hasMore"], len(second["data"]), second["hasMore"]) == (25, True, 2, False)
    assert [one["id"] for one in first["data"] + second["data"]] == [one["id"] for one in whole["data"]] == made
    assert [answer.status_code for answer in refused] == [400, 400, 400]


@pytest.mark.parametrize(
    "change",
    [
        {"url": None},
        {"url": "hooks.acme.dev"},
        {"events": []},
        {"events": ["webset.completed"]},
        {"events": ["webset.idle"] * 20},
        {"metadata": {"team": 7}},
        {"metadata": {"team": "a" * 1001}},
        {"colour": "red"},
    ],
    ids=["no URL", "no scheme", "no event", "unknown event", "too many", "number", "too long", "unknown field"],
)
async def test_a_wish_that_makes_no_sense_is_refused(api: httpx.AsyncClient, change: dict[str, Any]) -> None:
    """Create and update refuse the same, and nothing is kept of it."""
    webhook = (await api.post(WEBHOOKS, json=WISH)).json()["id"]
    answers = [await api.post(WEBHOOKS, json={**WISH, **change}), await api.patch(f"{WEBHOOKS}/{webhook}", json=change)]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert {answer.json()["tag"] for answer in answers} == {"INVALID_REQUEST_BODY"}
    (left,) = (await api.get(WEBHOOKS)).json()["data"]
    assert {key: left[key] for key in WISH} == WISH


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"url": "https://a.dev"}', b'{"events": ["webset.idle"]}'])
async def test_both_fields_are_required(api: httpx.AsyncClient, body: bytes) -> None:
    """A create without URL or without events, or without a JSON object, is refused."""
    answer = await api.post(WEBHOOKS, content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["tag"]) == (400, "INVALID_REQUEST_BODY")


async def test_a_delivery_is_signed_over_time_and_body(
    api: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver, clock: Clock
) -> None:
    """The signature is as "Verifying Signatures" computes it, and the body is an event of the description."""
    made = (await api.post(WEBHOOKS, json=WISH)).json()
    (outcome,) = await sandbox.fire(FireOrder(provider="exa", event="webset.item.enriched"))
    ((_, headers, body),) = receiver.requests

    signed = f"{int(clock())}.{body.decode()}".encode()
    expected = hmac.new(made["secret"].encode(), signed, hashlib.sha256).hexdigest()
    assert outcome.accepted
    assert headers["exa-signature"] == f"t={int(clock())},v1={expected}"
    event = json.loads(body)
    assert set(event) == {"id", "object", "type", "data", "createdAt"}
    assert (event["object"], event["type"], event["data"]["object"]) == ("event", "webset.item.enriched", "webset_item")


async def test_only_subscribed_events_are_delivered(api: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """Others reach nobody, and one that Exa has not is an error."""
    await api.post(WEBHOOKS, json=WISH)

    assert await sandbox.fire(FireOrder(provider="exa", event="webset.idle")) == []
    with pytest.raises(UnknownEventError, match=r"webset\.done"):
        await sandbox.fire(FireOrder(provider="exa", event="webset.done"))
    assert sandbox.exa.webhooks()[0].events == tuple(WISH["events"])
    sandbox.reset()
    assert sandbox.exa.webhooks() == []


async def test_keys_and_paths_are_checked(clock: Clock) -> None:
    """401 without a key or with a wrong one, 404 for a path that is none; the log does not show the key."""
    access = {"exa": Access(tokens=frozenset({"good"}))}
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes(), access=access))
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as api:
        answers = [
            await api.get(WEBHOOKS),
            await api.get(WEBHOOKS, headers={"x-api-key": "bad"}),
            await api.get("/exa/websets/v0/hooks", headers={"x-api-key": "good"}),
            await api.get(WEBHOOKS, headers={"x-api-key": "good"}),
        ]

    assert [answer.status_code for answer in answers] == [401, 401, 404, 200]
    assert answers[0].json()["tag"] == "INVALID_API_KEY"
    assert [entry.headers.get("x-api-key") for entry in sandbox.log] == [None, *["********"] * 3]
