"""JSON Web Tokens (RFC 7519, with RFC 8725 "JSON Web Token Best Current Practices"), keys from a JWKS or a secret.

Google Pub/Sub ("Authentication for push subscriptions", cloud.google.com) puts an OpenID Connect token into
`Authorization`; MessageBird ("Verifying HTTP requests") binds a token to URL and body by claims that are hashes.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from reconciler.core.model import Json
from reconciler.verify.body import parse_unique
from reconciler.verify.encodings import Algorithm, Encoding, decode, digest_of, encode
from reconciler.verify.message import Inputs, build
from reconciler.verify.places import raw_at
from reconciler.verify.public_keys import PublicKey, fit, holds
from reconciler.verify.public_scheme import ClaimDigest, JwtScheme, SignatureKind
from reconciler.verify.request import (
    ACCEPTED,
    Facts,
    Fetched,
    Need,
    NeedKind,
    Request,
    Verdict,
    refused,
    undecided,
)
from reconciler.verify.words import JwtAlgorithm

MAX_TOKEN = 16_384
"""Bytes; a longer token is not a vendor's."""

FRESH = 60.0
"""Seconds for which keys are not fetched again, whatever keys a token names."""

_KINDS: Mapping[JwtAlgorithm, SignatureKind] = {
    JwtAlgorithm.RS256: SignatureKind.RSA_SHA256,
    JwtAlgorithm.ES256: SignatureKind.ECDSA_RAW,
}
_HASHES: Mapping[JwtAlgorithm, Algorithm] = {
    JwtAlgorithm.HS256: Algorithm.SHA256,
    JwtAlgorithm.HS512: Algorithm.SHA512,
}

Key = bytes | PublicKey


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was taken apart, and not verified yet."""

    head: Mapping[str, Json]
    claims: Mapping[str, Json]
    signed: bytes
    signature: bytes


def verify_jwt(scheme: JwtScheme, keys: Sequence[Key], request: Request, now: float, facts: Facts) -> Verdict | Need:
    """Whether the token is the provider's, for us, of now, and of this request; `keys` are those of the secrets."""
    token = _token(scheme, request)
    if isinstance(token, Verdict):
        return token
    if scheme.jwks:
        found = _fetched_keys(scheme, token, now, facts)
        if isinstance(found, Verdict | Need):
            return found
        keys = found
    if not any(_proved(scheme.algorithm, key, token) for key in keys):
        return refused("the signature of the token does not match")
    untimely = _timely(scheme, token, now)
    if untimely is None:
        untimely = _claimed(scheme, token, request, facts)
    return ACCEPTED if untimely is None else untimely


def signature_kind(algorithm: JwtAlgorithm) -> SignatureKind | None:
    """The kind of signature; None for an algorithm with a shared key."""
    return _KINDS.get(algorithm)


def _token(scheme: JwtScheme, request: Request) -> Token | Verdict:
    raw = raw_at(scheme.place, request)
    if isinstance(raw, Verdict):
        return raw
    prefix = scheme.prefix.encode()
    parts = raw[len(prefix) :].split(b".")
    if not raw.startswith(prefix) or len(raw) > MAX_TOKEN or len(parts) != 3:
        return refused("there is no token")
    head, claims, signature = (decode(Encoding.BASE64URL, part) for part in parts)
    header, payload = parse_unique(head or b""), parse_unique(claims or b"")
    if header is None or payload is None or not signature:
        return refused("the token is malformed")
    if header.get("alg") != scheme.algorithm or "crit" in header:
        return refused(f"the token is not a plain {scheme.algorithm} one")
    return Token(header, payload, raw[len(prefix) :].rpartition(b".")[0], signature)


def _proved(algorithm: JwtAlgorithm, key: Key, token: Token) -> bool:
    if isinstance(key, bytes):
        return hmac.compare_digest(hmac.digest(key, token.signed, _HASHES[algorithm]), token.signature)
    return holds(_KINDS[algorithm], key, token.signature, token.signed)


# -- keys --------------------------------------------------------------------------------------------------------------


def _fetched_keys(scheme: JwtScheme, token: Token, now: float, facts: Facts) -> list[PublicKey] | Verdict | Need:
    need = Need(kind=NeedKind.KEYS, url=scheme.jwks)
    document = facts.fetched.get(need)
    if document is None:
        return need
    listed = _listed(document)
    if listed is None:
        return undecided("the keys of the provider could not be fetched")
    kind = _KINDS[scheme.algorithm]
    keys = [key for jwk in listed if _named(jwk, token, len(listed)) and (key := _key(jwk, kind)) is not None]
    if keys:
        return keys
    if now - document.at > FRESH:
        return Need(kind=NeedKind.KEYS, url=scheme.jwks, refresh=True)
    return refused("the token names a key that the provider does not have")


