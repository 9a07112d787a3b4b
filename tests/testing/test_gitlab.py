"""The stand-in of GitLab behaves as GitLab's documentation says."""

from __future__ import annotations

import json
from typing import Any

import httpx2 as httpx
import pytest

from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import Access, UnknownEventError
from tests.support.sandboxes import Clock, Receiver, SandboxTransport, counting_bytes

HOOKS = "/gitlab/api/v4/projects/acme%2Fapi/hooks"
GROUP = "/gitlab/api/v4/groups/acme/hooks"
URL = "https://hooks.acme.dev/webhooks/gitlab/1"


@pytest.fixture
def gitlab(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client with a token."""
    client.headers["PRIVATE-TOKEN"] = "glpat"
    return client


async def created(gitlab: httpx.AsyncClient, path: str = HOOKS, **values: Any) -> dict[str, Any]:
    """A new webhook as the API shows it."""
    answer = await gitlab.post(path, json={"url": URL, "token": "s3cret", **values})
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_a_webhook_gets_pushes_unless_it_says_no(gitlab: httpx.AsyncClient) -> None:
    """`push_events` and TLS verification default to true, all other events to false; the token is never returned."""
    hook = await created(gitlab)
    quiet = await created(gitlab, push_events=False, issues_events=True)

    assert [key for key, value in hook.items() if value is True] == [
        "token_present",
        "push_events",
        "enable_ssl_verification",
    ]
    assert hook["alert_status"] == "executable"
    assert hook["disabled_until"] is None
    assert "token" not in hook
    assert (await created(gitlab, token=""))["token_present"] is False
    assert (quiet["push_events"], quiet["issues_events"]) == (False, True)


async def test_a_project_is_named_by_its_encoded_path_or_its_number(gitlab: httpx.AsyncClient) -> None:
    """The slash of a path must be encoded, else no endpoint matches; the numeric id finds the same project."""
    hook = await created(gitlab)

    by_number = await gitlab.get(f"/gitlab/api/v4/projects/{hook['project_id']}/hooks")
    bare = await gitlab.get("/gitlab/api/v4/projects/acme/api/hooks")

    assert [found["id"] for found in by_number.json()] == [hook["id"]]
    assert (bare.status_code, bare.json()) == (404, {"error": "404 Not Found"})


async def test_access_is_refused_in_gitlabs_words(clock: Clock) -> None:
    """401 without a known token in any of the three places, 404 for unknown projects, groups and webhooks."""
    access = {"gitlab": Access(tokens=frozenset({"good"}), resources=frozenset({"acme/api"}))}
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes(), access=access))
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as api:
        none = await api.get(HOOKS)
        bearer = await api.get(HOOKS, headers={"Authorization": "Bearer good"})
        query = await api.get(HOOKS, params={"private_token": "good"})
        api.headers["PRIVATE-TOKEN"] = "good"
        group = await api.get(GROUP)
        project = await api.get("/gitlab/api/v4/projects/acme%2Fweb/hooks")
        hook = await api.get(f"{HOOKS}/7")

    assert (none.status_code, none.json()) == (401, {"message": "401 Unauthorized"})
    assert (bearer.status_code, query.status_code) == (200, 200)
    assert group.json() == {"message": "404 Group Not Found"}
    assert project.json() == {"message": "404 Project Not Found"}
    assert (hook.status_code, hook.json()) == (404, {"message": "404 Not found"})


async def test_a_list_is_cut_into_pages(gitlab: httpx.AsyncClient) -> None:
    """20 to a page unless said; Link and the X- headers lead to the next."""
    for _ in range(25):
        await created(gitlab)

    first = await gitlab.get(HOOKS)
    second = await gitlab.get(first.links["next"]["url"])

    assert (len(first.json()), len(second.json())) == (20, 5)
    assert (first.headers["x-next-page"], first.headers["x-total"], first.headers["x-total-pages"]) == ("2", "25", "2")
    assert (second.headers["x-next-page"], second.headers["x-prev-page"]) == ("", "1")
    assert set(second.links) == {"prev", "first", "last"}


async def test_a_new_url_resets_the_token_unless_it_comes_with_one(
    gitlab: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """After a move without token, deliveries carry none; other updates keep it."""
    hook = await created(gitlab)
    path = f"{HOOKS}/{hook['id']}"

    tokens = []
    for change in (
        {"url": URL, "issues_events": True},
        {"url": "https://hooks.acme.dev/moved"},
        {"url": "https://hooks.acme.dev/again", "token": "new"},
    ):
        assert (await gitlab.put(path, json=change)).status_code == 200
        await sandbox.fire(FireOrder(provider="gitlab", event="push_events"))
        tokens.append(receiver.requests[-1][1].get("x-gitlab-token"))

    assert tokens == ["s3cret", None, "new"]


@pytest.mark.parametrize(
    ("body", "status", "answer"),
    [
        ({"push_events": True}, 400, {"error": "url is missing"}),
        ({"url": URL, "push_events": "maybe"}, 400, {"error": "push_events is invalid"}),
        ({"url": "hooks.acme.dev"}, 422, {"error": "Invalid url given"}),
        (
            {"url": URL, "branch_filter_strategy": "x"},
            400,
            {"error": "branch_filter_strategy does not have a valid value"},
        ),
        ({"url": URL, "token": "a\nb"}, 422, {"message": {"token": ["is invalid"]}}),
        ({"url": URL, "custom_headers": {"a": "b"}}, 400, {"error": "custom_headers is invalid"}),
    ],
    ids=["no URL", "no boolean", "no scheme", "no strategy", "token of two lines", "no list"],
)
async def test_a_create_that_makes_no_sense_is_refused(
    gitlab: httpx.AsyncClient, body: dict[str, Any], status: int, answer: dict[str, Any]
) -> None:
    """Each refusal has GitLab's status and body, and nothing is kept."""
    refused = await gitlab.post(HOOKS, json=body)

    assert (refused.status_code, refused.json()) == (status, answer)
    assert (await gitlab.get(HOOKS)).json() == []


async def test_an_update_needs_parameters_and_a_numeric_id(gitlab: httpx.AsyncClient) -> None:
    """An empty update is refused; an id that is no number is invalid, not unknown."""
    hook = await created(gitlab)

    empty = await gitlab.put(f"{HOOKS}/{hook['id']}", json={})
    strange = await gitlab.get(f"{HOOKS}/abc")

    assert empty.json() == {"error": "No parameters provided"}
    assert (strange.status_code, strange.json()) == (400, {"error": "hook_id is invalid"})


async def test_a_deleted_webhook_is_gone(gitlab: httpx.AsyncClient) -> None:
    """Delete answers 204, and 404 from then on."""
    hook = await created(gitlab)

    assert (await gitlab.delete(f"{HOOKS}/{hook['id']}")).status_code == 204
    assert (await gitlab.delete(f"{HOOKS}/{hook['id']}")).status_code == 404


async def test_groups_have_webhooks_with_flags_of_their_own(gitlab: httpx.AsyncClient) -> None:
    """A group's webhook knows member and subgroup events and the group's id, and is no project's."""
    hook = await created(gitlab, GROUP, member_events=True)

    assert (hook["member_events"], hook["subgroup_events"]) == (True, False)
    assert "group_id" in hook
    assert (await gitlab.get("/gitlab/api/v4/projects/acme/hooks")).json() == []


async def test_custom_headers_are_sent_and_shown_without_value(
    gitlab: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """The API shows the key alone; the delivery carries both."""
    hook = await created(gitlab, custom_headers=[{"key": "X-Team", "value": "blue"}])
    await sandbox.fire(FireOrder(provider="gitlab", event="push_events"))

    assert hook["custom_headers"] == [{"key": "X-Team"}]
    assert receiver.requests[-1][1]["x-team"] == "blue"


async def test_a_fired_event_carries_the_token_and_gitlabs_names(
    gitlab: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """`merge_requests_events` is delivered as "Merge Request Hook" with object_kind `merge_request`."""
    await created(gitlab, merge_requests_events=True)

    (outcome,) = await sandbox.fire(
        FireOrder(provider="gitlab", event="merge_requests_events", resource="acme/api", payload={"labels": []})
    )

    url, headers, body = receiver.requests[0]
    document = json.loads(body)
    assert (outcome.accepted, url) == (True, "http://receiver.test/webhooks/gitlab/1")
    assert headers["x-gitlab-token"] == "s3cret"
    assert headers["x-gitlab-event"] == "Merge Request Hook"
    assert headers["x-gitlab-instance"] == "https://gitlab.example.com"
    assert len(headers["idempotency-key"]) == len(headers["x-gitlab-event-uuid"]) == 36
    assert (document["object_kind"], document["labels"]) == ("merge_request", [])
    assert document["project"]["path_with_namespace"] == "acme/api"


async def test_an_event_reaches_its_project_and_its_group_only(gitlab: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """A group's webhook is told of its projects; another project's is not."""
    await created(gitlab)
    await created(gitlab, GROUP)
    await created(gitlab, "/gitlab/api/v4/projects/acme%2Fweb/hooks")

    reached = await sandbox.fire(FireOrder(provider="gitlab", event="push_events", resource="acme/api"))

    assert [outcome.delivery.webhook_id for outcome in reached] == ["1", "2"]


async def test_an_event_that_gitlab_does_not_have_is_an_error(sandbox: Sandbox) -> None:
    """Events are named as the API names its flags."""
    with pytest.raises(UnknownEventError, match="merge_request"):
        await sandbox.fire(FireOrder(provider="gitlab", event="merge_request"))


async def test_the_fourth_failure_in_a_row_disables_for_a_while_and_the_fortieth_for_good(
    gitlab: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver, clock: Clock
) -> None:
    """A failing webhook shows it in `alert_status` and gets nothing meanwhile; a success makes it well again."""
    hook = await created(gitlab)
    path, order = f"{HOOKS}/{hook['id']}", FireOrder(provider="gitlab", event="push_events")
    receiver.status = 500
    for _ in range(4):
        await sandbox.fire(order)

    ill = (await gitlab.get(path)).json()
    assert ill["alert_status"] == "temporarily_disabled"
    assert ill["disabled_until"] > "2026"
    assert await sandbox.fire(order) == []

    clock.advance(61)
    receiver.status = 200
    assert len(await sandbox.fire(order)) == 1
    assert (await gitlab.get(path)).json()["alert_status"] == "executable"

    receiver.status = 500
    for _ in range(40):
        await sandbox.fire(order)
        clock.advance(86_401)
    assert (await gitlab.get(path)).json()["alert_status"] == "disabled"


async def test_a_test_delivery_is_made_while_the_caller_waits(
    gitlab: httpx.AsyncClient, receiver: Receiver, clock: Clock
) -> None:
    """201 once the receiver took it, 422 when it did not, 400 for no trigger, 429 after five in a minute."""
    hook = await created(gitlab)
    path = f"/gitlab/api/v4/projects/{hook['project_id']}/hooks/{hook['id']}/test"

    good = await gitlab.post(f"{path}/issues_events")
    receiver.status = 500
    bad = await gitlab.post(f"{path}/push_events")
    strange = await gitlab.post(f"{path}/everything")
    rest = [(await gitlab.post(f"{path}/push_events")).status_code for _ in range(4)]
    clock.advance(60)
    receiver.status = 200

    assert (good.status_code, good.json()) == (201, {"message": "201 Created"})
    assert receiver.requests[0][1]["x-gitlab-event"] == "Issue Hook"
    assert (bad.status_code, strange.status_code) == (422, 400)
    assert rest == [422, 422, 422, 429]
    assert (await gitlab.post(f"{path}/push_events")).status_code == 201


async def test_a_token_tells_its_scopes_and_is_refused_beyond_them(clock: Clock) -> None:
    """Any token may ask about itself; webhooks are read with `read_api` and written with `api`."""
    access = {"gitlab": Access(scopes={"reader": frozenset({"read_api"}), "user": frozenset({"read_user"})})}
    sandbox = create_sandbox(SandboxConfig(now=clock, random_bytes=counting_bytes(), access=access))
    own = "/gitlab/api/v4/personal_access_tokens/self"
    async with httpx.AsyncClient(transport=SandboxTransport(sandbox), base_url="http://sandbox.test") as api:
        nobody = await api.get(own)
        told = [(await api.get(own, headers={"PRIVATE-TOKEN": name})).json()["scopes"] for name in ("any", "user")]
        read = [(await api.get(HOOKS, headers={"PRIVATE-TOKEN": name})).status_code for name in ("reader", "user")]
        written = await api.post(HOOKS, json={"url": "https://hooks.acme.dev/1"}, headers={"PRIVATE-TOKEN": "reader"})

    assert nobody.status_code == 401
    assert told == [["api"], ["read_user"]]
    assert read == [200, 403]
    assert (written.status_code, written.json()["error"], written.json()["scope"]) == (403, "insufficient_scope", "api")
