"""Handshakes, deliveries of several events, and webhooks that end by themselves."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.errors import ConfigError, TerminalError
from reconciler.core.model import Secret
from reconciler.manager.manager import WebhookManager
from reconciler.manager.ports import ManagerPorts
from reconciler.system import SystemEntropy
from reconciler.verify.delivery import BodyEvent, DeliveryRules
from reconciler.verify.handshakes import BodyPlace, Handshake, HeaderPlace, QueryPlace
from reconciler.verify.schemes import sign
from reconciler.verify.token import BodyTokenScheme
from tests.manager.support import NOW, SCHEME, Incoming, Platform, StillClock, delivery

HANDSHAKES = (
    Handshake(place=QueryPlace("validationToken"), echo=QueryPlace("validationToken"), proved=False),
    Handshake(place=BodyPlace("type"), echo=BodyPlace("challenge"), equals="url_verification"),
)
HOUR = 3600.0


def manager_of(platform: Platform, **changes: Any) -> WebhookManager:
    """A manager of a provider that shakes hands."""
    ports = ManagerPorts(
        store=lambda: platform.store,
        provider=platform.provider,
        scheme=platform.scheme,
        rules=lambda _: platform.rules,
        aclose=platform._aclose,
        clock=StillClock(),
        entropy=SystemEntropy(),
        handshakes=HANDSHAKES,
    )
    return WebhookManager.with_ports(platform.settings, replace(ports, **changes))


async def test_a_handshake_is_answered() -> None:
    """With what the query says, as the framework's URL holds it."""
    platform = Platform()
    webhook = await platform.suitable("push")
    asked = Incoming(b"", (), url="http://10.0.0.7:8000/anything?validationToken=Hello%20there")
    reply = await manager_of(platform).handshake(webhook, asked)
    assert reply
    assert (reply.status, reply.body) == (200, b"Hello there")


async def test_a_signed_handshake_is_answered_with_the_recorded_secret() -> None:
    """And with no other."""
    platform = Platform()
    webhook = await platform.suitable("push")
    content = json.dumps({"type": "url_verification", "challenge": "c"}).encode()
    signed = Incoming(content, sign(SCHEME, platform.secret(webhook), content, NOW))
    reply = await manager_of(platform).handshake(webhook, signed)
    assert reply
    assert reply.body == b"c"
    forged = replace(signed, pairs=sign(SCHEME, Secret("other"), content, NOW))
    assert await manager_of(platform).handshake(webhook, forged) is None


async def test_a_secret_told_in_a_handshake_is_kept_while_the_webhook_is_made() -> None:
    """And in no other moment; deliveries are verified with it, and such a webhook is never manual."""
    platform = Platform(provider_name="handed")
    place = HeaderPlace("X-Hook-Secret")
    manager = manager_of(platform, handshakes=(Handshake(place=place, capture=place, proved=False),))
    taken: list[str] = []

    async def told(webhook_id: str, secret: Secret) -> bool:
        asked = Incoming(b"", ((place.name, secret.reveal()),))
        replies = [await manager.handshake(await manager.get(webhook_id), asked) for _ in range(2)]
        taken.extend(webhook_id for reply in replies if reply)
        return replies[0] is not None

    platform.provider.handshake = told
    webhook = await platform.suitable("push")
    assert taken == [webhook.id]
    assert platform.secret(webhook) == Secret("minted-1")
    late = Incoming(b"", ((place.name, "mine"),))
    assert await manager.handshake(webhook, late) is None
    with pytest.raises(ConfigError, match="while we register"):
        await platform.manual("push")


async def acknowledged(_webhook_id: str, _secret: Secret) -> bool:
    """A receiver that is not ours."""
    return True


async def test_two_tellers_at_once_are_not_both_believed() -> None:
    """The store keeps the first; whoever was second gets no reply."""
    platform = Platform(provider_name="handed")
    place = HeaderPlace("X-Hook-Secret")
    manager = manager_of(platform, handshakes=(Handshake(place=place, capture=place, proved=False),))
    platform.provider.handshake = acknowledged
    with pytest.raises(TerminalError, match="reached nobody"):
        await platform.suitable("push")
    (record,) = platform.store.records(platform.settings.scope)
    platform.store.capture = lambda *_: False
    asked = Incoming(b"", ((place.name, "second"),))
    assert await manager.handshake(await manager.get(record.id), asked) is None


async def test_a_delivery_is_no_handshake_and_a_tombstone_takes_none() -> None:
    """None, and `validate_payload` says the rest."""
    platform = Platform()
    webhook = await platform.suitable("issues")
    manager = manager_of(platform)
    assert await manager.handshake(webhook, delivery(platform.secret(webhook), {"action": "opened"})) is None
    pruned = await platform.manual()
    await manager.detach(pruned.id, "alice", graph_id="triage")
    await manager.prune_webhook_if_dangling("alice", pruned.id)
    asked = Incoming(b"", (), url="http://10.0.0.7:8000/anything?validationToken=Hello")
    assert await manager.handshake(pruned, asked) is None


async def test_a_delivery_of_several_events_triggers_all_who_asked_for_one() -> None:
    """Each once; and the secret is not in the payload that is handed on."""
    platform = Platform(
        scheme=BodyTokenScheme(key="state", each="value"),
        rules=DeliveryRules(event=BodyEvent("value[].kind"), token=BodyTokenScheme(key="state", each="value")),
    )
    webhook = await platform.suitable("push", "issues", "release")
    manager = manager_of(platform)
    for graph, events in {"both": ["push", "issues"], "one": ["issues"], "none": ["release"]}.items():
        webhook = await manager.attach(webhook.id, "alice", graph_id=graph, events=events)
    state = platform.secret(webhook).reveal()
    items = [{"kind": kind, "state": state} for kind in ("push", "issues", "push")]
    payload, event = await manager.validate_payload(webhook, Incoming(json.dumps({"value": items}).encode(), ()))
    assert event == "push,issues"
    assert payload == {"value": [{"kind": "push"}, {"kind": "issues"}, {"kind": "push"}]}
    assert {item.graph_id for item in manager.triggered_by(webhook, event) if hasattr(item, "graph_id")} == {
        "both",
        "one",
    }
    assert len(manager.triggered_by(webhook, event)) == 2


async def test_a_webhook_that_ends_soon_is_renewed_before_it_is_given_out() -> None:
    """One that is found with time enough needs no call."""
    platform = Platform("leased")
    ends = iter([NOW + HOUR / 2, NOW + 100 * HOUR])
    platform.provider.lease_end = lambda: next(ends)
    webhook = await platform.suitable("push")
    assert (await platform.suitable("push")).id == webhook.id
    assert [verb for verb, _ in platform.provider.calls] == ["list", "create", "list", "renew"]
    assert (await platform.suitable("push")).id == webhook.id
    assert len(platform.provider.calls) == 4
