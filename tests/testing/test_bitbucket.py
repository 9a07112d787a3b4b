"""The stand-in of Bitbucket Cloud behaves as Atlassian's documents say."""

from __future__ import annotations

import json
from typing import Any

import httpx2 as httpx
import pytest

from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import Access, UnknownEventError
from reconciler.testing.vendors.bitbucket import signature
from reconciler.testing.vendors.bitbucket_events import KEYS
from tests.support.openapi import RecordingTransport
from tests.support.sandboxes import Clock, Receiver, SandboxTransport, counting_bytes

HOOKS = "/bitbucket/2.0/repositories/acme/api/hooks"
WORKSPACE_HOOKS = "/bitbucket/2.0/workspaces/acme/hooks"


@pytest.fixture
def bitbucket(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client with a token."""
    client.headers["Authorization"] = "Bearer t0ken"
    return client


def wish(**changes: Any) -> dict[str, Any]:
    """The body of a create."""
    common = {"url": "https://hooks.acme.dev/webhooks/bitbucket/1", "description": "ours", "active": True}
    return {**common, "events": ["repo:push"], "secret": "s3cret", **changes}


async def created(bitbucket: httpx.AsyncClient, path: str = HOOKS, **changes: Any) -> dict[str, Any]:
    """A new webhook as the API shows it."""
    answer = await bitbucket.post(path, json=wish(**changes))
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_a_created_webhook_has_an_id_in_braces_and_says_that_it_has_a_secret(
    bitbucket: httpx.AsyncClient,
) -> None:
    """201 with Location; `secret_set` instead of the secret; the link leads to the webhook."""
    answer = await bitbucket.post(HOOKS, json=wish())

    hook = answer.json()
    assert hook["uuid"].startswith("{")
    assert hook["uuid"].endswith("}")
    assert hook["secret_set"] is True
    assert "secret" not in hook
    assert hook["subject"] == {"type": "repository", "full_name": "acme/api"}
    assert answer.headers["location"] == hook["links"]["self"]["href"]
    assert (await bitbucket.get(hook["links"]["self"]["href"])).json() == hook


async def test_an_id_is_found_with_its_braces_encoded_or_without_them(bitbucket: httpx.AsyncClient) -> None:
    """Clients are known to strip the braces."""
    uuid = (await created(bitbucket))["uuid"]

    for uid in (uuid, uuid.replace("{", "%7B").replace("}", "%7D"), uuid.strip("{}")):
        assert (await bitbucket.get(f"{HOOKS}/{uid}")).json()["uuid"] == uuid


async def test_pages_are_joined_by_whole_urls_in_the_body(bitbucket: httpx.AsyncClient) -> None:
    """10 to a page unless `pagelen` says otherwise; `next` is there until the last page."""
    for number in range(23):
        await created(bitbucket, description=str(number))

    found: list[str] = []
    url: str | None = HOOKS
    while url:
        page = (await bitbucket.get(url)).json()
        found += [hook["description"] for hook in page["values"]]
        url = page.get("next")

    assert found == [str(number) for number in range(23)]
    assert (page["page"], page["pagelen"], page["size"]) == (3, 10, 23)
    assert page["previous"].startswith("http://sandbox.test/bitbucket/2.0/")
    assert len((await bitbucket.get(HOOKS, params={"pagelen": 100})).json()["values"]) == 23
    assert (await bitbucket.get(HOOKS, params={"pagelen": 101})).status_code == 400


async def test_a_secret_stays_unless_an_update_names_it(bitbucket: httpx.AsyncClient) -> None:
    """Left out it is unchanged; null removes it."""
    path = f"{HOOKS}/{(await created(bitbucket))['uuid']}"
    kept = wish(url="https://hooks.acme.dev/moved")
    del kept["secret"]

    moved = (await bitbucket.put(path, json=kept)).json()
    without = (await bitbucket.put(path, json={**kept, "secret": None})).json()

    assert (moved["url"], moved["secret_set"]) == ("https://hooks.acme.dev/moved", True)
    assert without["secret_set"] is False


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"url": None}, "url"),
        ({"url": "hooks.acme.dev"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["push"]}, "events"),
        ({"events": ["repo:push", "repo:push"]}, "events"),
        ({"events": ["project:updated"]}, "events"),
        ({"secret": 7}, "secret"),
    ],
)
async def test_a_create_that_makes_no_sense_is_refused(
    bitbucket: httpx.AsyncClient, changes: dict[str, Any], wrong: str
) -> None:
    """400 names the field, and nothing is kept."""
    answer = await bitbucket.post(HOOKS, json=wish(**changes))

    assert (answer.status_code, answer.json()["type"]) == (400, "error")
    assert list(answer.json()["error"]["fields"]) == [wrong]
    assert (await bitbucket.get(HOOKS)).json()["values"] == []


async def test_a_body_that_is_no_object_is_refused(bitbucket: httpx.AsyncClient) -> None:
    """400, as an error of the vendor's form."""
    assert (await bitbucket.post(HOOKS, content=b"[]")).json() == {
        "type": "error",
        "error": {"message": "Bad request"},
    }


async def test_tokens_and_resources_are_checked(clock: Clock) -> None:
    """401 for no or a wrong token, 404 for what it cannot see."""
    access = {"bitbucket": Access(tokens=frozenset({"good"}), resources=frozenset({"acme/api"}))}
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes(), access=access))
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as client:
        none = await client.get(HOOKS)
        bad = await client.get(HOOKS, headers={"Authorization": "Bearer bad"})
        good = await client.get(HOOKS, headers={"Authorization": "Bearer good"})
        unknown = await client.get(WORKSPACE_HOOKS, headers={"Authorization": "Bearer good"})

    assert [answer.status_code for answer in (none, bad, good, unknown)] == [401, 401, 200, 404]
    assert unknown.json() == {"type": "error", "error": {"message": "Workspace acme not found"}}


