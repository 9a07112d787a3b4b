"""Real time and chance."""

from __future__ import annotations

import time
import uuid

from reconciler.core.ports import Clock, Entropy
from reconciler.system import SystemClock, SystemEntropy


async def test_the_clock_tells_unix_seconds_and_sleeps() -> None:
    """Now is the machine's time, and sleeping for no time returns."""
    clock: Clock = SystemClock()
    before = clock.now()
    await clock.sleep(0)
    assert before <= clock.now() <= before + 60
    assert abs(before - time.time()) < 60  # noqa: TID251 # compares with the real clock


def test_ids_secrets_and_jitter_have_their_forms() -> None:
    """Ids are UUID4, secrets 64 hexadecimal digits, jitter lies in [0, 1); none repeats."""
    entropy: Entropy = SystemEntropy()
    assert uuid.UUID(entropy.webhook_id()).version == 4
    assert len(bytes.fromhex(entropy.secret().reveal())) == 32
    assert 0 <= entropy.jitter() < 1
    assert len({entropy.webhook_id() for _ in range(50)} | {entropy.secret().reveal() for _ in range(50)}) == 100
