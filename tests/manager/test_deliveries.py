"""`validate_payload` and `trigger_ping`: genuine deliveries in, everything else refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.errors import BlockedError, ConfigError, ProviderError
from reconciler.core.model import Secret
from reconciler.manager.errors import ForeignWebhookError, VerificationError, WebhookNotFoundError
from reconciler.verify.body import DeliveryError
from reconciler.verify.schemes import Unverified
from tests.manager.support import SCOPE, Incoming, Platform, delivery, other


async def test_a_genuine_delivery_gives_payload_and_event() -> None:
    """What was signed is parsed, and the event has its finer name."""
    platform = Platform()
    webhook = await platform.suitable("issues")
    request = delivery(platform.secret(webhook), {"action": "opened", "number": 7})
    payload, event = await platform.manager().validate_payload(webhook, request, platform.credentials)
    assert payload == {"action": "opened", "number": 7}
    assert event == "issues.opened"


@pytest.mark.parametrize(
    "forged",
    [
        {"content": b'{"action": "closed"}'},
        {"pairs": ()},
        {"pairs": (("X-Event", "issues"),)},
        {"pairs": (("X-Event", "issues"), ("X-Signature", ""))},
        {"pairs": (("X-Event", "issues"), ("X-Signature", "sha256="))},
        {"pairs": (("X-Event", "issues"), ("X-Signature", "sha256=" + "0" * 64))},
    ],
)
async def test_whatever_is_not_proved_is_refused(forged: dict[str, object]) -> None:
    """A changed body, and a header that is absent, empty or wrong."""
    platform = Platform()
    webhook = await platform.suitable("issues")
    request = delivery(platform.secret(webhook), {"action": "opened"})
    with pytest.raises(VerificationError):
        await platform.manager().validate_payload(webhook, replace(request, **forged), platform.credentials)


async def test_a_signature_with_another_secret_is_refused() -> None:
    """Even with one that the platform uses elsewhere."""
    platform = Platform()
    webhook, second = await platform.suitable("issues"), await platform.suitable("issues", resource="acme/web")
    with pytest.raises(VerificationError, match="no signature matches"):
        await platform.manager().validate_payload(webhook, delivery(platform.secret(second), {}), None)


async def test_a_header_that_is_there_twice_is_refused() -> None:
    """Of two signatures nobody may choose."""
    platform = Platform()
    webhook = await platform.suitable("issues")
    request = delivery(platform.secret(webhook), {})
    with pytest.raises(VerificationError, match="more than once"):
        await platform.manager().validate_payload(webhook, replace(request, pairs=request.pairs * 2), None)


async def test_a_webhook_without_a_secret_takes_no_deliveries() -> None:
    """Where the vendor's secret was never recorded, an empty key proves nothing."""
    platform = Platform("once")
    webhook = await platform.manual("issues")
    assert platform.store.secrets(webhook.id) == ()
    with pytest.raises(VerificationError, match="no secret"):
        await platform.manager().validate_payload(webhook, delivery(Secret("guessed"), {}), None)


async def test_the_secret_of_a_manual_webhook_is_told_and_taken() -> None:
    """A person pastes the one that we mint; the one that a vendor mints is recorded, and verifies."""
    platform = Platform("once")
    ours, theirs = await Platform("acme", store=platform.store).manual(), await platform.manual("issues")
    assert await Platform("acme", store=platform.store).manager().manual_secret(ours.id, "alice") == platform.secret(
        ours
    )
    manager = platform.manager()
    assert await manager.manual_secret(theirs.id, "alice") is None
    await manager.set_manual_secret(theirs.id, "alice", Secret("whsec_vendor"))
    assert await manager.manual_secret(theirs.id, "alice") == Secret("whsec_vendor")
    assert (await manager.validate_payload(theirs, delivery(Secret("whsec_vendor"), {}), None))[1] == "issues"


async def test_a_secret_is_told_to_its_owner_alone_and_only_of_manual_webhooks() -> None:
    """A registered webhook's secret never leaves, a foreign user gets none, and an empty one is not taken."""
    platform = Platform()
    auto, manual = await platform.suitable(), await platform.manual()
    manager = platform.manager()
    with pytest.raises(BlockedError):
        await manager.manual_secret(auto.id, "alice")
    with pytest.raises(BlockedError):
        await manager.set_manual_secret(auto.id, "alice", Secret("mine"))
    with pytest.raises(ForeignWebhookError):
        await manager.manual_secret(manual.id, "mallory")
    with pytest.raises(ConfigError, match="empty secret"):
        await manager.set_manual_secret(manual.id, "alice", Secret(""))
    with pytest.raises(ConfigError, match="the secret is empty"):
        await manager.set_manual_secret(manual.id, "alice", Secret(" "))


