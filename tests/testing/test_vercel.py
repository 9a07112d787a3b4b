"""The stand-in of Vercel behaves as Vercel's documentation says."""

from __future__ import annotations

import json
from typing import Any

import httpx2 as httpx
import pytest

from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import Access, UnknownEventError
from reconciler.testing.vendors.vercel import USER, signature
from reconciler.testing.vendors.vercel_events import TYPES
from tests.support.openapi import RecordingTransport
from tests.support.sandboxes import Clock, Receiver, SandboxTransport, counting_bytes

HOOKS = "/vercel/v1/webhooks"
WISH: dict[str, Any] = {"url": "https://hooks.acme.dev/webhooks/vercel/1", "events": ["deployment.created"]}


@pytest.fixture
def vercel(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client with a token."""
    client.headers["Authorization"] = "Bearer t0ken"
    return client


async def created(vercel: httpx.AsyncClient, team: str = "team_1", **changes: Any) -> dict[str, Any]:
    """A new webhook as the answer to its creation shows it."""
    answer = await vercel.post(HOOKS, json={**WISH, **changes}, params={"teamId": team} if team else {})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_the_secret_is_the_vendors_and_shown_once(vercel: httpx.AsyncClient) -> None:
    """Create answers 200 with a secret; neither get nor list ever show it again."""
    hook = await created(vercel)

    secret = hook.pop("secret")
    assert len(secret) == 24
    assert hook["ownerId"] == "team_1"
    assert (await vercel.get(f"{HOOKS}/{hook['id']}", params={"teamId": "team_1"})).json() == hook
    assert (await vercel.get(HOOKS, params={"teamId": "team_1"})).json() == [hook]


async def test_webhooks_belong_to_the_team_on_whose_behalf_they_are_made(vercel: httpx.AsyncClient) -> None:
    """Another team, and the user alone, do not see them."""
    hook = await created(vercel)
    own = await created(vercel, team="")

    assert (await vercel.get(f"{HOOKS}/{hook['id']}", params={"teamId": "team_2"})).status_code == 404
    assert [one["ownerId"] for one in (await vercel.get(HOOKS)).json()] == [own["ownerId"]] == [USER]


async def test_a_list_can_be_narrowed_to_a_project(vercel: httpx.AsyncClient) -> None:
    """Only webhooks that name the project are listed then."""
    hook = await created(vercel, projectIds=["prj_1"])
    await created(vercel)

    found = await vercel.get(HOOKS, params={"teamId": "team_1", "projectId": "prj_1"})
    nonsense = await vercel.get(HOOKS, params={"teamId": "team_1", "projectId": "prj-1"})

    assert [(one["id"], one["projectIds"]) for one in found.json()] == [(hook["id"], ["prj_1"])]
    assert (nonsense.status_code, nonsense.json()["error"]["code"]) == (400, "bad_request")


async def test_a_deleted_webhook_is_gone(vercel: httpx.AsyncClient) -> None:
    """Delete answers 204, and 404 from then on."""
    path = f"{HOOKS}/{(await created(vercel))['id']}"

    assert (await vercel.delete(path, params={"teamId": "team_1"})).status_code == 204
    gone = await vercel.delete(path, params={"teamId": "team_1"})

    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "not_found")


async def test_there_is_no_way_to_change_a_webhook(vercel: httpx.AsyncClient, recorder: RecordingTransport) -> None:
    """PATCH and PUT are methods that the endpoint does not have."""
    path = f"{HOOKS}/{(await created(vercel))['id']}"

    answers = [await vercel.request(method, path, json=WISH) for method in ("PATCH", "PUT")]
    elsewhere = await vercel.get("/vercel/v1/hooks")
    recorder.exchanges.clear()

    assert [(one.status_code, one.json()["error"]["code"]) for one in answers] == [(405, "method_unknown")] * 2
    assert elsewhere.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"events": ["deployment.created"]}, "`url`"),
        ({"url": "https://a.dev"}, "`events`"),
        ({**WISH, "url": "ftp://a.dev"}, "`url`"),
        ({**WISH, "events": []}, "`events`"),
        ({**WISH, "events": ["deployment.eaten"]}, "`events`"),
        ({**WISH, "projectIds": []}, "`projectIds`"),
        ({**WISH, "projectIds": ["prj-1"]}, "`projectIds`"),
        ({**WISH, "projectIds": [f"prj_{n}" for n in range(51)]}, "`projectIds`"),
        ({**WISH, "secret": "mine"}, "`secret`"),
        ([], "JSON"),
    ],
)
async def test_a_create_that_makes_no_sense_is_refused(vercel: httpx.AsyncClient, body: Any, said: str) -> None:
    """400 says what is wrong, also of properties that there are not, and nothing is kept."""
    answer = await vercel.post(HOOKS, json=body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
    assert said in answer.json()["error"]["message"]
    assert (await vercel.get(HOOKS)).json() == []


async def test_tokens_and_teams_are_checked(clock: Clock) -> None:
    """No token, a wrong one and a team that it is not in are all forbidden."""
    access = {"vercel": Access(tokens=frozenset({"good"}), resources=frozenset({"team_1"}))}
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes(), access=access))
    good = {"Authorization": "Bearer good"}
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as client:
        refused = [
            await client.get(HOOKS),
            await client.get(HOOKS, headers={"Authorization": "Bearer bad"}),
            await client.get(HOOKS, headers=good, params={"teamId": "team_2"}),
        ]
        known = await client.get(HOOKS, headers=good, params={"slug": "team_1"})

    assert {answer.status_code for answer in refused} == {403}
    assert refused[0].json() == {"error": {"code": "forbidden", "message": "Not authorized"}}
    assert known.status_code == 200


async def test_a_delivery_is_signed_with_sha1(vercel: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver) -> None:
    """The body has the event's type, an id and a payload about the team."""
    hook = await created(vercel, projectIds=["prj_1"])

    await sandbox.fire(FireOrder(provider="vercel", event="deployment.created", payload={"region": None}))

    url, headers, body = receiver.requests[0]
    document = json.loads(body)
    assert url == "http://receiver.test/webhooks/vercel/1"
    assert headers["x-vercel-signature"] == signature(hook["secret"], body)
    assert (document["type"], document["region"]) == ("deployment.created", None)
    assert document["payload"]["team"] == {"id": "team_1"}
    assert document["payload"]["project"] == {"id": "prj_1"}


async def test_an_event_reaches_the_webhooks_of_its_team_or_project(
    vercel: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    """Others, and those of other events, get nothing."""
    mine = await created(vercel)
    project = await created(vercel, team="team_2", projectIds=["prj_1"])
    await created(vercel, events=["project.created"])

    team = await sandbox.fire(FireOrder(provider="vercel", event="deployment.created", resource="team_1"))
    part = await sandbox.fire(FireOrder(provider="vercel", event="deployment.created", resource="prj_1"))

    assert [outcome.delivery.webhook_id for outcome in team] == [mine["id"]]
    assert [outcome.delivery.webhook_id for outcome in part] == [project["id"]]


async def test_every_event_can_be_fired(vercel: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """Its body says its type; a type that Vercel lacks is an error."""
    await created(vercel, team="", events=sorted(TYPES))

    for event in sorted(TYPES):
        (outcome,) = await sandbox.fire(FireOrder(provider="vercel", event=event))
        assert json.loads(outcome.delivery.body)["type"] == event
        assert json.loads(outcome.delivery.body)["payload"]["team"] == {"id": None}
    with pytest.raises(UnknownEventError, match="eaten"):
        await sandbox.fire(FireOrder(provider="vercel", event="deployment.eaten"))


def test_the_signature_is_what_openssl_makes() -> None:
    """`printf '{"a":1}' | openssl dgst -sha1 -hmac s3cret`."""
    assert signature("s3cret", b'{"a":1}') == "79999786a1bff10cd4d7dd0b0752574af76be0b5"
