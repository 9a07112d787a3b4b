"""The stand-in of Calendly behaves as Calendly's documentation says."""

from __future__ import annotations

import json
from typing import Any

import httpx2 as httpx
import pytest

from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import Access, UnknownEventError
from reconciler.testing.vendors.calendly import EVENTS, ORGANIZATION, signature
from tests.support.sandboxes import NOW, Clock, Receiver, SandboxTransport, counting_bytes

ROOT = "http://sandbox.test/calendly"
HOOKS = "/calendly/webhook_subscriptions"
ORG = f"{ROOT}/organizations/{ORGANIZATION}"


@pytest.fixture
def calendly(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client with a token."""
    client.headers["Authorization"] = "Bearer t0ken"
    return client


def wish(**changes: Any) -> dict[str, Any]:
    """The body of a create, for the whole organisation."""
    url = "https://hooks.acme.dev/webhooks/calendly/1"
    common = {"organization": ORG, "scope": "organization", "signing_key": "s3cret"}
    body = {"url": url, "events": ["invitee.created"], **common, **changes}
    return {key: value for key, value in body.items() if value is not None}


async def created(calendly: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    """A new webhook as the API shows it."""
    answer = await calendly.post(HOOKS, json=wish(**changes))
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()["resource"]
    return document


async def test_who_holds_the_token_is_told_with_the_organisation(calendly: httpx.AsyncClient) -> None:
    """Both are URIs under the root that the client came in by; another token is another user of the organisation."""
    me = (await calendly.get("/calendly/users/me")).json()["resource"]
    other = (await calendly.get("/calendly/users/me", headers={"Authorization": "Bearer other"})).json()["resource"]

    assert me["uri"].startswith(f"{ROOT}/users/")
    assert me["current_organization"] == other["current_organization"] == ORG
    assert me["uri"] != other["uri"]


async def test_a_created_webhook_is_known_by_its_uri(calendly: httpx.AsyncClient) -> None:
    """201 shows everything but the signing key; the URI itself can be asked for."""
    me = (await calendly.get("/calendly/users/me")).json()["resource"]["uri"]

    hook = await created(calendly)

    assert hook["uri"].startswith(f"{ROOT}/webhook_subscriptions/")
    assert (hook["state"], hook["retry_started_at"], hook["creator"]) == ("active", None, me)
    assert (hook["scope"], hook["organization"], hook["user"], hook["group"]) == ("organization", ORG, None, None)
    assert "s3cret" not in json.dumps(hook)
    assert (await calendly.get(hook["uri"])).json() == {"resource": hook}


async def test_pages_are_joined_by_tokens_and_urls(calendly: httpx.AsyncClient) -> None:
    """20 to a page unless `count` says otherwise; the last page has no next one."""
    for number in range(25):
        await created(calendly, url=f"https://hooks.acme.dev/{number}")
    query = {"organization": ORG, "scope": "organization"}

    first = (await calendly.get(HOOKS, params=query)).json()
    token = first["pagination"]["next_page_token"]
    second = (await calendly.get(HOOKS, params={**query, "page_token": token})).json()

    assert (first["pagination"]["count"], second["pagination"]["count"]) == (20, 5)
    assert (await calendly.get(first["pagination"]["next_page"])).json() == second
    assert (second["pagination"]["next_page"], second["pagination"]["next_page_token"]) == (None, None)
    assert (await calendly.get(second["pagination"]["previous_page"])).json()["collection"] == first["collection"]


async def test_a_list_is_of_one_scope(calendly: httpx.AsyncClient) -> None:
    """A user's webhooks and the organisation's are listed apart."""
    user = f"{ROOT}/users/A"
    whole, mine = await created(calendly), await created(calendly, scope="user", user=user)
    await created(calendly, scope="user", user=f"{ROOT}/users/B")

    async def listed(**query: str) -> list[str]:
        found = await calendly.get(HOOKS, params={"organization": ORG, **query})
        return [hook["uri"] for hook in found.json()["collection"]]

    assert await listed(scope="organization") == [whole["uri"]]
    assert await listed(scope="user", user=user) == [mine["uri"]]
    assert await listed(scope="group", group=f"{ROOT}/groups/G") == []


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"scope": "organization"}, "organization"),
        ({"organization": ORG}, "scope"),
        ({"organization": ORG, "scope": "planet"}, "scope"),
        ({"organization": ORG, "scope": "user"}, "user"),
        ({"organization": ORG, "scope": "organization", "count": "101"}, "count"),
        ({"organization": ORG, "scope": "organization", "page_token": "x"}, "page_token"),
    ],
)
async def test_a_list_needs_to_know_whose(calendly: httpx.AsyncClient, query: dict[str, str], parameter: str) -> None:
    """400 names the parameter that is missing or wrong."""
    answer = await calendly.get(HOOKS, params=query)

    assert (answer.status_code, answer.json()["title"]) == (400, "Invalid Argument")
    assert answer.json()["details"][0]["parameter"] == parameter


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"url": None}, "url"),
        ({"url": "hooks.acme.dev"}, "url"),
        ({"events": None}, "events"),
        ({"events": []}, "events"),
        ({"events": ["invitee.eaten"]}, "events"),
        ({"organization": None}, "organization"),
        ({"organization": "ORG"}, "organization"),
        ({"scope": None}, "scope"),
        ({"scope": "user"}, "user"),
        ({"scope": "user", "user": ORG}, "user"),
        ({"scope": "user", "user": f"{ROOT}/users/A", "events": ["routing_form_submission.created"]}, "scope"),
        ({"signing_key": 7}, "signing_key"),
    ],
)
async def test_a_create_that_makes_no_sense_is_refused(
    calendly: httpx.AsyncClient, sandbox: Sandbox, changes: dict[str, Any], parameter: str
) -> None:
    """400 names the parameter, and nothing is kept."""
    answer = await calendly.post(HOOKS, json=wish(**changes))

    assert (answer.status_code, answer.json()["message"]) == (400, "The supplied parameters are invalid.")
    assert answer.json()["details"][0]["parameter"] == parameter
    assert sandbox.vendors["calendly"].webhooks() == []


async def test_a_body_that_is_no_object_is_refused(calendly: httpx.AsyncClient) -> None:
    """400, in the vendor's form."""
    assert (await calendly.post(HOOKS, content=b"{")).json()["title"] == "Invalid Argument"


async def test_a_url_may_be_taken_once_by_each_owner(calendly: httpx.AsyncClient) -> None:
    """The same URL again for the organisation conflicts, also with other events; a user may have it too."""
    await created(calendly)

    twin = await calendly.post(HOOKS, json=wish(events=["invitee.canceled"]))
    other = await calendly.post(HOOKS, json=wish(scope="user", user=f"{ROOT}/users/A"))

    assert (twin.status_code, twin.json()["title"]) == (409, "Already Exists")
    assert other.status_code == 201


async def test_a_deleted_webhook_is_gone_and_none_can_be_changed(calendly: httpx.AsyncClient) -> None:
    """Delete answers 204, and 404 from then on; there is no update."""
    uri = (await created(calendly))["uri"]

    assert (await calendly.patch(uri, json=wish())).status_code == 404
    assert (await calendly.delete(uri)).status_code == 204
    gone = await calendly.delete(uri)

    assert (gone.status_code, gone.json()["title"]) == (404, "Resource Not Found")


async def test_tokens_and_owners_are_checked(clock: Clock) -> None:
    """401 for no or a wrong token, 403 for what it may not touch."""
    access = {"calendly": Access(tokens=frozenset({"good"}), resources=frozenset({ORGANIZATION}))}
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes(), access=access))
    good = {"Authorization": "Bearer good"}
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as client:
        none = await client.get("/calendly/users/me")
        bad = await client.get("/calendly/users/me", headers={"Authorization": "Bearer bad"})
        mine = await client.post(HOOKS, json=wish(), headers=good)
        foreign = await client.post(HOOKS, json=wish(organization=f"{ROOT}/organizations/X"), headers=good)

    assert [answer.status_code for answer in (none, bad, mine, foreign)] == [401, 401, 201, 403]
    assert none.json() == {"title": "Unauthenticated", "message": "The access token is invalid"}
    assert foreign.json()["title"] == "Permission Denied"


