"""How a delivery is proved: the variants of `verify`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, StringConstraints, Tag, model_validator

from reconciler.core.model import Json
from reconciler.providers.blocks.base import Block, Expression, HeaderName, Items, Name, Source, Template, reserving
from reconciler.providers.blocks.places import Place, TimestampPlace, Tolerance
from reconciler.verify.encodings import Algorithm, Encoding
from reconciler.verify.keys import KeyEncoding
from reconciler.verify.words import JwtAlgorithm, PublicKeyEncoding, Unit

SCHEMES = (
    *("hmac", "token", "basic", "standard_webhooks", "ed25519", "ecdsa", "rsa", "jwt", "sns", "remote"),
    "none",
)
"""The names of the variants."""


class SignatureList(Block):
    """A header of keys and values: the keys of signatures and of the timestamp, and its tolerance in seconds."""

    signature: Annotated[str, StringConstraints(min_length=1)]
    timestamp: Annotated[str, StringConstraints(min_length=1)] | None = None
    separator: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    between: Annotated[str, StringConstraints(min_length=1, max_length=1)] = "="
    unit: Annotated[Unit, Field(strict=False)] = Unit.SECONDS
    tolerance: Tolerance = 300


class BodyDigest(Place):
    """A signed place that holds the hash of the body."""

    algorithm: Annotated[Algorithm, Field(strict=False)] = Algorithm.SHA256
    encoding: Annotated[Encoding, Field(strict=False)] = Encoding.HEX


class SignedVerify(Block):
    """A signature in a header; `message` is what is signed."""

    scheme: str
    header: HeaderName
    more: Items[HeaderName] = ()
    encoding: Annotated[Encoding, Field(strict=False)] = Encoding.HEX
    prefix: str = ""
    message: Template = "${body}"
    list: SignatureList | None = None
    timestamp: TimestampPlace | None = None
    values: dict[Name, Place] = Field(default_factory=dict)
    digest: BodyDigest | None = None
    source: Source | None = None


class HmacVerify(SignedVerify):
    """An HMAC in a header. `key` says how the secret spells the key, behind `key_prefix` where that is there."""

    scheme: Literal["hmac"]
    algorithm: Annotated[Algorithm, Field(strict=False)]
    key: Annotated[KeyEncoding, Field(strict=False)] = KeyEncoding.TEXT
    key_prefix: str = ""


class PublicKeyVerify(SignedVerify):
    """A signature that the provider's public key proves. The secret is that key, and `key` how it is written."""

    key: Annotated[PublicKeyEncoding, Field(strict=False)]

    @model_validator(mode="after")
    def _written(self) -> PublicKeyVerify:
        if self.key is PublicKeyEncoding.HEX and self.scheme != "ed25519":
            raise ValueError("keys in hex are those of ed25519: write `key: base64` or `key: pem`")
        return self


class Ed25519Verify(PublicKeyVerify):
    """An Ed25519 signature."""

    scheme: Literal["ed25519"]


class EcdsaVerify(PublicKeyVerify):
    """An ECDSA signature on P-256 with SHA-256, written as DER or as its two numbers."""

    scheme: Literal["ecdsa"]
    form: Literal["der", "raw"] = "der"


class RsaVerify(PublicKeyVerify):
    """An RSA signature, PKCS #1 version 1.5."""

    scheme: Literal["rsa"]
    algorithm: Literal["sha256", "sha512"] = "sha256"


class StandardWebhooksVerify(Block):
    """Standard Webhooks, `v1` and `v1a`; `prefix` stands before the names of its three headers."""

    scheme: Literal["standard_webhooks"]
    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+-$", max_length=60)] = "webhook-"
    tolerance: Tolerance = 300
    source: Source | None = None


class BodyToken(Block):
    """The key of the JSON body that holds the secret, or of every item of the list at `each`.

    It is checked in each of them, and taken out before the body is handed on or logged.
    """

    key: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    each: Expression | None = None


class TokenVerify(Block):
    """The secret itself, in a header behind `prefix`, in a query parameter, or in the body."""

    scheme: Literal["token"]
    header: HeaderName | None = None
    prefix: str = ""
    query: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    body: BodyToken | None = None
    source: Source | None = None

    @model_validator(mode="after")
    def _one_place(self) -> TokenVerify:
        if sum(place is not None for place in (self.header, self.query, self.body)) != 1:
            raise ValueError("a token is in a `header`, in the `query` or in the `body`")
        if self.prefix and self.header is None:
            raise ValueError("a `prefix` stands in a `header`")
        return self


