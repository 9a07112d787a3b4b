"""The project file and the manifest as JSON Schemas, for editors and other tools."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel

from reconciler.core.model import Json, ProviderTraits
from reconciler.manifests.editor import has_value as _is
from reconciler.manifests.editor import provider_definitions
from reconciler.manifests.models import NAME_PATTERN, Manifest, ProjectFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def project_schema() -> dict[str, Json]:
    """The JSON Schema (draft 2020-12) of the project file."""
    return _schema(ProjectFile, "project", "Project file of webhook-reconciler")


def manifest_schema(providers: Iterable[ProviderTraits]) -> dict[str, Json]:
    """The JSON Schema (draft 2020-12) of one manifest document.

    What it says of each of `providers` is exact; triggers of any other provider are taken as they come.
    """
    return _manifest_schema(providers, [{"type": "string", "pattern": NAME_PATTERN}])


def project_manifest_schema(providers: Iterable[ProviderTraits]) -> dict[str, Json]:
    """The same for a project whose providers are all known: the name of any other is refused."""
    return _manifest_schema(providers, [])


def _manifest_schema(providers: Iterable[ProviderTraits], others: list[Json]) -> dict[str, Json]:
    schema = _schema(Manifest, "manifest", "Manifest of webhook-reconciler")
    trigger = schema["$defs"]["TriggerSpec"]
    known = list(providers)
    named = {"oneOf": [{"const": item.name, "description": item.title} for item in known]}
    description = trigger["properties"]["provider"]["description"]
    trigger["properties"]["provider"] = {"description": description, "anyOf": [named, *others]}
    trigger["allOf"] = [{"if": _is("provider", item.name), "then": {"$ref": f"#/$defs/{item.name}"}} for item in known]
    for item in known:
        schema["$defs"] |= provider_definitions(item)
    return schema


def _schema(model: type[BaseModel], name: str, title: str) -> dict[str, Json]:
    body: dict[str, Json] = _plain(model.model_json_schema())
    return {"$schema": DIALECT, "$id": f"urn:webhook-reconciler:schemas:{name}:1", "title": title, **body}


def _plain(node: Json) -> Json:
    """Without what only the models need: generated titles, and `null` for what is left out rather than written."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _plain(value) for key, value in node.items() if key != "title" or not isinstance(value, str)}
    members = plain.get("anyOf")
    if isinstance(members, list) and {"type": "null"} in members and len(members) == 2:
        del plain["anyOf"]
        plain.update(next(member for member in members if member != {"type": "null"}))
        if plain.get("default", ...) is None:
            del plain["default"]
    return plain