async def test_a_delivery_is_signed_with_its_time(
    calendly: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """The header holds the time and the digest; the body says event and creator."""
    hook = await created(calendly)

    await sandbox.fire(FireOrder(provider="calendly", event="invitee.created", payload={"payload": {"a": 1}}))

    url, headers, body = receiver.requests[0]
    document = json.loads(body)
    assert url == "http://receiver.test/webhooks/calendly/1"
    assert headers["calendly-webhook-signature"] == signature("s3cret", int(NOW), body)
    assert (document["event"], document["created_by"]) == ("invitee.created", hook["creator"])
    assert document["payload"] == {"a": 1}


async def test_a_webhook_that_fails_for_a_day_is_disabled(
    calendly: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver, clock: Clock
) -> None:
    """Retries begin with the first failure and end with a success; after a day of them nothing is sent any more."""
    uri = (await created(calendly))["uri"]
    order = FireOrder(provider="calendly", event="invitee.created")

    async def shown() -> tuple[str, bool]:
        hook = (await calendly.get(uri)).json()["resource"]
        return hook["state"], hook["retry_started_at"] is not None

    receiver.status = 500
    await sandbox.fire(order)
    assert await shown() == ("active", True)
    receiver.status = 200
    await sandbox.fire(order)
    assert await shown() == ("active", False)
    receiver.status = 500
    await sandbox.fire(order)
    clock.advance(86_400)
    await sandbox.fire(order)
    assert await shown() == ("disabled", True)
    assert await sandbox.fire(order) == []


async def test_what_became_of_a_delivery_may_be_told_after_its_webhook_is_gone(
    calendly: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    """Then it concerns nobody."""
    uri = (await created(calendly))["uri"]
    (outcome,) = await sandbox.fire(FireOrder(provider="calendly", event="invitee.created"))
    await calendly.delete(uri)

    sandbox.vendors["calendly"].delivered(outcome)

    assert sandbox.vendors["calendly"].webhooks() == []


async def test_every_event_can_be_fired(calendly: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """Unsigned where there is no key; only the owner's webhooks are told; an unknown event is an error."""
    await created(calendly, events=sorted(EVENTS), signing_key=None)
    await created(calendly, scope="user", user=f"{ROOT}/users/A", events=["invitee.canceled"])

    for event in sorted(EVENTS):
        (outcome,) = await sandbox.fire(FireOrder(provider="calendly", event=event, resource=f"{ROOT}/users/A")) or (
            await sandbox.fire(FireOrder(provider="calendly", event=event))
        )
        assert json.loads(outcome.delivery.body)["event"] == event
        assert ("Calendly-Webhook-Signature" in outcome.delivery.headers) == (event == "invitee.canceled")
    with pytest.raises(UnknownEventError, match="eaten"):
        await sandbox.fire(FireOrder(provider="calendly", event="invitee.eaten"))


async def test_the_log_hides_the_signing_key(calendly: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """As it hides every secret."""
    await created(calendly)

    assert "s3cret" not in str([entry.document() for entry in sandbox.log])


def test_the_signature_is_what_openssl_makes() -> None:
    """`printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac s3cret`."""
    made = signature("s3cret", 1_700_000_000, b'{"a":1}')

    assert made == "t=1700000000,v1=1698a50bc74d1ff1db85c4e0a5297c2ad9fdba245d5737cdb789e4cc6e098940"
