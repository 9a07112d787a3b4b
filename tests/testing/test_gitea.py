"""The stand-in of Gitea and Forgejo behaves as their documents and handlers say."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import httpx2 as httpx
import pytest

from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import Access, UnknownEventError
from reconciler.testing.vendors.gitea import signature
from reconciler.testing.vendors.gitea_events import KINDS
from tests.support.openapi import RecordingTransport
from tests.support.sandboxes import Clock, Receiver, SandboxTransport, counting_bytes

HOOKS = "/gitea/api/v1/repos/acme/api/hooks"
ORG_HOOKS = "/gitea/api/v1/orgs/acme/hooks"
URL = "https://hooks.acme.dev/webhooks/gitea/1"


@pytest.fixture
def gitea(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client with a token."""
    client.headers["Authorization"] = "token t0ken"
    return client


def wish(**changes: Any) -> dict[str, Any]:
    """The body of a create."""
    config = {"url": URL, "content_type": "json", "secret": "s3cret"}
    return {"type": "gitea", "active": True, "events": ["push"], "config": config, **changes}


async def created(gitea: httpx.AsyncClient, path: str = HOOKS, **changes: Any) -> dict[str, Any]:
    """A new webhook as the API shows it."""
    answer = await gitea.post(path, json=wish(**changes))
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_a_created_webhook_is_shown_without_its_secret(gitea: httpx.AsyncClient) -> None:
    """The config has URL and content type, and no trace of the secret, not even a mask."""
    hook = await created(gitea)

    assert hook["config"] == {"url": URL, "content_type": "json"}
    assert (hook["type"], hook["active"], hook["events"]) == ("gitea", True, ["push"])
    assert (await gitea.get(f"{HOOKS}/{hook['id']}")).json() == hook


async def test_a_webhook_is_off_and_for_pushes_unless_said_otherwise(gitea: httpx.AsyncClient) -> None:
    """`active` defaults to false, `events` to push."""
    answer = await gitea.post(HOOKS, json={"type": "gitea", "config": {"url": URL, "content_type": "json"}})

    assert (answer.json()["active"], answer.json()["events"]) == (False, ["push"])


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (["issues"], ["issue_assign", "issue_comment", "issue_label", "issue_milestone", "issues"]),
        (["issues_only"], ["issues"]),
        (["pull_request_only", "release"], ["pull_request", "release"]),
        (["Push", "carrier_pigeon"], ["push"]),
        (["pull_request_review_approved"], []),
    ],
)
async def test_events_are_shown_as_the_groups_that_they_stand_for(
    gitea: httpx.AsyncClient, asked: list[str], shown: list[str]
) -> None:
    """A group is shown as its members, `_only` as its head, and unknown names vanish without a word."""
    assert (await created(gitea, events=asked))["events"] == shown


async def test_pull_request_stands_for_everything_about_pull_requests(gitea: httpx.AsyncClient) -> None:
    """Reviews, labels and comments come with it."""
    events = (await created(gitea, events=["pull_request"]))["events"]

    assert {"pull_request", "pull_request_review", "pull_request_sync", "pull_request_comment"} < set(events)
    assert all(event.startswith("pull_request") for event in events)


