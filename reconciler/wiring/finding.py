"""One thing in the state by what a person calls it: an address, or an id."""

from __future__ import annotations

from reconciler.core.errors import ConfigError, Problem
from reconciler.core.model import Orphan, Recorded
from reconciler.core.targets import matches as named
from reconciler.core.targets import target_problem
from reconciler.wiring.records import Records

Found = Recorded | Orphan


def the_record(records: Records, name: str) -> Recorded:
    """The record with this id, or at this address (one in force before one that leaves).

    Raises `ConfigError` where there is none.
    """
    by_id = [record for record in records.all() if record.id == name]
    return by_id[0] if by_id else records.at(name)


def the_one(records: Records, name: str) -> Found:
    """The one record or orphan with this id or address. Raises `ConfigError` where there is none, or several."""
    found: list[Found] = [record for record in records.all() if name in {record.id, records.address(record)}]
    found += [orphan for orphan in records.orphans() if name in {orphan.id, orphan.address}]
    if not found:
        return records.at(name)
    if len(found) > 1:
        hint = "name one by its id: " + ", ".join(f"{item.id} ({phase_of(item)})" for item in found)
        raise ConfigError((Problem("address_ambiguous", f"{name} means {len(found)} things", hint=hint),))
    return found[0]


def phase_of(item: Found) -> str:
    """The phase of a record; `orphan` for what is none any more."""
    return "orphan" if isinstance(item, Orphan) else str(item.phase)


def matches(records: Records, item: Found, globs: tuple[str, ...]) -> bool:
    """Whether an address, an id or, of a record, `graph:ID` or `preset:ID` is one of the globs; without any, yes."""
    return not globs or any(named(glob, _names(records, item)) for glob in globs)


def require_targets(records: Records, globs: tuple[str, ...]) -> None:
    """Raise `ConfigError` for a glob that matches nothing that is recorded or was left."""
    if globs:
        found: list[Found] = [*records.all(), *records.orphans()]
        known = [name for item in found for name in _names(records, item)]
        problems = tuple(target_problem(glob, known) for glob in globs if not named(glob, known))
        if problems:
            raise ConfigError(problems)


def _names(records: Records, item: Found) -> tuple[str, ...]:
    if isinstance(item, Orphan):
        return (item.id, item.address)
    return (item.id, records.address(item), *(str(relation.subscriber) for relation in item.relations))
