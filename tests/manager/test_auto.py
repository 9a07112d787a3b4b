"""`get_suitable_auto_webhook`: found, widened or made, and never made twice."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace

import pytest

from reconciler.core.errors import BlockedError
from reconciler.core.model import Phase
from reconciler.core.ports import Write
from reconciler.manager.records import BINDING
from tests.manager.support import BASE_URL, SCOPE, Platform, other


async def test_a_first_call_registers_a_webhook() -> None:
    """Where there is none, one is made: a UUID4, a secret of 64 hexadecimal digits, our URL, the events."""
    platform = Platform()
    webhook = await platform.suitable("push", "issues")
    held = platform.object()
    assert uuid.UUID(webhook.id).version == 4
    assert held.observed.url == webhook.url == f"{BASE_URL}/webhooks/acme/{webhook.id}"
    assert held.observed.events == webhook.events == {"push", "issues"}
    assert held.secret == platform.secret(webhook)
    assert len(bytes.fromhex(platform.secret(webhook).reveal())) == 32
    assert webhook.provider_webhook_id == held.observed.remote_id
    assert (webhook.user_id, webhook.provider, webhook.webhook_type) == ("alice", "acme", "repo")
    assert (webhook.resource, webhook.credentials, webhook.manual) == ("Acme/API", "main", False)
    assert webhook.triggered_nodes == webhook.triggered_presets == ()


async def test_a_webhook_with_at_least_the_events_is_found_without_a_call() -> None:
    """Fewer events of a recorded webhook, asked for by another process, need no provider."""
    platform = Platform()
    made = await platform.suitable("push", "issues")
    calls = len(platform.provider.calls)
    assert await platform.suitable("push") == made
    assert len(platform.provider.calls) == calls


async def test_an_event_that_is_finer_than_a_subscription_is_served_by_it() -> None:
    """`issues.opened` needs a subscription to `issues`, no more."""
    platform = Platform()
    made = await platform.suitable("issues.opened")
    assert made.events == {"issues"}
    assert await platform.suitable("issues") == made


async def test_a_wildcard_serves_every_event() -> None:
    """A webhook that subscribes to everything is suitable for anything."""
    platform = Platform()
    made = await platform.suitable("*")
    assert await platform.suitable("push") == made


async def test_a_webhook_that_lacks_events_is_widened_in_place() -> None:
    """The provider's object gets the union; id, URL, secret and those who are attached stay."""
    platform = Platform()
    made = await platform.suitable("push")
    secret = platform.secret(made)
    await platform.manager().attach(made.id, "alice", graph_id="triage")
    widened = await platform.suitable("issues")
    assert (widened.id, widened.url) == (made.id, made.url)
    assert widened.events == platform.object().observed.events == {"push", "issues"}
    assert platform.secret(widened) == secret == platform.object().secret
    assert [node.events for node in widened.triggered_nodes] == [{"push"}]


async def test_where_a_provider_cannot_update_a_wider_webhook_takes_over() -> None:
    """The new webhook has the union and those who are attached; the old one is gone."""
    platform = Platform("fixed")
    made = await platform.suitable("push")
    await platform.manager().attach(made.id, "alice", graph_id="triage")
    widened = await platform.suitable("issues")
    assert widened.id != made.id
    assert widened.events == platform.object().observed.events == {"push", "issues"}
    assert [node.graph_id for node in widened.triggered_nodes] == ["triage"]
    assert [record.id for record in platform.records()] == [widened.id]


async def test_resources_are_compared_by_their_canonical_form() -> None:
    """What the provider takes for the same resource is the same webhook's."""
    platform = Platform(canonical=("lowercase",))
    made = await platform.suitable(resource="Acme/API")
    assert await platform.suitable(resource="acme/api") == made
    assert made.resource == "Acme/API"


async def test_users_credentials_and_resources_tell_webhooks_apart() -> None:
    """Another user, other credentials or another resource get a webhook of their own."""
    platform = Platform()
    manager = platform.manager()
    made = [
        await platform.suitable(),
        await platform.suitable(user="bob"),
        await platform.suitable(resource="acme/web"),
        await manager.get_suitable_auto_webhook("alice", other("second"), "repo", "Acme/API", ["push"]),
    ]
    assert len({webhook.id for webhook in made}) == len(platform.objects()) == 4


async def test_concurrent_calls_make_one_webhook() -> None:
    """Coroutines of one manager and of two, all at once, end in one webhook with all their events."""
    platform = Platform()
    first, second = platform.manager(), platform.manager()
    events = ["push", "issues", "release", "pull_request"]
    asked = [
        manager.get_suitable_auto_webhook("alice", platform.credentials, "repo", "Acme/API", [event])
        for event in events
        for manager in (first, second)
    ]
    made = await asyncio.gather(*asked)
    assert {webhook.id for webhook in made} == {platform.record().id}
    assert platform.object().observed.events == set(events)
    assert [verb for verb, _ in platform.provider.calls].count("create") == 1


async def test_a_moved_base_url_moves_the_webhook() -> None:
    """A webhook that was registered under another base URL is given the new one, with the same id."""
    platform = Platform()
    made = await platform.suitable()
    manager = platform.manager(base_url="https://new.example.com/")
    moved = await manager.get_suitable_auto_webhook("alice", platform.credentials, "repo", "Acme/API", ["push"])
    assert moved.id == made.id
    assert platform.object().observed.url == moved.url == f"https://new.example.com/webhooks/acme/{made.id}"


async def test_a_slot_that_another_user_holds_is_blocked() -> None:
    """Where there is room for one webhook only, a second claim is refused with its owner, and nothing is changed."""
    platform = Platform("slotted")
    made = await platform.suitable()
    with pytest.raises(BlockedError, match="slot"):
        await platform.suitable(user="bob")
    assert platform.object().observed.url == made.url


async def test_an_unrecorded_webhook_of_ours_is_not_created_beside() -> None:
    """With a lost store, what the provider still has is not doubled."""
    platform = Platform()
    await platform.suitable()
    lost = Platform()
    lost.provider = platform.provider
    with pytest.raises(BlockedError, match="unrecorded"):
        await lost.suitable()
    assert len(platform.objects()) == 1


async def test_a_webhook_that_is_being_removed_comes_back() -> None:
    """A record that a prune marked and did not finish is used again, with its id."""
    platform = Platform()
    made = await platform.suitable()
    lease = platform.store.acquire(SCOPE, "crashed", 0.0, 1.0)
    record = platform.record()
    platform.store.write(lease, [Write(record=replace(record, phase=Phase.RETIRING))])
    again = await platform.suitable()
    assert again.id == made.id
    assert platform.record().phase is Phase.REGISTERED


async def test_the_scope_is_bound_to_the_library() -> None:
    """No project can take the library's scope for its own."""
    platform = Platform()
    await platform.suitable()
    assert platform.store.binding(SCOPE) == BINDING
