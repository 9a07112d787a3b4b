"""The stand-in of Stripe behaves as Stripe's API reference says."""

from __future__ import annotations

from typing import Any

import httpx2 as httpx
import pytest
import stripe

from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import Access, UnknownEventError
from reconciler.testing.vendors.stripe import signature
from tests.support.sandboxes import NOW, Clock, Receiver, SandboxTransport, counting_bytes

ENDPOINTS = "/stripe/v1/webhook_endpoints"
URL = "https://hooks.acme.dev/webhooks/stripe/1"
WISH = {"url": URL, "enabled_events[]": ["charge.succeeded", "charge.failed"]}


@pytest.fixture
def api(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client with a test key."""
    client.headers["Authorization"] = "Bearer sk_test_1"
    return client


async def created(api: httpx.AsyncClient, **values: Any) -> dict[str, Any]:
    """A new endpoint as its creation shows it."""
    answer = await api.post(ENDPOINTS, data={**WISH, **values})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_the_secret_is_shown_once(api: httpx.AsyncClient) -> None:
    """Only the answer to the creation holds the secret; get, list and update do not."""
    endpoint = await created(api, **{"metadata[owner]": "acme", "description": "ours", "api_version": "2024-06-20"})
    path = f"{ENDPOINTS}/{endpoint['id']}"

    later = [(await api.get(path)).json(), (await api.post(path, data={})).json()]
    later += (await api.get(ENDPOINTS)).json()["data"]

    secret = endpoint.pop("secret")
    assert secret.startswith("whsec_")
    assert later == [endpoint] * 3
    assert endpoint == {
        "id": endpoint["id"],
        "object": "webhook_endpoint",
        "api_version": "2024-06-20",
        "application": None,
        "created": int(NOW),
        "description": "ours",
        "enabled_events": ["charge.succeeded", "charge.failed"],
        "livemode": False,
        "metadata": {"owner": "acme"},
        "status": "enabled",
        "url": URL,
    }


async def test_lists_are_written_with_brackets_with_or_without_an_index(api: httpx.AsyncClient) -> None:
    """`enabled_events[0]` and `enabled_events[]` are the same."""
    body = {"url": URL, "enabled_events[0]": "charge.failed", "enabled_events[1]": "charge.succeeded"}

    answer = await api.post(ENDPOINTS, data=body)

    assert answer.json()["enabled_events"] == ["charge.failed", "charge.succeeded"]


async def test_an_update_changes_what_it_names(api: httpx.AsyncClient) -> None:
    """Events are replaced, metadata is merged key by key, empty values unset, `disabled` turns it off."""
    endpoint = await created(api, **{"metadata[a]": "1", "metadata[b]": "2", "description": "ours"})
    path = f"{ENDPOINTS}/{endpoint['id']}"
    change = {"enabled_events[]": "*", "metadata[a]": "", "metadata[c]": "3", "description": "", "disabled": "true"}

    changed = (await api.post(path, data=change)).json()
    cleared = (await api.post(path, data={"metadata": "", "disabled": "false"})).json()

    assert changed["enabled_events"] == ["*"]
    assert (changed["metadata"], changed["description"], changed["status"]) == ({"b": "2", "c": "3"}, None, "disabled")
    assert (cleared["metadata"], cleared["status"]) == ({}, "enabled")


async def test_a_list_is_read_forwards_and_backwards_by_cursor(api: httpx.AsyncClient) -> None:
    """Newest first, 10 unless said, at most 100; `has_more` tells whether to go on."""
    ids = [(await created(api))["id"] for _ in range(12)][::-1]

    first = (await api.get(ENDPOINTS)).json()
    second = (await api.get(ENDPOINTS, params={"starting_after": ids[9]})).json()
    back = (await api.get(ENDPOINTS, params={"ending_before": ids[9], "limit": 3})).json()

    assert ([item["id"] for item in first["data"]], first["has_more"]) == (ids[:10], True)
    assert ([item["id"] for item in second["data"]], second["has_more"]) == (ids[10:], False)
    assert ([item["id"] for item in back["data"]], back["has_more"]) == (ids[6:9], True)
    assert (first["object"], first["url"]) == ("list", "/v1/webhook_endpoints")


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"ending_before": "we_9"}, "ending_before"),
    ],
)
async def test_a_list_refuses_nonsense(api: httpx.AsyncClient, params: dict[str, Any], param: str) -> None:
    """Limits out of bounds and unknown cursors are named."""
    refused = await api.get(ENDPOINTS, params=params)

    assert refused.status_code in {400, 404}
    assert refused.json()["error"]["param"] == param


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"url": URL}, "parameter_missing", "enabled_events"),
        ({"enabled_events[]": "*"}, "parameter_missing", "url"),
        ({**WISH, "secret": "mine"}, "parameter_unknown", "secret"),
        ({**WISH, "disabled": "true"}, "parameter_unknown", "disabled"),
        ({**WISH, "url": "hooks.acme.dev"}, "url_invalid", "url"),
        ({**WISH, "url": "ftp://hooks.acme.dev"}, "url_invalid", "url"),
        ({**WISH, "url": "https://localhost/"}, "url_invalid", "url"),
        ({**WISH, "url": "http://127.0.0.1/"}, "url_invalid", "url"),
        ({"url": URL, "enabled_events[0]": "charge.eaten"}, None, "enabled_events[0]"),
        ({"url": URL, "enabled_events": "*"}, None, "enabled_events"),
        ({**WISH, "url[x]": "y"}, None, "url"),
        ({**WISH, "api_version": "latest"}, None, "api_version"),
    ],
)
async def test_a_create_that_makes_no_sense_is_refused(
    api: httpx.AsyncClient, body: dict[str, Any], code: str | None, param: str
) -> None:
    """The error names type, code and parameter, and nothing is kept."""
    refused = await api.post(ENDPOINTS, data=body)

    error = refused.json()["error"]
    assert (refused.status_code, error["type"]) == (400, "invalid_request_error")
    assert (error.get("code"), error["param"]) == (code, param)
    assert (await api.get(ENDPOINTS)).json()["data"] == []


async def test_an_update_cannot_change_what_only_creation_sets(api: httpx.AsyncClient) -> None:
    """`api_version` and `connect` are unknown to updates."""
    endpoint = await created(api, connect="true")

    for name in ("api_version", "connect"):
        refused = await api.post(f"{ENDPOINTS}/{endpoint['id']}", data={name: "true"})
        assert refused.json()["error"]["code"] == "parameter_unknown"
    assert endpoint["application"] is not None


async def test_json_is_refused(api: httpx.AsyncClient) -> None:
    """The API takes forms only."""
    refused = await api.post(ENDPOINTS, json={"url": URL, "enabled_events": ["*"]})

    assert refused.status_code == 400
    assert "application/x-www-form-urlencoded" in refused.json()["error"]["message"]


async def test_the_seventeenth_endpoint_of_a_mode_is_refused(api: httpx.AsyncClient) -> None:
    """16 for test, 16 for live; the modes do not see each other."""
    for _ in range(16):
        await created(api)
    refused = await api.post(ENDPOINTS, data=WISH)
    api.headers["Authorization"] = "Bearer sk_live_1"

    assert (refused.status_code, "maximum of 16 test" in refused.json()["error"]["message"]) == (400, True)
    assert (await created(api))["livemode"] is True
    assert len((await api.get(ENDPOINTS)).json()["data"]) == 1
    plain = await api.post(ENDPOINTS, data={**WISH, "url": "http://hooks.acme.dev/"})
    assert plain.json()["error"]["code"] == "url_invalid"


async def test_a_deleted_endpoint_is_gone(api: httpx.AsyncClient) -> None:
    """Delete says so; from then on the resource is missing."""
    endpoint = await created(api)
    path = f"{ENDPOINTS}/{endpoint['id']}"

    gone = await api.delete(path)
    again = await api.delete(path)

    assert gone.json() == {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}
    assert (again.status_code, again.json()["error"]["code"]) == (404, "resource_missing")


async def test_an_idempotency_key_gives_the_first_answer_again(api: httpx.AsyncClient) -> None:
    """A repeated create makes no second endpoint and repeats the secret; other parameters are an error."""
    headers = {"Idempotency-Key": "k1"}

    first = await api.post(ENDPOINTS, data=WISH, headers=headers)
    second = await api.post(ENDPOINTS, data=WISH, headers=headers)
    other = await api.post(ENDPOINTS, data={**WISH, "description": "x"}, headers=headers)

    assert first.json() == second.json()
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert first.headers["request-id"] != second.headers["request-id"]
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    assert len((await api.get(ENDPOINTS)).json()["data"]) == 1


async def test_the_key_comes_as_bearer_or_basic_user(clock: Clock) -> None:
    """No key and a wrong key are refused with 401, and the key is not repeated."""
    access = {"stripe": Access(tokens=frozenset({"sk_test_good"}))}
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes(), access=access))
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as api:
        none = await api.get(ENDPOINTS)
        bad = await api.get(ENDPOINTS, headers={"Authorization": "Bearer sk_test_secret"})
        odd = await api.get(ENDPOINTS, headers={"Authorization": "Basic !"})
        basic = await api.get(ENDPOINTS, auth=("sk_test_good", ""))

    assert [answer.status_code for answer in (none, bad, odd, basic)] == [401, 401, 401, 200]
    assert "secret" not in bad.text


async def test_a_fired_event_passes_stripes_own_library(
    api: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """The official SDK accepts the signature with the endpoint's secret and refuses another."""
    endpoint = await created(api)

    (outcome,) = await sandbox.fire(FireOrder(provider="stripe", event="charge.succeeded"))

    url, headers, body = receiver.requests[0]
    header = headers["stripe-signature"]
    assert (outcome.accepted, url) == (True, "http://receiver.test/webhooks/stripe/1")
    stripe.WebhookSignature.verify_header(body.decode(), header, endpoint["secret"], tolerance=None)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body.decode(), header, "whsec_other", tolerance=None)
    event = stripe.Event.construct_from(outcome_body(body), "sk_test_1")
    assert (event.type, event.data.object["object"]) == ("charge.succeeded", "charge")
    assert event.id.startswith("evt_")


