"""What arrives: `secret`, `verify` and `delivery`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, StringConstraints, Tag, model_validator

from reconciler.core.model import Json, SecretOrigin
from reconciler.providers.blocks.base import Block, Expression, HeaderName, Items, Source, Template, reserving
from reconciler.providers.blocks.resources import EventName
from reconciler.verify.hmac_signature import Algorithm, Encoding
from reconciler.verify.keys import KeyEncoding


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


class TimestampHeader(Block):
    """A header of its own that holds the signed timestamp (UNIX seconds), and its tolerance in seconds."""

    header: HeaderName
    tolerance: Annotated[int, Field(ge=1, le=3600)] = 300


class HmacVerify(Block):
    """An HMAC in a header; `message` is what is signed, from `${body}` and `${timestamp}`.

    `key` says how the secret spells the key.
    """

    scheme: Literal["hmac"]
    header: HeaderName
    algorithm: Annotated[Algorithm, Field(strict=False)]
    encoding: Annotated[Encoding, Field(strict=False)] = Encoding.HEX
    prefix: str = ""
    message: Template = "${body}"
    list: SignatureList | None = None
    timestamp: TimestampHeader | None = None
    key: Annotated[KeyEncoding, Field(strict=False)] = KeyEncoding.TEXT
    source: Source | None = None


class BodyToken(Block):
    """The key of the JSON body that holds the secret, or of every item of the list at `each`.

    It is checked in each of them, and taken out before the body is handed on or logged.
    """

    key: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    each: Expression | None = None


class TokenVerify(Block):
    """The secret itself, in a header or in the body."""

    scheme: Literal["token"]
    header: HeaderName | None = None
    body: BodyToken | None = None
    source: Source | None = None

    @model_validator(mode="after")
    def _one_place(self) -> TokenVerify:
        if (self.header is None) == (self.body is None):
            raise ValueError("a token is in a `header` or in the `body`")
        return self


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
    """The event is named in the body; a list there names several. `names` maps delivered to registered names."""

    source_of: Literal["body"] = Field(alias="from")
    path: Expression
    names: dict[str, EventName] = Field(default_factory=dict)


class KeyEventRule(Block):
    """The event is the first of the catalogue that is a key of the body."""

    source_of: Literal["key"] = Field(alias="from")


class ConstantEventRule(Block):
    """Every delivery is the same event."""

    source_of: Literal["constant"] = Field(alias="from")
    name: EventName


class AnyEventRule(Block):
    """A delivery does not tell its event: it may be any of the catalogue, and is for all who asked for one."""

    source_of: Literal["any"] = Field(alias="from")


EventRuleBlock = Annotated[
    HeaderEventRule | BodyEventRule | KeyEventRule | ConstantEventRule | AnyEventRule,
    Field(discriminator="source_of"),
]


class IdRuleBlock(Block):
    """The delivery id, in a header or at a path of the body."""

    header: HeaderName | None = None
    path: Expression | None = None


class Place(Block):
    """Where a handshake holds a text: a query parameter, or a JMESPath of the JSON body."""

    query: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    body: Expression | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Place:
        if (self.query is None) == (self.body is None):
            raise ValueError("give either `query` or `body`")
        return self


class Condition(Place):
    """What tells a handshake from a delivery: text in this place, and `equals` where that is given."""

    equals: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None


class Handshake(Block):
    """A request that the provider sends to see whether we are there; the reply echoes a text of it.

    With `proved` it is signed as deliveries are, and answered only where that holds.
    """

    when: Condition
    echo: Place
    media_type: Literal["text/plain"] = "text/plain"
    proved: bool = True
    source: Source | None = None


class Delivery(Block):
    """Where a delivery tells its event and its id (the first rule that finds one), and its media types."""

    content_types: Items[Annotated[str, StringConstraints(pattern=r"^[a-z0-9.+-]+/[a-z0-9.+-]+$")]] = ()
    event: Annotated[EventRuleBlock, reserving("from", ("batch", "expression"))]
    id: Items[IdRuleBlock] = ()
    source: Source | None = None
