"""Real time and real chance: the only place that asks the operating system for them."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
import uuid

from reconciler.core.model import Secret


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """UNIX seconds."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SystemEntropy:
    """The operating system's random source for ids and secrets; jitter needs no more than a plain generator."""

    def webhook_id(self) -> str:
        return str(uuid.uuid4())

    def secret(self) -> Secret:
        """32 random bytes as 64 hexadecimal digits."""
        return Secret(secrets.token_hex(32))

    def jitter(self) -> float:
        """A number in [0, 1)."""
        return random.random()  # noqa: S311 # spreads retries, protects nothing
