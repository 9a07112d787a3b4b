"""A provider on bad days: answers get lost, lists lag behind and come in any order, and other people meddle."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from reconciler.core.errors import ErrorKind, RetryableError, TerminalError
from reconciler.core.model import Observed
from reconciler.core.ports import Answer, Registration, Target
from reconciler.testing.memory_provider import Held, MemoryProvider


class Mood(Enum):
    """How a provider takes one call."""

    FINE = auto()
    LOST_ANSWER = auto()
    """It does what it is asked, and the answer never arrives: a timeout after success."""
    RESET = auto()
    """The connection breaks, and nothing was done."""
    BROKEN = auto()
    """A 5xx: nothing was done, which nobody can know."""
    THROTTLED = auto()
    """A 429 with `Retry-After`."""
    FORBIDDEN = auto()
    """A 403 to a list; other verbs are taken well."""


@dataclass
class MoodyProvider(MemoryProvider):
    """Takes its next calls as `moods` says, and all others well.

    For `lag` seconds a list lacks what was made and still shows what was deleted; its order is another each time, from
    `turns` on. `time` gives UNIX seconds; what has a lease is gone when it ends.
    """

    time: Callable[[], float] = lambda: 0.0
    lag: float = 0.0
    turns: int = 0
    moods: deque[Mood] = field(default_factory=deque)
    born: dict[str, float] = field(default_factory=dict)
    graves: list[tuple[float, Target, Observed]] = field(default_factory=list)
    _mood: Mood = Mood.FINE

    def __post_init__(self) -> None:
        self.before, self.after = self._receive, self._respond

    async def list(self, target: Target) -> tuple[Observed, ...]:
        self._end_leases()
        found = await super().list(target)
        now = self.time()
        shown = [item for item in found if self.born.get(item.remote_id, 0.0) + self.lag <= now]
        shown += [item for end, place, item in self.graves if place == target and end + self.lag > now]
        self.turns += 1
        turned = self.turns % len(shown) if shown else 0
        return tuple(shown[turned:] + shown[:turned])

    async def create(self, target: Target, registration: Registration) -> Answer:
        try:
            return await super().create(target, registration)
        finally:
            for remote_id in self._place(target):
                self.born.setdefault(remote_id, self.time())

    async def delete(self, target: Target, remote_id: str) -> None:
        held = self._place(target).get(remote_id)
        try:
            await super().delete(target, remote_id)
        finally:
            if held and remote_id not in self._place(target):
                self.born.pop(remote_id, None)
                self.graves.append((self.time(), target, held.observed))

    def meddle(self, remote_id: str, held: Held | None) -> None:
        """Somebody deletes an object, or puts another in its place."""
        for place in self.objects.values():
            if remote_id in place and held:
                place[held.observed.remote_id] = held
            elif held is None:
                place.pop(remote_id, None)

    def _end_leases(self) -> None:
        for place in self.objects.values():
            ends = {remote_id: held.observed.lease_expires_at for remote_id, held in place.items()}
            for remote_id, end in ends.items():
                if end is not None and end <= self.time():
                    del place[remote_id]

    def _receive(self, verb: str, _target: Target) -> None:
        self._mood = self.moods.popleft() if self.moods else Mood.FINE
        if self._mood is Mood.FORBIDDEN and verb == "list":
            raise TerminalError("the token may not list", kind=ErrorKind.FORBIDDEN)
        if self._mood is Mood.THROTTLED:
            raise RetryableError("too many requests", after=1.0, throttled=True)
        if self._mood in {Mood.RESET, Mood.BROKEN}:
            raise RetryableError("no answer", uncertain=True)

    def _respond(self, _verb: str, _target: Target) -> None:
        if self._mood is Mood.LOST_ANSWER:
            raise RetryableError("the answer was lost", uncertain=True)


def doubled(held: Held, remote_id: str) -> Held:
    """A copy that somebody made by hand: the same URL, and a secret that nobody knows."""
    return Held(replace(held.observed, remote_id=remote_id, active=True), None)


def with_moods(provider: MoodyProvider, moods: Sequence[Mood]) -> None:
    """Let the next calls be taken so."""
    provider.moods = deque(moods)
