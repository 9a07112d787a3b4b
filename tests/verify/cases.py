"""One valid delivery for each family of schemes, as a provider of that kind would send it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from reconciler.core.model import Secret
from reconciler.verify.kinds import Scheme
from reconciler.verify.request import NOTHING, Facts, Fetched, Need, NeedKind, Request, Verdict
from reconciler.verify.schemes import sign, verify
from tests.verify.blocks import (
    DISCORD,
    GITHUB,
    HUBSPOT,
    ISSUER,
    JWKS,
    LINEAR,
    MESSAGEBIRD,
    PADDLE,
    PAYPAL,
    PLAID,
    PUBSUB,
    RSA,
    SENDGRID,
    STANDARD,
    TWILIO,
    TWITCH,
)
from tests.verify.support import NOW, URL, der, ec_key, ed_key, pem, proof, raw_public, request, rsa_key

BODY = b'{"event": "one", "text": "\xc3\xa9"}'
SECRET = Secret("a-secret-of-some-length")
STAMP = str(int(NOW))
TOPIC = "arn:aws:sns:eu-west-1:123456789012:builds"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-7ff5318490ec183fbaddaa2a969abfda.pem"
KID = "key-1"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A valid delivery. `proofs` are the headers that prove it, `covered` whether the body is proved byte by byte."""

    name: str
    scheme: Scheme
    request: Request
    secrets: tuple[Secret, ...] = (SECRET,)
    facts: Facts = NOTHING
    proofs: tuple[str, ...] = ()
    covered: bool = True
    bound: bool = True

    def verdict(self, changed: Request | None = None, now: float = NOW, *secrets: Secret) -> Verdict | Need:
        """What is said of the delivery, or of a changed one."""
        return verify(self.scheme, secrets or self.secrets, changed or self.request, now, self.facts)


WHSEC = Secret("whsec_" + base64.b64encode(b"standard-webhooks-key-24").decode())


def jwk(key_id: str = KID, **changes: Any) -> dict[str, Any]:
    """The public half of the RSA key of the tests as a JWK."""
    numbers = rsa_key().public_key().public_numbers()
    return {
        "kty": "RSA",
        "kid": key_id,
        "use": "sig",
        "alg": "RS256",
        "n": b64(numbers.n),
        "e": b64(numbers.e),
    } | changes


def ec_jwk(**changes: Any) -> dict[str, Any]:
    """The public half of the P-256 key as a JWK."""
    numbers = ec_key().public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "kid": KID, "x": b64(numbers.x, 32), "y": b64(numbers.y, 32)} | changes


def b64(number: int, size: int = 0) -> str:
    """A number as JWKs write it: coordinates in full length (RFC 7518, section 6.2.1.2), others as short as may be."""
    raw = number.to_bytes(size or (number.bit_length() + 7) // 8)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def fetched(need: Need, body: bytes, status: int = 200, at: float = NOW) -> Facts:
    """Facts with what a need brought."""
    return NOTHING.given(need, Fetched(status=status, body=body, at=at))


def keys_of(*keys: dict[str, Any], at: float = NOW) -> Facts:
    """Facts with a JWKS."""
    return fetched(Need(kind=NeedKind.KEYS, url=JWKS), json.dumps({"keys": keys}).encode(), at=at)


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a token of now; `...` leaves one out."""
    usual = {"iss": ISSUER, "aud": URL, "iat": int(NOW), "exp": int(NOW) + 3600, "email_verified": True} | changes
    return {name: value for name, value in usual.items() if value is not ...}


def bearer(payload: dict[str, Any], **headers: Any) -> Request:
    """A request with an RS256 token, made by PyJWT."""
    token = jwt.encode(payload, rsa_key(), algorithm="RS256", headers={"kid": KID} | headers)
    return request(BODY, Authorization=f"Bearer {token}")


@cache
def certificate(start: float = NOW - 86_400, end: float = NOW + 86_400) -> bytes:
    """A certificate in PEM for the RSA key of the tests."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(rsa_key().public_key())
    builder = builder.serial_number(7).not_valid_before(datetime.fromtimestamp(start, UTC))
    return (
        builder.not_valid_after(datetime.fromtimestamp(end, UTC)).sign(rsa_key(), SHA256()).public_bytes(Encoding.PEM)
    )


def notification(version: str = "2", **changes: Any) -> dict[str, Any]:
    """A message of SNS as it documents them, signed; `...` leaves a field out, changes come before the signature."""
    message: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": "My First Message",
        "Message": "Hello world!\nIt is \u00e9",
        "Timestamp": f"{datetime.fromtimestamp(NOW, UTC) - timedelta(seconds=3):%Y-%m-%dT%H:%M:%S}.575Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
    } | changes
    message = {name: value for name, value in message.items() if value is not ...}
    names = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    text = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
    signature = rsa_key().sign(text.encode(), PKCS1v15(), SHA1() if version == "1" else SHA256())  # noqa: S303 - SNS does
    return message | {"Signature": base64.b64encode(signature).decode()}


