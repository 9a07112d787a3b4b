"""Carrying out a plan: each webhook its own unit, concurrently; one failure stops no other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.core.errors import LeaseLostError, ProviderError, StateError
from reconciler.core.plan import Action, Plan, Step
from reconciler.engine import registering, removing
from reconciler.engine.pacing import spread
from reconciler.engine.unit import Outcome, Result, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of a plan: one outcome for each step that was to be applied, in the plan's order."""

    outcomes: tuple[Outcome, ...] = ()

    def having(self, *results: Result) -> tuple[Outcome, ...]:
        """The outcomes that ended so."""
        return tuple(outcome for outcome in self.outcomes if outcome.result in results)


async def apply(plan: Plan, unit: Unit) -> Applied:
    """Apply the steps that no guard refuses. Raises `LeaseLostError` when the scope was lost on the way."""
    outcomes: dict[int, Outcome] = {}

    async def run(chain: Sequence[Step]) -> None:
        outcomes.update((id(outcome.step), outcome) for outcome in await _run_chain(chain, unit))

    await spread(unit.gates, _chains(plan.applicable), _credential, run)
    return Applied(outcomes=tuple(outcomes[id(step)] for step in plan.applicable))


def _chains(steps: Iterable[Step]) -> list[list[Step]]:
    """Steps that must follow one another: of one slot, what leaves first; what was replaced, after its successor."""
    chains: dict[object, list[Step]] = {}
    for step in steps:
        chains.setdefault(step.slot or step.key, []).append(step)
    for chain in chains.values():
        chain.sort(key=_position)
    return list(chains.values())


def _credential(chain: Sequence[Step]) -> tuple[str, str]:
    return (chain[0].key.provider, chain[0].key.credentials)


def _position(step: Step) -> int:
    leaves = step.action is Action.PRUNE
    replaced = bool(step.recorded and step.recorded.replaced)
    return 0 if leaves and not replaced else 2 if leaves else 1


async def _run_chain(chain: Sequence[Step], unit: Unit) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for step in chain:
        if unit.stop.requested:
            outcome = Outcome(step=step, result=Result.SKIPPED, message="the pass was asked to stop")
        elif any(earlier.result is Result.FAILED for earlier in outcomes):
            outcome = Outcome(step=step, result=Result.SKIPPED, message="a step that it builds on failed")
        else:
            outcome = await _run(step, unit)
        unit.ports.progress("applied", step=step, result=outcome.result, message=outcome.message)
        outcomes.append(outcome)
    return outcomes


async def _run(step: Step, unit: Unit) -> Outcome:
    try:
        return await carry_out(step, unit)
    except LeaseLostError:
        raise
    except (ProviderError, StateError) as error:
        return Outcome(step=step, result=Result.FAILED, message=str(error))


async def carry_out(step: Step, unit: Unit) -> Outcome:
    """Carry out one step, with its line in the audit log.

    Raises `ProviderError`, `StateError` or `LeaseLostError` where it fails.
    """
    mine = unit.of(step)
    try:
        outcome = await _execute(step, mine)
    except (ProviderError, StateError) as error:
        await mine.log(Outcome(step=step, result=Result.FAILED, message=str(error)))
        raise
    await mine.log(outcome)
    return outcome


async def _execute(step: Step, unit: Unit) -> Outcome:
    desired, recorded = step.desired, step.recorded
    match step.action, desired, recorded:
        case Action.CREATE, desired, _ if desired:
            return await registering.create(unit, step, desired)
        case Action.REGISTER, desired, recorded if desired and recorded:
            return await registering.register(unit, step, desired, recorded)
        case Action.UPDATE, desired, recorded if desired and recorded:
            return await registering.update(unit, step, desired, recorded)
        case Action.RENEW, desired, recorded if desired and recorded:
            return await registering.renew(unit, step, desired, recorded)
        case Action.ADOPT, desired, recorded if desired and recorded:
            return await registering.adopt(unit, step, desired, recorded)
        case Action.REPLACE, desired, recorded if desired and recorded:
            return await registering.replace_webhook(unit, step, desired, recorded)
        case Action.PRUNE, _, recorded if recorded:
            return await removing.prune(unit, step, recorded)
        case _:
            raise ValueError(f"a plan holds a step that cannot be applied: {step.action}")
