"""Every event of every vendor can be fired, and its body says what it is."""

from __future__ import annotations

import json
from typing import Any

import httpx2 as httpx
import pytest

from reconciler.testing.sandbox import FireOrder, Sandbox
from reconciler.testing.vendors.github_payloads import ORGANIZATION_EVENTS
from reconciler.testing.vendors.gitlab_events import GROUP_KINDS
from reconciler.testing.vendors.stripe_events import TYPES
from reconciler.testing.vendors.telegram_updates import KINDS


async def fired(sandbox: Sandbox, provider: str, event: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The body and headers of the one delivery of an event."""
    (outcome,) = await sandbox.fire(FireOrder(provider=provider, event=event))
    document: dict[str, Any] = json.loads(outcome.delivery.body)
    return document, dict(outcome.delivery.headers)


async def test_every_github_event_names_its_sender_and_organisation(
    client: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    """Events of repositories also name a repository, those of the organisation alone do not."""
    wish = {"name": "web", "config": {"url": "https://a.dev", "content_type": "json"}, "events": ["*"]}
    await client.post("/github/orgs/acme/hooks", json=wish, headers={"Authorization": "Bearer t"})

    for event in sorted(ORGANIZATION_EVENTS):
        document, headers = await fired(sandbox, "github", event)
        assert headers["X-GitHub-Event"] == event
        assert (document["sender"]["login"], document["organization"]["login"]) == ("octocat", "acme")
    assert "repository" not in (await fired(sandbox, "github", "team"))[0]
    assert (await fired(sandbox, "github", "issue_comment"))[0]["issue"]["number"] == 1347
    assert (await fired(sandbox, "github", "pull_request.closed"))[0]["pull_request"]["state"] == "closed"


async def test_every_gitlab_event_has_a_kind_or_a_name(client: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """The header and `object_kind` (for groups' own events `event_name`) are GitLab's; forms are taken as JSON is."""
    wish = {"url": "https://a.dev", **dict.fromkeys(GROUP_KINDS, "true")}
    await client.post("/gitlab/api/v4/groups/acme/hooks", data=wish, headers={"PRIVATE-TOKEN": "t"})

    for event, kind in GROUP_KINDS.items():
        document, headers = await fired(sandbox, "gitlab", event)
        assert headers["X-Gitlab-Event"] == kind.header
        assert document.get("object_kind", "") == kind.object_kind
        assert document["event_name"]


async def test_every_telegram_update_has_its_kind_as_its_only_other_key(
    client: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    """An update is its id and one object."""
    await client.post("/telegram/bot1:a/setWebhook", json={"url": "https://a.dev", "allowed_updates": list(KINDS)})

    for kind in KINDS:
        document, _ = await fired(sandbox, "telegram", kind)
        assert set(document) == {"update_id", kind}


async def test_every_stripe_event_is_about_an_object(client: httpx.AsyncClient, sandbox: Sandbox) -> None:
    """The object's kind follows from the event's type."""
    wish = {"url": "https://a.dev", "enabled_events[]": "*"}
    await client.post("/stripe/v1/webhook_endpoints", data=wish, headers={"Authorization": "Bearer sk_test_1"})

    for event in sorted(TYPES):
        document, _ = await fired(sandbox, "stripe", event)
        assert (document["type"], document["object"]) == (event, "event")
        assert document["data"]["object"]["object"] in {event.rpartition(".")[0], event.split(".")[1]}
    assert (await fired(sandbox, "stripe", "customer.subscription.updated"))[0]["data"]["object"]["object"] == (
        "subscription"
    )


@pytest.mark.parametrize("content", [b"{", b"[]"])
async def test_a_gitlab_body_that_is_no_object_is_refused(client: httpx.AsyncClient, content: bytes) -> None:
    """Broken JSON and other JSON have no URL."""
    headers = {"PRIVATE-TOKEN": "t", "Content-Type": "application/json"}
    answer = await client.post("/gitlab/api/v4/projects/1/hooks", content=content, headers=headers)

    assert answer.status_code == 400
