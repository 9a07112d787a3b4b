"""One call on one target, ready to be filled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.model import Json
from reconciler.core.ports import Target
from reconciler.providers.answers import Context
from reconciler.providers.blocks.calls import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A step, its words in messages, and its values; `token` is what it is authorised with."""

    step: Step
    target: Target
    token: str
    context: Context
    values: Mapping[str, Json]
    spread: Mapping[str, Json]
