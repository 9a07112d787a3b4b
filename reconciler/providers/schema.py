"""The definition format as JSON Schema, for editors and for `schemas/provider.schema.json`."""

from __future__ import annotations

from reconciler.core.model import Json
from reconciler.providers.definition import Definition


def provider_schema() -> dict[str, Json]:
    """The JSON Schema (draft 2020-12) of a provider definition, generated from the models."""
    schema = Definition.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Provider definition of webhook-reconciler",
        **{key: value for key, value in schema.items() if key != "title"},
    }
