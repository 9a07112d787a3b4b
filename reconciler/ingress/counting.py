"""What the ingress counts, by provider and outcome, and the text in which Prometheus reads it.

The text is Prometheus's exposition format, version 0.0.4. Labels are the provider and the outcome alone: nothing of a
webhook, a client or a delivery.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final

ELSEWHERE = "unknown"
"""The provider of requests to what is no provider, or no webhook's path at all."""

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds in seconds."""


class Outcome(StrEnum):
    """What became of a request."""

    __hash__ = str.__hash__  # the usual one of an enumeration costs as much as the rest of counting

    KEPT = "kept"
    DUPLICATE = "duplicate"
    HANDSHAKE = "handshake"
    MALFORMED = "malformed"
    """Its path, method or headers are none that we know."""
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    GONE = "gone"
    """The client hung up before its request was whole."""
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"
    UNKNOWN = "unknown"
    """There is no such webhook, or it is another provider's."""
    DISABLED = "disabled"
    """To a webhook that was pruned and is kept as a tombstone."""
    FORGED = "forged"
    """Nothing proves that the provider sent it."""
    UNDECIDED = "undecided"
    """What decides could not be had."""
    UNREADABLE = "unreadable"
    """Genuine, but of a media type that is not taken, or not to be read."""
    UNAVAILABLE = "unavailable"
    """The store could not be used."""
    FAILED = "failed"
    """A bug."""


class Handing(StrEnum):
    """What came of one try to hand a dispatch on."""

    HANDED = "handed"
    RETRIED = "retried"
    """It failed, and is to be tried again."""
    DEAD = "dead"


class Handings:
    """Tries to hand on since the start, by kind of target and what came of them; used in the event loop alone."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, Handing], int] = {}

    def count(self, kind: str, outcome: Handing) -> None:
        """One more."""
        key = (kind, outcome)
        self._counts[key] = self._counts.get(key, 0) + 1

    def lines(self) -> Iterator[str]:
        """As Prometheus reads it."""
        yield from _head("dispatches_total", "counter", "Tries to hand on, by kind of target and what came of them.")
        for (kind, outcome), number in sorted(self._counts.items()):
            yield f'reconciler_dispatches_total{{target="{kind}",outcome="{outcome}"}} {number}'


class Counters:
    """Counts since the start; used in the event loop alone."""

    def __init__(self) -> None:
        self._more: list[Callable[[], Iterator[str]]] = []
        self._outcomes: dict[tuple[str, Outcome], int] = {}
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0
        self._read: list[tuple[str, str, str, Callable[[], float]]] = []

    def count(self, provider: str, outcome: Outcome) -> None:
        """One more."""
        key = (provider, outcome)
        self._outcomes[key] = self._outcomes.get(key, 0) + 1

    def took(self, seconds: float) -> None:
        """How long one that was kept, or was a duplicate, took from its headers to its answer."""
        self._buckets[bisect_left(BUCKETS, seconds)] += 1
        self._seconds += seconds

    def include(self, lines: Callable[[], Iterator[str]]) -> None:
        """Tell these lines too."""
        self._more.append(lines)

    def gauge(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Something that is looked at when it is asked for."""
        self._read.append((name, "gauge", meaning, value))

    def counter(self, name: str, meaning: str, value: Callable[[], int]) -> None:
        """Something that is counted elsewhere and only grows; looked at likewise. The name ends with `_total`."""
        self._read.append((name, "counter", meaning, value))

    def of(self, outcome: Outcome, provider: str = "") -> int:
        """How many ended so, at one provider or at all."""
        return sum(
            number for (name, kind), number in self._outcomes.items() if kind is outcome and provider in ("", name)
        )

    def text(self) -> str:
        """Everything, as Prometheus reads it."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield from _head("ingress_requests_total", "counter", "Requests by provider and what became of them.")
        for (provider, outcome), number in sorted(self._outcomes.items()):
            yield f'reconciler_ingress_requests_total{{provider="{provider}",outcome="{outcome}"}} {number}'
        yield from _head("ingress_seconds", "histogram", "From the headers of a delivery to its acknowledgement.")
        running = 0
        for bound, number in zip((*map(str, BUCKETS), "+Inf"), self._buckets, strict=True):
            running += number
            yield f'reconciler_ingress_seconds_bucket{{le="{bound}"}} {running}'
        yield f"reconciler_ingress_seconds_sum {self._seconds:.6f}"
        yield f"reconciler_ingress_seconds_count {running}"
        for lines in self._more:
            yield from lines()
        for name, kind, meaning, value in self._read:
            yield from _head(name, kind, meaning)
            yield f"reconciler_{name} {_number(value())}"


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return "NaN" if math.isnan(value) else f"{value:g}"


def _head(name: str, kind: str, meaning: str) -> Iterator[str]:
    yield f"# HELP reconciler_{name} {meaning}"
    yield f"# TYPE reconciler_{name} {kind}"
