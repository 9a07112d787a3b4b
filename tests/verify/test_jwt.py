"""Tokens are believed when they are the provider's, for us, of now; their keys are fetched, and that may fail."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from reconciler.core.model import Secret
from reconciler.verify.jwt import FRESH, MAX_TOKEN
from reconciler.verify.public_scheme import JwtScheme
from reconciler.verify.request import NOTHING, Facts, Fetched, Need, NeedKind, Request, Verdict
from reconciler.verify.schemes import verify
from reconciler.verify.words import JwtAlgorithm
from tests.verify.blocks import JWKS, PLAID, PUBSUB
from tests.verify.cases import BODY, KID, b64, bearer, claims, ec_jwk, jwk, keys_of
from tests.verify.support import NOW, URL, ec_key, pem, proof, request, rsa_key

SCHEME = proof(PUBSUB, origin="none")
NEED = Need(kind=NeedKind.KEYS, url=JWKS)


def judged(received: Request, facts: Facts | None = None, now: float = NOW) -> Verdict | Need:
    """What is said of a request, with the usual keys."""
    return verify(SCHEME, (), received, now, keys_of(jwk()) if facts is None else facts)


def refusal(**changes: Any) -> str:
    """Why a token with other claims is refused."""
    found = judged(bearer(claims(**changes)))
    assert isinstance(found, Verdict)
    assert not found.ok
    assert not found.unknown
    return found.reason


def assembled(head: Any, payload: Any = None, signature: bytes = b"s") -> Request:
    """A token of these parts, not signed."""
    parts = [json.dumps(head).encode(), json.dumps(claims() if payload is None else payload).encode(), signature]
    text = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    return request(BODY, Authorization=f"Bearer {text}")


# -- keys --------------------------------------------------------------------------------------------------------------


def test_the_keys_are_asked_for_at_the_url_of_the_definition() -> None:
    """Before them there is no verdict, only what to fetch; whatever URLs the token names are not looked at."""
    received = bearer(claims(), jku="https://evil.example/keys", x5u="https://evil.example/cert")
    found = judged(received, NOTHING)
    assert found == NEED
    assert not found
    assert "keys" in found.reason
    assert judged(received)


@pytest.mark.parametrize(
    "answer",
    [
        Fetched(status=0),
        Fetched(status=503),
        Fetched(status=302, body=b'{"keys": []}'),
        Fetched(status=200, body=b"<html>"),
        Fetched(status=200, body=b"[]"),
        Fetched(status=200, body=b'{"keys": {}}'),
        Fetched(status=200, body=b'{"keys": [], "keys": []}'),
    ],
)
def test_a_failing_fetch_is_neither_genuine_nor_forged(answer: Fetched) -> None:
    """The sender is to try again: a refusal would lose the delivery for good."""
    found = judged(bearer(claims()), NOTHING.given(NEED, answer))
    assert isinstance(found, Verdict)
    assert (found.ok, found.unknown) == (False, True)


def test_an_unknown_key_has_the_keys_fetched_again_but_not_at_will() -> None:
    """A key may be new: older copies are refreshed. One that was just fetched is not, whatever a sender names."""
    received = bearer(claims(), kid="made-up")
    again = judged(received, keys_of(jwk(), at=NOW - FRESH - 1))
    assert isinstance(again, Need)
    assert again.refresh
    assert again == NEED, "what is fetched takes the place of the old copy"
    assert judged(received, keys_of(jwk(), at=NOW - FRESH)) == Verdict(
        False, "the token names a key that the provider does not have"
    )


def test_a_token_without_a_key_id_needs_the_only_key() -> None:
    """Where there are several, which one is meant must be told."""
    token = jwt.encode(claims(), rsa_key(), "RS256")
    received = request(BODY, Authorization=f"Bearer {token}")
    assert judged(received, keys_of(jwk()))
    assert not judged(received, keys_of(jwk(), jwk("other")))


@pytest.mark.parametrize(
    "key",
    [
        jwk(use="enc"),
        jwk(alg="RS512"),
        jwk(kty="EC"),
        jwk(kid=7),
        jwk(n=None),
        jwk(n="!"),
        jwk(e="AQ"),
        jwk(n=b64(2**1023 + 1)),
        ec_jwk(alg="RS256"),
        "key",
        {},
    ],
)
def test_a_key_that_is_not_fit_is_none(key: Any) -> None:
    """Another use, another algorithm, another type, too short, or malformed."""
    found = judged(bearer(claims()), keys_of(key))
    assert isinstance(found, Verdict)
    assert not found.ok


@pytest.mark.parametrize("changes", [{"crv": "P-384"}, {"kty": "RSA"}, {"x": "AQ"}, {"y": "AQ"}])
def test_a_key_on_another_curve_is_none(changes: dict[str, str]) -> None:
    """Nor is a point that is not on the curve."""
    scheme = proof(PUBSUB | {"algorithm": "ES256"}, origin="none")
    token = jwt.encode(claims(), ec_key(), "ES256", headers={"kid": KID})
    received = request(BODY, Authorization=f"Bearer {token}")
    assert verify(scheme, (), received, NOW, keys_of(ec_jwk()))
    assert not verify(scheme, (), received, NOW, keys_of(ec_jwk(**changes)))


def test_the_keys_of_a_jwks_prove_no_hmac() -> None:
    """A public key is known to everybody: it is never taken for a shared one."""
    with pytest.raises(ValueError, match="public"):
        JwtScheme(algorithm=JwtAlgorithm.HS256, jwks=JWKS)


# -- tokens ------------------------------------------------------------------------------------------------------------


def test_the_algorithm_is_never_the_tokens_choice() -> None:
    """Neither `none`, nor HMAC with the public key, nor another algorithm of the same key."""
    public = pem(rsa_key()).reveal()
    tricks = [
        jwt.encode(claims(), None, "none", headers={"kid": KID}),
        jwt.encode(claims(), rsa_key(), "RS512", headers={"kid": KID}),
        jwt.encode(claims(), ec_key(), "ES256", headers={"kid": KID}),
    ]
    for token in tricks:
        assert not judged(request(BODY, Authorization=f"Bearer {token}"))
    for algorithm in ("HS256", "none", "rs256", "", None, ["RS256"]):
        assert "plain RS256" in judged(assembled({"alg": algorithm, "kid": KID}, signature=public.encode())).reason


@pytest.mark.parametrize(
    "text", ["", "a.b", "a.b.c.d", "..", "!.e30.AA", "e30.!.AA", "e30.e30.", "W10.e30.AA", "e30.W10.AA", "e30=.e30.AA"]
)
def test_what_is_no_token_is_refused(text: str) -> None:
    """Too few or too many parts, not base64url, not JSON objects."""
    assert not judged(request(BODY, Authorization=f"Bearer {text}"))


def test_other_authorization_is_no_token() -> None:
    """Another method, none at all, or a token that is longer than a vendor's."""
    token = bearer(claims()).values("Authorization")[0].removeprefix("Bearer ")
    for text in (token, f"bearer {token}", f"Basic {token}", f"Bearer  {token}", f"Bearer {token}{'A' * MAX_TOKEN}"):
        assert judged(request(BODY, Authorization=text)).reason
        assert not judged(request(BODY, Authorization=text))


