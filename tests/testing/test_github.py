"""The stand-in of GitHub behaves as GitHub's documentation says."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import parse_qs

import httpx2 as httpx
import pytest

from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import Access, UnknownEventError
from reconciler.testing.vendors.github import signatures
from tests.support.openapi import RecordingTransport
from tests.support.sandboxes import Clock, Receiver, SandboxTransport, counting_bytes

HOOKS = "/github/repos/acme/api/hooks"
AUTH = {"Authorization": "Bearer t0ken", "Accept": "application/vnd.github+json"}


@pytest.fixture
def github(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client with a token."""
    client.headers.update(AUTH)
    return client


def wish(url: str = "https://hooks.acme.dev/webhooks/github/1", **changes: Any) -> dict[str, Any]:
    """The body of a create."""
    config = {"url": url, "content_type": "json", "secret": "s3cret"}
    return {"name": "web", "active": True, "events": ["push"], "config": config, **changes}


async def created(github: httpx.AsyncClient, path: str = HOOKS, **changes: Any) -> dict[str, Any]:
    """A new webhook as the API shows it."""
    answer = await github.post(path, json=wish(**changes))
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_a_created_webhook_is_shown_with_its_place_and_a_masked_secret(github: httpx.AsyncClient) -> None:
    """Create answers 201 with Location; the secret is a row of stars, insecure_ssl is text, nothing was sent yet."""
    answer = await github.post(HOOKS, json=wish())

    hook = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == hook["url"] == f"http://sandbox.test{HOOKS}/{hook['id']}"
    assert hook["config"] == {
        "url": "https://hooks.acme.dev/webhooks/github/1",
        "content_type": "json",
        "insecure_ssl": "0",
        "secret": "********",
    }
    assert hook["last_response"] == {"code": None, "status": "unused", "message": None}
    assert (await github.get(f"{HOOKS}/{hook['id']}")).json()["events"] == ["push"]


async def test_owner_and_repository_are_found_in_any_case(github: httpx.AsyncClient) -> None:
    """`Acme/API` is `acme/api`."""
    await created(github)

    assert len((await github.get("/github/repos/Acme/API/hooks")).json()) == 1


async def test_no_token_and_a_wrong_token_are_refused_with_401(clock: Clock) -> None:
    """Without a token authentication is required, with an unknown one the credentials are bad."""
    access = {"github": Access(tokens=frozenset({"good"}), resources=frozenset({"Acme/api"}))}
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes(), access=access))
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as client:
        none = await client.get(HOOKS)
        bad = await client.get(HOOKS, headers=AUTH)
        good = await client.get(HOOKS, headers={"Authorization": "token good"})
        unknown = await client.get("/github/repos/acme/other/hooks", headers={"Authorization": "token good"})

    assert (none.status_code, none.json()["message"]) == (401, "Requires authentication")
    assert (bad.status_code, bad.json()["message"]) == (401, "Bad credentials")
    assert good.status_code == 200
    assert (unknown.status_code, unknown.json()["message"]) == (404, "Not Found")


async def test_a_request_without_user_agent_is_refused(github: httpx.AsyncClient) -> None:
    """GitHub insists on a User-Agent."""
    assert (await github.get(HOOKS, headers={"User-Agent": ""})).status_code == 403


async def test_a_list_is_cut_into_pages_that_the_link_header_joins(github: httpx.AsyncClient) -> None:
    """30 to a page unless said, at most 100; `next` and `last` lead on, the last page has neither."""
    names = ["push", "issues", "release", "fork"]
    for number in range(35):
        await created(github, url=f"https://hooks.acme.dev/{number}", events=[names[number % 4]])

    first = await github.get(HOOKS)
    second = await github.get(first.links["next"]["url"])

    assert (len(first.json()), len(second.json())) == (30, 5)
    assert first.links["last"]["url"] == first.links["next"]["url"]
    assert set(second.links) == {"prev", "first"}
    assert len((await github.get(HOOKS, params={"per_page": 500})).json()) == 35