def outcome_body(body: bytes) -> dict[str, Any]:
    """The event as the SDK reads it."""
    document: dict[str, Any] = httpx.Response(200, content=body).json()
    return document


async def test_disabled_and_other_endpoints_get_nothing(api: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """An event reaches every enabled endpoint that lists it or all of them, with one id."""
    wanted = await created(api)
    everything = await created(api, **{"enabled_events[]": "*"})
    off = await created(api)
    await api.post(f"{ENDPOINTS}/{off['id']}", data={"disabled": "true"})
    await created(api, **{"enabled_events[]": "payout.paid"})

    outcomes = await sandbox.fire(FireOrder(provider="stripe", event="charge.failed", payload={"livemode": True}))

    assert {outcome.delivery.webhook_id for outcome in outcomes} == {wanted["id"], everything["id"]}
    assert len({outcome_body(outcome.delivery.body)["id"] for outcome in outcomes}) == 1
    assert outcome_body(outcomes[0].delivery.body)["livemode"] is True
    with pytest.raises(UnknownEventError, match=r"charge\.eaten"):
        await sandbox.fire(FireOrder(provider="stripe", event="charge.eaten"))


def test_the_signature_covers_time_and_body() -> None:
    """Another time or another body is another signature."""
    assert len({signature("whsec_1", 1, b"{}"), signature("whsec_1", 2, b"{}"), signature("whsec_1", 1, b"[]")}) == 3


async def test_a_path_that_the_api_does_not_have_is_not_found(api: httpx.AsyncClient) -> None:
    """Stripe names the URL."""
    answer = await api.get(f"{ENDPOINTS}/we_1/secret")

    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "invalid_request_error")