def _listed(document: Fetched) -> list[Mapping[str, Json]] | None:
    found = parse_unique(document.body) if document.ok else None
    keys = found.get("keys") if found else None
    return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else None


def _named(jwk: Mapping[str, Json], token: Token, count: int) -> bool:
    """Whether a key is meant: by its id, or, where the token names none, because it is the only one."""
    kid = token.head.get("kid")
    named = isinstance(kid, str) and jwk.get("kid") == kid if "kid" in token.head else count == 1
    return named and jwk.get("use", "sig") == "sig" and jwk.get("alg", token.head["alg"]) == token.head["alg"]


def _key(jwk: Mapping[str, Json], kind: SignatureKind) -> PublicKey | None:
    """The key of a JWK; None where it is none that is fit."""
    names = ("n", "e") if kind is SignatureKind.RSA_SHA256 else ("x", "y")
    first, second = (_number(jwk.get(name)) for name in names)
    if first is None or second is None:
        return None
    try:
        if kind is SignatureKind.RSA_SHA256:
            key: object = RSAPublicNumbers(second, first).public_key() if jwk.get("kty") == "RSA" else None
        else:
            curve = jwk.get("kty") == "EC" and jwk.get("crv") == "P-256"
            key = EllipticCurvePublicNumbers(first, second, SECP256R1()).public_key() if curve else None
    except (ValueError, UnsupportedAlgorithm):
        return None
    return fit(key, kind)


def _number(value: Json) -> int | None:
    raw = decode(Encoding.BASE64URL, value.encode("utf-8")) if isinstance(value, str) else None
    return int.from_bytes(raw) if raw else None


# -- claims ------------------------------------------------------------------------------------------------------------


def _timely(scheme: JwtScheme, token: Token, now: float) -> Verdict | None:
    """The refusal of a token that is not of now. Written so that a `now` that is not a number refuses."""
    ends, starts, made = (_time(token.claims.get(name)) for name in ("exp", "nbf", "iat"))
    present = [name for name in ("exp", "nbf", "iat") if name in token.claims]
    if None in (_time(token.claims[name]) for name in present):
        return refused("the token tells a time that is none")
    if (scheme.expires and ends is None) or (scheme.max_age is not None and made is None):
        return refused("the token does not tell until when it is good")
    if ends is not None and not now < ends + scheme.leeway:
        return refused("the token has expired")
    if not all(now >= time - scheme.leeway for time in (starts, made) if time is not None):
        return refused("the token is not good yet")
    if scheme.max_age is not None and made is not None and not now <= made + scheme.max_age + scheme.leeway:
        return refused("the token is too old")
    return None


def _time(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 and math.isfinite(value) else None


def _claimed(scheme: JwtScheme, token: Token, request: Request, facts: Facts) -> Verdict | None:
    """The refusal of a token that is of another issuer, for another audience, or of another request."""
    inputs = Inputs(request=request, facts=facts, values=scheme.values)
    if scheme.issuer and token.claims.get("iss") != scheme.issuer:
        return refused("the token is of another issuer")
    if scheme.audience:
        audience = build(scheme.audience, inputs)
        if isinstance(audience, Verdict):
            return audience
        told = token.claims.get("aud")
        if audience not in [_utf8(each) for each in (told if isinstance(told, list) else [told])]:
            return refused("the token is for another audience")
    for name, value in scheme.claims.items():
        told = token.claims.get(name)
        if type(told) is not type(value) or told != value:
            return refused(f"the claim {name} is another")
    refusals = (_digested(digest, token, inputs) for digest in scheme.digests)
    return next((refusal for refusal in refusals if refusal is not None), None)


def _digested(digest: ClaimDigest, token: Token, inputs: Inputs) -> Verdict | None:
    message = build(digest.message, inputs)
    if isinstance(message, Verdict):
        return message
    right = encode(digest.encoding, digest_of(digest.algorithm, message)).encode()
    same = hmac.compare_digest(_utf8(token.claims.get(digest.claim)), right)
    return None if same else refused(f"the claim {digest.claim} is of another request")


def _utf8(value: Json) -> bytes:
    return value.encode("utf-8") if isinstance(value, str) else b""