class BasicVerify(Block):
    """HTTP Basic: the secret is the password of `username`, or, without one, `user:password`."""

    scheme: Literal["basic"]
    username: Annotated[str, StringConstraints(pattern=r"^[^:]*$", max_length=200)] = ""
    source: Source | None = None


class ClaimDigest(Block):
    """A claim that is the hash of `of`."""

    claim: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    of: Template = "${body}"
    algorithm: Annotated[Algorithm, Field(strict=False)] = Algorithm.SHA256
    encoding: Annotated[Encoding, Field(strict=False)] = Encoding.HEX


class JwtVerify(Block):
    """A JSON Web Token. Its keys are at the URL `jwks`, or the secrets are the keys."""

    scheme: Literal["jwt"]
    algorithm: Annotated[JwtAlgorithm, Field(strict=False)]
    place: Place = Place(header="Authorization")
    prefix: str = "Bearer "
    jwks: Annotated[str, StringConstraints(pattern=r"^https://[a-z0-9.-]+/\S*$", max_length=300)] | None = None
    issuer: Annotated[str, StringConstraints(min_length=1)] | None = None
    audience: Template = ""
    claims: dict[str, Any] = Field(default_factory=dict)
    digests: Items[ClaimDigest] = ()
    values: dict[Name, Place] = Field(default_factory=dict)
    expires: bool = True
    max_age: Tolerance | None = None
    leeway: Annotated[int, Field(ge=0, le=600)] = 60
    source: Source | None = None

    @model_validator(mode="after")
    def _bound(self) -> JwtVerify:
        if self.jwks and self.algorithm in {JwtAlgorithm.HS256, JwtAlgorithm.HS512}:
            raise ValueError("the keys at `jwks` are public: they prove no HMAC")
        if self.jwks and not (self.audience and self.issuer):
            raise ValueError("keys at `jwks` sign for others too: say `issuer` and `audience`")
        if not self.expires and self.max_age is None:
            raise ValueError("a token that does not expire needs a `max_age`")
        return self


class SnsVerify(Block):
    """Messages of Amazon SNS; the resource of the webhook is the ARN of the topic."""

    scheme: Literal["sns"]
    versions: Annotated[Items[Literal["1", "2"]], Field(min_length=1)] = ("2",)
    tolerance: Tolerance = 3900
    source: Source | None = None


class RemoteVerify(Block):
    """The provider is asked: `fields` and, at `payload`, the delivered body are sent to `path` after the API's root."""

    scheme: Literal["remote"]
    path: Annotated[str, StringConstraints(pattern=r"^/[^\s?#$]*$", max_length=300)]
    fields: dict[str, Template] = Field(default_factory=dict)
    payload: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    genuine: Expression
    forged: Expression
    values: dict[Name, Place] = Field(default_factory=dict)
    timestamp: TimestampPlace | None = None
    source: Source | None = None


def _written_out(value: Json) -> Json:
    if value is None:
        raise ValueError("is empty: where deliveries carry no proof, write `verify: none`")
    if _verify_tag(value) not in SCHEMES:
        raise ValueError(f"must be `none`, or hold a `scheme`: {', '.join(SCHEMES[:-2])} or {SCHEMES[-2]}")
    return value


def _verify_tag(value: Json) -> Json:
    return value.get("scheme") if isinstance(value, dict) else value


Proof = (
    HmacVerify
    | TokenVerify
    | BasicVerify
    | StandardWebhooksVerify
    | Ed25519Verify
    | EcdsaVerify
    | RsaVerify
    | JwtVerify
    | SnsVerify
    | RemoteVerify
)

Verify = Annotated[
    Annotated[Literal["none"], Tag("none")]
    | Annotated[HmacVerify, Tag("hmac")]
    | Annotated[TokenVerify, Tag("token")]
    | Annotated[BasicVerify, Tag("basic")]
    | Annotated[StandardWebhooksVerify, Tag("standard_webhooks")]
    | Annotated[Ed25519Verify, Tag("ed25519")]
    | Annotated[EcdsaVerify, Tag("ecdsa")]
    | Annotated[RsaVerify, Tag("rsa")]
    | Annotated[JwtVerify, Tag("jwt")]
    | Annotated[SnsVerify, Tag("sns")]
    | Annotated[RemoteVerify, Tag("remote")],
    Discriminator(_verify_tag),
    BeforeValidator(_written_out),
    reserving("scheme", ("hook",)),
]
