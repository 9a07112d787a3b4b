"""What a `--target` glob names: webhooks by their address, or by a subscriber."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from reconciler.core.errors import Problem
from reconciler.core.model import Relation, WebhookKey


def names(key: WebhookKey, relations: Iterable[Relation], default_user: str) -> tuple[str, ...]:
    """What a webhook can be called by: its address, and each subscriber as `graph:ID` or `preset:ID`."""
    return (key.address(default_user), *(str(relation.subscriber) for relation in relations))


def matches(target: str, known: Iterable[str]) -> bool:
    """Whether a glob names one of these."""
    return any(name == target or fnmatchcase(name, target) for name in known)


def target_problem(target: str) -> Problem:
    """The refusal of a target that matches nothing."""
    return Problem(
        "target_unmatched",
        f"--target {target} matches no webhook",
        hint="a target is an address, graph:ID or preset:ID; * and ? are wildcards",
    )


def undeclared_problem(address: str) -> Problem:
    """The refusal to adopt for an address that no trigger declares."""
    return Problem(
        "target_unmatched",
        f"no trigger declares the webhook {address}",
        hint="declare it in a manifest first; an address is provider/type/resource@credentials",
    )
