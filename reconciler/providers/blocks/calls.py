"""How the provider's API is called: `api`, `auth`, `operations`, `pagination`, `errors`."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from reconciler.providers.blocks.base import (
    Block,
    Expression,
    HeaderName,
    Items,
    Name,
    Reserved,
    Source,
    Template,
    TemplateValue,
    reserving,
)
from reconciler.providers.rendering import placeholders

Url = Annotated[str, StringConstraints(pattern=r"^https://[^/?#@\s]+(/[^?#\s]*[^/?#\s])?$")]
Host = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*(:[0-9]+)?$")]
Status = Annotated[int, Field(ge=100, le=599)]


class Api(Block):
    """Where the API is: its root with its version prefix, constant headers, and the vendor's further hosts."""

    url: Url
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    hosts: Items[Host] = ()
    source: Source | None = None


class BearerAuth(Block):
    """`Authorization: Bearer` with a field of the credentials."""

    scheme: Literal["bearer"]
    field: Name = "token"
    source: Source | None = None


class HeaderAuth(Block):
    """A header of the vendor's own, with a field of the credentials behind `prefix`."""

    scheme: Literal["header"]
    header: HeaderName
    prefix: Annotated[str, StringConstraints(pattern=r"^[!-~ ]*$", max_length=50)] = ""
    field: Name = "token"
    source: Source | None = None


class PathAuth(Block):
    """The field of the credentials stands in the URL path, as `${token}`; `pattern` is what it must look like."""

    scheme: Literal["path"]
    pattern: Annotated[str, StringConstraints(min_length=1)]
    safe: str = ""
    field: Name = "token"
    source: Source | None = None


Auth = Annotated[
    Annotated[BearerAuth | HeaderAuth | PathAuth, Field(discriminator="scheme")],
    reserving("scheme", ("basic", "query", "oauth2", "app", "plugin")),
]


