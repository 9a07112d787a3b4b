"""Choosing webhooks by `--target`, where there is no plan."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.errors import ConfigError
from reconciler.core.model import Desired
from reconciler.core.targets import matches, names, target_problem


def selected(desired: Sequence[Desired], targets: Sequence[str], default_user: str) -> Sequence[Desired]:
    """The wishes that one of the targets names; all where there is none. Raises `ConfigError` for one without match."""
    if not targets:
        return desired
    called = {wish.key: names(wish.key, wish.relations, default_user) for wish in desired}
    hits = {target: {key for key, known in called.items() if matches(target, known)} for target in targets}
    if unmatched := [target for target in targets if not hits[target]]:
        known = [name for each in called.values() for name in each]
        raise ConfigError(tuple(target_problem(target, known) for target in unmatched))
    chosen = set().union(*hits.values())
    return [wish for wish in desired if wish.key in chosen]
