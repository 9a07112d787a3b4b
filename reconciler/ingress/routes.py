"""Which target a dispatch goes to, and how patient one is with it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from reconciler.ingress.targets.event import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often it is tried at most, and how many seconds lie between two tries at first and in the end."""

    attempts: int = 20
    first: float = 5.0
    longest: float = 3600.0

    def pause(self, attempt: int, share: float, after: float | None = None) -> float:
        """Seconds until the next try after that many: any between none and a limit that doubles ("full jitter").

        `share` in [0, 1) is chance. `after` is what the target asks for: it is waited for, up to the longest pause, and
        a little of chance is added, so that not everybody is back at the same moment.
        """
        limit = min(self.longest, self.first * 2.0 ** min(attempt - 1, 60))
        if after is None or math.isnan(after):
            return share * limit
        return min(max(after, 0.0), self.longest) + share * min(self.first, limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One entry of the project's targets: whom it is for, and how dispatches are handed on there.

    `match` is a glob over `graph:ID` and `preset:ID`; `name` is how people call the target, `kind` what it is counted
    as; `ordered` hands those of a subscriber on one after another. `concurrency` is how many are handed on at a time,
    `deadline` how many seconds one may take.
    """

    name: str
    target: Target
    kind: str = "other"
    match: str = "*"
    ordered: bool = False
    concurrency: int = 16
    deadline: float = 30.0
    retries: Retries = Retries()


@dataclass(frozen=True, slots=True)
class Routes:
    """The targets in their order: the first that matches takes a dispatch."""

    routes: tuple[Route, ...]

    @classmethod
    def of(cls, routes: Iterable[Route]) -> Routes:
        """The routes in this order."""
        return cls(tuple(routes))

    def find(self, subscriber: str) -> Route | None:
        """The route for `graph:ID` or `preset:ID`; None where none matches."""
        return next((route for route in self.routes if fnmatchcase(subscriber, route.match)), None)

    def ordered(self, subscriber: str) -> bool:
        """Whether dispatches of the subscriber are handed on one after another."""
        route = self.find(subscriber)
        return route is not None and route.ordered

    async def aclose(self) -> None:
        """Let go of all targets."""
        for route in self.routes:
            await route.target.aclose()
