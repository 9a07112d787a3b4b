"""The JSON Schemas in `schemas/` are those of the models, and the documents of the examples are valid by them."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reconciler.core.model import Json
from reconciler.documents.reading import read_documents
from scripts.generate_schemas import FOLDER, SCHEMAS, rendered

EXAMPLES = FOLDER.parent / "examples"

PROJECT: Json = {"version": 1, "scope": "s", "manifests": ["webhooks"]}
TRIGGER: Json = {"provider": "forge", "events": ["push"]}


def valid(name: str, value: Json) -> bool:
    """Whether a value is valid by one of the schemas."""
    return bool(Draft202012Validator(SCHEMAS[name]()).is_valid(value))


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_committed_schema_is_the_generated_one(name: str) -> None:
    """A change of a model needs a run of `scripts/generate_schemas.py`."""
    assert (FOLDER / f"{name}.schema.json").read_text(encoding="utf-8") == rendered(name)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schema_is_a_schema(name: str) -> None:
    """Each is valid by the dialect that it names."""
    schema = SCHEMAS[name]()
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    "path", sorted(EXAMPLES.rglob("*.yaml")), ids=lambda path: path.relative_to(EXAMPLES).as_posix()
)
def test_every_example_is_valid(path: Path) -> None:
    """An editor that uses the schemas finds nothing wrong with the examples."""
    composition = read_documents(path, path.name)
    assert composition.problems == ()
    name = "project" if path.name == "reconciler.yaml" else "manifest"
    assert all(valid(name, document.value) for document in composition.documents)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"credentials": {"x": {"provider": "forge", "token": "env/T", "users": ["u"]}}}, True),
        ({"credentials": {"x": {"provider": "forge", "token": "literal"}}}, False),
        ({"version": 2}, False),
        ({"moved": []}, False),
        ({"guards": {"max_prune_percent": 101}}, False),
    ],
)
def test_the_project_schema_tells_right_from_wrong(changes: Json, expected: bool) -> None:
    """The schema refuses what the loader refuses."""
    assert valid("project", {**PROJECT, **changes}) is expected


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        ({"graph": "g", "triggers": [TRIGGER]}, True),
        ({"preset": "p", "user": "u", "triggers": []}, True),
        ({"graph": "g", "preset": "p", "triggers": []}, False),
        ({"triggers": []}, False),
        ({"graph": "g", "triggers": [{**TRIGGER, "resource": "a", "resources": ["b"]}]}, False),
        ({"graph": "g", "triggers": [{**TRIGGER, "manual": "yes"}]}, False),
        ({"graph": "g", "triggers": [{**TRIGGER, "secret": "literal"}]}, False),
        ({"graph": "g", "triggers": [{"provider": "forge", "events": []}]}, False),
    ],
)
def test_the_manifest_schema_tells_right_from_wrong(manifest: Json, expected: bool) -> None:
    """The schema refuses what the loader refuses."""
    assert valid("manifest", manifest) is expected