def test_a_critical_extension_is_refused() -> None:
    """What a token declares critical is not understood here (RFC 7515, section 4.1.11)."""
    assert not judged(bearer(claims(), crit=["exp"]))


def test_another_signer_is_refused() -> None:
    """With the right key id and another key."""
    other = generate_private_key(public_exponent=65537, key_size=2048)
    token = jwt.encode(claims(), other, "RS256", headers={"kid": KID})
    assert judged(request(BODY, Authorization=f"Bearer {token}")).reason == "the signature of the token does not match"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://other.example"}, "of another issuer"),
        ({"iss": ...}, "of another issuer"),
        ({"aud": "https://hooks.acme.dev/webhooks/vendor/other"}, "for another audience"),
        ({"aud": ["https://a.example"]}, "for another audience"),
        ({"aud": ...}, "for another audience"),
        ({"email_verified": False}, "email_verified is another"),
        ({"email_verified": 1}, "email_verified is another"),
        ({"email_verified": ...}, "email_verified is another"),
        ({"exp": ...}, "until when it is good"),
        ({"exp": int(NOW) - 61}, "has expired"),
        ({"exp": "soon"}, "a time that is none"),
        ({"exp": True}, "a time that is none"),
        ({"exp": 1e300}, "a time that is none"),
        ({"nbf": None}, "a time that is none"),
        ({"nbf": int(NOW) + 61}, "not good yet"),
        ({"iat": int(NOW) + 61}, "not good yet"),
    ],
)
def test_another_claim_is_refused(changes: dict[str, Any], reason: str) -> None:
    """Issuer, audience, further claims, and every time; our clocks may differ by a minute."""
    assert reason in refusal(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["https://a.example", URL]},
        {"exp": int(NOW) - 59},
        {"nbf": int(NOW) + 60},
        {"iat": ...},
        {"exp": NOW + 0.5},
    ],
)
def test_a_claim_that_fits_is_accepted(changes: dict[str, Any]) -> None:
    """One audience of several, within the minute, without what need not be there."""
    assert judged(bearer(claims(**changes)))


def test_an_audience_that_is_not_known_decides_nothing() -> None:
    """Our own URL is missing: that is no fault of the sender."""
    found = judged(replace(bearer(claims()), url=""))
    assert isinstance(found, Verdict)
    assert found.unknown


@pytest.mark.parametrize(("age", "good"), [(0, True), (360, True), (361, False), (-60, True), (-61, False)])
def test_the_age_of_a_token_counts(age: int, good: bool) -> None:
    """Five minutes and the leeway, and not from the future; without `iat` it is refused."""
    digest = "request_body_sha256"
    whole: dict[str, Any] = {digest: hashlib.sha256(BODY).hexdigest()}
    scheme = proof(PLAID)
    assert bool(verify(scheme, [pem(ec_key())], plaid(whole | {"iat": int(NOW) - age}), NOW)) == good
    assert not verify(scheme, [pem(ec_key())], plaid(whole), NOW)
    assert not verify(scheme, [pem(ec_key())], plaid({"iat": int(NOW), digest: 7}), NOW)


def test_a_digest_of_what_is_missing_decides_nothing() -> None:
    """A claim about our URL, which is not known."""
    block = {"scheme": "jwt", "algorithm": "HS256", "digests": [{"claim": "url_hash", "of": "${url}"}]}
    token = jwt.encode(claims(), "k" * 32, "HS256")
    found = verify(proof(block), [Secret("k" * 32)], Request(headers=(("Authorization", f"Bearer {token}"),)), NOW)
    assert isinstance(found, Verdict)
    assert found.unknown


def plaid(payload: dict[str, Any] | None = None) -> Request:
    """A delivery of Plaid with these claims."""
    usual = {"iat": int(NOW), "request_body_sha256": hashlib.sha256(BODY).hexdigest()}
    return request(BODY, Plaid_Verification=jwt.encode(payload or usual, ec_key(), "ES256"))
