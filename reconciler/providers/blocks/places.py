"""Where a request holds a text, as a definition says it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from reconciler.providers.blocks.base import Block, Expression, HeaderName
from reconciler.verify.words import Unit

Tolerance = Annotated[int, Field(ge=1, le=86_400)]
"""Seconds that a timestamp may be off, either way."""


class Place(Block):
    """Where a text is: a header, a query parameter, or a JMESPath of the JSON body."""

    header: HeaderName | None = None
    query: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = None
    body: Expression | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Place:
        if sum(place is not None for place in (self.header, self.query, self.body)) != 1:
            raise ValueError("give one of `header`, `query` and `body`")
        return self


class TimestampPlace(Place):
    """Where a timestamp is, how it is told, and how many seconds it may be off."""

    unit: Annotated[Unit, Field(strict=False)] = Unit.SECONDS
    tolerance: Tolerance = 300
