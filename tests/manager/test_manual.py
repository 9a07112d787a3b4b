"""`get_manual_webhook`: a URL that a person pastes, and that never changes."""

from __future__ import annotations

import asyncio

import pytest

from reconciler.core.errors import ConfigError, MissingConfigError
from reconciler.core.model import Phase
from reconciler.manager.errors import WebhookNotFoundError
from reconciler.verify.schemes import Unverified
from tests.manager.support import BASE_URL, Platform


async def test_a_first_call_mints_url_and_secret_and_attaches_the_graph() -> None:
    """Nobody is called: the webhook is complete with its record, and triggers the graph."""
    platform = Platform("paper")
    webhook = await platform.manual("push")
    assert webhook.manual
    assert webhook.url == f"{BASE_URL}/webhooks/paper/{webhook.id}"
    assert [(node.graph_id, node.node_id, node.events) for node in webhook.triggered_nodes] == [
        ("triage", "", {"push"})
    ]
    assert len(platform.secret(webhook).reveal()) == 64
    assert platform.provider.calls == []


async def test_a_preset_is_attached_as_one() -> None:
    """A manual webhook of a preset shows it under `triggered_presets`."""
    webhook = await Platform().manager().get_manual_webhook("alice", "repo", ["push"], preset_id="nightly")
    assert [preset.preset_id for preset in webhook.triggered_presets] == ["nightly"]
    assert webhook.triggered_nodes == ()


async def test_the_same_wish_finds_the_same_webhook() -> None:
    """Equal user, type, subscriber and events change nothing."""
    platform = Platform()
    made = await platform.manual("push", "issues")
    before = platform.record()
    assert await platform.manual("issues", "push") == made
    assert platform.record() == before


async def test_other_events_replace_those_of_the_webhook() -> None:
    """The set becomes what is asked now, no union; id, URL and secret stay."""
    platform = Platform()
    made = await platform.manual("push", "issues")
    secret = platform.secret(made)
    changed = await platform.manual("release")
    assert (changed.id, changed.url) == (made.id, made.url)
    assert changed.events == {"release"}
    assert [node.events for node in changed.triggered_nodes] == [{"release"}]
    assert platform.secret(changed) == secret


async def test_finer_events_are_kept_for_the_dispatch() -> None:
    """`issues.opened` and `issues.closed` subscribe to the same event, and are told apart all the same."""
    platform = Platform()
    await platform.manual("issues.opened")
    changed = await platform.manual("issues.closed")
    assert changed.events == {"issues"}
    assert [node.events for node in changed.triggered_nodes] == [{"issues.closed"}]


async def test_users_graphs_and_presets_tell_webhooks_apart() -> None:
    """Another user, graph or preset gets a URL of its own."""
    platform = Platform()
    preset = await platform.manager().get_manual_webhook("alice", "repo", ["push"], preset_id="triage")
    made = [await platform.manual(), await platform.manual(user="bob"), await platform.manual(graph="other"), preset]
    assert len({webhook.url for webhook in made}) == 4


async def test_a_pruned_webhook_comes_back_with_its_url() -> None:
    """A tombstone is no webhook, until its graph asks again: then id, URL and secret are the same."""
    platform = Platform()
    made = await platform.manual()
    secret = platform.secret(made)
    manager = platform.manager()
    await manager.detach(made.id, "alice", graph_id="triage")
    assert await manager.prune_webhook_if_dangling("alice", made.id)
    assert platform.record().phase is Phase.TOMBSTONE
    with pytest.raises(WebhookNotFoundError):
        await manager.get(made.id)
    revived = await platform.manual()
    assert revived == made
    assert platform.secret(revived) == secret


async def test_concurrent_calls_mint_one_webhook() -> None:
    """Two processes that ask at once get the same URL."""
    platform = Platform()
    made = await asyncio.gather(*(platform.manual() for _ in range(4)))
    assert {webhook.id for webhook in made} == {platform.record().id}


@pytest.mark.parametrize(("graph", "preset"), [(None, None), ("triage", "nightly"), ("", "")])
async def test_exactly_one_subscriber_is_asked_for(graph: str | None, preset: str | None) -> None:
    """A graph or a preset, not both and not none."""
    platform = Platform()
    with pytest.raises(TypeError, match="exactly one"):
        await platform.manager().get_manual_webhook("alice", "repo", ["push"], graph, preset)
    assert platform.untouched()


async def test_a_missing_base_url_is_refused_before_anything_is_written() -> None:
    """Without a base URL there is no URL to paste."""
    platform = Platform()
    with pytest.raises(MissingConfigError, match="RECONCILER_BASE_URL"):
        await platform.manager(base_url="").get_manual_webhook("alice", "repo", ["push"], graph_id="triage")
    assert platform.untouched()


async def test_a_provider_without_proof_needs_leave() -> None:
    """Where deliveries carry no proof, a webhook is made only if the settings name the provider."""
    platform = Platform("unproved", scheme=Unverified())
    with pytest.raises(ConfigError, match="allow_unverified"):
        await platform.manual()
    manager = platform.manager(allow_unverified=frozenset({"unproved"}))
    assert (await manager.get_manual_webhook("alice", "repo", ["push"], graph_id="triage")).manual
