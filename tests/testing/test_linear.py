"""The stand-in of Linear behaves as Linear's documentation and SDK say."""

from __future__ import annotations

import json
from typing import Any

import httpx2 as httpx
import pytest

from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import Access, UnknownEventError
from reconciler.testing.vendors.linear import ORGANIZATION, signature
from reconciler.testing.vendors.linear_schema import RESOURCE_TYPES
from tests.support.sandboxes import NOW, Clock, Receiver, SandboxTransport, counting_bytes

API = "/linear/graphql"
URL = "https://hooks.acme.dev/webhooks/linear/1"
WEBHOOK = "fragment W on Webhook { id url label enabled allPublicTeams resourceTypes secret team { id key } }"
CREATE = f"""
mutation ($input: WebhookCreateInput!) {{ webhookCreate(input: $input) {{ success webhook {{ ...W }} }} }} {WEBHOOK}
"""
UPDATE = f"""
mutation ($id: String!, $input: WebhookUpdateInput!) {{
  webhookUpdate(id: $id, input: $input) {{ success webhook {{ ...W }} }}
}} {WEBHOOK}
"""
DELETE = "mutation ($id: String!) { webhookDelete(id: $id) { success entityId } }"
LIST = """
query ($first: Int, $after: String) {
  webhooks(first: $first, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } }
}
"""


