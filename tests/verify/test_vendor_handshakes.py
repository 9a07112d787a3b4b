"""Each vendor's handshake, from a definition alone, as its documents have it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import Secret
from reconciler.verify.handshakes import HandshakeReply, answer, verify_token
from reconciler.verify.kinds import Scheme
from reconciler.verify.request import NOTHING, Facts, Fetched, Need, NeedKind, Request
from reconciler.verify.schemes import sign
from tests.verify.blocks import DISCORD, TWITCH
from tests.verify.cases import SECRET, STAMP, TOPIC, notification, sns_facts, subscription
from tests.verify.support import NOW, URL, ed_key, handshake, proof, raw_public, request, vendor

NOSNIFF = ("X-Content-Type-Options", "nosniff")
ZOOM_PROOF: dict[str, Any] = {
    "scheme": "hmac",
    "header": "x-zm-signature",
    "algorithm": "sha256",
    "prefix": "v0=",
    "message": "v0:${timestamp}:${body}",
    "timestamp": {"header": "x-zm-request-timestamp"},
}
ZOOM = {
    "when": {"body": "event", "equals": "endpoint.url_validation"},
    "values": {"plain": {"body": "payload.plainToken"}},
    "digests": {"encrypted": {"of": "${plain}"}},
    "reply": {"json": {"plainToken": "${plain}", "encryptedToken": "${encrypted}"}},
}
PLAIN_PROOF = {"scheme": "hmac", "header": "X-Signature", "algorithm": "sha256"}
META = {
    "when": {"method": "GET", "query": "hub.mode", "equals": "subscribe"},
    "proved": False,
    "token": {"query": "hub.verify_token"},
    "echo": {"query": "hub.challenge"},
}
DROPBOX = {"when": {"method": "GET", "query": "challenge"}, "proved": False, "echo": {"query": "challenge"}}
ASANA = {
    "when": {"header": "X-Hook-Secret"},
    "proved": False,
    "capture": {"header": "X-Hook-Secret"},
    "values": {"told": {"header": "X-Hook-Secret"}},
    "reply": {"headers": {"X-Hook-Secret": "${told}"}},
}
OKTA = {
    "when": {"method": "GET", "header": "X-Okta-Verification-Challenge"},
    "proved": False,
    "values": {"challenge": {"header": "X-Okta-Verification-Challenge"}},
    "reply": {"json": {"verification": "${challenge}"}},
}
XERO_PROOF = {"scheme": "hmac", "header": "x-xero-signature", "algorithm": "sha256", "encoding": "base64"}
XERO = {"when": {"body": "events == `[]`"}, "reply": {}}
CRC = {
    "when": {"method": "GET", "query": "crc_token"},
    "proved": False,
    "values": {"crc": {"query": "crc_token"}},
    "digests": {"answer": {"of": "${crc}", "encoding": "base64", "prefix": "sha256="}},
    "reply": {"json": {"response_token": "${answer}"}},
}
CLOUD_EVENTS = {
    "when": {"method": "OPTIONS", "header": "WebHook-Request-Origin"},
    "proved": False,
    "values": {"origin": {"header": "WebHook-Request-Origin"}},
    "reply": {"headers": {"WebHook-Allowed-Origin": "${origin}", "WebHook-Allowed-Rate": "*", "Allow": "POST"}},
}
EBAY = {
    "when": {"method": "GET", "query": "challenge_code"},
    "proved": False,
    "values": {"code": {"query": "challenge_code"}},
    "digests": {"answer": {"of": "${code}${verify_token}${url}", "keyed": False}},
    "reply": {"json": {"challengeResponse": "${answer}"}},
}
PING = {"when": {"body": "type", "equals": 1}, "reply": {"json": {"type": 1}}}
SUBSCRIBE = {"when": {"body": "Type", "equals": "SubscriptionConfirmation"}, "confirm": "sns"}
CHALLENGE = {
    "when": {"header": "Twitch-Eventsub-Message-Type", "equals": "webhook_callback_verification"},
    "echo": {"body": "challenge"},
}


def answered(
    proving: Any, block: Any, received: Request, secrets: tuple[Secret, ...] = (SECRET,), facts: Facts = NOTHING
) -> HandshakeReply | Need | None:
    """The reply to a request, by a definition with one handshake."""
    origin = "vendor" if secrets or block is ASANA else "none"
    return answer([handshake(proving, block, origin)], proof(proving, origin), secrets, received, NOW, facts)


def proved(scheme: Scheme, received: Request, secret: Secret = SECRET) -> Request:
    """The request, signed."""
    return replace(received, headers=(*received.headers, *sign(scheme, secret, received.body, NOW, received)))


def told(reply: HandshakeReply | Need | None) -> tuple[int, Any]:
    """Status and JSON of a reply."""
    assert isinstance(reply, HandshakeReply)
    assert ("Content-Type", "application/json") in reply.headers
    return reply.status, json.loads(reply.body)


def keyed(text: str, secret: Secret = SECRET) -> bytes:
    """HMAC-SHA256 of a text."""
    return hmac.new(secret.reveal().encode(), text.encode(), hashlib.sha256).digest()


# -- proved ------------------------------------------------------------------------------------------------------------


def test_discord_is_answered_with_a_pong() -> None:
    """A signed PING of type 1 ("Interactions: Preparing for interactions"); a forged one goes on to be refused."""
    body = b'{"type": 1, "id": "5"}'
    key = Secret(raw_public(ed_key()).hex())
    signature = ed_key().sign(STAMP.encode() + body).hex()
    right = request(body, X_Signature_Timestamp=STAMP, X_Signature_Ed25519=signature)
    assert told(answered(DISCORD, PING, right, (key,))) == (200, {"type": 1})
    wrong = request(body, X_Signature_Timestamp=STAMP, X_Signature_Ed25519="0" * 128)
    assert answered(DISCORD, PING, wrong, (key,)) is None
    other = b'{"type": 2}'
    command = request(
        other, X_Signature_Timestamp=STAMP, X_Signature_Ed25519=ed_key().sign(STAMP.encode() + other).hex()
    )
    assert answered(DISCORD, PING, command, (key,)) is None


def test_zoom_gets_its_token_and_its_hash() -> None:
    """`plainToken`, and its HMAC with the secret token ("Webhooks: Validate your webhook endpoint")."""
    body = json.dumps(
        {"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}}
    ).encode()
    expected = {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": keyed("qgg8vlvZRS6UYooatFL8Aw").hex()}
    assert told(answered(ZOOM_PROOF, ZOOM, proved(proof(ZOOM_PROOF), request(body)))) == (200, expected)
    assert answered(ZOOM_PROOF, ZOOM, request(body)) is None


def test_zoom_gets_the_hash_with_the_secret_that_proved_the_request() -> None:
    """While it is exchanged, old or new."""
    body = json.dumps({"event": "endpoint.url_validation", "payload": {"plainToken": "abc"}}).encode()
    received = proved(proof(ZOOM_PROOF), request(body))
    _, said = told(answered(ZOOM_PROOF, ZOOM, received, (Secret("new"), SECRET)))
    assert said["encryptedToken"] == keyed("abc").hex()


def test_twitch_gets_its_challenge() -> None:
    """As plain text, for a signed request ("Getting events using webhook callbacks")."""
    received = request(
        b'{"challenge": "pogchamp-kappa-360noscope-vohiyo"}',
        Twitch_Eventsub_Message_Id="e76c6bd4",
        Twitch_Eventsub_Message_Type="webhook_callback_verification",
    )
    reply = answered(TWITCH, CHALLENGE, proved(proof(TWITCH), received))
    assert isinstance(reply, HandshakeReply)
    assert (reply.status, reply.body) == (200, b"pogchamp-kappa-360noscope-vohiyo")
    assert reply.headers == (("Content-Type", "text/plain; charset=utf-8"), NOSNIFF)


def test_xero_gets_200_for_a_right_signature_alone() -> None:
    """With nothing in the body ("Configuring your server: Intent to receive"); a wrong one goes on to be refused."""
    body = json.dumps(
        {"events": [], "lastEventSequence": 0, "firstEventSequence": 0, "entropy": "S0m3r4Nd0mt3xt"}
    ).encode()
    assert answered(XERO_PROOF, XERO, proved(proof(XERO_PROOF), request(body))) == HandshakeReply(status=200)
    assert answered(XERO_PROOF, XERO, proved(proof(XERO_PROOF), request(body), Secret("other"))) is None
    assert answered(XERO_PROOF, XERO, proved(proof(XERO_PROOF), request(b'{"events": [{}]}'))) is None


def test_sns_is_confirmed_by_a_call_to_the_topics_region() -> None:
    """Made from our topic and the token of a verified message; the URL in the message is not called."""
    block, received = (
        {"scheme": "sns"},
        request(json.dumps(subscription(SubscribeURL="https://evil.example/")).encode()),
    )
    first = answered(block, SUBSCRIBE, received, (), Facts(resource=TOPIC))
    assert isinstance(first, Need)
    assert first.kind is NeedKind.CERTIFICATE
    second = answered(block, SUBSCRIBE, received, (), sns_facts())
    url = (
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"
        "&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A123456789012%3Abuilds&Token=2336412f37f"
    )
    assert second == Need(kind=NeedKind.CONFIRMATION, url=url)
    for status, said in ((200, 200), (0, 503), (403, 503)):
        facts = sns_facts().given(second, Fetched(status=status))
        assert answered(block, SUBSCRIBE, received, (), facts) == HandshakeReply(status=said)


def test_sns_is_not_confirmed_for_another_topic() -> None:
    """Nor for a message that is forged, or that asks nothing."""
    block, other = {"scheme": "sns"}, TOPIC.replace("builds", "other")
    for message in (subscription(TopicArn=other), subscription() | {"Token": "forged"}, notification()):
        assert answered(block, SUBSCRIBE, request(json.dumps(message).encode()), (), sns_facts()) is None
    asked = SUBSCRIBE | {"when": {"body": "Type"}}
    assert answered(block, asked, request(json.dumps(notification()).encode()), (), sns_facts()) is None


# -- not proved --------------------------------------------------------------------------------------------------------


def test_meta_gets_its_challenge_in_return_for_our_token() -> None:
    """`hub.verify_token` is what a person entered beside the URL ("Webhooks: Get started")."""
    token = verify_token(SECRET, URL).reveal()
    query = f"hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}"
    reply = answered(PLAIN_PROOF, META, request(query=query, method="GET"))
    assert isinstance(reply, HandshakeReply)
    assert (reply.status, reply.body) == (200, b"1158201444")
    for wrong in (
        query + "x",
        query.replace(token, ""),
        query.replace(token, SECRET.reveal()),
        query + "&hub.verify_token=a",
    ):
        assert answered(PLAIN_PROOF, META, request(query=wrong, method="GET")) is None
    assert answered(PLAIN_PROOF, META, request(query=query, method="POST")) is None
    assert answered(PLAIN_PROOF, META, request(query=query.replace("subscribe", "other"), method="GET")) is None
    assert answered(PLAIN_PROOF, META, request(query=query, method="GET"), (Secret("new"), SECRET)) is not None
    assert answered(PLAIN_PROOF, META, request(query=query, method="GET"), (Secret("new"), Secret(" "))) is None


def test_a_verify_token_is_of_one_webhook_and_does_not_tell_the_secret() -> None:
    """Another URL or secret has another one."""
    token = verify_token(SECRET, URL)
    assert token == verify_token(SECRET, URL)
    assert len({token.reveal(), verify_token(SECRET, URL + "x").reveal(), verify_token(Secret("x"), URL).reveal()}) == 3
    assert token.reveal().isalnum()
    assert "secret" not in token.reveal()


def test_dropbox_gets_its_challenge() -> None:
    """In the query of a GET ("Webhooks: The verification request"), as text that no browser takes for a page."""
    reply = answered(PLAIN_PROOF, DROPBOX, request(query="challenge=abc123", method="GET"))
    assert isinstance(reply, HandshakeReply)
    assert reply.body == b"abc123"
    assert NOSNIFF in reply.headers
    assert answered(PLAIN_PROOF, DROPBOX, request(query="challenge=%3Cscript%3E", method="GET")) is None


def test_asanas_secret_is_taken_only_while_a_create_is_in_flight() -> None:
    """It is told in a header and wanted back there ("Establish a webhook"); at any other time it is ignored."""
    received = request(b"{}", X_Hook_Secret="b537207f20cbfa02357cf448134da559")
    reply = answered(PLAIN_PROOF, ASANA, received, (), Facts(capturing=True))
    assert reply == HandshakeReply(
        status=200,
        headers=(("X-Hook-Secret", "b537207f20cbfa02357cf448134da559"),),
        captured=Secret("b537207f20cbfa02357cf448134da559"),
    )
    assert "b537" not in repr(reply.captured)
    assert answered(PLAIN_PROOF, ASANA, received, ()) is None
    assert answered(PLAIN_PROOF, ASANA, received) is None
    for value in ("", "x" * 3000, "a\nb", "<script>"):
        assert answered(PLAIN_PROOF, ASANA, request(X_Hook_Secret=value), (), Facts(capturing=True)) is None


def test_a_secret_that_is_not_told_is_not_taken() -> None:
    """The window alone is not enough."""
    block = ASANA | {"when": {"method": "POST"}, "values": {}, "reply": {}}
    assert answered(PLAIN_PROOF, block, request(b"{}"), (SECRET,), Facts(capturing=True)) is None


def test_okta_gets_the_value_of_its_header() -> None:
    """Once, by a GET ("Event hooks: One-time verification request")."""
    received = request(method="GET", X_Okta_Verification_Challenge="Me_rShK8JHsTnbyYrWXCEoMGbM_zsZ6k0hLPZ_Pg")
    said = told(answered(PLAIN_PROOF, OKTA, received))
    assert said == (200, {"verification": "Me_rShK8JHsTnbyYrWXCEoMGbM_zsZ6k0hLPZ_Pg"})
    for text in ("\xff", "\N{SNOWMAN}", ""):
        assert answered(PLAIN_PROOF, OKTA, request(method="GET", X_Okta_Verification_Challenge=text)) is None


def test_x_gets_the_hash_of_its_token() -> None:
    """HMAC-SHA256 with the consumer secret ("Webhooks: Quickstart, The CRC check"); without a secret, nothing."""
    received = request(query="crc_token=challenge_string", method="GET")
    expected = "sha256=" + base64.b64encode(keyed("challenge_string")).decode()
    assert told(answered(PLAIN_PROOF, CRC, received)) == (200, {"response_token": expected})
    assert answered(PLAIN_PROOF, CRC, received, (Secret(""), Secret(" "))) is None


def test_ebay_gets_a_plain_hash_of_what_both_know() -> None:
    """Challenge, verify token and URL ("Marketplace account deletion/closure notifications")."""
    received = request(query="challenge_code=a8628072", method="GET")
    whole = "a8628072" + verify_token(SECRET, URL).reveal() + URL
    assert told(answered(PLAIN_PROOF, EBAY, received)) == (
        200,
        {"challengeResponse": hashlib.sha256(whole.encode()).hexdigest()},
    )
    assert answered(PLAIN_PROOF, EBAY, received, (Secret(""),)) is None


def test_cloudevents_get_leave_for_their_origin() -> None:
    """By OPTIONS ("HTTP 1.1 Web Hooks for Event Delivery", section 4); the callback that it names is never called."""
    received = request(
        method="OPTIONS",
        WebHook_Request_Origin="eventemitter.example.com",
        WebHook_Request_Callback="https://evil.example/",
    )
    assert answered(PLAIN_PROOF, CLOUD_EVENTS, received) == HandshakeReply(
        status=200,
        headers=(
            ("WebHook-Allowed-Origin", "eventemitter.example.com"),
            ("WebHook-Allowed-Rate", "*"),
            ("Allow", "POST"),
        ),
    )
    assert answered(PLAIN_PROOF, CLOUD_EVENTS, replace(received, method="POST")) is None
    assert answered(PLAIN_PROOF, CLOUD_EVENTS, request(method="OPTIONS", WebHook_Request_Origin="\xc3\xa9")) is None


def test_a_method_alone_can_tell_a_handshake() -> None:
    """Some ask by HEAD whether anybody is there."""
    block = {"when": {"method": "HEAD"}, "proved": False, "reply": {"text": "here ${url}"}}
    reply = answered(PLAIN_PROOF, block, request(method="HEAD"))
    assert isinstance(reply, HandshakeReply)
    assert reply.body == f"here {URL}".encode()
    assert answered(PLAIN_PROOF, block, request(method="GET")) is None


def test_a_proof_whose_keys_are_not_there_yet_asks_for_them() -> None:
    """Handshakes are proved as deliveries are."""
    asked = handshake({"scheme": "sns"}, XERO, "none")
    received = request(json.dumps(notification() | {"events": []}).encode())
    found = answer([asked], proof({"scheme": "sns"}, "none"), (), received, NOW, Facts(resource=TOPIC))
    assert isinstance(found, Need)


@given(
    method=st.sampled_from(["GET", "POST", "OPTIONS", "HEAD", ""]),
    query=st.text(max_size=40)
    | st.from_regex(r"(hub\.mode=subscribe&)?(challenge|crc_token|challenge_code)=[^&]{0,9}"),
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "X-Hook-Secret",
                    "X-Okta-Verification-Challenge",
                    "WebHook-Request-Origin",
                    "Twitch-Eventsub-Message-Type",
                ]
            ),
            st.text(st.characters(), max_size=20),
        ),
        max_size=3,
    ),
    body=st.binary(max_size=40)
    | st.sampled_from([b'{"type": 1}', b'{"events": []}', b'{"Type": "SubscriptionConfirmation"}']),
    secret=st.text(max_size=8).map(Secret),
    capturing=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_answering_never_raises(
    method: str, query: str, headers: list[tuple[str, str]], body: bytes, secret: Secret, capturing: bool
) -> None:
    """Whatever arrives, there is a reply, a need, or none; and what is sent back cannot break out of a header."""
    blocks = (META, DROPBOX, ASANA, OKTA, CRC, CLOUD_EVENTS, EBAY, XERO, PING, CHALLENGE)
    asked = [handshake(PLAIN_PROOF, block) for block in blocks]
    received = Request(method=method, url=URL, query=query, headers=tuple(headers), body=body)
    found = answer(asked, proof(PLAIN_PROOF), [secret], received, NOW, Facts(capturing=capturing))
    if isinstance(found, HandshakeReply):
        assert all(value.isascii() and value.isprintable() for _, value in found.headers)
        assert b"<" not in found.body
    else:
        assert found is None


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ({"when": {}, "echo": {"query": "a"}}, "give a `method`, or one of `header`, `query` and `body`"),
        ({"when": {"query": "a", "body": "b"}, "echo": {"query": "a"}}, "give a `method`, or one of"),
        ({"when": {"method": "GET", "equals": "x"}, "echo": {"query": "a"}}, "`equals` needs one of"),
        ({"when": {"query": "a"}}, "give one of `echo`, `reply` and `confirm`"),
        ({"when": {"query": "a"}, "echo": {"query": "a"}, "reply": {}}, "give one of `echo`, `reply` and `confirm`"),
        ({"when": {"query": "a"}, "echo": {}}, "give one of `header`, `query` and `body`"),
        ({"when": {"query": "a"}, "confirm": "sns", "proved": False}, "what is confirmed must be `proved`"),
        ({"when": {"query": "a"}, "reply": {}, "capture": {"query": "a"}}, "write `proved: false`"),
        ({"when": {"query": "a"}, "reply": {"text": "${b}"}}, "nothing fills ${b} here; known are url, verify_token"),
        ({"when": {"query": "a"}, "reply": {}, "digests": {"d": {"of": "${d}"}}}, "nothing fills ${d} here"),
        ({"when": {"query": "a"}, "reply": {"text": "a", "json": {}}}, "give `text` or `json`"),
    ],
)
def test_a_handshake_that_cannot_work_is_refused_when_it_is_loaded(block: Any, problem: str) -> None:
    """With what is to be written instead."""
    with pytest.raises(ValueError, match="handshakes") as refused:
        vendor(PLAIN_PROOF, block)
    assert problem in str(refused.value)
