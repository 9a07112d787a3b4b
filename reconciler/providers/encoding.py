"""Request bodies and sets of events, in the forms that vendors want them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from urllib.parse import quote_plus

from reconciler.core.model import Json
from reconciler.providers.answers import Context, names_of, search, text_of, truth_of
from reconciler.providers.blocks.resources import Events

CONTENT_TYPES: Mapping[str, str] = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "graphql": "application/json",
}


def encode_body(kind: str, fields: Mapping[str, Json], query: str | None = None) -> bytes:
    """The bytes of a body; of kind `graphql`, `fields` are the variables of `query`."""
    if kind == "graphql":
        return json.dumps({"query": query, "variables": fields}).encode()
    if kind == "json":
        return json.dumps(fields).encode()
    return "&".join(f"{quote_plus(key)}={quote_plus(value)}" for key, value in form_pairs(fields)).encode()


def form_pairs(value: Json, key: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as form fields: `a[b]` for what is in an object, `a[0]` for what is in a list."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from form_pairs(item, f"{key}[{name}]" if key else str(name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from form_pairs(item, f"{key}[{index}]")
    elif isinstance(value, bool):
        yield key, "true" if value else "false"
    else:
        yield key, str(value)


def encode_events(block: Events, events: Iterable[str], catalogue: Iterable[str]) -> Json:
    """A set of events as the vendor wants it: a sorted list of names or objects, one text, or flags.

    Every flag of the catalogue is said, for a vendor may switch one on that is left out.
    """
    wanted = sent_names(block, events)
    if block.encoder == "flags":
        return {name: name in wanted for name in sorted(wanted.union(catalogue))}
    if block.encoder == "objects":
        return [dict(zip(block.keys, name.split("."), strict=False)) for name in sorted(wanted)]
    return ",".join(sorted(wanted)) if block.encoder == "csv" else sorted(wanted)


def sent_names(block: Events, events: Iterable[str]) -> frozenset[str]:
    """The names that are sent for a set of events: a group's parts in its place."""
    return frozenset(name for event in events for name in block.groups.get(event, (event,)))


def decode_events(
    block: Events, catalogue: Iterable[str], row: Mapping[str, Json], context: Context
) -> frozenset[str] | None:
    """The events that a row tells, by their registered names; None where it does not tell."""
    path = block.path or ""
    if block.encoder == "flags":
        held = search(path, row) if path else row
        if not isinstance(held, Mapping):
            return None if held is None else context.bad_answer(f"`{path}` holds no flags in the answer")
        return _shared(frozenset(name for name in catalogue if truth_of(held.get(name), name, context)))
    told = search(path, row)
    if block.encoder == "objects":
        told = _object_names(block, told, context)
    elif block.encoder == "csv":
        told = [name.strip() for name in text_of(told, path, context).split(",") if name.strip()]
    found = names_of(told, path, context)
    if found is None and block.absent is not None:
        return frozenset(catalogue) - frozenset(block.absent.all_but)
    if found is None:
        return None
    names = frozenset(sent for name in found if (sent := block.told.get(name, name)) is not None)
    return _shared(_grouped(block, names))


def _object_names(block: Events, told: Json, context: Context) -> list[str] | None:
    """A name for each object: its keys with dots between them.

    One that says more than the keys is narrower than the event, so its name says that too, and counts as a difference.
    """
    if told is None:
        return None
    if not isinstance(told, list) or not all(isinstance(item, Mapping) for item in told):
        context.bad_answer(f"`{block.path}` is not a list of objects in the answer")
    return [_object_name(block, item) for item in told]


def _object_name(block: Events, item: Mapping[str, Json]) -> str:
    parts = [value if isinstance(value := item.get(key), str) and value else "*" for key in block.keys]
    more = sorted(key for key, value in item.items() if key not in block.keys and value not in (None, "", []))
    return ".".join(parts) + (f" ({', '.join(more)})" if more else "")


@lru_cache(maxsize=1000)
def _shared(names: frozenset[str]) -> frozenset[str]:
    """The one set of these names: thousands of webhooks have the same few."""
    return names


def _grouped(block: Events, names: frozenset[str]) -> frozenset[str]:
    """Sent names as events; of a group that is not whole the parts stay, and count as a difference."""
    for event, parts in block.groups.items():
        if names.issuperset(parts):
            names = names.difference(parts) | {event}
    return names