@pytest.fixture
def linear(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client with an API key, which stands bare in its header."""
    client.headers["Authorization"] = "lin_api_1"
    return client


async def asked(linear: httpx.AsyncClient, query: str, **variables: Any) -> dict[str, Any]:
    """What the API answers, with 200, to a query."""
    answer = await linear.post(API, json={"query": query, "variables": variables})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def wish(**changes: Any) -> dict[str, Any]:
    """The input of a create."""
    return {"url": URL, "resourceTypes": ["Issue"], "teamId": "ENG", "secret": "s3cret", **changes}


async def created(linear: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    """A new webhook."""
    document = await asked(linear, CREATE, input=wish(**changes))
    assert "errors" not in document, document
    webhook: dict[str, Any] = document["data"]["webhookCreate"]["webhook"]
    return webhook


async def test_a_created_webhook_has_what_was_asked_for(linear: httpx.AsyncClient) -> None:
    """It is enabled unless said, belongs to the team of that key, and tells its secret to who asks for it."""
    hook = await created(linear, label="ours")

    assert (hook["url"], hook["label"], hook["enabled"], hook["resourceTypes"]) == (URL, "ours", True, ["Issue"])
    assert (hook["secret"], hook["allPublicTeams"], hook["team"]["key"]) == ("s3cret", False, "ENG")
    assert (await asked(linear, "query ($id: String!) { webhook(id: $id) { url } }", id=hook["id"]))["data"] == {
        "webhook": {"url": URL}
    }


async def test_a_secret_is_made_where_none_is_given(linear: httpx.AsyncClient) -> None:
    """And a rotation makes another."""
    hook = await created(linear, secret=None, allPublicTeams=True, teamId=None)
    rotated = await asked(
        linear, "mutation ($id: String!) { webhookRotateSecret(id: $id) { secret success } }", id=hook["id"]
    )

    assert hook["secret"].startswith("lin_wh_")
    assert (hook["allPublicTeams"], hook["team"]) == (True, None)
    assert rotated["data"]["webhookRotateSecret"]["secret"] != hook["secret"]


async def test_a_client_may_choose_the_id_once(linear: httpx.AsyncClient) -> None:
    """A second webhook of that id conflicts."""
    chosen = "c0ffee00-0000-4000-8000-000000000001"

    assert (await created(linear, id=chosen))["id"] == chosen
    assert (await asked(linear, CREATE, input=wish(id=chosen)))["errors"][0]["message"].startswith("conflict")


async def test_an_update_changes_what_it_names(linear: httpx.AsyncClient) -> None:
    """The rest, the secret too, stays."""
    hook = await created(linear)

    document = await asked(linear, UPDATE, id=hook["id"], input={"resourceTypes": ["Comment"], "enabled": False})

    changed = document["data"]["webhookUpdate"]["webhook"]
    assert changed == {**hook, "resourceTypes": ["Comment"], "enabled": False}


async def test_a_team_is_no_field_of_an_update(linear: httpx.AsyncClient) -> None:
    """A variable that the input type does not have is not understood: 400."""
    hook = await created(linear)

    answer = await linear.post(API, json={"query": UPDATE, "variables": {"id": hook["id"], "input": {"teamId": "X"}}})

    assert answer.status_code == 400
    assert "teamId" in answer.json()["errors"][0]["message"]


async def test_a_deleted_webhook_is_gone_and_errors_come_with_200(linear: httpx.AsyncClient) -> None:
    """What Linear understands and refuses is a 200 without data and with errors that say their type."""
    hook = await created(linear)

    first = await asked(linear, DELETE, id=hook["id"])
    second = await asked(linear, DELETE, id=hook["id"])

    assert first["data"]["webhookDelete"] == {"success": True, "entityId": hook["id"]}
    (error,) = second["errors"]
    assert second["data"] is None
    assert (error["message"], error["path"]) == ("Entity not found: Webhook", ["webhookDelete"])
    assert (error["extensions"]["type"], error["extensions"]["code"]) == ("invalid input", "INPUT_ERROR")


async def test_pages_are_joined_by_cursors(linear: httpx.AsyncClient) -> None:
    """50 to a page unless `first` says otherwise; `endCursor` leads on while `hasNextPage`."""
    for _ in range(55):
        await created(linear)
    found: list[str] = []
    after, more = None, True

    while more:
        page = (await asked(linear, LIST, first=20, after=after))["data"]["webhooks"]
        found += [node["id"] for node in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]

    assert len(found) == len(set(found)) == 55
    assert len((await asked(linear, LIST))["data"]["webhooks"]["nodes"]) == 50


async def test_pages_lead_back_too(linear: httpx.AsyncClient) -> None:
    """`last` and `before` cut from the other end, and edges hold the cursors; an empty list has none."""
    back = """query ($last: Int, $before: String) {
      webhooks(last: $last, before: $before) { edges { cursor } pageInfo { hasPreviousPage startCursor endCursor } }
    }"""
    assert (await asked(linear, back))["data"]["webhooks"]["pageInfo"]["endCursor"] is None
    made = [(await created(linear))["id"] for _ in range(3)]

    page = (await asked(linear, back, last=1, before=made[0]))["data"]["webhooks"]

    assert page["edges"] == [{"cursor": made[1]}]
    assert page["pageInfo"]["hasPreviousPage"] is True
    assert (await asked(linear, LIST, after="nonsense"))["errors"][0]["extensions"]["type"] == "invalid input"
    assert (await asked(linear, LIST, first=251))["errors"][0]["message"] == "Argument Validation Error"


async def test_a_team_lists_its_own_webhooks(linear: httpx.AsyncClient) -> None:
    """By its key or its id; the workspace and the key's user can be asked for as well."""
    hook = await created(linear)
    await created(linear, teamId="OPS")
    query = "query ($id: String!) { team(id: $id) { id webhooks { nodes { id } } } viewer { organization { id } } }"

    by_key = (await asked(linear, query, id="eng"))["data"]
    by_id = (await asked(linear, query, id=hook["team"]["id"]))["data"]

    assert by_key["team"]["id"] == by_id["team"]["id"] == hook["team"]["id"]
    assert by_key["team"]["webhooks"]["nodes"] == by_id["team"]["webhooks"]["nodes"] == [{"id": hook["id"]}]
    assert by_key["viewer"]["organization"]["id"] == ORGANIZATION


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://hooks.acme.dev"},
        {"url": "hooks"},
        {"resourceTypes": []},
        {"resourceTypes": ["issue"]},
        {"teamId": None},
    ],
    ids=["not https", "no URL", "no types", "no such type", "neither team nor all"],
)
async def test_a_create_that_makes_no_sense_is_refused(linear: httpx.AsyncClient, changes: dict[str, Any]) -> None:
    """The error says so in words for people, and nothing is kept."""
    document = await asked(linear, CREATE, input=wish(**changes))

    assert document["data"] is None
    assert document["errors"][0]["extensions"]["userPresentableMessage"]
    assert (await asked(linear, LIST))["data"]["webhooks"]["nodes"] == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "query {"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ webhooks { nodes { colour } } }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "mutation { webhookCreate(input: {}) { success } }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": CREATE, "variables": {"input": {"url": 7}}}, "BAD_USER_INPUT"),
        ({"query": CREATE, "variables": []}, "BAD_REQUEST"),
        ({"variables": {}}, "BAD_REQUEST"),
        ([], "BAD_REQUEST"),
    ],
)
async def test_what_is_not_understood_is_a_400(linear: httpx.AsyncClient, body: Any, code: str) -> None:
    """Syntax, fields that there are not, arguments and variables of the wrong type."""
    answer = await linear.post(API, json=body)

    assert answer.status_code == 400
    assert {error["extensions"]["code"] for error in answer.json()["errors"]} == {code}


