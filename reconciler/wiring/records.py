"""What is recorded, looked at without the manifests: they may be broken, and the records are there all the same."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from reconciler.core.errors import ConfigError, Problem
from reconciler.core.model import Orphan, Phase, Recorded
from reconciler.core.ports import Progress, Store
from reconciler.store.opening import open_for_reading
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.loading import load_project_of
from reconciler.wiring.session import announce, key_source

_GONE = frozenset({Phase.RETIRING, Phase.TOMBSTONE})


class Records:
    """The records of one scope."""

    def __init__(self, store: Store, scope: str, default_user: str) -> None:
        self._store = store
        self._scope = scope
        self._default_user = default_user

    @property
    def scope(self) -> str:
        """The scope that is looked at."""
        return self._scope

    def all(self) -> Sequence[Recorded]:
        """Every record, ordered by address."""
        return sorted(self._store.records(self._scope), key=lambda record: (self.address(record), record.id))

    def address(self, record: Recorded) -> str:
        """How this project's people name the webhook."""
        return record.key.address(self._default_user)

    def at(self, address: str) -> Recorded:
        """The record at an address, one in force before one that leaves. Raises `ConfigError` where there is none."""
        found = [record for record in self.all() if self.address(record) == address]
        if found:
            return min(found, key=lambda record: record.phase in _GONE)
        near = difflib.get_close_matches(address, [self.address(record) for record in self.all()], n=1)
        hint = f"did you mean {near[0]}?" if near else "see `reconcile plan` for what is not registered yet"
        raise ConfigError((Problem("address_unmatched", f"no webhook is recorded at {address}", hint=hint),))

    def orphans(self) -> Sequence[Orphan]:
        """What was left at providers."""
        return self._store.orphans(self._scope)

    def secret(self, webhook_id: str) -> str:
        """The newest secret of a webhook in the clear, for the person who must paste it; empty where there is none."""
        secrets = self._store.secrets(webhook_id)
        return secrets[0].reveal() if secrets else ""


@contextmanager
def recorded_in(inputs: Inputs, progress: Progress) -> Iterator[Records]:
    """The records of a project's scope, opened to read only. Raises `ConfigError` and `StateError`."""
    project = load_project_of(inputs)
    with open_for_reading(project.state, key_source(project)) as store:
        records = Records(store, project.scope, project.default_user)
        announce(store, project.scope, progress)
        yield records
