"""How often Python looks for garbage. It counts the objects that are made and stay, and a pass makes many of those."""

from __future__ import annotations

import gc
from typing import Final

_SOON_OVER: Final = (1_000_000, 20, 100)
_GOING_ON: Final = (100_000, 20, 100)


def seldom() -> None:
    """For a command that is soon over: to look at its objects again and again would take a third of its time."""
    gc.set_threshold(*_SOON_OVER)


def steadily() -> None:
    """For one that goes on: little by little, garbage would become much. What is there by now stays, unlooked at."""
    gc.freeze()
    gc.set_threshold(*_GOING_ON)


def no_more() -> None:
    """For a process that is about to give back everything at once: it needs no look at the end."""
    gc.freeze()