async def test_keys_and_teams_are_checked(clock: Clock) -> None:
    """401 for no or a wrong key and for a personal key behind `Bearer`; a team it cannot see is not found."""
    access = {"linear": Access(tokens=frozenset({"lin_api_1", "oauth"}), resources=frozenset({"ENG"}))}
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes(), access=access))
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as client:

        async def said(authorization: str, team: str = "ENG") -> httpx.Response:
            body = {"query": CREATE, "variables": {"input": wish(teamId=team)}}
            return await client.post(API, json=body, headers={"Authorization": authorization})

        refused = [await said(header) for header in ("", "lin_api_2", "Bearer lin_api_1")]
        good = [await said(header) for header in ("lin_api_1", "Bearer oauth")]
        unknown = await said("lin_api_1", "OPS")
        elsewhere = await client.post("/linear/v2")

    assert {answer.status_code for answer in refused} == {401}
    assert refused[0].json()["errors"][0]["extensions"]["code"] == "AUTHENTICATION_ERROR"
    assert all("errors" not in answer.json() for answer in good)
    assert (unknown.status_code, unknown.json()["errors"][0]["message"]) == (200, "Entity not found: Team")
    assert elsewhere.status_code == 404


async def test_a_delivery_is_signed_and_dated_in_its_body(
    linear: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """Bare hexadecimal over the body; the body says type, action, webhook and the time in milliseconds."""
    hook = await created(linear)

    await sandbox.fire(FireOrder(provider="linear", event="Issue.update", payload={"url": "https://linear.app/1"}))

    url, headers, body = receiver.requests[0]
    document = json.loads(body)
    assert url == "http://receiver.test/webhooks/linear/1"
    assert headers["linear-signature"] == signature("s3cret", body)
    assert (headers["linear-event"], headers["linear-timestamp"]) == ("Issue", str(int(NOW * 1000)))
    assert len(headers["linear-delivery"]) == 36
    assert (document["type"], document["action"], document["webhookId"]) == ("Issue", "update", hook["id"])
    assert (document["webhookTimestamp"], document["organizationId"]) == (int(NOW * 1000), ORGANIZATION)
    assert (document["url"], document["data"]["team"]["key"]) == ("https://linear.app/1", "ENG")


async def test_an_event_reaches_its_team_and_webhooks_of_all_teams(linear: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """Webhooks of another team, of other types, or disabled ones get nothing."""
    mine = await created(linear)
    everywhere = await created(linear, teamId=None, allPublicTeams=True)
    await created(linear, teamId="OPS")
    await created(linear, enabled=False)
    await created(linear, resourceTypes=["Comment"])

    outcomes = await sandbox.fire(FireOrder(provider="linear", event="Issue", resource="ENG"))

    assert {outcome.delivery.webhook_id for outcome in outcomes} == {mine["id"], everywhere["id"]}


async def test_every_type_of_resource_can_be_fired(linear: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """The header and the body say which; a type that Linear lacks is an error."""
    await created(linear, resourceTypes=list(RESOURCE_TYPES))

    for kind in RESOURCE_TYPES:
        (outcome,) = await sandbox.fire(FireOrder(provider="linear", event=kind))
        assert outcome.delivery.headers["Linear-Event"] == json.loads(outcome.delivery.body)["type"] == kind
    with pytest.raises(UnknownEventError, match="issues"):
        await sandbox.fire(FireOrder(provider="linear", event="issues"))


async def test_onlookers_see_no_secret(linear: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """The API tells it to who holds a key; the sandbox's list and log do not."""
    await created(linear)

    assert "s3cret" not in str(sandbox.vendors["linear"].webhooks())
    assert "s3cret" not in str([entry.document() for entry in sandbox.log])


def test_the_signature_is_what_openssl_makes() -> None:
    """`printf '{"a":1}' | openssl dgst -sha256 -hmac s3cret`."""
    assert signature("s3cret", b'{"a":1}') == "5910e62016ef5034272c926c27071992a465c2335cecf41851bda071577f4f6d"
