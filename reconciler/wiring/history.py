"""The audit log of a project's scope, fit to be shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain

from reconciler.core.diff import Change
from reconciler.core.errors import ConfigError, Problem
from reconciler.core.model import Catalogue, Json
from reconciler.core.ports import Entry, Lease, Outcome, Progress
from reconciler.providers.catalogue import known_definitions
from reconciler.render.confidential import provider_of, shortened, url_is_secret
from reconciler.store.empty import EmptyStore
from reconciler.store.opening import open_for_reading
from reconciler.store.sql import SqlStore
from reconciler.wiring.inputs import Inputs
from reconciler.wiring.loading import load_project_of
from reconciler.wiring.records import Records
from reconciler.wiring.session import announce, key_source

INTERRUPTED = "interrupted"
"""How an action is shown that was begun, and that nobody is at work on any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An entry as it may be shown: ids that are secrets are shortened, and `outcome` tells what really became of it."""

    entry: Entry
    outcome: str


class Log:
    """The audit log of one scope. `lease` is the scope's own, None where nobody holds it now."""

    def __init__(self, store: SqlStore | EmptyStore, records: Records, catalogue: Catalogue, lease: Lease | None):
        self._store = store
        self._records = records
        self._catalogue = catalogue
        self._lease = lease

    def entries(self, webhook: str = "") -> Iterator[Told]:
        """Newest first, read as they are asked for; of one webhook by its id, the beginning of that, or its address.

        Raises `ConfigError` where that is nobody's, or several webhooks'.
        """
        scope = self._records.scope
        return map(self._told, self._chosen(webhook) if webhook else self._store.history(scope))

    def _chosen(self, name: str) -> Iterator[Entry]:
        scope = self._records.scope
        if "/" not in name:
            return self._store.history(scope, self._the_id(name))
        mine = {record.id for record in self._records.all() if self._records.address(record) == name}
        log = (entry for entry in self._store.history(scope) if entry.address == name or entry.webhook_id in mine)
        first = next(log, None)
        if first is None and not mine:
            raise _unmatched(name, "`reconcile history` tells of all, `reconcile state list` of what is recorded")
        return log if first is None else chain((first,), log)

    def _the_id(self, beginning: str) -> str:
        found = set(self._store.logged_ids(self._records.scope, beginning))
        found |= {record.id for record in self._records.all() if record.id.startswith(beginning)}
        if len(found) == 1:
            return found.pop()
        if not found:
            raise _unmatched(beginning, "an id, the beginning of one, or an address is expected")
        hint = f"{len(found)} ids begin so: say more of it"
        raise ConfigError((Problem("webhook_ambiguous", f"{beginning} means several webhooks", hint=hint),))

    def _told(self, entry: Entry) -> Told:
        outcome = str(entry.outcome)
        if entry.outcome is Outcome.BEGUN and not self._at_work(entry):
            outcome = INTERRUPTED
        if entry.address and url_is_secret(self._catalogue, provider_of(entry.address)):
            entry = _confidential(entry)
        return Told(entry=entry, outcome=outcome)

    def _at_work(self, entry: Entry) -> bool:
        """Whether who began it may be at it still: the scope is held, and from the same machine."""
        return self._lease is not None and self._lease.holder.partition(":")[0] == entry.host


@contextmanager
def history_of(inputs: Inputs, progress: Progress, now: Callable[[], float]) -> Iterator[Log]:
    """The audit log of a project's scope, opened to read only. Raises `ConfigError` and `StateError`."""
    project = load_project_of(inputs)
    catalogue = known_definitions(project.providers).traits
    with open_for_reading(project.state, key_source(project)) as store:
        announce(store, project.scope, progress)
        lease = store.lease(project.scope)
        held = lease if lease and lease.expires_at > now() else None
        yield Log(store, Records(store, project.scope, project.default_user), catalogue, held)


def _confidential(entry: Entry) -> Entry:
    changes = tuple(
        Change(change.field, _shortened(change.before), _shortened(change.after)) for change in entry.changes
    )
    webhook_id, message = shortened(entry.webhook_id), shortened(entry.message)
    return replace(entry, webhook_id=webhook_id, message=message, changes=changes)


def _shortened(value: Json) -> Json:
    return shortened(value) if isinstance(value, str) else value


def _unmatched(name: str, hint: str) -> ConfigError:
    return ConfigError((Problem("webhook_unmatched", f"nothing is recorded of a webhook {name}", hint=hint),))
