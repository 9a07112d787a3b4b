"""`attach`, `detach`, `get` and `prune_webhook_if_dangling`: who is triggered, and what goes when nobody is."""

from __future__ import annotations

import pytest

from reconciler.core.errors import ConfigError, ErrorKind, RetryableError, TerminalError
from reconciler.core.model import Phase
from reconciler.core.ports import Target
from reconciler.manager.errors import ForeignWebhookError, WebhookNotFoundError
from tests.manager.support import SCOPE, Platform, other

NO_SUCH = "00000000-0000-4000-8000-000000000000"


async def test_nodes_and_presets_are_attached() -> None:
    """Each graph node and each preset stands beside the others, with the events that it asked for."""
    platform = Platform()
    made = await platform.suitable("push", "issues")
    manager = platform.manager()
    await manager.attach(made.id, "alice", graph_id="triage", node_id="n1", events=["issues.opened"])
    await manager.attach(made.id, "alice", graph_id="triage", node_id="n2")
    webhook = await manager.attach(made.id, "alice", preset_id="nightly", events=["push"])
    assert [(node.graph_id, node.node_id, node.events) for node in webhook.triggered_nodes] == [
        ("triage", "n1", {"issues.opened"}),
        ("triage", "n2", {"push", "issues"}),
    ]
    assert [(preset.preset_id, preset.events) for preset in webhook.triggered_presets] == [("nightly", {"push"})]
    assert await manager.get(made.id) == webhook


async def test_attaching_again_replaces_the_events() -> None:
    """A node has one set of events, the last that was given."""
    platform = Platform()
    manager = platform.manager()
    made = await platform.suitable("push", "issues")
    await manager.attach(made.id, "alice", graph_id="triage", events=["push"])
    webhook = await manager.attach(made.id, "alice", graph_id="triage", events=["issues"])
    assert [node.events for node in webhook.triggered_nodes] == [{"issues"}]


async def test_a_delivery_is_for_those_who_asked_for_its_event() -> None:
    """`issues.opened` triggers who asked for it or for all issues, and nobody else."""
    platform = Platform()
    manager = platform.manager()
    made = await platform.suitable("push", "issues")
    await manager.attach(made.id, "alice", graph_id="opened", events=["issues.opened"])
    await manager.attach(made.id, "alice", graph_id="closed", events=["issues.closed"])
    await manager.attach(made.id, "alice", graph_id="pushed", events=["push"])
    webhook = await manager.attach(made.id, "alice", preset_id="all", events=["issues"])
    opened, everything = manager.triggered_by(webhook, "issues.opened")
    assert (opened, everything) == (webhook.triggered_nodes[1], webhook.triggered_presets[0])
    assert opened.events == {"issues.opened"}
    assert manager.triggered_by(webhook, "ping") == ()


async def test_events_that_the_webhook_does_not_get_are_refused() -> None:
    """Nobody waits for an event that never comes."""
    platform = Platform()
    made = await platform.suitable("push")
    with pytest.raises(ConfigError, match="does not subscribe to release"):
        await platform.manager().attach(made.id, "alice", graph_id="triage", events=["release"])
    with pytest.raises(ConfigError, match="did you mean 'push'"):
        await platform.manager().attach(made.id, "alice", graph_id="triage", events=["pusch"])
    assert platform.record().relations == ()


async def test_a_graph_is_detached_at_one_node_or_at_all() -> None:
    """With `node_id` one node goes, without it the whole graph; what is not attached is left so."""
    platform = Platform()
    manager = platform.manager()
    made = await platform.suitable()
    for node in ("n1", "n2", "n3"):
        await manager.attach(made.id, "alice", graph_id="triage", node_id=node)
    await manager.attach(made.id, "alice", preset_id="triage")
    webhook = await manager.detach(made.id, "alice", graph_id="triage", node_id="n2")
    assert [node.node_id for node in webhook.triggered_nodes] == ["n1", "n3"]
    webhook = await manager.detach(made.id, "alice", graph_id="triage")
    assert webhook.triggered_nodes == ()
    assert await manager.detach(made.id, "alice", graph_id="triage") == webhook
    assert [preset.preset_id for preset in webhook.triggered_presets] == ["triage"]


async def test_a_preset_has_no_nodes() -> None:
    """A node of a preset is a mistake of the caller."""
    platform = Platform()
    made = await platform.suitable()
    with pytest.raises(TypeError, match="no nodes"):
        await platform.manager().attach(made.id, "alice", preset_id="nightly", node_id="n1")


async def test_a_foreign_user_is_refused_everywhere() -> None:
    """Whoever does not own a webhook can neither attach, detach nor prune, and changes nothing by trying."""
    platform = Platform()
    manager = platform.manager()
    made = await platform.suitable()
    before = platform.record()
    with pytest.raises(ForeignWebhookError):
        await manager.attach(made.id, "mallory", graph_id="theirs")
    with pytest.raises(ForeignWebhookError):
        await manager.detach(made.id, "mallory", graph_id="theirs")
    with pytest.raises(ForeignWebhookError):
        await manager.prune_webhook_if_dangling("mallory", made.id, platform.credentials)
    assert platform.record() == before
    assert len(platform.objects()) == 1


