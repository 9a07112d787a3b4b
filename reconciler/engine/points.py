"""Every point between two effects of a pass, by name: a process may die at each, and the next pass puts it right."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Point(StrEnum):
    """An effect: a transaction of the store, or a call to a provider."""

    BIND = "bind"
    """The scope is bound to its project."""
    INTENT = "intent"
    """What is about to be made is written down, with its id, URL and secret."""
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RENEW = "renew"
    CONFIRM = "confirm"
    """The provider's answer is written down."""
    RETIRE = "retire"
    """What is about to be removed is marked."""
    LOCAL = "local"
    """A change that no provider hears of is written down."""
    DROP = "drop"
    """A record is deleted, with what is left behind as orphans."""
    LOG = "log"
    """How an action ended is written down, where its last effect did not tell."""
    TIDY = "tidy"
    """What has come to its end is forgotten."""


class Side(StrEnum):
    """Just before an effect, or just after it: for a call, when its answer is there."""

    BEFORE = "before"
    AFTER = "after"


Probe = Callable[[Point, Side], None]
"""Told of every point that is reached; for tests, which kill the process there."""


def unwatched(point: Point, side: Side) -> None:
    """A `Probe` that does nothing."""
