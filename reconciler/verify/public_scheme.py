"""Schemes whose signatures are made with a key that only the provider has, as data.

Apart from `public_keys` and its users, which load a library of some size: definitions are read by commands that never
verify anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.core.model import Json
from reconciler.verify.encodings import Algorithm, Encoding
from reconciler.verify.message import BODY_ALONE, Message
from reconciler.verify.places import HeaderPlace, Place
from reconciler.verify.signed import Signed
from reconciler.verify.times import TOLERANCE, Stamp
from reconciler.verify.words import JwtAlgorithm, PublicKeyEncoding


class SignatureKind(StrEnum):
    """The algorithm of a signature; never told by the sender."""

    ED25519 = "ed25519"
    ECDSA_DER = "ecdsa_der"
    """ECDSA on P-256 with SHA-256; the signature is DER."""
    ECDSA_RAW = "ecdsa_raw"
    """The same; the signature is the two numbers, 32 bytes each."""
    RSA_SHA1 = "rsa_sha1"
    """RSA, PKCS #1 version 1.5, with SHA-1: for old messages of Amazon SNS alone."""
    RSA_SHA256 = "rsa_sha256"
    RSA_SHA512 = "rsa_sha512"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureScheme(Signed):
    """A signature that the provider's public key proves. The secret is that key."""

    kind: SignatureKind
    key: PublicKeyEncoding


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardWebhooksScheme:
    """Standard Webhooks: `{prefix}id`, `{prefix}timestamp`, `{prefix}signature`.

    A secret `whsec_...` (or plain base64) proves `v1` signatures, HMAC-SHA256; `whpk_...` proves `v1a`, Ed25519.
    """

    prefix: str = "webhook-"
    tolerance: float = TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimDigest:
    """A claim that is the hash of something of the request."""

    claim: str
    message: Message = BODY_ALONE
    algorithm: Algorithm = Algorithm.SHA256
    encoding: Encoding = Encoding.HEX


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtScheme:
    """A JSON Web Token at `place`, behind `prefix`.

    The keys are at the URL `jwks`, or, without one, are the secrets: for RS256 and ES256 public keys in PEM. `issuer`
    is the `iss`, `audience` is, or is in, the `aud`. `claims` are further ones and their values. `digests` bind the
    token to the request. `expires` demands an `exp`; `max_age` demands an `iat` that is not longer ago (seconds).
    `leeway` is how far our clocks may differ.
    """

    place: Place = field(default_factory=lambda: HeaderPlace("Authorization"))
    prefix: str = "Bearer "
    algorithm: JwtAlgorithm
    jwks: str = ""
    issuer: str = ""
    audience: Message = ()
    claims: Mapping[str, Json] = field(default_factory=dict)
    digests: tuple[ClaimDigest, ...] = ()
    values: Mapping[str, Place] = field(default_factory=dict)
    expires: bool = True
    max_age: float | None = None
    leeway: float = 60.0

    def __post_init__(self) -> None:
        if self.jwks and self.algorithm in {JwtAlgorithm.HS256, JwtAlgorithm.HS512}:
            raise ValueError("the keys of a JWKS are public: they prove no HMAC")


@dataclass(frozen=True, slots=True, kw_only=True)
class SnsScheme:
    """Messages of Amazon SNS: signed with a certificate of its region. The resource of the webhook is the topic's ARN.

    `versions` are the signature versions that are accepted. `tolerance` is how many seconds the message may be old.
    """

    versions: frozenset[str] = frozenset({"2"})
    tolerance: float = 3900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteScheme:
    """The provider is asked whether a delivery is its own.

    `path` comes after the root of its API. The request is a JSON object of `fields`, with the delivered body as it is
    at `payload`. `genuine` and `forged` are JMESPaths of the answer: whatever is neither is no answer.
    """

    path: str
    fields: Mapping[str, Message]
    payload: str
    genuine: str
    forged: str
    values: Mapping[str, Place] = field(default_factory=dict)
    stamp: Stamp | None = None
