"""One thing in the state by what a person calls it: an address, or an id."""

from __future__ import annotations

from fnmatch import fnmatchcase

from reconciler.core.errors import ConfigError, Problem
from reconciler.core.model import Orphan, Recorded
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
    if isinstance(item, Orphan):
        names = {item.id, item.address}
    else:
        names = {item.id, records.address(item), *(str(relation.subscriber) for relation in item.relations)}
    return not globs or any(name == glob or fnmatchcase(name, glob) for name in names for glob in globs)
