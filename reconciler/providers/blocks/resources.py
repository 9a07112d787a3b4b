"""What webhooks are about: `types` (resources, options), `events`, `identity`, `fields`, `lifecycle`, `limits`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from reconciler.core.model import Json
from reconciler.providers.blocks.base import (
    Block,
    Expression,
    HeaderName,
    Items,
    Name,
    Reserved,
    Source,
    Template,
    Text,
    reserving,
)
from reconciler.providers.blocks.calls import Operations
from reconciler.providers.blocks.recovery import Recover

EventName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.*:/-]+$", max_length=200)]
JsonSchema = dict[str, Any]


class AllBut(Block):
    """Every event of the catalogue but these."""

    all_but: Items[EventName]


class Events(Block):
    """The events of the registration API, each with a sentence.

    `encoder` says how a set of them is written and read back: `list` or `csv` (at `path` of a row), `objects`, one for
    each event, whose `keys` hold what stands between the dots of its name, or `flags`, one boolean per event, every one
    of them sent. `absent` is what a row that does not tell stands for. `open` accepts
    names that are not listed; `separator` splits a finer event from what is subscribed to; `wildcard` is the vendor's
    word for all.

    `groups` are for a vendor that subscribes to parts: an event of the catalogue, and the names that are sent for it.
    `told` translates names that a row tells otherwise than they are sent; null is a name that says nothing.
    """

    encoder: Annotated[
        Literal["list", "csv", "flags", "objects"],
        reserving("encoder", ("one_per_object", "nested", "table", "split")),
    ] = "list"
    path: Expression | None = None
    keys: Items[Annotated[str, StringConstraints(min_length=1, max_length=60)]] = ()
    absent: AllBut | None = None
    groups: dict[EventName, Annotated[Items[EventName], Field(min_length=1)]] = Field(default_factory=dict)
    told: dict[EventName, EventName | None] = Field(default_factory=dict)
    open: bool = False
    separator: Annotated[str, StringConstraints(max_length=1)] = ""
    wildcard: str = ""
    catalogue: dict[EventName, Text]
    source: Source | None = None


class Resource(Block):
    """How a resource is written: its JSON Schema, what it is compared by, and how it stands in a URL path.

    `encode: path` quotes each segment between slashes, `segment` the slashes as well. `parts` name what stands between
    the slashes, for `${resource.NAME}`. `default` stands where the credentials alone say which resource is meant.
    """

    resource_schema: JsonSchema = Field(alias="schema")
    canonical: Items[Literal["lowercase"]] = ()
    encode: Literal["path", "segment"] = "path"
    parts: Items[Name] = ()
    default: str = ""


class Option(Block):
    """One option: its JSON Schema, its value when a trigger is silent, and where a row tells it (`path`).

    An `identity` option tells webhooks apart. `unset` is what an update sends once nobody says the option any more
    (null leaves it out, where the vendor then takes it back); an option without it is taken back by a replacement.
    """

    option_schema: JsonSchema = Field(alias="schema")
    default: Json = None
    identity: bool = False
    unset: Json = None
    path: Expression | None = None
    source: Source | None = None


class Lease(Block):
    """Webhooks that end by themselves. `renew_before` is how many seconds before that they are renewed.

    `expires` is where a row, and the answer to create, update and renew, tells until when (ISO 8601; null: for ever).
    Where the vendor is told how long, `length` is the number of seconds, and `${lease_end}` the time that it leads to.
    """

    expires: Expression
    renew_before: Annotated[int, Field(ge=60)]
    length: Annotated[int, Field(ge=120)] | None = None
    source: Source | None = None

    @model_validator(mode="after")
    def _in_time(self) -> Lease:
        if self.length is not None and self.renew_before >= self.length:
            raise ValueError("`renew_before` must be shorter than `length`: else every pass would renew")
        return self


class Permission(Block):
    """Which scopes credentials have, for a vendor that tells them in the answer to one GET of `path`.

    They are in a `header`, with commas or spaces between them, or a list at `scopes` of the body. `one_of` are those
    of which one is enough, or may be; the first is the one to ask for. An answer that tells none says nothing.
    """

    path: Template
    header: HeaderName | None = None
    scopes: Expression | None = None
    one_of: Annotated[Items[Text], Field(min_length=1)]
    source: Source | None = None

    @model_validator(mode="after")
    def _told_once(self) -> Permission:
        if (self.header is None) == (self.scopes is None):
            raise ValueError("give one of `header` and `scopes`")
        return self


class Type(Block):
    """One kind of resource. `path` is what `${path}` stands for in operations.

    `events` and `options` are added to the provider's, `operations` replace them one by one, `lease` that of
    `lifecycle`, `recover` the provider's. `permission` is how to find out whether credentials may manage webhooks of
    this type.
    """

    title: Text
    path: Template = ""
    resource: Resource
    events: dict[EventName, Text] = Field(default_factory=dict)
    options: dict[Name, Option] = Field(default_factory=dict)
    operations: Operations = Operations.model_construct()
    lease: Lease | None = None
    recover: Recover | None = None
    permission: Permission | None = None
    source: Source | None = None


class SlotRule(Block):
    """The slot that credentials lead to: a field of theirs, up to `before`, where its secret part starts."""

    field: Name = "token"
    before: Annotated[str, StringConstraints(min_length=1, max_length=5)]


class Identity(Block):
    """How an object is told from others: its `id` and `url` in a row or answer.

    With `form: uri` the id is told as a URI, and its last segment is what counts.

    Where a resource has room for one webhook only there is no id: `slot` names the place instead. Where the provider
    tells no id at all, `constant` stands for it, and the answer to a create is not read.
    """

    id: Expression | None = None
    form: Literal["plain", "uri"] = "plain"
    url: Expression | None = None
    slot: SlotRule | None = None
    constant: Name | None = None
    source: Source | None = None


class Fields(Block):
    """Which fields an update changes in place, and which of them must always be sent together.

    Fields are `url`, `events`, `secret`, `active` and the names of options. `create_only` ones are sent once and never
    read; `write_only` ones are never told.
    """

    updatable: Items[Name] = ()
    create_only: Items[Name] = ()
    write_only: Items[Name] = ("secret",)
    together: Items[Items[Name]] = ()
    source: Source | None = None


class Lifecycle(Block):
    """What becomes of a registered webhook: whether it is `active`, its `health` in words, and its `lease`."""

    active: Expression | None = None
    health: Expression | None = None
    lease: Lease | None = None
    enable: Reserved = None
    activation: Reserved = None
    source: Source | None = None


class UrlLimits(Block):
    """Which URLs the provider calls."""

    schemes: Items[Literal["https", "http"]] = ("https", "http")
    ports: Items[Annotated[int, Field(ge=1, le=65535)]] = ()


class Rate(Block):
    """What is left of the rate limit, in headers of the answers: `remaining` calls of `limit`, until `reset`.

    `reset_is` tells how that time is written: UNIX seconds, UNIX milliseconds, or seconds from now.
    """

    remaining: HeaderName
    reset: HeaderName
    reset_is: Literal["epoch", "epoch_milliseconds", "seconds"] = "epoch"
    limit: HeaderName | None = None
    source: Source | None = None


class Limits(Block):
    """How many webhooks a resource takes, in all and per event, and which URLs the provider calls.

    `concurrency` is how many requests of one credential the vendor takes at a time, `rate` how it tells its rate limit.
    """

    per_resource: Annotated[int, Field(ge=1)] | None = None
    per_event: Annotated[int, Field(ge=1)] | None = None
    concurrency: Annotated[int, Field(ge=1)] | None = None
    rate: Rate | None = None
    url: UrlLimits = UrlLimits.model_construct()
    source: Source | None = None
