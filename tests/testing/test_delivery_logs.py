"""The stand-ins of GitHub, GitLab and Stripe keep logs of deliveries, and serve them as the vendors say."""

from __future__ import annotations

import json
from typing import Any

import httpx2 as httpx
import pytest

from reconciler.testing.sandbox import FireOrder, Sandbox
from tests.support.sandboxes import Clock, Receiver

DAY = 24 * 3600.0
GITHUB = "/github/repos/acme/api/hooks"
GITLAB = "/gitlab/api/v4/projects/acme%2Fapi/hooks"
STRIPE = "/stripe/v1"
URL = "https://hooks.acme.dev/webhooks/x/1"


@pytest.fixture
async def github(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client, with a webhook for pushes at GitHub."""
    client.headers["Authorization"] = "Bearer t0ken"
    config = {"url": URL, "content_type": "json", "secret": "s3cret"}
    answer = await client.post(GITHUB, json={"name": "web", "events": ["push", "issues"], "config": config})
    client.base_url = f"{client.base_url}{GITHUB}/{answer.json()['id']}/".replace("test//", "test/")
    return client


@pytest.fixture
async def gitlab(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client, with a webhook for pushes at GitLab."""
    client.headers["PRIVATE-TOKEN"] = "t0ken"
    custom = [{"key": "X-Mine", "value": "hidden"}]
    answer = await client.post(GITLAB, json={"url": URL, "token": "s3cret", "custom_headers": custom})
    client.base_url = f"{client.base_url}{GITLAB}/{answer.json()['id']}/".replace("test//", "test/")
    return client


async def endpoint(client: httpx.AsyncClient, **changes: str) -> str:
    """The id of a new endpoint for charges at Stripe."""
    form = {"url": "https://hooks.acme.dev/1", "enabled_events[]": "charge.succeeded", **changes}
    answer = await client.post(f"{STRIPE}/webhook_endpoints", data=form)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


@pytest.fixture
async def stripe(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client, with an endpoint at Stripe."""
    client.headers["Authorization"] = "Bearer sk_test_1"
    await endpoint(client)
    return client


async def fire(sandbox: Sandbox, provider: str, event: str, **payload: Any) -> None:
    """Have the stand-in send an event."""
    await sandbox.fire(FireOrder(provider=provider, event=event, payload=payload or None))


async def rows(client: httpx.AsyncClient, path: str, **query: str) -> list[dict[str, Any]]:
    """The rows of a list."""
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    found: list[dict[str, Any]] = document if isinstance(document, list) else document["data"]
    return found


async def test_github_lists_tries_newest_first_with_what_came_of_them(
    github: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """The ping of the creation, a delivery that was refused, and one that was taken."""
    receiver.status = 500
    await fire(sandbox, "github", "issues.opened")
    receiver.status = 204
    await fire(sandbox, "github", "push")

    taken, refused, ping = await rows(github, "deliveries")

    assert (taken["status"], taken["status_code"], taken["event"], taken["action"]) == ("OK", 204, "push", None)
    assert (refused["status"], refused["status_code"]) == ("Invalid HTTP Response: 500", 500)
    assert (refused["event"], refused["action"], refused["redelivery"]) == ("issues", "opened", False)
    assert ping["event"] == "ping"
    assert [item["id"] for item in await rows(github, "deliveries", status="failure")] == [refused["id"]]


async def test_github_redelivers_the_same_bytes_under_the_same_guid(
    github: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """A redelivery is a further try, marked as one; the detail of a try has its request and response."""
    receiver.status = 500
    await fire(sandbox, "github", "push")
    receiver.status = 200
    (refused, _) = await rows(github, "deliveries")

    answer = await github.post(f"deliveries/{refused['id']}/attempts")

    assert answer.status_code == 202
    (first, again) = receiver.requests[-2:]
    assert first[2] == again[2]
    assert first[1]["x-github-delivery"] == again[1]["x-github-delivery"] == refused["guid"]
    newest = (await rows(github, "deliveries"))[0]
    assert (newest["redelivery"], newest["status"], newest["guid"]) == (True, "OK", refused["guid"])
    detail = (await github.get(f"deliveries/{refused['id']}")).json()
    assert detail["request"]["headers"]["X-GitHub-Event"] == "push"
    assert detail["request"]["payload"] == json.loads(first[2])
    assert detail["response"]["payload"] == "noted"


async def test_github_pages_its_log_by_cursor_and_keeps_it_for_three_days(
    github: httpx.AsyncClient, sandbox: Sandbox, clock: Clock
) -> None:
    """Each page leads to the next; what is older than three days is gone."""
    for _ in range(4):
        await fire(sandbox, "github", "push")
    seen: list[int] = []
    url = "deliveries?per_page=2"
    while url:
        answer = await github.get(url)
        seen += [item["id"] for item in answer.json()]
        url = answer.links["next"]["url"] if "next" in answer.links else ""
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 5

    clock.advance(3 * DAY + 1)
    assert await rows(github, "deliveries") == []
    assert (await github.get(f"deliveries/{seen[0]}")).status_code == 404


async def test_github_refuses_what_its_log_does_not_know(github: httpx.AsyncClient) -> None:
    """A wrong filter or cursor is 422."""
    assert (await github.get("deliveries", params={"status": "lost"})).status_code == 422
    assert (await github.get("deliveries", params={"cursor": "x"})).status_code == 422
    assert (await github.post("deliveries/1/attempts")).status_code == 404


async def test_a_github_webhook_that_delivers_forms_is_logged_too(github: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """The payload of a form is not looked into."""
    await github.patch("config", json={"content_type": "form"})
    await fire(sandbox, "github", "issues.opened")

    assert (await rows(github, "deliveries"))[0]["action"] is None


async def test_gitlab_tells_what_was_sent_without_secrets_and_addresses(
    gitlab: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """Headers and body of each try, newest first; the status is text, "internal error" where there was none."""
    await fire(sandbox, "gitlab", "push_events", user_email="ada@example.com", checkout_sha=None)
    receiver.status = 503
    await fire(sandbox, "gitlab", "push_events")

    refused, taken = await rows(gitlab, "events")

    assert (refused["response_status"], taken["response_status"]) == ("503", "200")
    assert taken["request_data"]["user_email"] == "[REDACTED]"
    assert taken["request_headers"]["X-Gitlab-Token"] == taken["request_headers"]["X-Mine"] == "[REDACTED]"
    assert taken["trigger"] == "push_hooks"
    assert [item["id"] for item in await rows(gitlab, "events", status="server_failure")] == [refused["id"]]
    assert [item["id"] for item in await rows(gitlab, "events", status="200")] == [taken["id"]]
    assert (await gitlab.get("events", params={"status": "odd"})).status_code == 400


async def test_gitlab_resends_with_the_same_idempotency_key_five_times_a_minute(
    gitlab: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver, clock: Clock
) -> None:
    """The answer tells the receiver's status; the sixth within a minute is told to wait."""
    await fire(sandbox, "gitlab", "push_events")
    (entry,) = await rows(gitlab, "events")

    answers = [await gitlab.post(f"events/{entry['id']}/resend") for _ in range(6)]

    assert [answer.status_code for answer in answers] == [201] * 5 + [429]
    assert answers[0].json() == {"response_status": 200}
    keys = {headers["idempotency-key"] for _, headers, _ in receiver.requests}
    assert keys == {entry["request_headers"]["Idempotency-Key"]}
    clock.advance(60)
    assert (await gitlab.post(f"events/{entry['id']}/resend")).status_code == 201
    assert (await gitlab.post("events/999/resend")).status_code == 404


async def test_gitlab_resends_nothing_to_another_url_nor_while_it_pauses(
    gitlab: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """A changed URL, and a webhook that failed too often, are refused."""
    receiver.status = 500
    for _ in range(4):
        await fire(sandbox, "gitlab", "push_events")
    entry = (await rows(gitlab, "events"))[0]

    answer = await gitlab.post(f"events/{entry['id']}/resend")
    assert (answer.status_code, answer.json()) == (422, {"message": "Hook disabled"})

    await gitlab.put(str(gitlab.base_url).rstrip("/"), json={"url": f"{URL}/moved"})
    answer = await gitlab.post(f"events/{entry['id']}/resend")
    assert "URL has changed" in answer.json()["message"]


async def test_stripe_lists_events_that_some_endpoint_did_not_take(
    stripe: httpx.AsyncClient, sandbox: Sandbox, receiver: Receiver
) -> None:
    """An event is undelivered until each endpoint took it; the detail shows it as it is now."""
    await fire(sandbox, "stripe", "charge.succeeded")
    receiver.status = 500
    await fire(sandbox, "stripe", "charge.succeeded")

    failed, taken = await rows(stripe, f"{STRIPE}/events")

    assert (failed["pending_webhooks"], taken["pending_webhooks"]) == (1, 0)
    assert await rows(stripe, f"{STRIPE}/events", delivery_success="false") == [failed]
    assert await rows(stripe, f"{STRIPE}/events", delivery_success="true") == [taken]
    assert (await stripe.get(f"{STRIPE}/events/{failed['id']}")).json() == failed
    assert (await stripe.get(f"{STRIPE}/events/evt_0")).status_code == 404


async def test_stripe_narrows_events_by_time_and_type_and_keeps_them_for_thirty_days(
    stripe: httpx.AsyncClient, sandbox: Sandbox, clock: Clock
) -> None:
    """Bounds of `created`, some types, pages by cursor."""
    await endpoint(stripe, **{"enabled_events[]": "*"})
    for _ in range(3):
        await fire(sandbox, "stripe", "charge.succeeded")
        clock.advance(10)
    await fire(sandbox, "stripe", "invoice.paid")
    newest, *older = await rows(stripe, f"{STRIPE}/events")

    moment = older[1]["created"]
    for bound, number in {"gte": 3, "gt": 2, "lte": 2, "lt": 1}.items():
        assert len(await rows(stripe, f"{STRIPE}/events", **{f"created[{bound}]": str(moment)})) == number
    assert await rows(stripe, f"{STRIPE}/events", **{"types[]": "invoice.paid"}) == [newest]
    assert await rows(stripe, f"{STRIPE}/events", limit="1", starting_after=newest["id"]) == older[:1]

    clock.advance(31 * DAY)
    assert await rows(stripe, f"{STRIPE}/events") == []


@pytest.mark.parametrize(
    "query", [{"delivery_success": "maybe"}, {"created[gte]": "today"}, [("types[]", "charge.succeeded")] * 21]
)
async def test_stripe_refuses_parameters_that_make_no_sense(stripe: httpx.AsyncClient, query: Any) -> None:
    """400, as for any other list."""
    assert (await stripe.get(f"{STRIPE}/events", params=query)).status_code == 400


async def test_events_of_connected_accounts_are_not_in_the_account_list(
    client: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    """An endpoint for connected accounts gets events that this list does not have."""
    client.headers["Authorization"] = "Bearer sk_test_1"
    await endpoint(client, connect="true")
    await fire(sandbox, "stripe", "charge.succeeded")

    assert await rows(client, f"{STRIPE}/events") == []


async def test_a_reset_forgets_the_logs(github: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """Webhooks and tries are gone alike."""
    sandbox.reset()

    assert (await github.get("deliveries")).status_code == 404
