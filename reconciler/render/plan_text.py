"""The plan as a reviewer wants to read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from reconciler.core.plan import Action, Plan, Refusal, Step
from reconciler.render.changes import described, place
from reconciler.render.painter import Painter, Style, clean, columns, counted

SYMBOLS: Mapping[Action, str] = MappingProxyType(
    {
        Action.CREATE: "+",
        Action.REGISTER: "+",
        Action.UPDATE: "~",
        Action.REPLACE: "-/+",
        Action.RENEW: ">",
        Action.ROTATE: "~",
        Action.ADOPT: "@",
        Action.PRUNE: "-",
        Action.FORGET: "-",
        Action.BLOCKED: "!",
    }
)
"""The sign that a line of a plan begins with."""

STYLES: Mapping[Action, Style] = MappingProxyType(
    {
        Action.CREATE: Style.GOOD,
        Action.REGISTER: Style.GOOD,
        Action.UPDATE: Style.CHANGE,
        Action.REPLACE: Style.CHANGE,
        Action.RENEW: Style.NOTE,
        Action.ROTATE: Style.CHANGE,
        Action.ADOPT: Style.NOTE,
        Action.PRUNE: Style.BAD,
        Action.FORGET: Style.BAD,
        Action.BLOCKED: Style.BAD,
    }
)

_INDENT = "    "


def plan_text(plan: Plan, painter: Painter) -> str:
    """One line per webhook that is not in sync, what holds parts back, and a summary."""
    lines = list(_steps(plan, painter))
    lines += [line for refusal in plan.refusals for line in _refusal(refusal, painter)]
    for problem in plan.problems:
        lines.append(painter.paint(clean(f"! {problem.message}"), Style.BAD))
        if problem.hint:
            lines.append(f"{_INDENT}{clean(problem.hint)}")
    lines.append(painter.paint(summary_line(plan), Style.STRONG))
    if plan.kept:
        lines.append(f"{counted(plan.kept, 'dangling webhook')} left as it is (--no-prune).")
    if plan.foreign:
        lines.append(f"{counted(plan.foreign, 'webhook')} at the providers not ours, left alone.")
    return "\n".join(lines)


def summary_line(plan: Plan) -> str:
    """How many of each action, and the digest that names this very plan."""
    if plan.is_empty:
        if plan.held:
            held = counted(len(plan.held), "webhook")
            return f"Nothing planned: {held} could not be looked at, {plan.in_sync} in sync."
        if plan.options.adopt:
            return "Nothing to adopt: no object was found that is not bound already."
        return f"In sync: {counted(plan.in_sync, 'webhook')}, nothing to do."
    counts = Counter(step.action for step in plan.steps)
    words = ", ".join(f"{counts[action]} {action}" for action in Action if counts[action])
    held = f", {len(plan.held)} left alone" if plan.held else ""
    return f"Plan: {words}; {plan.in_sync} in sync{held}. digest {plan.digest[:8]}"


def _steps(plan: Plan, painter: Painter) -> Iterable[str]:
    rows = [
        (SYMBOLS[step.action], plan.address(step), described(step), str(step.reason), place(step))
        for step in plan.steps
    ]
    for step, line in zip(plan.steps, columns(rows), strict=True):
        yield painter.paint(line, STYLES[step.action])
        yield from _notes(step)


def _notes(step: Step) -> Iterable[str]:
    if step.way_out:
        yield f"{_INDENT}{remark(step.action)}: {clean(step.way_out)}"
    if step.doubtful:
        yield f"{_INDENT}what may exist at the provider cannot be looked up: it is recorded as an orphan"


def remark(action: Action) -> str:
    """What the `way_out` of a step is called: of one that is carried out it is a note."""
    return "way out" if action is Action.BLOCKED else "note"


def _refusal(refusal: Refusal, painter: Painter) -> Iterable[str]:
    yield painter.paint(clean(f"! guard {refusal.guard}: {refusal.message}"), Style.BAD)
    yield f"{_INDENT}held back: {clean(', '.join(sorted(refusal.addresses)))}"
    if refusal.flag:
        yield f"{_INDENT}way out: if this is meant, add {clean(refusal.flag)}"