class Body(Block):
    """A request body: `fields`, or for `graphql` a `query` as it stands and its `variables`.

    `spread: events` puts the encoded events beside `fields` instead of under a key.
    """

    format: Annotated[Literal["json", "form", "graphql"], reserving("format", ("json_patch", "multipart"))] = "json"
    fields: dict[str, TemplateValue] = Field(default_factory=dict)
    spread: Literal["events"] | None = None
    query: Annotated[str, StringConstraints(min_length=1)] | None = None
    variables: dict[str, TemplateValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_form(self) -> Body:
        graphql, given = {"query", "variables"} & self.model_fields_set, {"fields", "spread"} & self.model_fields_set
        if self.format == "graphql" and (given or self.query is None):
            raise ValueError("a graphql body is a `query` and its `variables`, without `fields` and `spread`")
        if self.format != "graphql" and (graphql or "fields" not in given):
            raise ValueError(f"a {self.format} body needs `fields`; `query` and `variables` are for graphql")
        return self

    @property
    def template(self) -> dict[str, TemplateValue]:
        """What is filled in."""
        return self.variables if self.format == "graphql" else self.fields


class Step(Block):
    """One call. Without `expect` every 2xx status is a success.

    `conditional` tells that the provider gives a GET an `ETag`, and answers 304 to it as long as nothing changed.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: Template
    query: dict[str, TemplateValue] = Field(default_factory=dict)
    headers: dict[HeaderName, Template] = Field(default_factory=dict)
    body: Body | None = None
    expect: Items[Status] = ()
    conditional: bool = False
    source: Source | None = None

    @cached_property
    def placeholders(self) -> frozenset[str]:
        """The names of all placeholders that are filled at a call."""
        return placeholders([self.path, self.query, self.headers, self.body.template if self.body else None])

    @model_validator(mode="after")
    def _changes_nothing(self) -> Step:
        if self.conditional and self.method != "GET":
            raise ValueError("only a GET can be `conditional`")
        return self

    @model_validator(mode="before")
    @classmethod
    def _one_step(cls, value: object) -> object:
        if isinstance(value, list):
            raise ValueError("a list of steps is reserved: this version does not support it yet")  # noqa: TRY004 - pydantic turns ValueError into a problem
        return value


class Operations(Block):
    """What can be asked of the provider. An operation that is not here does not exist."""

    list: Step | None = None
    create: Step | None = None
    update: Step | None = None
    delete: Step | None = None
    ping: Step | None = None
    renew: Step | None = None
    get: Reserved = None
    enable: Reserved = None
    disable: Reserved = None
    rotate: Reserved = None

    def named(self) -> dict[str, Step]:
        """The operations that exist, by name."""
        steps = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: step for name, step in steps.items() if step is not None}


class Lookup(Block):
    """A named read that other calls need values of: `values` are found in its answer, once per credentials."""

    method: Literal["GET"] = "GET"
    path: Template
    query: dict[str, TemplateValue] = Field(default_factory=dict)
    headers: dict[HeaderName, Template] = Field(default_factory=dict)
    values: Annotated[dict[Name, Expression], Field(min_length=1)]
    source: Source | None = None


class SinglePage(Block):
    """The whole list in one answer; `rows` gives its objects."""

    kind: Literal["none"]
    rows: Expression
    source: Source | None = None


class LinkPages(Block):
    """The next page is in the `Link` header (RFC 8288, `rel="next"`)."""

    kind: Literal["link"]
    rows: Expression
    source: Source | None = None


class CursorPages(Block):
    """The next page is asked for with `parameter`, whose value is at `cursor`, as long as `more` is true.

    Without `more`, as long as there is a cursor. Where the list is asked for with graphql, `parameter` is a variable.
    """

    kind: Literal["cursor"]
    rows: Expression
    parameter: Annotated[str, StringConstraints(min_length=1)]
    cursor: Expression
    more: Expression | None = None
    source: Source | None = None


class NumberedPages(Block):
    """Pages are numbered from 1, in the query `parameter`; the list ends at an empty page.

    Where a header tells how many rows there are in all, `total` names it, and saves asking for the empty page.
    """

    kind: Literal["page"]
    rows: Expression
    parameter: Annotated[str, StringConstraints(min_length=1)]
    total: HeaderName | None = None
    source: Source | None = None


class NextUrlPages(Block):
    """The URL of the next page is in the answer, at `url`; it must be of the same origin."""

    kind: Literal["next_url"]
    rows: Expression
    url: Expression
    source: Source | None = None


Pagination = Annotated[
    Annotated[SinglePage | LinkPages | CursorPages | NumberedPages | NextUrlPages, Field(discriminator="kind")],
    reserving("kind", ("offset", "token")),
]


Kind = Literal[
    "retryable",
    "throttled",
    "auth",
    "forbidden",
    "not_found",
    "exists",
    "limit",
    "invalid",
    "unsupported",
    "bad_answer",
]
"""`retryable`, `throttled` (retryable, and all calls of the credential had better wait), or an `ErrorKind` of core."""

LATER = frozenset({"retryable", "throttled"})
"""The kinds that may work later."""


class HeaderCondition(Block):
    """A header that must be there, and equal `equals` where that is given."""

    name: HeaderName
    equals: str | None = None


class ErrorRule(Block):
    """One class of errors: the statuses it may have, and conditions on the answer; all given ones must hold.

    `after` is how many seconds to wait where the answer does not tell it.
    """

    status: Items[Status] = ()
    body: Expression | None = None
    header: HeaderCondition | None = None
    kind: Kind
    after: Annotated[int, Field(ge=0)] | None = None
    source: Source | None = None

    @model_validator(mode="after")
    def _has_condition(self) -> ErrorRule:
        if not self.status and self.body is None and self.header is None:
            raise ValueError("an error rule needs at least one of status, body, header")
        if self.after is not None and self.kind not in LATER:
            raise ValueError("`after` belongs to the kinds `retryable` and `throttled`")
        return self


class Errors(Block):
    """How failures look. `rules` are tried in order, before what every HTTP API means by its statuses.

    `success` must hold on a 2xx answer; `status` is where a failure tells its status itself; `message` is its text.
    `retry_after` is where the body tells seconds to wait; `reset_header` names a header with a UNIX time to wait for.
    """

    success: Expression | None = None
    status: Expression | None = None
    message: Expression = "message"
    retry_after: Expression | None = None
    reset_header: HeaderName | None = None
    rules: Items[ErrorRule] = ()
    source: Source | None = None