async def test_an_update_replaces_events_and_authorization_but_never_the_secret(
    gitea: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    """What an update does not name of events and authorization is reset; a new secret is taken and ignored."""
    hook = await created(gitea, events=["release"], authorization_header="Bearer x")
    config = {"url": "https://hooks.acme.dev/moved", "content_type": "json", "secret": "an0ther"}

    changed = (await gitea.patch(f"{HOOKS}/{hook['id']}", json={"config": config})).json()
    (outcome,) = await sandbox.fire(FireOrder(provider="gitea", event="push"))

    assert (changed["events"], changed["authorization_header"], changed["active"]) == (["push"], "", True)
    assert changed["config"]["url"] == "https://hooks.acme.dev/moved"
    assert outcome.delivery.headers["X-Gitea-Signature"] == signature("s3cret", outcome.delivery.body)


async def test_a_list_is_cut_by_page_and_limit_and_tells_its_length_only(gitea: httpx.AsyncClient) -> None:
    """30 to a page unless said, at most 50; `X-Total-Count` tells how many there are, and no `Link` leads on."""
    for _ in range(53):
        await created(gitea)

    first = await gitea.get(HOOKS)
    most = await gitea.get(HOOKS, params={"limit": 100})
    rest = await gitea.get(HOOKS, params={"limit": 50, "page": 2})

    assert [len(answer.json()) for answer in (first, most, rest)] == [30, 50, 3]
    assert first.headers["x-total-count"] == "53"
    assert "link" not in first.headers


async def test_tokens_and_resources_are_checked(clock: Clock) -> None:
    """Without or with a wrong token 401; what the token cannot see is not found."""
    access = {"gitea": Access(tokens=frozenset({"good"}), resources=frozenset({"acme/api"}))}
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes(), access=access))
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as client:
        none = await client.get(HOOKS)
        bad = await client.get(HOOKS, headers={"Authorization": "token bad"})
        good = await client.get(HOOKS, headers={"Authorization": "Bearer good"})
        unknown = await client.get(ORG_HOOKS, headers={"Authorization": "token good"})

    assert [answer.status_code for answer in (none, bad, good, unknown)] == [401, 401, 200, 404]
    assert none.json()["message"] == "token is required"
    assert set(unknown.json()) == {"message", "url"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (wish(type="carrier-pigeon"), "Invalid hook type: carrier-pigeon"),
        (wish(config={"content_type": "json"}), "Missing config option: url"),
        (wish(config={"url": URL}), "Missing config option: content_type"),
        (wish(config={"url": URL, "content_type": "yaml"}), "Invalid content type"),
        (wish(config={"url": "hooks", "content_type": "json"}), "Invalid url"),
        (wish(config={"url": URL, "content_type": "json", "insecure_ssl": 0}), "json: cannot unmarshal config"),
        (wish(events="push"), "json: cannot unmarshal events"),
        ([], "the request body is not a JSON object"),
    ],
)
async def test_a_create_that_makes_no_sense_is_refused(gitea: httpx.AsyncClient, body: Any, message: str) -> None:
    """422 says what is wrong, and nothing is kept."""
    answer = await gitea.post(HOOKS, json=body)

    assert answer.status_code == 422
    assert answer.json()["message"].startswith(message)
    assert (await gitea.get(HOOKS)).json() == []


async def test_a_deleted_webhook_is_gone(gitea: httpx.AsyncClient) -> None:
    """Delete answers 204, and 404 from then on; a number that is none is not found either."""
    hook = await created(gitea)

    assert (await gitea.delete(f"{HOOKS}/{hook['id']}")).status_code == 204
    assert (await gitea.delete(f"{HOOKS}/{hook['id']}")).status_code == 404
    assert (await gitea.get(f"{ORG_HOOKS}/none")).status_code == 404


