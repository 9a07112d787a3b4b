"""The JSON Schemas in `schemas/` are those of the models, and the documents of the examples are valid by them."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from reconciler.core.model import Json
from reconciler.documents.reading import read_documents
from reconciler.manifests.schema import project_manifest_schema
from reconciler.providers.catalogue import known_definitions
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


GITHUB: Json = {"provider": "github", "type": "repo", "resource": "acme/api", "events": ["push"]}
MAXIMUM = 400 * 1024


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"events": ["issues.opened", "pull_request"]}, True),
        ({"events": ["*"]}, True),
        ({"resource": None, "resources": ["acme/api", "acme/web"]}, True),
        ({"options": {"insecure_ssl": "0"}}, True),
        ({"events": ["isues"]}, False),
        ({"events": ["isues.opened"]}, False),
        ({"events": ["issues."]}, False),
        ({"events": ["push", "pull_requests"]}, False),
        ({"type": "rep"}, False),
        ({"type": None}, False),
        ({"resource": "acme"}, False),
        ({"resource": None, "resources": ["acme/api", "acme"]}, False),
        ({"options": {"insecure_ssl": "maybe"}}, False),
        ({"options": {"insecure": "0"}}, False),
        ({"provider": "forge"}, True),
        ({"provider": "for ge"}, False),
    ],
)
def test_an_editor_refuses_what_the_provider_does_not_have(changes: Json, expected: bool) -> None:
    """Types, events, resources and options of a built-in provider are exact; others are taken as they come."""
    trigger = {key: value for key, value in {**GITHUB, **changes}.items() if value is not None}
    assert valid("manifest", {"graph": "g", "triggers": [trigger]}) is expected


def test_an_editor_tells_what_each_event_means() -> None:
    """Every provider, type and event has its words, as `const` and `description`."""
    schema = SCHEMAS["manifest"]()
    listed, _ = schema["$defs"]["TriggerSpec"]["properties"]["provider"]["anyOf"]
    providers = {choice["const"]: choice["description"] for choice in listed["oneOf"]}
    assert set(providers) == set(known_definitions())
    for name, traits in known_definitions().traits.items():
        for kind in traits.types.values():
            reference = schema["$defs"][f"{name}.{kind.name}"]["properties"]["events"]["items"]["$ref"]
            events = schema["$defs"][reference.removeprefix("#/$defs/")]
            choices = events.get("oneOf") or next((part["oneOf"] for part in events["anyOf"] if "oneOf" in part), [])
            words = {choice["const"]: choice.get("description", "") for choice in choices}
            assert all(words.get(event) == said for event, said in kind.events.names.items())


def test_a_schema_is_no_burden() -> None:
    """An editor loads it for every file."""
    assert all(len(rendered(name)) < MAXIMUM for name in SCHEMAS)


def test_the_schema_of_a_project_knows_all_its_providers() -> None:
    """Where the project's own definitions are known too, no other name is valid."""
    traits = known_definitions().traits.values()
    schema = Draft202012Validator(project_manifest_schema(traits))
    assert schema.is_valid({"graph": "g", "triggers": [GITHUB]})
    assert not schema.is_valid({"graph": "g", "triggers": [{**GITHUB, "provider": "forge"}]})
