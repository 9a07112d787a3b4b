"""The vendors' own libraries: what they sign is accepted here, what is signed here they accept."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import discord_interactions
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st
from messagebird.error import ValidationError
from messagebird.request_validator import RequestValidator as MessageBirdValidator
from sendgrid.helpers.eventwebhook import EventWebhook
from standardwebhooks.webhooks import Webhook
from twilio.request_validator import RequestValidator

from reconciler.core.model import Secret
from reconciler.system import SystemClock
from reconciler.verify.request import Request
from reconciler.verify.schemes import sign, verify
from tests.verify.blocks import DISCORD, GITHUB, PUBSUB, SENDGRID, STANDARD, TWILIO
from tests.verify.cases import (
    BODY,
    KID,
    SECRET,
    STAMP,
    WHSEC,
    bearer,
    cases,
    certificate,
    claims,
    ec_jwk,
    jwk,
    keys_of,
    notification,
    subscription,
)
from tests.verify.support import NOW, URL, der, ec_key, ed_key, pem, proof, raw_public, request, rsa_key

FOLDER = Path(__file__).parent / "oracles"
FORM = "application/x-www-form-urlencoded"


# -- Standard Webhooks -------------------------------------------------------------------------------------------------


@given(body=st.text(), id_=st.from_regex(r"msg_[A-Za-z0-9]{1,20}", fullmatch=True), stamp=st.integers(-300, 300))
def test_standard_webhooks_signs_and_we_accept(body: str, id_: str, stamp: int) -> None:
    """What the reference library signs, within the tolerance."""
    moment = datetime.fromtimestamp(NOW + stamp, UTC)
    text = Webhook(WHSEC.reveal()).sign(id_, moment, body)
    received = request(
        body.encode(), webhook_id=id_, webhook_timestamp=str(int(moment.timestamp())), webhook_signature=f"v1a,x {text}"
    )
    assert verify(proof(STANDARD), [WHSEC], received, NOW)


def test_standard_webhooks_accepts_what_we_sign() -> None:
    """Signed for the present, because the library has a clock of its own."""
    headers = dict(sign(proof(STANDARD), WHSEC, BODY, SystemClock().now()))
    assert Webhook(WHSEC.reveal()).verify(BODY, headers) == json.loads(BODY)


# -- Twilio ------------------------------------------------------------------------------------------------------------

fields = st.dictionaries(st.text(st.characters(codec="ascii"), min_size=1), st.text(), max_size=5)


@given(values=fields)
def test_twilio_signs_forms_and_we_accept(values: dict[str, str]) -> None:
    """URL and sorted fields, whatever is in them; and its validator accepts what we sign."""
    received = replace(request(urlencode(values).encode(), Content_Type=FORM), url=URL)
    theirs, scheme = RequestValidator(SECRET.reveal()), proof(TWILIO)
    assert verify(scheme, [SECRET], signed_by(received, X_Twilio_Signature=theirs.compute_signature(URL, values)), NOW)
    ((_, ours),) = sign(scheme, SECRET, received.body, NOW, received)
    assert theirs.validate(URL, values, ours)


@given(body=st.text())
def test_twilio_signs_other_bodies_by_their_hash(body: str) -> None:
    """The hash is in the query, and the query is signed."""
    theirs = RequestValidator(SECRET.reveal())
    query = f"bodySHA256={theirs.compute_hash(body)}"
    received = request(body.encode(), query, Content_Type="application/json")
    text = theirs.compute_signature(f"{URL}?{query}", {})
    assert verify(proof(TWILIO), [SECRET], signed_by(received, X_Twilio_Signature=text), NOW)
    ((_, ours),) = sign(proof(TWILIO), SECRET, received.body, NOW, received)
    assert theirs.validate(f"{URL}?{query}", body, ours)


def test_twilios_example_verifies() -> None:
    """The request of "Webhooks security" (twilio.com/docs), with its digits and its fields."""
    values = {
        "Digits": "1234",
        "To": "+18005551212",
        "From": "+14158675310",
        "Caller": "+14158675310",
        "CallSid": "CA1234567890ABCDE",
    }
    received = Request(
        url="https://example.com/myapp.php",
        query="foo=1&bar=2",
        headers=(("Content-Type", FORM), ("X-Twilio-Signature", "L/OH5YylLD5NRKLltdqwSvS0BnU=")),
        body=urlencode(values).encode(),
    )
    theirs = RequestValidator("12345")
    assert (
        theirs.compute_signature("https://example.com/myapp.php?foo=1&bar=2", values) == "L/OH5YylLD5NRKLltdqwSvS0BnU="
    )
    assert verify(proof(TWILIO), [Secret("12345")], received, NOW)


# -- SendGrid, Discord -------------------------------------------------------------------------------------------------


@given(body=st.text())
@settings(deadline=None)
def test_sendgrid_accepts_what_our_signer_signs(body: str) -> None:
    """ECDSA over timestamp and body: the library accepts the signature, and so do we; both refuse another body."""
    text = base64.b64encode(ec_key().sign((STAMP + body).encode(), ECDSA(SHA256()))).decode()
    library, key = EventWebhook(der(ec_key()).reveal()), der(ec_key())
    received = request(
        body.encode(), X_Twilio_Email_Event_Webhook_Signature=text, X_Twilio_Email_Event_Webhook_Timestamp=STAMP
    )
    for payload in (body, body + "x"):
        ours = bool(verify(proof(SENDGRID), [key], replace(received, body=payload.encode()), NOW))
        assert ours == library.verify_signature(payload, text, STAMP) == (payload == body)


@given(body=st.binary())
def test_discord_accepts_what_our_signer_signs(body: bytes) -> None:
    """Ed25519 over timestamp and body; `discord_interactions` verifies with libsodium."""
    text = ed_key().sign(STAMP.encode() + body).hex()
    key = raw_public(ed_key()).hex()
    received = request(body, X_Signature_Ed25519=text, X_Signature_Timestamp=STAMP)
    assert discord_interactions.verify_key(body, text, STAMP, key)
    assert verify(proof(DISCORD), [Secret(key)], received, NOW)


# -- JSON Web Tokens ---------------------------------------------------------------------------------------------------


def test_messagebird_accepts_the_same_token() -> None:
    """Its validator and ours agree on a token of now, on another body, and on another URL."""
    case, now = cases()["messagebird"], SystemClock().now()
    (key,) = case.secrets
    hashes = {name: hash_of(text) for name, text in (("payload_hash", BODY), ("url_hash", URL.encode()))}
    token = jwt.encode(
        {"iss": "MessageBird", "nbf": int(now) - 1, "exp": int(now) + 60} | hashes, key.reveal(), "HS256"
    )
    theirs = MessageBirdValidator(key.reveal())
    for url, body in ((URL, BODY), (URL, b"{}"), (URL + "x", BODY)):
        received = Request(url=url, headers=(("MessageBird-Signature-JWT", token),), body=body)
        try:
            accepted = bool(theirs.validate_signature(token, url, body))
        except ValidationError:
            accepted = False
        assert bool(verify(case.scheme, [key], received, now)) == accepted == ((url, body) == (URL, BODY))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_pyjwt_accepts_the_same_tokens(algorithm: str) -> None:
    """With the same key from the same JWKS."""
    key, document = (rsa_key(), jwk()) if algorithm == "RS256" else (ec_key(), ec_jwk())
    token = jwt.encode(claims(), key, algorithm, headers={"kid": KID})
    options: Any = {"verify_exp": False, "verify_iat": False}
    theirs = jwt.decode(token, jwt.PyJWK(document, algorithm), [algorithm], audience=URL, options=options)
    assert theirs == claims()
    scheme = proof(PUBSUB | {"algorithm": algorithm}, origin="none")
    assert verify(scheme, (), request(BODY, Authorization=f"Bearer {token}"), NOW, keys_of(document))


def test_pyjwt_with_a_secret_in_pem() -> None:
    """A public key that a person pasted does as well as one of a JWKS."""
    block = {"scheme": "jwt", "algorithm": "RS256"}
    assert verify(proof(block), [pem(rsa_key())], bearer(claims()), NOW)
    assert not verify(proof(block), [pem(ec_key())], bearer(claims()), NOW)


# -- libraries for Node ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def node() -> Iterator[Any]:
    """Asks the vendors' libraries for Node, where they are installed (`npm ci` in tests/verify/oracles)."""
    program = shutil.which("node")
    if program is None or not (FOLDER / "node_modules").is_dir():
        pytest.skip("Node, or `npm ci` in tests/verify/oracles, is missing")
    with subprocess.Popen(  # noqa: S603 - our own script
        [program, "ask.mjs"], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout

        def ask(question: str, **details: Any) -> Any:
            process.stdin.write(json.dumps({"ask": question} | details) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield ask
        process.stdin.close()


@given(body=st.text(min_size=1))
@settings(max_examples=30, deadline=None)
def test_octokit_agrees(node: Any, body: str) -> None:
    """`@octokit/webhooks-methods` signs what we accept, and verifies what we sign."""
    text = node("github-sign", secret=SECRET.reveal(), body=body)
    assert verify(proof(GITHUB), [SECRET], request(body.encode(), X_Hub_Signature_256=text), NOW)
    ((_, ours),) = sign(proof(GITHUB), SECRET, body.encode(), NOW)
    assert node("github-verify", secret=SECRET.reveal(), body=body, signature=ours)


@given(body=st.text())
@settings(max_examples=30, deadline=None)
def test_svix_agrees(node: Any, body: str) -> None:
    """Svix sends the same under its own header names."""
    scheme = proof(STANDARD | {"prefix": "svix-"})
    text = node("svix-sign", secret=WHSEC.reveal(), id="msg_1", now=NOW, body=body)
    received = request(body.encode(), svix_id="msg_1", svix_timestamp=STAMP, svix_signature=text)
    assert verify(scheme, [WHSEC], received, NOW)
    content = json.dumps({"text": body})
    headers = dict(sign(scheme, WHSEC, content.encode(), SystemClock().now()))
    assert node("svix-verify", secret=WHSEC.reveal(), headers=headers, body=content)
    assert not node("svix-verify", secret=WHSEC.reveal(), headers=headers, body=content + " ")


@pytest.mark.parametrize("body", ["[]", json.dumps([{"email": "example@test.com", "event": "processed"}]) + "\r\n"])
def test_sendgrids_library_for_node_agrees(node: Any, body: str) -> None:
    """It has an ECDSA of its own."""
    text = base64.b64encode(ec_key().sign((STAMP + body).encode(), ECDSA(SHA256()))).decode()
    received = request(
        body.encode(), X_Twilio_Email_Event_Webhook_Signature=text, X_Twilio_Email_Event_Webhook_Timestamp=STAMP
    )
    details = {"key": der(ec_key()).reveal(), "signature": text, "timestamp": STAMP}
    assert node("sendgrid-verify", body=body, **details)
    assert not node("sendgrid-verify", body=body + " ", **details)
    assert verify(proof(SENDGRID), [der(ec_key())], received, NOW)


def test_discords_library_for_node_agrees(node: Any) -> None:
    """It verifies with WebCrypto."""
    case = cases()["discord"]
    ((signature,), (key,)) = case.request.values("X-Signature-Ed25519"), case.secrets
    details = {"key": key.reveal(), "signature": signature, "timestamp": STAMP}
    assert node("discord-verify", body=BODY.decode(), **details)
    assert not node("discord-verify", body=BODY.decode() + " ", **details)


@pytest.mark.parametrize("version", ["1", "2"])
def test_snss_validator_agrees(node: Any, version: str) -> None:
    """`sns-validator` accepts the messages that our tests sign, and refuses what we refuse."""
    for message in (notification(version), notification(version, Subject=...), subscription(SignatureVersion=version)):
        if message["Type"] == "SubscriptionConfirmation" and version == "1":
            continue
        assert node("sns-verify", message=message, certificate=certificate().decode())
        changed = message | {"Message": "Hello?"}
        assert not node("sns-verify", message=changed, certificate=certificate().decode())


def signed_by(received: Request, **headers: str) -> Request:
    """The request with the headers of a vendor's library."""
    return replace(received, headers=(*received.headers, *request(**headers).headers))


def hash_of(text: bytes) -> str:
    """What MessageBird puts into its claims."""
    return hashlib.sha256(text).hexdigest()