async def test_deliveries_are_signed_under_every_name_that_gitea_gives(
    gitea: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """Bare hexadecimal in Gitea's and Gogs' header, with a prefix in GitHub's; a finer type has its family's event."""
    await created(gitea, events=["issues"])

    await sandbox.fire(FireOrder(provider="gitea", event="issue_label", payload={"commit_id": "7"}))

    url, headers, body = receiver.requests[0]
    assert url == "http://receiver.test/webhooks/gitea/1"
    assert headers["x-gitea-signature"] == headers["x-gogs-signature"] == signature("s3cret", body)
    assert headers["x-hub-signature-256"] == f"sha256={signature('s3cret', body)}"
    assert (headers["x-gitea-event"], headers["x-gitea-event-type"]) == ("issues", "issue_label")
    assert headers["x-gitea-delivery"] == headers["x-github-delivery"]
    assert "x-forgejo-event" not in headers
    assert json.loads(body)["action"] == "label_updated"
    assert json.loads(body)["commit_id"] == "7"


async def test_forgejo_adds_headers_of_its_own(gitea: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver) -> None:
    """A webhook of the type `forgejo` is told in both families of headers."""
    await created(gitea, type="forgejo")

    await sandbox.fire(FireOrder(provider="gitea", event="push"))

    _, headers, body = receiver.requests[0]
    assert headers["x-forgejo-signature"] == headers["x-gitea-signature"] == signature("s3cret", body)
    assert (headers["x-forgejo-event"], headers["x-forgejo-delivery"]) == ("push", headers["x-gitea-delivery"])


async def test_a_webhook_without_a_secret_sends_empty_signatures(
    gitea: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """The headers are there, and hold nothing that proves anything."""
    await created(gitea, config={"url": URL, "content_type": "json"})

    await sandbox.fire(FireOrder(provider="gitea", event="push"))

    headers = receiver.requests[0][1]
    assert (headers["x-gitea-signature"], headers["x-hub-signature-256"]) == ("", "sha256=")


async def test_a_form_carries_the_document_and_the_signature_covers_the_document(
    gitea: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """Unlike GitHub's, the signature of a form is over the JSON inside it."""
    await created(gitea, config={"url": URL, "content_type": "form", "secret": "s3cret"})

    await sandbox.fire(FireOrder(provider="gitea", event="push"))

    _, headers, body = receiver.requests[0]
    document = parse_qs(body.decode())["payload"][0]
    assert headers["x-gitea-signature"] == signature("s3cret", document.encode())


async def test_an_authorization_header_comes_with_deliveries_and_is_masked_to_onlookers(
    gitea: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """Gitea sends it on every delivery; the sandbox does not show it."""
    await created(gitea, authorization_header="Bearer hush")

    await sandbox.fire(FireOrder(provider="gitea", event="push"))

    assert receiver.requests[0][1]["authorization"] == "Bearer hush"
    assert "hush" not in str(sandbox.vendors["gitea"].webhooks())


async def test_the_test_call_delivers_a_push(gitea: httpx.AsyncClient, receiver: Receiver) -> None:
    """`POST .../tests` sends a push to this webhook."""
    hook = await created(gitea, events=["release"])

    answer = await gitea.post(f"{HOOKS}/{hook['id']}/tests")

    assert answer.status_code == 204
    assert [headers["x-gitea-event"] for _, headers, _ in receiver.requests] == ["push"]


async def test_an_event_reaches_its_repository_and_its_organisation_only(
    gitea: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    """Webhooks of another repository, of other events, or inactive ones get nothing."""
    mine, above = await created(gitea), await created(gitea, ORG_HOOKS)
    await created(gitea, "/gitea/api/v1/repos/acme/web/hooks")
    await created(gitea, active=False)
    await created(gitea, events=["release"])

    outcomes = await sandbox.fire(FireOrder(provider="gitea", event="push", resource="Acme/API"))

    assert {outcome.delivery.webhook_id for outcome in outcomes} == {str(mine["id"]), str(above["id"])}


async def test_every_event_can_be_fired(gitea: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """Its header is its family's, and the body names repository and sender; a name that Gitea lacks is an error."""
    every = ["issues", "pull_request", *KINDS]
    await created(gitea, ORG_HOOKS, events=every)

    for kind, told in KINDS.items():
        (outcome,) = await sandbox.fire(FireOrder(provider="gitea", event=kind))
        document = json.loads(outcome.delivery.body)
        assert outcome.delivery.headers["X-Gitea-Event"] == told.header
        assert document["repository"]["full_name"] == "acme/sandbox"
        assert document.get("action", "") == told.action
    with pytest.raises(UnknownEventError, match="pushes"):
        await sandbox.fire(FireOrder(provider="gitea", event="pushes"))


def test_the_signature_is_what_openssl_makes() -> None:
    """`printf '{"a":1}' | openssl dgst -sha256 -hmac s3cret`, and nothing without a secret."""
    expected = "5910e62016ef5034272c926c27071992a465c2335cecf41851bda071577f4f6d"

    assert signature("s3cret", b'{"a":1}') == expected
    assert signature("", b'{"a":1}') == ""


async def test_a_path_that_the_api_does_not_have_is_not_found(
    gitea: httpx.AsyncClient, recorder: RecordingTransport
) -> None:
    """In JSON, as every answer."""
    answer = await gitea.get("/gitea/api/v1/repos/acme/api/webhooks")
    recorder.exchanges.clear()

    assert (answer.status_code, answer.json()["message"]) == (404, "not found")
