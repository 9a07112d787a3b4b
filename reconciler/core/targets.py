"""What a `--target` glob names: webhooks by their address, or by a subscriber."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase

from reconciler.core.errors import Problem
from reconciler.core.model import Relation, WebhookKey

PROTECTED_UNMATCHED = "protected_unmatched"
"""The code of the problem that a webhook which is allowed to go is none."""


def names(key: WebhookKey, relations: Iterable[Relation], default_user: str) -> tuple[str, ...]:
    """What a webhook can be called by: its address, and each subscriber as `graph:ID` or `preset:ID`."""
    return (key.address(default_user), *(str(relation.subscriber) for relation in relations))


def matches(target: str, known: Iterable[str]) -> bool:
    """Whether a glob names one of these."""
    return any(name == target or fnmatchcase(name, target) for name in known)


def target_problem(target: str, known: Iterable[str] = ()) -> Problem:
    """The refusal of a target that matches none of the `known` names."""
    return Problem(
        "target_unmatched",
        f"--target {target!r} matches no webhook",
        hint=_nearest(target, known) or "a target is an address, graph:ID or preset:ID; * and ? are wildcards",
    )


def protected_problem(address: str, known: Iterable[str]) -> Problem:
    """The refusal to let a protected webhook go that there is not, wanted or recorded."""
    return Problem(
        PROTECTED_UNMATCHED,
        f"--allow-protected {address!r} names no webhook",
        hint=_nearest(address, known) or "it takes an address as in a plan, without wildcards",
    )


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(set(known)), n=1)
    return f"did you mean {near[0]}?" if near else ""


def undeclared_problem(address: str) -> Problem:
    """The refusal to adopt for an address that no trigger declares."""
    return Problem(
        "target_unmatched",
        f"no trigger declares the webhook {address}",
        hint="declare it in a manifest first; an address is provider/type/resource@credentials",
    )
