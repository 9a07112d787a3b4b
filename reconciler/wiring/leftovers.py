"""What was left at providers: as it may be shown, and as it is settled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from reconciler.core.errors import ConfigError, Problem
from reconciler.core.model import Catalogue, Orphan
from reconciler.core.ports import Progress
from reconciler.engine.context import Stop
from reconciler.engine.leasing import Holding
from reconciler.engine.resolving import Settlement, Verdict, declare, settle
from reconciler.manifests.project import Project
from reconciler.providers.catalogue import known_definitions
from reconciler.render.confidential import url_is_secret
from reconciler.render.leftovers import Leftover
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.loading import load_project_of
from reconciler.wiring.records import recorded_in
from reconciler.wiring.session import Session


def leftovers_of(inputs: Inputs, progress: Progress) -> list[Leftover]:
    """The orphans of a project's scope, oldest first. Raises `ConfigError` and `StateError`."""
    project = load_project_of(inputs)
    with recorded_in(inputs, progress) as records:
        orphans = records.orphans()
    catalogue = known_definitions(project.providers).traits
    return [leftover(orphan, catalogue, project) for orphan in orphans]


def leftover(orphan: Orphan, catalogue: Catalogue, project: Project) -> Leftover:
    """An orphan with what its provider's definition tells of it."""
    secret_url = url_is_secret(catalogue, orphan.group.provider)
    return Leftover(orphan=orphan, secret_url=secret_url, reachable=_reachable(orphan, catalogue, project))


def _reachable(orphan: Orphan, catalogue: Catalogue, project: Project) -> bool:
    if orphan.group.provider not in catalogue or orphan.group.credentials not in project.credentials:
        return False
    try:
        kind = catalogue[orphan.group.provider].types.get(orphan.group.type)
    except ConfigError:
        return False
    return kind is not None and "list" in kind.operations


def chosen(orphans: Sequence[Orphan], names: Sequence[str]) -> list[Orphan]:
    """The orphans with these ids, or the only ones whose id begins so. Raises `ConfigError` for every other name."""
    found: dict[str, Orphan] = {}
    problems = []
    for name in names:
        fitting = [orphan for orphan in orphans if orphan.id.startswith(name)]
        fitting = [orphan for orphan in fitting if orphan.id == name] or fitting
        if len(fitting) == 1:
            found[fitting[0].id] = fitting[0]
        elif fitting:
            hint = "say more of it: " + ", ".join(orphan.id for orphan in fitting)
            problems.append(Problem("orphan_ambiguous", f"{name} means {len(fitting)} orphans", hint=hint))
        else:
            problems.append(Problem("orphan_unmatched", f"there is no orphan {name}", hint="see `reconcile orphans`"))
    if problems:
        raise ConfigError(tuple(problems))
    return list(found.values())


async def settle_all(
    orphans: Sequence[Orphan], session: Session, holding: Holding, stop: Stop, *, declared: bool
) -> list[Settlement]:
    """Settle one after the other; where it cannot be looked up, on a person's word if they gave it (`declared`).

    Raises `ScopeBoundError`, `LeaseLostError` and `StateError`.
    """
    await asyncio.to_thread(session.store.bind, session.scope.name, session.scope.binding)
    unit = session.reconciler.unit(holding, {}, stop)
    settlements = []
    for orphan in orphans:
        if stop.requested:
            message = "not begun: asked to stop"
            settlements.append(Settlement(orphan=orphan, verdict=Verdict.UNANSWERED, message=message))
            continue
        settlement = await settle(unit, orphan)
        if declared and settlement.declarable:
            settlement = await declare(unit, orphan)
        settlements.append(settlement)
    return settlements
