"""The contract that every provider keeps: states of one webhook, each reached through whole passes of the engine.

Every case moves the provider from one state to another and ends in "plan again, expect nothing". It needs a `Subject`:
a provider over some stand-in, and a resource that may be written to. A broken promise raises `ContractError`, whose
text is meant for the author of the definition.
"""

from __future__ import annotations

from reconciler.testing.contract_bench import BASE_URL, FOREIGN_URL, MOVED_URL, Bench, ContractError, Killed, Subject
from reconciler.testing.contract_cases import CASES, Case

__all__ = [
    "BASE_URL",
    "CASES",
    "FOREIGN_URL",
    "MOVED_URL",
    "Bench",
    "Case",
    "ContractError",
    "Killed",
    "Subject",
    "check",
]


async def check(subject: Subject, case: str) -> None:
    """Run one case on a fresh bench. Raises `ContractError` where the provider breaks its promise."""
    await CASES[case](Bench(subject))