async def test_a_deleted_webhook_is_gone(bitbucket: httpx.AsyncClient) -> None:
    """Delete answers 204, and 404 from then on."""
    path = f"{HOOKS}/{(await created(bitbucket))['uuid']}"

    assert (await bitbucket.delete(path)).status_code == 204
    assert (await bitbucket.delete(path)).status_code == 404


async def test_a_delivery_is_signed_and_marked(
    bitbucket: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """Event, webhook, request and attempt in headers; the signature has its algorithm before it."""
    hook = await created(bitbucket)

    await sandbox.fire(FireOrder(provider="bitbucket", event="repo:push", payload={"actor": {"nickname": "ada"}}))

    url, headers, body = receiver.requests[0]
    assert url == "http://receiver.test/webhooks/bitbucket/1"
    assert headers["x-hub-signature"] == signature("s3cret", body)
    assert (headers["x-event-key"], headers["x-attempt-number"]) == ("repo:push", "1")
    assert headers["x-hook-uuid"] == hook["uuid"].strip("{}")
    assert headers["x-request-uuid"]
    assert json.loads(body)["actor"] == {"nickname": "ada"}


async def test_without_a_secret_nothing_is_signed(
    bitbucket: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """The header is missing."""
    await created(bitbucket, secret="")

    await sandbox.fire(FireOrder(provider="bitbucket", event="repo:push"))

    assert "x-hub-signature" not in receiver.requests[0][1]


async def test_an_event_reaches_its_repository_and_its_workspace_only(
    bitbucket: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    """Webhooks of another repository, of other events, or inactive ones get nothing."""
    mine, above = await created(bitbucket), await created(bitbucket, WORKSPACE_HOOKS)
    await created(bitbucket, "/bitbucket/2.0/repositories/acme/web/hooks")
    await created(bitbucket, active=False)
    await created(bitbucket, events=["repo:fork"])

    outcomes = await sandbox.fire(FireOrder(provider="bitbucket", event="repo:push", resource="acme/API"))

    assert {outcome.delivery.webhook_id for outcome in outcomes} == {mine["uuid"], above["uuid"]}


async def test_every_event_can_be_fired(bitbucket: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """Its body has an actor and what it is about; a key that Bitbucket lacks is an error."""
    await created(bitbucket, WORKSPACE_HOOKS, events=sorted(KEYS))

    for key in sorted(KEYS):
        (outcome,) = await sandbox.fire(FireOrder(provider="bitbucket", event=key))
        document = json.loads(outcome.delivery.body)
        assert document["actor"]["type"] == "user"
        assert key.partition(":")[0] in {"repo", *document}
        assert ("comment" in document) == ("comment" in key)
    with pytest.raises(UnknownEventError, match="push"):
        await sandbox.fire(FireOrder(provider="bitbucket", event="push"))


def test_the_signature_is_that_of_the_documentation() -> None:
    """The test vector of "Manage webhooks": the digest of "Hello World!" with "It's a Secret to Everybody"."""
    expected = "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"

    assert signature("It's a Secret to Everybody", b"Hello World!") == f"sha256={expected}"


async def test_a_path_that_the_api_does_not_have_is_not_found(
    bitbucket: httpx.AsyncClient, recorder: RecordingTransport
) -> None:
    """In JSON, as every answer."""
    answer = await bitbucket.get("/bitbucket/2.0/repositories/acme/api/webhooks")
    recorder.exchanges.clear()

    assert (answer.status_code, answer.json()["type"]) == (404, "error")
