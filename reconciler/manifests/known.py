"""What a manifest file was compiled to, as text: so that equal bytes need not be read as YAML, and judged, again.

Never a secret, only the reference to it; never of a file in which something was wrong. Whatever does not have exactly
this shape is no entry: it may be damaged, or written by another version.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast

from reconciler.core.errors import Location
from reconciler.core.model import NOTHING, Json, Subscriber, SubscriberKind, Trigger, canonical_json
from reconciler.manifests.compile import Wished
from reconciler.manifests.gather import Source
from reconciler.manifests.project import Project

FORMAT = 1
"""Grows when the text, or what compiling makes of a file, changes."""

_T = TypeVar("_T")


class Known(Protocol):
    """Remembers texts by name and content of files, which are asked for in the order of their names."""

    def get(self, source: Source) -> str | None:
        """The text of these very bytes under this very name, or None."""
        ...

    def put(self, source: Source, text: str) -> None:
        """Remember."""
        ...


def basis(project: Project, definitions: str) -> str:
    """Everything that compiling a file depends on beside its name and bytes; `definitions` is the digest of those."""
    credentials = {
        name: [declared.provider, None if declared.users is None else sorted(declared.users)]
        for name, declared in project.credentials.items()
    }
    defaults = {"user": project.default_user, "credentials": dict(project.default_credentials)}
    unverified = sorted(project.allow_unverified)
    return canonical_json([FORMAT, definitions, credentials, defaults, unverified])


def encode(found: Iterable[Wished]) -> str:
    """The text: `[[alike, ...], [[number, place, ...], ...]]`. What triggers have alike is said once for all."""
    alike: dict[str, int] = {}
    rows: list[list[Json]] = []
    for trigger, reference in found:
        common = canonical_json(
            [
                *(trigger.user, trigger.subscriber.kind, trigger.subscriber.id, trigger.provider, trigger.type),
                *(sorted(trigger.events), trigger.credentials, trigger.manual, trigger.name, trigger.protect),
                *(list(trigger.moved), reference, json.dumps(dict(trigger.options))),
            ]
        )
        row: list[Json] = [alike.setdefault(common, len(alike)), trigger.location.line, trigger.location.column]
        row.append(trigger.resource)
        if trigger.canonical != trigger.resource:
            row.append(trigger.canonical)
        rows.append(row)
    return json.dumps([list(map(json.loads, alike)), rows], separators=(",", ":"))


class Decoder:
    """Reads texts back. What many files have alike is made once."""

    def __init__(self) -> None:
        self._shared: dict[Any, Any] = {}

    def decode(self, text: str, file: str) -> tuple[Wished, ...] | None:
        """What `encode` was given, for the file of that name; None for anything else."""
        try:
            alike, rows = json.loads(text)
            made = [self._alike(item) for item in alike]
            return tuple(self._wished(made, row, file) for row in rows)
        except (ValueError, TypeError, KeyError, IndexError, RecursionError):
            return None

    def _alike(self, item: Sequence[Any]) -> tuple[Mapping[str, Any], str]:
        user, kind, id_, provider, type_, events, credentials, manual, name, protect, moved, reference, options = item
        written = json.loads(_text(options))
        fields = {
            "user": self._share(_text(user)),
            "subscriber": Subscriber(SubscriberKind(kind), _text(id_)),
            "provider": self._share(_text(provider)),
            "type": self._share(_text(type_)),
            "events": self._share(frozenset(map(_text, _list(events)))),
            "credentials": self._share(_text(credentials)),
            "manual": _checked(manual, bool),
            "name": _text(name),
            "protect": None if protect is None else _checked(protect, bool),
            "moved": tuple(map(_text, _list(moved))),
            "options": _checked(written, dict) or NOTHING,
        }
        return fields, _text(reference)

    def _wished(self, alike: Sequence[tuple[Mapping[str, Any], str]], row: Sequence[Any], file: str) -> Wished:
        number, line, column, resource, *other = row
        fields, reference = alike[_checked(number, int)]
        (canonical,) = other or (resource,)
        where = Location(file, _checked(line, int), _checked(column, int))
        return Wished(
            Trigger(resource=_text(resource), canonical=_text(canonical), location=where, **fields), reference
        )

    def _share(self, value: _T) -> _T:
        return cast("_T", self._shared.setdefault(value, value))


def _text(value: Any) -> str:
    return _checked(value, str)


def _list(value: Any) -> list[Any]:
    return _checked(value, list)


def _checked(value: Any, kind: type[_T]) -> _T:
    if type(value) is not kind:
        raise TypeError
    return value