def subscription(**changes: Any) -> dict[str, Any]:
    """The message that asks to confirm a subscription."""
    asked = {
        "Type": "SubscriptionConfirmation",
        "Subject": ...,
        "Token": "2336412f37f",
        "SubscribeURL": "https://sns/x",
    }
    return notification(**(asked | changes))


def sns_facts(pem_text: bytes | None = None, status: int = 200) -> Facts:
    """The topic, and the certificate that was fetched."""
    need = Need(kind=NeedKind.CERTIFICATE, url=CERTIFICATE_URL)
    return replace(fetched(need, certificate() if pem_text is None else pem_text, status), resource=TOPIC)


def _hmac(name: str, block: dict[str, Any], received: Request, *values: str) -> Case:
    found = proof(block)
    proofs = sign(found, SECRET, received.body, NOW, received)
    signed = replace(received, headers=(*received.headers, *proofs))
    return Case(name=name, scheme=found, request=signed, proofs=(*(header for header, _ in proofs), *values))


def _asymmetric() -> Iterator[Case]:
    stamped = STAMP.encode() + BODY
    headers = {"X_Signature_Timestamp": STAMP, "X_Signature_Ed25519": ed_key().sign(stamped).hex()}
    yield Case(
        name="discord",
        scheme=proof(DISCORD),
        secrets=(Secret(raw_public(ed_key()).hex()),),
        request=request(BODY, **headers),
        proofs=("X-Signature-Ed25519", "X-Signature-Timestamp"),
    )
    signature = ec_key().sign(stamped, ECDSA(SHA256()))
    for form, raw in (("der", signature), ("raw", _two_numbers(signature))):
        yield Case(
            name=f"ecdsa {form}",
            scheme=proof(SENDGRID | {"form": form}),
            secrets=(der(ec_key()),),
            request=request(
                BODY,
                X_Twilio_Email_Event_Webhook_Signature=base64.b64encode(raw).decode(),
                X_Twilio_Email_Event_Webhook_Timestamp=STAMP,
            ),
            proofs=("X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp"),
        )
    yield Case(
        name="rsa",
        scheme=proof(RSA),
        secrets=(pem(rsa_key()),),
        request=request(BODY, X_Signature=base64.b64encode(rsa_key().sign(BODY, PKCS1v15(), SHA256())).decode()),
        proofs=("X-Signature",),
    )


def _two_numbers(signature: bytes) -> bytes:
    return b"".join(number.to_bytes(32) for number in decode_dss_signature(signature))


def standard(version: str) -> Request:
    """A delivery by Standard Webhooks."""
    message = f"msg_1.{STAMP}.".encode() + BODY
    if version == "v1":
        ((_, text), *_) = sign(proof(STANDARD), WHSEC, BODY, NOW, request(webhook_id="msg_1"))
    else:
        text = f"v1a,{base64.b64encode(ed_key().sign(message)).decode()}"
    return request(BODY, webhook_id="msg_1", webhook_timestamp=STAMP, webhook_signature=text)


def _tokens() -> Iterator[Case]:
    yield Case(
        name="pub/sub",
        scheme=proof(PUBSUB, origin="none"),
        secrets=(),
        request=bearer(claims()),
        facts=keys_of(jwk("other"), jwk()),
        proofs=("Authorization",),
        covered=False,
        bound=False,
    )
    hashes = {"payload_hash": hashlib.sha256(BODY).hexdigest(), "url_hash": hashlib.sha256(URL.encode()).hexdigest()}
    payload = claims(iss="MessageBird", nbf=int(NOW), aud=...) | hashes
    yield Case(
        name="messagebird",
        scheme=proof(MESSAGEBIRD),
        secrets=(Secret("a-signing-key-of-thirty-two-bytes"),),
        request=request(
            BODY, MessageBird_Signature_JWT=jwt.encode(payload, "a-signing-key-of-thirty-two-bytes", algorithm="HS256")
        ),
        proofs=("MessageBird-Signature-JWT",),
    )
    plaid = {"iat": int(NOW), "request_body_sha256": hashlib.sha256(BODY).hexdigest()}
    yield Case(
        name="plaid",
        scheme=proof(PLAID),
        secrets=(pem(ec_key()),),
        request=request(BODY, Plaid_Verification=jwt.encode(plaid, ec_key(), algorithm="ES256")),
        proofs=("Plaid-Verification",),
    )


