"""Exit codes: what each means, which comes first, and which error leads to which."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Mapping
from enum import IntEnum
from types import MappingProxyType

from reconciler.core.errors import (
    BlockedError,
    ConfigError,
    LockedError,
    ReconcilerError,
    ScopeBoundError,
    StalePlanError,
)
from reconciler.core.plan import Action, Plan


class ExitCode(IntEnum):
    """What the process tells its caller."""

    DONE = 0
    ERROR = 1
    PENDING = 2
    REFUSED = 3
    PARTIAL = 4
    STALE = 5
    LOCKED = 6
    INVALID = 7
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS: Mapping[ExitCode, str] = MappingProxyType(
    {
        ExitCode.ERROR: "an error",
        ExitCode.PENDING: "changes are pending",
        ExitCode.REFUSED: "a guard refused, or something is blocked; see its way out",
        ExitCode.PARTIAL: "applied in part: something failed, could not be listed or became an orphan",
        ExitCode.STALE: "the plan is stale",
        ExitCode.LOCKED: "another pass holds the scope",
        ExitCode.INVALID: "invalid configuration or usage",
        ExitCode.INTERRUPTED: "interrupted",
        ExitCode.TERMINATED: "terminated",
    }
)
"""What stderr says of each code but 0."""

_FIRST_THAT_APPLIES = (
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
    ExitCode.INVALID,
    ExitCode.LOCKED,
    ExitCode.STALE,
    ExitCode.REFUSED,
    ExitCode.PARTIAL,
    ExitCode.ERROR,
    ExitCode.PENDING,
)

_ERRORS: tuple[tuple[type[ReconcilerError], ExitCode], ...] = (
    (ConfigError, ExitCode.INVALID),
    (LockedError, ExitCode.LOCKED),
    (StalePlanError, ExitCode.STALE),
    (ScopeBoundError, ExitCode.REFUSED),
    (BlockedError, ExitCode.REFUSED),
)


def first(codes: Iterable[ExitCode]) -> ExitCode:
    """The code that weighs most."""
    found = frozenset(codes)
    return next((code for code in _FIRST_THAT_APPLIES if code in found), ExitCode.DONE)


def of_error(error: ReconcilerError) -> ExitCode:
    """The code for an error that ended the work; whatever is not named otherwise is 1."""
    return next((code for kind, code in _ERRORS if isinstance(error, kind)), ExitCode.ERROR)


def of_signal(number: int) -> ExitCode:
    """The code after draining."""
    return ExitCode.TERMINATED if number == signal.SIGTERM else ExitCode.INTERRUPTED


def of_plan(plan: Plan) -> ExitCode:
    """The code of a plan that was only shown; PENDING where there are changes, for those who ask for it."""
    codes = [_refused(plan)]
    if plan.problems:
        codes.append(ExitCode.ERROR)
    if not plan.is_empty:
        codes.append(ExitCode.PENDING)
    return first(codes)


def of_applied(plan: Plan, *, complete: bool) -> ExitCode:
    """The code of a plan that was applied; `complete` is False where a step did not end well."""
    whole = complete and not plan.problems
    return first([_refused(plan), ExitCode.DONE if whole else ExitCode.PARTIAL])


def of_declined(plan: Plan) -> ExitCode:
    """The code of a plan that somebody looked at and did not want."""
    return first([_refused(plan), ExitCode.ERROR])


def plain(code: ExitCode) -> ExitCode:
    """The code without `--detailed-exitcode`: pending changes are no news."""
    return ExitCode.DONE if code is ExitCode.PENDING else code


def _refused(plan: Plan) -> ExitCode:
    blocked = any(step.action is Action.BLOCKED for step in plan.steps)
    return ExitCode.REFUSED if plan.refusals or blocked else ExitCode.DONE
