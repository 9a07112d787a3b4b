"""Where a webhook's signing secret comes from: `secret`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from reconciler.core.model import SecretOrigin
from reconciler.providers.blocks.base import Block, Expression, Source, reserving
from reconciler.providers.blocks.calls import Step


class SecretShown(Block):
    """Where a row tells whether a secret is set: one of a `flag`, and the `mask` that is shown in its place."""

    flag: Expression | None = None
    mask: Expression | None = None


class SecretRule(Block):
    """Who makes the secret; `path` is where the answer to a create tells one that the provider makes.

    One that can be asked for is told in the answer to `step`, which is called after every create and update. One that
    is told in a handshake is at the `capture` of that.
    """

    origin: Annotated[SecretOrigin, Field(strict=False), reserving("origin", ("credential", "url"))]
    path: Expression | None = None
    shown: SecretShown | None = None
    step: Step | None = None
    source: Source | None = None