async def test_a_patch_of_events_replaces_them_and_the_repository_may_add_and_remove(
    github: httpx.AsyncClient,
) -> None:
    """`events` replaces the array; `add_events` and `remove_events` change it."""
    hook = await created(github)
    path = f"{HOOKS}/{hook['id']}"

    assert (await github.patch(path, json={"events": ["issues"]})).json()["events"] == ["issues"]
    changed = await github.patch(path, json={"add_events": ["push"], "remove_events": ["issues"], "active": False})

    assert changed.json()["events"] == ["push"]
    assert changed.json()["active"] is False


async def test_a_config_without_its_secret_removes_the_secret(
    github: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """A config is taken as a whole: deliveries are unsigned from then on."""
    hook = await created(github)
    config = {"url": hook["config"]["url"], "content_type": "json"}

    changed = await github.patch(f"{HOOKS}/{hook['id']}", json={"config": config})
    await sandbox.fire(FireOrder(provider="github", event="push"))

    assert "secret" not in changed.json()["config"]
    assert "x-hub-signature-256" not in receiver.requests[-1][1]


async def test_the_config_alone_is_patched_field_by_field(github: httpx.AsyncClient) -> None:
    """`PATCH .../config` keeps what it does not name, the secret too."""
    hook = await created(github)

    changed = await github.patch(f"{HOOKS}/{hook['id']}/config", json={"url": "https://hooks.acme.dev/moved"})

    assert changed.json()["url"] == "https://hooks.acme.dev/moved"
    assert (await github.get(f"{HOOKS}/{hook['id']}/config")).json()["secret"] == "********"


async def test_a_twin_is_refused_but_the_same_place_may_take_other_events(github: httpx.AsyncClient) -> None:
    """The same URL and content type with an event in common exists already; without one it is another webhook."""
    await created(github, events=["push", "issues"])

    twin = await github.post(HOOKS, json=wish(events=["issues", "fork"]))
    everything = await github.post(HOOKS, json=wish(events=["*"]))
    other = await github.post(HOOKS, json=wish(events=["fork"]))

    assert (twin.status_code, everything.status_code, other.status_code) == (422, 422, 201)
    assert twin.json()["message"] == "Validation Failed"
    assert twin.json()["errors"] == [
        {"resource": "Hook", "code": "custom", "message": "Hook already exists on this repository"}
    ]


async def test_the_twenty_first_webhook_of_an_event_is_refused(github: httpx.AsyncClient) -> None:
    """20 webhooks may subscribe to one event of a repository; every full event is named."""
    for number in range(20):
        await created(github, url=f"https://hooks.acme.dev/{number}", events=["push", "fork"])

    refused = await github.post(HOOKS, json=wish(events=["push", "fork", "issues"]))

    assert [error["message"] for error in refused.json()["errors"]] == [
        'The "push" event cannot have more than 20 hooks',
        'The "fork" event cannot have more than 20 hooks',
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (wish(events=["issues.opened"]), 422),
        (wish(events=["organization"]), 422),
        (wish(events="push"), 422),
        (wish(url="hooks.acme.dev"), 422),
        (wish(config={}), 422),
        (wish(name="email"), 422),
        (wish(active="yes"), 422),
        ([], 400),
    ],
    ids=["finer event", "organisation event", "no list", "no scheme", "no URL", "no web", "no boolean", "no object"],
)
async def test_a_create_that_makes_no_sense_is_refused(github: httpx.AsyncClient, body: Any, status: int) -> None:
    """Unknown events, URLs without scheme and wrong types are refused, and nothing is kept."""
    assert (await github.post(HOOKS, json=body)).status_code == status
    assert (await github.get(HOOKS)).json() == []


async def test_a_body_that_is_not_json_is_refused(github: httpx.AsyncClient) -> None:
    """GitHub cannot parse it."""
    answer = await github.post(HOOKS, content=b"{")

    assert (answer.status_code, answer.json()["message"]) == (400, "Problems parsing JSON")


async def test_a_deleted_webhook_is_gone(github: httpx.AsyncClient) -> None:
    """Delete answers 204 without a body, and 404 from then on."""
    hook = await created(github)

    gone = await github.delete(f"{HOOKS}/{hook['id']}")

    assert (gone.status_code, gone.content) == (204, b"")
    assert (await github.delete(f"{HOOKS}/{hook['id']}")).status_code == 404
    assert (await github.get(f"{HOOKS}/none")).status_code == 404


