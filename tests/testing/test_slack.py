"""What the sandbox sends for Slack is what Slack's own SDK accepts."""

from __future__ import annotations

import json
from typing import Any

import httpx2 as httpx
import pytest
from slack_sdk.signature import SignatureVerifier
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import Receive, Scope, Send

from reconciler.testing.sandbox import FireOrder, Sandbox, SandboxConfig, create_sandbox
from reconciler.testing.vendors.base import UnknownEventError
from tests.support.sandboxes import Clock, Receiver, counting_bytes

URL = "https://hooks.acme.dev/webhooks/slack/1"
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"


def order(event: str = "", payload: dict[str, Any] | None = None, secret: str = SECRET) -> FireOrder:
    """An order to fire `event` at the webhook."""
    return FireOrder(provider="slack", event=event, url=URL, secret=secret, payload=payload)


class SdkClock:
    """The SDK's clock, set to the sandbox's time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock()


async def test_a_delivery_is_signed_as_the_sdk_wants_it(sandbox: Sandbox, receiver: Receiver, clock: Clock) -> None:
    """The right secret verifies within five minutes; another secret, another body and a later time do not."""
    (outcome,) = await sandbox.fire(order("message.channels"))
    ((url, headers, body),) = receiver.requests

    assert (outcome.accepted, url) == (True, "http://receiver.test/webhooks/slack/1")
    verifier = SignatureVerifier(SECRET, SdkClock(clock))
    assert verifier.is_valid_request(body, headers)
    assert not verifier.is_valid_request(body + b" ", headers)
    assert not SignatureVerifier("another", SdkClock(clock)).is_valid_request(body, headers)
    clock.advance(301)
    assert not verifier.is_valid_request(body, headers)


@pytest.mark.parametrize(
    ("event", "inner"),
    [
        ("message.channels", {"type": "message", "channel_type": "channel"}),
        ("message.im", {"type": "message", "channel_type": "im"}),
        ("", {"type": "app_mention", "text": "Hello"}),
        ("reaction_added", {"type": "reaction_added", "user": "U00000001"}),
    ],
)
async def test_an_event_comes_in_its_wrapper(
    sandbox: Sandbox, receiver: Receiver, event: str, inner: dict[str, str]
) -> None:
    """The wrapper has the id and time of the event; the kinds of message differ in their channel's type only."""
    await sandbox.fire(order(event))
    document = json.loads(receiver.requests[0][2])

    assert (document["type"], document["event_id"][:2]) == ("event_callback", "Ev")
    assert inner.items() <= document["event"].items()


async def test_without_a_secret_nothing_is_signed(sandbox: Sandbox, receiver: Receiver) -> None:
    """So a receiver can be shown to refuse it."""
    await sandbox.fire(order(secret=""))

    assert "x-slack-signature" not in receiver.requests[0][1]


class Echo:
    """A receiver that answers the challenge, in one of the ways that Slack takes."""

    def __init__(self, way: str) -> None:
        self._way = way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        challenge = json.loads(await Request(scope, receive).body())["challenge"]
        answers = {
            "plain": PlainTextResponse(challenge),
            "form": PlainTextResponse(f"challenge={challenge}", media_type="application/x-www-form-urlencoded"),
            "json": JSONResponse({"challenge": challenge}),
            "none": PlainTextResponse("ok"),
        }
        await answers[self._way](scope, receive, send)


@pytest.mark.parametrize(("way", "accepted"), [("plain", True), ("form", True), ("json", True), ("none", False)])
async def test_a_challenge_is_accepted_when_it_comes_back(clock: Clock, way: str, accepted: bool) -> None:
    """Plain text, form and JSON will do; a receiver that only says 200 has not accepted."""
    config = SandboxConfig(
        now=clock, random_bytes=counting_bytes(), forward_to="http://receiver.test", receiver=Echo(way)
    )
    (outcome,) = await create_sandbox(config).fire(order("url_verification"))

    assert (outcome.status, outcome.accepted) == (200, accepted)


async def test_a_challenge_is_no_event_in_a_wrapper(sandbox: Sandbox, receiver: Receiver, clock: Clock) -> None:
    """It has a token, a challenge that can be chosen, and its type; and it is signed like any delivery."""
    await sandbox.fire(order("url_verification", {"challenge": "c"}))
    _, headers, body = receiver.requests[0]

    assert set(json.loads(body)) == {"token", "challenge", "type"}
    assert json.loads(body)["challenge"] == "c"
    assert SignatureVerifier(SECRET, SdkClock(clock)).is_valid_request(body, headers)


async def test_slack_needs_a_url_and_knows_its_events(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    """Nobody registers there, so the caller says where to; an event that Slack has not is an error."""
    with pytest.raises(ValueError, match="give its url"):
        await sandbox.fire(FireOrder(provider="slack", event="app_mention"))
    with pytest.raises(UnknownEventError, match="message_posted"):
        await sandbox.fire(order("message_posted"))
    answer = await client.post("/_sandbox/fire", json={"provider": "slack", "event": "app_mention", "url": URL})
    assert answer.json()["deliveries"][0]["accepted"] is True
