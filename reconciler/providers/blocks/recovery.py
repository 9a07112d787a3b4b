"""How deliveries that were missed are had afterwards: `recover`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from reconciler.core.model import Json
from reconciler.providers.blocks.base import Block, Expression, HeaderName, Name, Source
from reconciler.providers.blocks.calls import Pagination, Step


class LogRow(Block):
    """Where a row of the log tells what it is about.

    `id` is what the row is asked for by, `delivery_id` what `delivery.id` finds in the delivery itself. `at` is when it
    was tried (ISO 8601 or UNIX seconds), `delivered` whether the receiver took it, `event` as deliveries name it, `url`
    where it went.
    """

    id: Expression
    delivery_id: Expression
    at: Expression | None = None
    delivered: Expression | None = None
    event: Expression | None = None
    url: Expression | None = None


class Injection(Block):
    """How a delivery is rebuilt from the answer to `detail`, or from its row where there is no such call.

    `body` leads to what it held, a text as it stands or a value that is written as JSON. `headers` are constant;
    `headers_at` leads to an object of more.
    """

    body: Expression
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    headers_at: Expression | None = None
    source: Source | None = None


class Recover(Block):
    """The vendor's log of deliveries, and how one of them is had again: sent once more, or rebuilt by us.

    `list` asks for the log since `${since}` (UNIX seconds); its pages are those of `pagination`, the provider's where
    it is silent. With `newest_first` it is read no further than that time. `horizon` is how many seconds back the
    vendor keeps it. `options` are values that the options of a webhook must have; of any other the log tells nothing.
    """

    list: Step
    pagination: Pagination | None = None
    newest_first: bool = False
    row: LogRow
    redeliver: Step | None = None
    detail: Step | None = None
    inject: Injection | None = None
    horizon: Annotated[int, Field(ge=3600)]
    options: dict[Name, Json] = Field(default_factory=dict)
    source: Source | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Recover:
        if (self.redeliver is None) == (self.inject is None):
            raise ValueError("give one of `redeliver` and `inject`")
        if self.detail is not None and self.inject is None:
            raise ValueError("`detail` is for `inject`")
        if self.newest_first and self.row.at is None:
            raise ValueError("`newest_first` needs the time `at` of a row")
        return self

    def steps(self) -> dict[str, Step]:
        """The calls, by name."""
        found = {"list": self.list, "redeliver": self.redeliver, "detail": self.detail}
        return {name: step for name, step in found.items() if step is not None}
