"""A copy of a project's store, without a lock and without a trace beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.core.ports import Progress
from reconciler.store.empty import EmptyStore
from reconciler.store.opening import open_for_reading
from reconciler.store.readying import no_state
from reconciler.store.upkeep import back_up
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.loading import load_project_of
from reconciler.wiring.session import announce, key_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What was copied to where: `records` of the project's scope. `key` is the id of the key that opens the copy."""

    state: str
    file: Path
    records: int
    key: str


def backed_up(inputs: Inputs, file: Path, progress: Progress) -> Backup:
    """Copy the store to the new file `file`; a relative one is relative to the working directory.

    Raises `ConfigError` and `StateError`.
    """
    project = load_project_of(inputs)
    with open_for_reading(project.state, key_source(project)) as store:
        if isinstance(store, EmptyStore):
            raise no_state(store.called)
        announce(store, project.scope, progress)
        key = back_up(store, file)
        return Backup(state=store.location, file=file, records=store.count(project.scope), key=key)