async def test_organisations_have_webhooks_with_events_of_their_own(github: httpx.AsyncClient) -> None:
    """`organization` is an event of organisations; such webhooks know no `add_events`."""
    hook = await created(github, "/github/orgs/acme/hooks", events=["organization"])
    path = f"/github/orgs/acme/hooks/{hook['id']}"

    assert hook["type"] == "Organization"
    unchanged = await github.patch(path, json={"active": True})
    assert unchanged.json()["events"] == ["organization"]
    assert (await github.delete(path)).status_code == 204


async def test_every_answer_counts_down_the_rate_limit(client: httpx.AsyncClient, clock: Clock) -> None:
    """The headers tell what is left; at nought requests are refused until the hour is over."""
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes()))
    sandbox.github._hourly = 2
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://s.test", headers=AUTH) as api:
        answers = [await api.get(HOOKS) for _ in range(3)]
        clock.advance(3600)
        later = await api.get(HOOKS)

    assert [answer.status_code for answer in answers] == [200, 200, 403]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert later.status_code == 200


async def test_a_new_webhook_and_a_ping_call_deliver_a_ping(github: httpx.AsyncClient, receiver: Receiver) -> None:
    """The ping names the webhook, and its result shows as `last_response`."""
    hook = await created(github)
    answer = await github.post(f"{HOOKS}/{hook['id']}/pings")

    pings = [json.loads(body) for _, headers, body in receiver.requests if headers["x-github-event"] == "ping"]
    assert answer.status_code == 204
    assert [ping["hook_id"] for ping in pings] == [hook["id"], hook["id"]]
    assert (await github.get(f"{HOOKS}/{hook['id']}")).json()["last_response"]["code"] == 200


async def test_a_failed_delivery_shows_as_last_response(github: httpx.AsyncClient, receiver: Receiver) -> None:
    """A receiver's 500 makes the webhook look misconfigured."""
    receiver.status = 500
    hook = await created(github)

    shown = (await github.get(f"{HOOKS}/{hook['id']}")).json()["last_response"]

    assert shown == {"code": 500, "status": "misconfigured", "message": "Invalid HTTP Response: 500"}


async def test_the_test_call_delivers_a_push_to_a_webhook_that_wants_pushes(
    github: httpx.AsyncClient, receiver: Receiver
) -> None:
    """`POST .../tests` sends the latest push; a webhook without that event gets nothing."""
    pushed = await created(github)
    other = await created(github, url="https://hooks.acme.dev/other", events=["fork"])
    receiver.requests.clear()

    for hook in (pushed, other):
        assert (await github.post(f"{HOOKS}/{hook['id']}/tests")).status_code == 204

    assert [headers["x-github-event"] for _, headers, _ in receiver.requests] == ["push"]


async def test_a_fired_event_is_signed_over_its_body(
    github: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """`issues.opened` arrives as event `issues` with the action `opened`, signed with the webhook's secret."""
    hook = await created(github, events=["issues"])
    receiver.requests.clear()

    (outcome,) = await sandbox.fire(FireOrder(provider="github", event="issues.opened", payload={"issue": {"id": 7}}))

    url, headers, body = receiver.requests[0]
    document = json.loads(body)
    assert outcome.accepted
    assert url == "http://receiver.test/webhooks/github/1"
    assert (headers["x-github-event"], headers["x-github-hook-id"]) == ("issues", str(hook["id"]))
    assert headers["user-agent"].startswith("GitHub-Hookshot/")
    assert headers["x-hub-signature-256"] == "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert (document["action"], document["issue"], document["repository"]["full_name"]) == (
        "opened",
        {"id": 7},
        "acme/api",
    )