def paypal() -> Request:
    """A delivery of PayPal."""
    return request(
        BODY,
        PayPal_Auth_Algo="SHA256withRSA",
        PayPal_Cert_Url="https://api.paypal.com/v1/notifications/certs/CERT-360caa42",
        PayPal_Transmission_Id="69cd13f0-d67a-11e5-baa3-778b53f4ae55",
        PayPal_Transmission_Sig="lmI95Jx3Y9nhR5SJWlHVIWpg4AgFk7n9bCHSRxbrd8A9zrhdu2rMyFrmz==",
        PayPal_Transmission_Time="2016-02-18T20:01:35Z",
    )


def _remote() -> Iterator[Case]:
    scheme, known = proof(PAYPAL, origin="none"), Facts(provider_id="1JE4291016473214C")
    question = verify(scheme, (), paypal(), NOW, known)
    assert isinstance(question, Need)
    yield Case(
        name="paypal",
        scheme=scheme,
        secrets=(),
        request=paypal(),
        facts=known.given(question, Fetched(status=200, body=b'{"verification_status": "SUCCESS"}', at=NOW)),
        proofs=tuple(name for name, _ in paypal().headers),
    )
    yield Case(
        name="sns",
        scheme=proof({"scheme": "sns"}, origin="none"),
        secrets=(),
        request=request(json.dumps(notification()).encode()),
        facts=sns_facts(),
        covered=False,
    )


def _shared() -> Iterator[Case]:
    yield Case(
        name="token",
        scheme=proof({"scheme": "token", "header": "Authorization", "prefix": "Bearer "}),
        request=request(BODY, Authorization=f"Bearer {SECRET.reveal()}"),
        proofs=("Authorization",),
        covered=False,
        bound=False,
    )
    yield Case(
        name="query",
        scheme=proof({"scheme": "token", "query": "key"}),
        request=request(BODY, query=f"key={SECRET.reveal()}"),
        covered=False,
        bound=False,
    )
    text = base64.b64encode(b"reconciler:" + SECRET.reveal().encode()).decode()
    yield Case(
        name="basic",
        scheme=proof({"scheme": "basic", "username": "reconciler"}),
        request=request(BODY, Authorization=f"Basic {text}"),
        proofs=("Authorization",),
        covered=False,
        bound=False,
    )
    yield Case(
        name="body token",
        scheme=proof({"scheme": "token", "body": {"key": "secret"}}),
        request=request(json.dumps({"secret": SECRET.reveal(), "event": "one"}).encode()),
        covered=False,
        bound=False,
    )


@cache
def cases() -> dict[str, Case]:
    """Every case by its name."""
    form = request(
        b"Body=Hello+there%21&From=%2B15558675309&To=%2B15558675310", Content_Type="application/x-www-form-urlencoded"
    )
    digest = hashlib.sha256(BODY).hexdigest()
    linear = request(json.dumps({"action": "create", "webhookTimestamp": int(NOW * 1000)}).encode())
    found = [
        _hmac("github", GITHUB, request(BODY)),
        _hmac("sha512 base64url", GITHUB | {"algorithm": "sha512", "encoding": "base64url"}, request(BODY)),
        _hmac("paddle", PADDLE, request(BODY)),
        _hmac("twitch", TWITCH, request(BODY, Twitch_Eventsub_Message_Id="e76c6bd4"), "Twitch-Eventsub-Message-Id"),
        _hmac("hubspot", HUBSPOT, request(BODY, query="a=b%20c")),
        _hmac("twilio form", TWILIO, form),
        _hmac("twilio json", TWILIO, request(BODY, query=f"bodySHA256={digest}", Content_Type="application/json")),
        _hmac("linear", LINEAR, linear),
        *(
            Case(
                name=f"standard webhooks {version}",
                scheme=proof(STANDARD),
                secrets=(secret,),
                request=standard(version),
                proofs=("webhook-id", "webhook-timestamp", "webhook-signature"),
            )
            for version, secret in (
                ("v1", WHSEC),
                ("v1a", Secret("whpk_" + base64.b64encode(raw_public(ed_key())).decode())),
            )
        ),
        *_asymmetric(),
        *_tokens(),
        *_remote(),
        *_shared(),
    ]
    return {case.name: case for case in found}