async def test_an_unknown_webhook_is_not_found() -> None:
    """An id that this provider has no webhook of is said to be so."""
    manager = Platform().manager()
    with pytest.raises(WebhookNotFoundError):
        await manager.get(NO_SUCH)
    with pytest.raises(WebhookNotFoundError):
        await manager.attach(NO_SUCH, "alice", graph_id="triage")
    with pytest.raises(WebhookNotFoundError):
        await manager.prune_webhook_if_dangling("alice", NO_SUCH)


async def test_a_webhook_of_another_provider_is_not_found() -> None:
    """A manager sees the webhooks of its own provider alone."""
    platform = Platform("acme")
    made = await platform.suitable()
    with pytest.raises(WebhookNotFoundError):
        await Platform("once", store=platform.store).manager().get(made.id)


async def test_what_is_triggered_on_is_not_pruned() -> None:
    """As long as one relation is left the answer is False, and nothing happens."""
    platform = Platform()
    manager = platform.manager()
    made = await platform.suitable()
    attached = await manager.attach(made.id, "alice", preset_id="nightly")
    assert not await manager.prune_webhook_if_dangling("alice", made.id, platform.credentials)
    assert await manager.get(made.id) == attached
    assert len(platform.objects()) == 1


async def test_a_dangling_webhook_is_deregistered_and_deleted() -> None:
    """Nothing is left, at the provider or here."""
    platform = Platform()
    made = await platform.suitable()
    assert await platform.manager().prune_webhook_if_dangling("alice", made.id, platform.credentials)
    assert platform.objects() == platform.records() == []
    assert platform.store.orphans(SCOPE) == []
    assert platform.store.secrets(made.id) == ()


async def test_without_credentials_the_leftover_becomes_an_orphan() -> None:
    """The record goes, and what is left at the provider is recorded with its id and the reason."""
    platform = Platform()
    made = await platform.suitable()
    assert await platform.manager().prune_webhook_if_dangling("alice", made.id)
    (orphan,) = platform.store.orphans(SCOPE)
    assert (orphan.webhook_id, orphan.remote_id, orphan.url) == (made.id, made.provider_webhook_id, made.url)
    assert "no credentials were given" in orphan.reason
    assert platform.records() == []


async def test_a_provider_that_refuses_leaves_an_orphan() -> None:
    """A refusal for good is no reason to keep the record."""
    platform = Platform()
    made = await platform.suitable()

    def refuse(verb: str, target: Target) -> None:
        raise TerminalError("the token was revoked", kind=ErrorKind.AUTH)

    platform.provider.before = refuse
    assert await platform.manager().prune_webhook_if_dangling("alice", made.id, platform.credentials)
    (orphan,) = platform.store.orphans(SCOPE)
    assert "revoked" in orphan.reason


async def test_a_provider_that_is_away_is_asked_again_by_the_next_call() -> None:
    """What may work later is raised; the record stays, marked, and the next prune ends it."""
    platform = Platform()
    made = await platform.suitable()

    def away(verb: str, target: Target) -> None:
        raise RetryableError("502", after=3600)

    platform.provider.before = away
    with pytest.raises(RetryableError):
        await platform.manager().prune_webhook_if_dangling("alice", made.id, platform.credentials)
    assert platform.record().phase is Phase.RETIRING
    with pytest.raises(WebhookNotFoundError, match="being removed"):
        await platform.manager().attach(made.id, "alice", graph_id="triage")
    platform.provider.before = None
    assert await platform.manager().prune_webhook_if_dangling("alice", made.id, platform.credentials)
    assert platform.objects() == platform.records() == platform.store.orphans(SCOPE) == []


async def test_a_slot_that_somebody_else_took_is_left_to_them() -> None:
    """What is in the slot by now is not ours, and is not removed with our record."""
    platform = Platform("slotted")
    made = await platform.suitable()
    platform.provider.edit("slot", url="https://elsewhere.example/telegram")
    assert await platform.manager().prune_webhook_if_dangling("alice", made.id, platform.credentials)
    assert platform.object().observed.url == "https://elsewhere.example/telegram"
    assert platform.records() == platform.store.orphans(SCOPE) == []


async def test_other_credentials_may_prune() -> None:
    """A platform whose credentials were renewed under another name still removes what it registered."""
    platform = Platform()
    made = await platform.suitable()
    platform.provider.accounts = {"renewed": "main"}
    assert await platform.manager().prune_webhook_if_dangling("alice", made.id, other("renewed"))
    assert platform.objects() == []


async def test_a_manual_webhook_is_pruned_once() -> None:
    """Pruning a tombstone again is True and changes nothing."""
    platform = Platform()
    manager = platform.manager()
    made = await platform.manual()
    assert not await manager.prune_webhook_if_dangling("alice", made.id)
    await manager.detach(made.id, "alice", graph_id="triage")
    assert await manager.prune_webhook_if_dangling("alice", made.id)
    before = platform.record()
    assert await manager.prune_webhook_if_dangling("alice", made.id)
    assert platform.record() == before
