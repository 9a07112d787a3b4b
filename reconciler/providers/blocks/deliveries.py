"""What arrives: `handshakes` and `delivery`."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from reconciler.core.model import Json
from reconciler.providers.blocks.base import Block, Expression, HeaderName, Items, Name, Source, Template, reserving
from reconciler.providers.blocks.places import Place
from reconciler.providers.blocks.resources import EventName
from reconciler.providers.rendering import placeholders
from reconciler.verify.encodings import Algorithm, Encoding


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


Fill = Annotated[Template, StringConstraints(max_length=500)]
"""Text of a reply, with the names of `values` and `digests`, `${url}` and `${verify_token}` in it."""


class Condition(Block):
    """What tells a handshake from a delivery: the method, text in a place, and `equals` where that is given."""

    method: Literal["GET", "HEAD", "OPTIONS", "POST"] | None = None
    header: HeaderName | None = None
    query: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    body: Expression | None = None
    equals: Annotated[str, StringConstraints(min_length=1, max_length=200)] | int | None = None

    @model_validator(mode="after")
    def _something(self) -> Condition:
        places = sum(place is not None for place in (self.header, self.query, self.body))
        if places > 1 or (places == 0 and self.method is None):
            raise ValueError("give a `method`, or one of `header`, `query` and `body`, or both")
        if self.equals is not None and places == 0:
            raise ValueError("`equals` needs one of `header`, `query` and `body`")
        return self


class ReplyDigest(Block):
    """A hash of `of`, keyed with the secret unless said otherwise."""

    of: Fill
    algorithm: Annotated[Algorithm, Field(strict=False)] = Algorithm.SHA256
    encoding: Annotated[Encoding, Field(strict=False)] = Encoding.HEX
    prefix: str = ""
    keyed: bool = True


class HandshakeReply(Block):
    """What is answered: `text`, or a JSON object, or nothing but a status and headers."""

    status: Literal[200, 201, 202, 204] = 200
    text: Fill | None = None
    json_fields: dict[str, Fill | int | bool] | None = Field(default=None, alias="json")
    headers: dict[HeaderName, Fill] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_body(self) -> HandshakeReply:
        if self.text is not None and self.json_fields is not None:
            raise ValueError("give `text` or `json`")
        return self


class Handshake(Block):
    """A request that the provider sends to see whether we are there, and the reply.

    With `proved` it is signed as deliveries are, and answered only where that holds.
    """

    when: Condition
    echo: Place | None = None
    media_type: Literal["text/plain"] = "text/plain"
    proved: bool = True
    token: Place | None = None
    values: dict[Name, Place] = Field(default_factory=dict)
    digests: dict[Name, ReplyDigest] = Field(default_factory=dict)
    reply: HandshakeReply | None = None
    capture: Place | None = None
    confirm: Literal["sns"] | None = None
    source: Source | None = None

    @model_validator(mode="after")
    def _answered(self) -> Handshake:
        if sum(way is not None for way in (self.echo, self.reply, self.confirm)) != 1:
            raise ValueError("give one of `echo`, `reply` and `confirm`")
        if self.confirm and not self.proved:
            raise ValueError("what is confirmed must be `proved`")
        if self.capture and self.proved:
            raise ValueError("a secret that is told only now proves nothing yet: write `proved: false`")
        self._filled()
        return self

    def _filled(self) -> None:
        """Names that nothing would fill."""
        known = {*self.values, "url", "verify_token"}
        for digest in self.digests.values():
            _known([digest.of], known)
        reply = self.reply or HandshakeReply()
        texts = (reply.text, reply.json_fields, reply.headers)
        _known(texts, known | self.digests.keys())


def _known(template: Json, names: AbstractSet[str]) -> None:
    for name in sorted(placeholders(template) - names):
        raise ValueError(f"nothing fills ${{{name}}} here; known are {', '.join(sorted(names))}")


class FormField(Block):
    """The field of a form that holds the payload as JSON."""

    json_field: Annotated[str, StringConstraints(min_length=1, max_length=100)] = Field(alias="json")


class Delivery(Block):
    """Where a delivery tells its event and its id (the first rule that finds one), and its media types.

    `batch` is the path of the list of parts, where one request tells of several things: `event` is then looked for in
    each, and `part_id` is where each tells its own id. `form` says what a form is read as: an object of its `fields`,
    or the JSON in one of them. `encodings` are the content encodings that the vendor uses, `max_body` is the longest
    body in bytes. `refusal` is the status for whatever is not taken, `accepted` that for what is kept, for vendors that
    look at them.
    """

    content_types: Items[Annotated[str, StringConstraints(pattern=r"^[a-z0-9.+-]+/[a-z0-9.+-]+$")]] = ()
    form: Literal["fields"] | FormField | None = None
    batch: Expression | None = None
    part_id: Expression | None = None
    event: Annotated[EventRuleBlock, reserving("from", ("expression",))]
    id: Items[IdRuleBlock] = ()
    encodings: Items[Literal["gzip"]] = ()
    max_body: Annotated[int, Field(ge=1024, le=26_214_400)] | None = None
    refusal: Literal[400, 401, 403, 404] = 404
    accepted: Literal[200, 201, 202, 204] = 200
    source: Source | None = None
