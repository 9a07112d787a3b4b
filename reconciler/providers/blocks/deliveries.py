"""What arrives: `secret`, `verify` and `delivery`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, StringConstraints, Tag

from reconciler.core.model import Json, SecretOrigin
from reconciler.providers.blocks.base import Block, Expression, HeaderName, Items, Source, Template, reserving
from reconciler.providers.blocks.resources import EventName
from reconciler.verify.hmac_signature import Algorithm, Encoding


class SecretRule(Block):
    """Who makes the secret; `path` is where the answer to a create tells one that the provider makes."""

    origin: Annotated[
        SecretOrigin, Field(strict=False), reserving("origin", ("fetch", "handshake", "credential", "url"))
    ]
    path: Expression | None = None
    source: Source | None = None


class SignatureList(Block):
    """A header of `key=value` pairs: the keys of signatures and of the timestamp, and its tolerance in seconds."""

    signature: Annotated[str, StringConstraints(min_length=1)]
    timestamp: Annotated[str, StringConstraints(min_length=1)]
    separator: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    tolerance: Annotated[int, Field(ge=1, le=3600)] = 300


class HmacVerify(Block):
    """An HMAC in a header; `message` is what is signed, from `${body}` and `${timestamp}`."""

    scheme: Literal["hmac"]
    header: HeaderName
    algorithm: Annotated[Algorithm, Field(strict=False)]
    encoding: Annotated[Encoding, Field(strict=False)] = Encoding.HEX
    prefix: str = ""
    message: Template = "${body}"
    list: SignatureList | None = None
    source: Source | None = None


class TokenVerify(Block):
    """The secret itself, in a header."""

    scheme: Literal["token"]
    header: HeaderName
    source: Source | None = None


def _written_out(value: Json) -> Json:
    if value is None:
        raise ValueError("is empty: where deliveries carry no proof, write `verify: none`")
    if _verify_tag(value) not in ("none", "hmac", "token"):
        raise ValueError("must be `none`, or hold a `scheme`: hmac or token")
    return value


def _verify_tag(value: Json) -> Json:
    return value.get("scheme") if isinstance(value, dict) else value


Verify = Annotated[
    Annotated[Literal["none"], Tag("none")] | Annotated[HmacVerify, Tag("hmac")] | Annotated[TokenVerify, Tag("token")],
    Discriminator(_verify_tag),
    BeforeValidator(_written_out),
    reserving("scheme", ("standard_webhooks", "ed25519", "ecdsa", "rsa", "jwt", "basic", "remote", "hook")),
]


class HeaderEventRule(Block):
    """The event is named in a header; `names` maps delivered to registered names, `detail` finds the finer part."""

    source_of: Literal["header"] = Field(alias="from")
    header: HeaderName
    names: dict[str, EventName] = Field(default_factory=dict)
    detail: Expression | None = None


class BodyEventRule(Block):
    """The event is named in the body."""

    source_of: Literal["body"] = Field(alias="from")
    path: Expression


class KeyEventRule(Block):
    """The event is the first of the catalogue that is a key of the body."""

    source_of: Literal["key"] = Field(alias="from")


class ConstantEventRule(Block):
    """Every delivery is the same event."""

    source_of: Literal["constant"] = Field(alias="from")
    name: EventName


EventRuleBlock = Annotated[
    HeaderEventRule | BodyEventRule | KeyEventRule | ConstantEventRule, Field(discriminator="source_of")
]


class IdRuleBlock(Block):
    """The delivery id, in a header or at a path of the body."""

    header: HeaderName | None = None
    path: Expression | None = None


class Delivery(Block):
    """Where a delivery tells its event and its id (the first rule that finds one), and its media types."""

    content_types: Items[Annotated[str, StringConstraints(pattern=r"^[a-z0-9.+-]+/[a-z0-9.+-]+$")]] = ()
    event: Annotated[EventRuleBlock, reserving("from", ("batch", "expression"))]
    id: Items[IdRuleBlock] = ()
    source: Source | None = None
