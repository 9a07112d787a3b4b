"""From a plan that was just made to its verdict: see `verdicts`."""

from __future__ import annotations

from reconciler.core.plan import Plan
from reconciler.store.sql import SqlStore
from reconciler.wiring.loading import Loaded
from reconciler.wiring.session import Session
from reconciler.wiring.verdicts import Basis, Verdict, Witness, remember, witness


def witness_of(loaded: Loaded) -> Witness | None:
    """A look around before the records are read; None where the verdict could not be remembered."""
    return witness(
        Basis(
            project=loaded.project,
            manifests=loaded.manifests_digest,
            definitions=loaded.definitions_digest,
            references=loaded.references,
        )
    )


def remember_plan(seen: Witness | None, plan: Plan, serial: int, session: Session, now: float) -> None:
    """Remember the plan if it is in sync, as of UNIX time `now`; `serial` is that of its scope."""
    store, scope = session.store, session.scope
    if seen is None or not isinstance(store, SqlStore) or not plan.is_empty:
        return
    verdict = Verdict(
        plan=plan,
        binding=scope.binding,
        serial=serial,
        orphans=len(store.orphans(scope.name)),
        location=store.location,
        records=store.count(scope.name),
    )
    remember(seen, verdict, _end(session), now)


def _end(session: Session) -> float | None:
    """The earliest time at which a lease of the scope may have to be renewed; None where that never comes."""
    catalogue = session.scope.catalogue
    kinds = {(wish.key.provider, wish.key.type) for wish in session.desired}
    ahead = max((catalogue[provider].types[kind].renew_before for provider, kind in kinds), default=0.0)
    if not ahead or not isinstance(session.store, SqlStore):
        return None
    earliest = session.store.earliest_lease(session.scope.name)
    return None if earliest is None else earliest - ahead
