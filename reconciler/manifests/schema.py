"""The project file and the manifest as JSON Schemas, for editors and other tools."""

from __future__ import annotations

from pydantic import BaseModel

from reconciler.core.model import Json
from reconciler.manifests.models import Manifest, ProjectFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def project_schema() -> dict[str, Json]:
    """The JSON Schema (draft 2020-12) of the project file."""
    return _schema(ProjectFile, "project", "Project file of webhook-reconciler")


def manifest_schema() -> dict[str, Json]:
    """The JSON Schema (draft 2020-12) of one manifest document."""
    return _schema(Manifest, "manifest", "Manifest of webhook-reconciler")


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
