"""Choosing webhooks by `--target`, where there is no plan."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.build import matches
from reconciler.core.errors import ConfigError, Problem
from reconciler.core.model import Desired
from reconciler.core.pairing import Bond, Pair


def selected(desired: Sequence[Desired], targets: Sequence[str], default_user: str) -> Sequence[Desired]:
    """The wishes that one of the targets names; all where there is none. Raises `ConfigError` for one without match."""
    if not targets:
        return desired
    pairs = [Pair(Bond.NEW, wish.key, wish) for wish in desired]
    hits = {target: {pair.key for pair in pairs if matches(target, pair, default_user)} for target in targets}
    unmatched = [target for target in targets if not hits[target]]
    if unmatched:
        hint = "a target is an address, graph:ID or preset:ID; * and ? are wildcards"
        raise ConfigError(
            tuple(
                Problem("target_unmatched", f"--target {target} matches no webhook", hint=hint) for target in unmatched
            )
        )
    chosen = set().union(*hits.values())
    return [wish for wish in desired if wish.key in chosen]