async def test_a_secret_that_the_provider_minted_verifies() -> None:
    """The secret that a create returned once is the one that counts."""
    platform = Platform("once")
    webhook = await platform.suitable("issues")
    request = delivery(Secret(f"minted-{webhook.provider_webhook_id}"), {"action": "opened"})
    payload, _ = await platform.manager().validate_payload(webhook, request, platform.credentials)
    assert payload == {"action": "opened"}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"NaN"])
async def test_a_genuine_delivery_that_is_no_json_is_an_error_of_its_own(body: bytes) -> None:
    """Proof comes first; then what cannot be read is told apart from what is forged."""
    platform = Platform()
    webhook = await platform.suitable("issues")
    with pytest.raises(DeliveryError, match="not JSON"):
        await platform.manager().validate_payload(webhook, delivery(platform.secret(webhook), body), None)


async def test_deliveries_without_proof_pass_only_with_leave() -> None:
    """`verify: none` is refused unless the settings name the provider at the moment of the delivery."""
    platform = Platform("unproved", scheme=Unverified())
    allowed = platform.manager(allow_unverified=frozenset({"unproved"}))
    webhook = await allowed.get_manual_webhook("alice", "repo", ["push"], graph_id="triage")
    request = Incoming(b"{}", (("X-Event", "push"),))
    assert await allowed.validate_payload(webhook, request, None) == ({}, "push")
    with pytest.raises(VerificationError, match="allow_unverified"):
        await platform.manager().validate_payload(webhook, request, None)


async def test_a_pruned_webhook_takes_no_deliveries() -> None:
    """Neither a deleted one nor a tombstone, although its value is still at hand and the signature is right."""
    platform = Platform()
    auto, manual = await platform.suitable(), await platform.manual()
    requests = [delivery(platform.secret(webhook), {}) for webhook in (auto, manual)]
    manager = platform.manager()
    await manager.detach(manual.id, "alice", graph_id="triage")
    for webhook, request in zip((auto, manual), requests, strict=True):
        await manager.prune_webhook_if_dangling("alice", webhook.id, platform.credentials)
        with pytest.raises(VerificationError, match="takes no deliveries"):
            await manager.validate_payload(webhook, request, None)


async def test_a_webhook_of_another_provider_is_refused() -> None:
    """A delivery is judged by the rules of the provider that it is for, and by no others."""
    platform = Platform("acme")
    webhook = await platform.suitable("issues")
    request = delivery(platform.secret(webhook), {})
    with pytest.raises(VerificationError):
        await Platform("once", store=platform.store).manager().validate_payload(webhook, request, None)


async def test_a_ping_is_asked_of_the_provider() -> None:
    """The provider is told the webhook's own id there."""
    platform = Platform()
    webhook = await platform.suitable()
    await platform.manager().trigger_ping(webhook, platform.credentials)
    assert platform.provider.calls[-1] == ("ping", "Acme/API")


async def test_a_provider_without_pings_is_not_implemented() -> None:
    """The message names the provider, and nobody is called."""
    platform = Platform("paper")
    webhook = await platform.manual()
    with pytest.raises(NotImplementedError, match="paper"):
        await platform.manager().trigger_ping(webhook, platform.credentials)
    assert platform.provider.calls == []


async def test_only_a_registered_webhook_can_be_pinged() -> None:
    """A manual webhook has no object at the provider, and a pruned one none any more."""
    platform = Platform()
    manual, auto = await platform.manual(), await platform.suitable()
    manager = platform.manager()
    with pytest.raises(BlockedError, match="not registered"):
        await manager.trigger_ping(manual, platform.credentials)
    await manager.prune_webhook_if_dangling("alice", auto.id, platform.credentials)
    with pytest.raises(WebhookNotFoundError):
        await manager.trigger_ping(auto, platform.credentials)


async def test_a_ping_of_an_object_that_is_gone_fails() -> None:
    """What the provider refuses is raised."""
    platform = Platform()
    webhook = await platform.suitable()
    platform.provider.accounts = {"blind": "elsewhere"}
    with pytest.raises(ProviderError):
        await platform.manager().trigger_ping(webhook, other("blind"))
    assert len(platform.store.records(SCOPE)) == 1
