"""Limits that stop a part of a valid plan: mass prunes, mass changes, an empty wish, protected webhooks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from reconciler.core.plan import DESTRUCTIVE, Action, Plan, Reason, Refusal, Step

NOT_JUDGED = frozenset({Reason.REPLACED, Reason.INTERRUPTED, Reason.DRIFTED, Reason.UNCERTAIN, Reason.LEASE_EXPIRING})
"""Prunes that finish what an earlier, already judged pass began, and replacements that repair."""

JUDGED_CHANGES = frozenset(
    {Reason.MANIFEST_CHANGED, Reason.SECRET_CHANGED, Reason.CREDENTIALS_CHANGED, Reason.BASE_URL_MOVED}
)
"""Updates that a manifest or setting asked for; repairs of drift run always."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The project's guards. Shares are percent of the existing webhooks, judged from `min_existing` of them on."""

    max_prune_percent: float = 30.0
    max_change_percent: float = 50.0
    min_existing: int = 10


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a flag allows: a number of webhooks, or a share of them in percent."""

    count: int | None = None
    percent: float | None = None

    def covers(self, number: int, existing: int) -> bool:
        """Whether `number` out of `existing` is within the allowance."""
        if self.count is not None:
            return number <= self.count
        return self.percent is not None and number * 100 <= self.percent * existing

    @property
    def everything(self) -> bool:
        """Whether it was said that all may go: `100%`, and no number."""
        return self.percent is not None and self.percent >= 100


def parse_allowance(text: str) -> Allowance:
    """Read `N` or `P%`. Raises ValueError with a sentence for the user."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)%|(\d+)", text.strip())
    if not match:
        raise ValueError(f"expected a number of webhooks or a share such as 40%, not {text!r}")
    percent, count = match.groups()
    return Allowance(percent=float(percent)) if percent else Allowance(count=int(count))


def check(plan: Plan, limits: Limits) -> Plan:
    """The plan with the guards that refuse a part of it. Creates, registers, renews and repairs are never refused.

    But what needs a slot that a refused prune keeps is blocked.
    """
    destroyed = [step for step in plan.steps if step.action in DESTRUCTIVE and step.reason not in NOT_JUDGED]
    changed = [step for step in plan.steps if _is_change(step)]
    refusals = (
        *_empty_wish(plan, destroyed),
        *_destroys(plan, destroyed, limits),
        *_changes(plan, changed, limits),
        *_protected(plan, destroyed),
    )
    refused = {address: refusal.flag for refusal in refusals for address in refusal.addresses}
    slots = {step.slot: step for step in destroyed if step.slot and plan.address(step) in refused}
    steps = tuple(
        _waiting(step, plan.address(slots[step.slot]), refused[plan.address(slots[step.slot])])
        if step.slot in slots and step is not slots[step.slot]
        else step
        for step in plan.steps
    )
    return replace(plan, steps=steps, refusals=refusals)


def _waiting(step: Step, owner: str, flag: str) -> Step:
    """A step whose slot is not given up, because a guard keeps its owner."""
    way_out = f"the slot {step.slot} belongs to {owner}, which a guard keeps: pass {flag}"
    return replace(step, action=Action.BLOCKED, reason=Reason.SLOT_TAKEN, way_out=way_out)


def _is_change(step: Step) -> bool:
    return step.action is Action.UPDATE and step.reason in JUDGED_CHANGES and (step.key.manual or step.calls_provider)


def _empty_wish(plan: Plan, destroyed: list[Step]) -> Iterable[Refusal]:
    if plan.wanted or not plan.existing or not destroyed:
        return
    if plan.options.allow_destroy and parse_allowance(plan.options.allow_destroy).everything:
        return
    yield Refusal(
        guard="empty_wish",
        message=f"the manifests hold no trigger at all, yet {plan.existing} webhooks are recorded: nothing is pruned",
        flag="--allow-destroy 100%",
        addresses=frozenset(plan.address(step) for step in destroyed),
    )


def _destroys(plan: Plan, destroyed: list[Step], limits: Limits) -> Iterable[Refusal]:
    if not plan.wanted:
        return
    number = _counted(destroyed)
    if plan.options.allow_destroy:
        within = parse_allowance(plan.options.allow_destroy).covers(number, plan.existing)
    else:
        within = _within(number, plan.existing, limits.max_prune_percent, limits)
    if not within:
        yield Refusal(
            guard="max_prune_percent",
            message=f"{_share(number, plan.existing)} would be destroyed, "
            f"more than {plan.options.allow_destroy or _percent(limits.max_prune_percent)}",
            flag=f"--allow-destroy {number}",
            addresses=frozenset(plan.address(step) for step in destroyed),
        )


def _changes(plan: Plan, changed: list[Step], limits: Limits) -> Iterable[Refusal]:
    number = _counted(changed)
    if plan.options.allow_change:
        within = parse_allowance(plan.options.allow_change).covers(number, plan.existing)
    else:
        within = _within(number, plan.existing, limits.max_change_percent, limits)
    if not within:
        yield Refusal(
            guard="max_change_percent",
            message=f"{_share(number, plan.existing)} would be changed, "
            f"more than {plan.options.allow_change or _percent(limits.max_change_percent)}",
            flag=f"--allow-change {number}",
            addresses=frozenset(plan.address(step) for step in changed),
        )


def _protected(plan: Plan, destroyed: list[Step]) -> Iterable[Refusal]:
    for step in destroyed:
        address = plan.address(step)
        lifted = step.desired is not None and step.desired.protect is False
        if step.recorded and step.recorded.protect and not lifted and address not in plan.options.allow_protected:
            yield Refusal(
                guard="protect",
                message=f"{address} is protected and would be destroyed",
                flag=f"--allow-protected {address}",
                addresses=frozenset({address}),
            )


def _counted(steps: list[Step]) -> int:
    """How many decisions these are: a move of the base URL is one, however many webhooks follow it."""
    moved = sum(step.reason is Reason.BASE_URL_MOVED for step in steps)
    return len(steps) - moved + bool(moved)


def _within(number: int, existing: int, percent: float, limits: Limits) -> bool:
    return existing < limits.min_existing or number * 100 <= percent * existing


def _share(number: int, existing: int) -> str:
    return f"{number} of {existing} webhooks ({number * 100 / max(existing, 1):.0f}%)"


def _percent(value: float) -> str:
    return f"{value:g}%"
