"""What a provider says of triggers, as JSON Schema: its types, events and options, each with its description."""

from __future__ import annotations

import re
from collections.abc import Mapping

from reconciler.core.model import EventTraits, Json, ProviderTraits, TypeTraits


def has_value(key: str, value: str) -> dict[str, Json]:
    """The schema of a mapping in which a key has a value."""
    return {"properties": {key: {"const": value}}, "required": [key]}


def provider_definitions(provider: ProviderTraits) -> dict[str, Json]:
    """The entries of `$defs` for a provider; the one of its name is for the whole trigger."""
    types = list(provider.types.values())
    named = {"oneOf": [_listed(kind.name, _type_words(kind)) for kind in types]}
    whole: dict[str, Json] = {"properties": {"type": named}}
    if len(types) == 1:
        whole["allOf"] = [_reference(provider, types[0])]
    else:
        whole["required"] = ["type"]
        whole["allOf"] = [{"if": has_value("type", kind.name), "then": _reference(provider, kind)} for kind in types]
    definitions: dict[str, Json] = {provider.name: whole}
    events: list[tuple[EventTraits, str]] = []
    for kind in types:
        name = next((name for traits, name in events if traits == kind.events), "")
        if not name:
            name = f"{provider.name}.{kind.name}.events"
            events.append((kind.events, name))
            definitions[name] = _events(kind.events)
        definitions[f"{provider.name}.{kind.name}"] = _trigger(kind, name)
    return definitions


def _reference(provider: ProviderTraits, kind: TypeTraits) -> dict[str, Json]:
    return {"$ref": f"#/$defs/{provider.name}.{kind.name}"}


def _type_words(kind: TypeTraits) -> str:
    said = str(kind.resource_schema.get("description", ""))
    return said or ("Always manual: a person pastes the URL." if kind.manual_only else "")


def _trigger(kind: TypeTraits, events: str) -> dict[str, Json]:
    """A trigger of one type."""
    properties: dict[str, Json] = {
        "events": {"items": {"$ref": f"#/$defs/{events}"}},
        "options": dict(kind.options_schema),
    }
    if kind.resource_schema:
        properties["resource"] = dict(kind.resource_schema)
        properties["resources"] = {"items": dict(kind.resource_schema)}
    if kind.manual_only:
        properties["manual"] = {"const": True}
    return {"properties": properties}


def _events(traits: EventTraits) -> dict[str, Json]:
    """The name of an event: one that is listed, the wildcard, a finer one, or where the list is open any."""
    listed: list[Json] = [_listed(name, words) for name, words in traits.names.items()]
    if traits.wildcard and traits.wildcard not in traits.names:
        listed.append({"const": traits.wildcard, "description": "Every event."})
    choices: list[Json] = [{"oneOf": listed}] if listed else []
    if traits.open:
        choices.append({"type": "string"})
    elif traits.separator and traits.names:
        separator = re.escape(traits.separator)
        names = "|".join(re.escape(name) for name in traits.names)
        choices.append({"pattern": f"^({names}){separator}.*[^{separator}]$", "description": "A finer event."})
    return choices[0] if len(choices) == 1 else {"anyOf": choices}


def _listed(name: str, words: str) -> Mapping[str, Json]:
    return {"const": name, "description": words} if words else {"const": name}
