"""Small real stand-ins for time, chance and credentials, for tests of whatever is built on the ports."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.errors import ConfigError, Problem
from reconciler.core.model import Secret
from reconciler.core.ports import Credentials


class VirtualClock:
    """Time that passes only when somebody sleeps.

    A sleep shorter than `patient` seconds is over at once, and time has moved; a longer one waits until `advance` has
    carried time that far. So retries take no time, and a lease is renewed only when a test says so.
    """

    def __init__(self, start: float = 1_700_000_000.0, patient: float = 5.0) -> None:
        self.time = start
        self.slept: list[float] = []
        self._patient = patient
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds < self._patient:
            self.time += seconds
            await asyncio.sleep(0)
            return
        woken = asyncio.Event()
        self._sleepers.append((self.time + seconds, woken))
        await woken.wait()

    async def advance(self, seconds: float) -> None:
        """Let time pass, and those who slept long enough wake up."""
        self.time += seconds
        due = [sleeper for sleeper in self._sleepers if sleeper[0] <= self.time]
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self.time]
        for _, woken in due:
            woken.set()
        await asyncio.sleep(0)


@dataclass
class CountingEntropy:
    """Chance that is none: ids and secrets count up, jitter is always the same."""

    share: float = 0.1
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _secrets: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def webhook_id(self) -> str:
        return f"00000000-0000-4000-8000-{next(self._ids):012x}"

    def secret(self) -> Secret:
        return Secret(f"{next(self._secrets):064x}")

    def jitter(self) -> float:
        return self.share


@dataclass
class FixedCredentials:
    """Credentials from a mapping; those in `unresolved` are declared, but their secret cannot be had."""

    known: Mapping[str, Credentials]
    unresolved: frozenset[str] = frozenset()

    def get(self, name: str) -> Credentials | None:
        if name in self.unresolved:
            raise ConfigError((Problem("unresolved_secret", f"credentials {name}: TOKEN is not set"),))
        return self.known.get(name)


def credentials(name: str, provider: str) -> Credentials:
    """Credentials with a token that names them."""
    return Credentials(name=name, provider=provider, fields={"token": Secret(f"token-of-{name}")})