async def test_a_form_webhook_gets_its_document_in_the_field_payload(
    github: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """`content_type: form`, GitHub's default, wraps the JSON, and the signature covers the form."""
    await created(github, config={"url": "https://hooks.acme.dev/form", "secret": "s3cret"})
    await sandbox.fire(FireOrder(provider="github", event="push"))

    _, headers, body = receiver.requests[-1]
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert json.loads(parse_qs(body.decode())["payload"][0])["ref"] == "refs/heads/main"
    assert headers["x-hub-signature-256"] == signatures("s3cret", body)["X-Hub-Signature-256"]


async def test_an_event_reaches_its_repository_and_its_organisation_only(
    github: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    """Webhooks of another repository, of other events, or inactive ones get nothing."""
    mine = await created(github)
    above = await created(github, "/github/orgs/acme/hooks", events=["*"])
    await created(github, "/github/repos/acme/web/hooks")
    await created(github, url="https://hooks.acme.dev/off", active=False)
    await created(github, url="https://hooks.acme.dev/fork", events=["fork"])

    outcomes = await sandbox.fire(FireOrder(provider="github", event="push", resource="Acme/API"))

    assert {outcome.delivery.webhook_id for outcome in outcomes} == {str(mine["id"]), str(above["id"])}


async def test_an_event_that_github_does_not_have_is_an_error(sandbox: Sandbox) -> None:
    """A typo is told instead of reaching nobody."""
    with pytest.raises(UnknownEventError, match="pull_requests"):
        await sandbox.fire(FireOrder(provider="github", event="pull_requests.opened"))


def test_the_signature_is_that_of_the_documentation() -> None:
    """The vector of "Validating webhook deliveries"."""
    made = signatures("It's a Secret to Everybody", b"Hello, World!")

    assert made["X-Hub-Signature-256"] == ("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")


async def test_a_path_that_the_api_does_not_have_is_not_found(
    github: httpx.AsyncClient, recorder: RecordingTransport
) -> None:
    """GitHub's own 404, in JSON."""
    answer = await github.get("/github/repos/acme/api/webhooks")
    recorder.exchanges.clear()

    assert (answer.status_code, answer.json()["message"]) == (404, "Not Found")


async def test_a_list_that_did_not_change_is_answered_with_304(github: httpx.AsyncClient) -> None:
    """The ETag depends on the body and on who asks; a 304 has no body and does not count against the limit."""
    await created(github)
    first = await github.get(HOOKS)
    same = await github.get(HOOKS, headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
    other = await github.get(
        HOOKS, headers={"If-None-Match": first.headers["etag"], "Authorization": "Bearer somebody-else"}
    )
    await created(github, config={"url": "https://hooks.acme.dev/webhooks/github/2"}, events=["issues"])
    changed = await github.get(HOOKS, headers={"If-None-Match": first.headers["etag"]})

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
    assert same.headers["x-ratelimit-remaining"] == first.headers["x-ratelimit-remaining"]
    assert other.status_code == changed.status_code == 200
    assert other.json() == first.json()
    assert len(changed.json()) == 2


@pytest.mark.parametrize(
    ("token", "told"),
    [
        ("t0ken", "admin:org_hook, admin:repo_hook"),
        ("t0ken/scopes=user,gist", "gist, user"),
        ("t0ken/scopes=", ""),
        ("github_pat_t0ken", None),
    ],
)
async def test_a_classic_token_tells_its_scopes_and_a_fine_grained_one_does_not(
    github: httpx.AsyncClient, token: str, told: str | None
) -> None:
    """`X-OAuth-Scopes` is in the answer to `GET /user`."""
    answer = await github.get("/github/user", headers={"Authorization": f"Bearer {token}"})

    assert (answer.status_code, answer.json()["login"]) == (200, "octocat")
    assert answer.headers.get("x-oauth-scopes") == told


@pytest.mark.parametrize(
    ("scopes", "statuses"),
    [
        ("read:repo_hook", (200, 404, 404)),
        ("write:repo_hook", (200, 201, 404)),
        ("public_repo", (200, 201, 204)),
        ("user", (404, 404, 404)),
    ],
)
async def test_webhooks_are_hidden_from_a_token_without_the_scope(
    github: httpx.AsyncClient, scopes: str, statuses: tuple[int, int, int]
) -> None:
    """Reading, writing and deleting need each their own; what may not be done is not found."""
    hook = await created(github)
    by = {"Authorization": f"Bearer t0ken/scopes={scopes}"}
    body = wish("https://hooks.acme.dev/webhooks/github/2", events=["issues"])
    read, written = await github.get(HOOKS, headers=by), await github.post(HOOKS, json=body, headers=by)
    deleted = await github.delete(f"{HOOKS}/{hook['id']}", headers=by)

    assert (read.status_code, written.status_code, deleted.status_code) == statuses
