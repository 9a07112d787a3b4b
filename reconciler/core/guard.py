"""Limits that stop a part of a valid plan: mass prunes, mass changes, an empty wish, protected webhooks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from reconciler.core.plan import DESTRUCTIVE, Action, Plan, Reason, Refusal, Step

NOT_JUDGED = frozenset(
    {
        *(Reason.REPLACED, Reason.INTERRUPTED, Reason.UNCERTAIN),
        *(Reason.DRIFTED, Reason.DISABLED_AT_PROVIDER, Reason.LEASE_EXPIRING),
    }
)
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
    if percent and float(percent) > 100:
        raise ValueError(f"a share is of all webhooks that are recorded: at most 100%, not {text!r}")
    return Allowance(percent=float(percent)) if percent else Allowance(count=int(count))


def check(plan: Plan, limits: Limits, others: Iterable[Refusal] = ()) -> Plan:
    """The plan with the guards that refuse a part of it, and `others` that were found to.

    Creates, registers, renews and repairs are never refused by a share. But what needs a slot that a refused prune
    keeps is blocked.
    """
    destroyed = [step for step in plan.steps if step.action in DESTRUCTIVE and step.reason not in NOT_JUDGED]
    changed = [step for step in plan.steps if _is_change(step)]
    refusals = (
        *_empty_wish(plan, destroyed),
        *(_shares(plan, destroyed, _Share.of_prunes(plan, limits)) if plan.wanted else ()),
        *_shares(plan, changed, _Share.of_changes(plan, limits)),
        *_protected(plan, destroyed),
        *others,
    )
    refused = {
        address: refusal.flag for refusal in refusals if refusal.actions >= DESTRUCTIVE for address in refusal.addresses
    }
    slots = {step.slot: step for step in destroyed if step.slot and plan.address(step) in refused}
    steps = tuple(
        _waiting(step, plan.address(slots[step.slot]), refused[plan.address(slots[step.slot])])
        if step.slot in slots and step is not slots[step.slot]
        else step
        for step in plan.steps
    )
    return replace(plan, steps=steps, refusals=refusals)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Share:
    """One kind of share: the guard's name, its verb, its flag and what that flag allows, and the limit without it."""

    guard: str
    verb: str
    flag: str
    allowed: str
    percent: float
    min_existing: int

    @classmethod
    def of_prunes(cls, plan: Plan, limits: Limits) -> _Share:
        return cls(
            guard="max_prune_percent",
            verb="destroyed",
            flag="--allow-destroy",
            allowed=plan.options.allow_destroy,
            percent=limits.max_prune_percent,
            min_existing=limits.min_existing,
        )

    @classmethod
    def of_changes(cls, plan: Plan, limits: Limits) -> _Share:
        return cls(
            guard="max_change_percent",
            verb="changed",
            flag="--allow-change",
            allowed=plan.options.allow_change,
            percent=limits.max_change_percent,
            min_existing=limits.min_existing,
        )

    def within(self, number: int, existing: int) -> bool:
        """Whether this many of the existing webhooks may be concerned."""
        if self.allowed:
            return parse_allowance(self.allowed).covers(number, existing)
        return existing < self.min_existing or number * 100 <= self.percent * existing


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


def _shares(plan: Plan, steps: list[Step], share: _Share) -> Iterable[Refusal]:
    """The share of the whole scope, and where that is fine, of each provider."""
    number = _counted(steps)
    parts = [("", plan.existing, steps)]
    if share.within(number, plan.existing):
        mine = {name: [step for step in steps if step.key.provider == name] for name in plan.existing_at}
        parts = [(f"{name} ", plan.existing_at[name], found) for name, found in mine.items()]
    for name, existing, found in parts:
        if not share.within(part := _counted(found), existing):
            whole = f"{part} of {existing} {name}webhooks ({part * 100 / max(existing, 1):.0f}%)"
            yield Refusal(
                guard=share.guard,
                message=f"{whole} would be {share.verb}, more than {share.allowed or f'{share.percent:g}%'}",
                flag=f"{share.flag} {number}",
                addresses=frozenset(plan.address(step) for step in found),
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
