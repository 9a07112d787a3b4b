"""What the shipped definitions make of deliveries as the vendors document them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.core.model import Secret
from reconciler.providers.delivered import delivery_rules, scheme
from reconciler.verify.body import DeliveryError
from reconciler.verify.delivery import Delivery, read_delivery
from reconciler.verify.public_scheme import SignatureScheme
from reconciler.verify.request import Request, UnsignableError
from reconciler.verify.schemes import Unverified, sign, verify
from reconciler.verify.token import BodyTokenScheme
from tests.providers.support import NAMES, SECRET, URL, shipped

NOW = 1_790_000_000.0
JSON = ("Content-Type", "application/json")


def read(name: str, kind: str, body: Any, *headers: tuple[str, str]) -> Delivery:
    """A delivery, read by the shipped rules."""
    request = Request(headers=(JSON, *headers), body=json.dumps(body).encode())
    return read_delivery(delivery_rules(shipped(name), kind), request)


def test_github() -> None:
    """Event, action and delivery id, as "Webhook events and payloads" has them."""
    headers = (("X-GitHub-Event", "issues"), ("X-GitHub-Delivery", "72d3162e-cc78"))

    found = read("github", "repo", {"action": "opened"}, *headers)

    assert (found.event, found.id) == ("issues.opened", "72d3162e-cc78")
    assert read("github", "repo", {"ref": "refs/heads/main"}, ("X-GitHub-Event", "push")).event == "push"


@pytest.mark.parametrize(
    ("header", "event"),
    [
        ("Push Hook", "push_events"),
        ("Tag Push Hook", "tag_push_events"),
        ("Issue Hook", "issues_events"),
        ("Note Hook", "note_events"),
        ("Merge Request Hook", "merge_requests_events"),
        ("Wiki Page Hook", "wiki_page_events"),
        ("Pipeline Hook", "pipeline_events"),
        ("Job Hook", "job_events"),
        ("Deployment Hook", "deployment_events"),
        ("Feature Flag Hook", "feature_flag_events"),
        ("Release Hook", "releases_events"),
        ("Emoji Hook", "emoji_events"),
        ("Resource Access Token Hook", "resource_access_token_events"),
        ("Milestone Hook", "milestone_events"),
        ("Vulnerability Hook", "vulnerability_events"),
    ],
)
def test_gitlab(header: str, event: str) -> None:
    """The delivered names of "Webhook events" are those that a manifest declares; a retry keeps its id."""
    found = read(
        "gitlab", "project", {}, ("X-Gitlab-Event", header), ("X-Gitlab-Event-UUID", "b"), ("Idempotency-Key", "a")
    )

    assert (found.event, found.id) == (event, "a")
    assert event in shipped("gitlab").events_of("project")


def test_every_gitlab_event_can_be_delivered() -> None:
    """No event is registered that no delivered name leads back to."""
    rule = shipped("gitlab").delivery.event
    assert rule.source_of == "header"

    assert set(rule.names.values()) == set(shipped("gitlab").events_of("group"))


def test_stripe_and_telegram() -> None:
    """Type and id of a Stripe event, kind and number of a Telegram update."""
    charge = read("stripe", "account", {"id": "evt_1", "object": "event", "type": "charge.succeeded"})
    update = read("telegram", "bot", {"update_id": 10000, "callback_query": {"id": "1"}})

    assert (charge.event, charge.id) == ("charge.succeeded", "evt_1")
    assert (update.event, update.id) == ("callback_query", "10000")


def test_an_update_of_an_unknown_kind_is_refused() -> None:
    """A Telegram update that holds nothing known cannot be dispatched."""
    with pytest.raises(DeliveryError):
        read("telegram", "bot", {"update_id": 1, "brand_new": {}})


def test_manual_providers() -> None:
    """Generic and Compass deliveries are always the same event, and may have any media type."""
    request = Request(body=b"[1, 2]")

    assert read_delivery(delivery_rules(shipped("generic"), "plain"), request) == Delivery([1, 2], "plain", "")
    assert (
        read_delivery(delivery_rules(shipped("compass"), "transcription"), Request(body=b"{}")).event == "transcription"
    )


@pytest.mark.parametrize("name", NAMES)
def test_each_scheme_proves_its_own_deliveries(name: str) -> None:
    """What a vendor's scheme signs is accepted with the secret and refused with another."""
    proof = scheme(shipped(name))
    if isinstance(proof, SignatureScheme):
        with pytest.raises(UnsignableError, match="the provider has the key"):
            sign(proof, SECRET, b"{}", NOW)
        return
    body = b"{}"
    if isinstance(proof, BodyTokenScheme):
        body = json.dumps({proof.each: [{proof.key: SECRET.reveal()}]}).encode()
    blank = Request(url=URL)
    request = Request(url=URL, headers=sign(proof, SECRET, body, NOW, blank), body=body)

    assert verify(proof, [SECRET], request, NOW)
    assert isinstance(proof, Unverified) or not verify(proof, [Secret("other")], request, NOW)
    assert isinstance(proof, Unverified) == (name in {"compass", "slant3d"})
