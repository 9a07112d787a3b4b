"""Definitions are found by file name, loaded when asked for, and every problem names its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.errors import ConfigError
from reconciler.core.model import ProviderTraits
from reconciler.providers.catalogue import definitions_in, known_definitions, load
from reconciler.providers.definition_files import api_definitions
from reconciler.settings.urls import ApiHome
from tests.providers.support import FOLDER, NAMES

MINIMAL = """\
version: 1
name: {name}
title: Acme
types:
  thing:
    title: a thing
    resource:
      schema: {{type: string}}
events: {{catalogue: {{made: A thing was made.}}}}
secret: {{origin: caller}}
verify: {{scheme: token, header: X-Acme}}
delivery: {{event: {{from: constant, name: made}}}}
"""


def write(folder: Path, name: str, text: str = MINIMAL) -> Path:
    """A definition file of the project's own."""
    path = folder / f"{name}.yaml"
    path.write_text(text.format(name=name) if text is MINIMAL else text, encoding="utf-8")
    return path


def problems_of(path: Path, name: str) -> list[str]:
    """What loading a file tells, as it is shown."""
    with pytest.raises(ConfigError) as caught:
        load(path, name)
    return [str(problem).removeprefix(str(path.parent) + "/") for problem in caught.value.problems]


def test_the_package_knows_its_providers() -> None:
    """The shipped definitions are found, in the order of their names."""
    assert tuple(known_definitions()) == NAMES


def test_listing_names_parses_nothing(tmp_path: Path) -> None:
    """A broken file is listed like any other: only asking for it loads it."""
    write(tmp_path, "broken", "{")
    definitions = definitions_in(FOLDER, [tmp_path])

    assert list(definitions) == sorted(["broken", *NAMES])
    assert len(definitions) == len(NAMES) + 1
    assert "broken" in definitions
    assert definitions.problems == ()
    with pytest.raises(ConfigError):
        definitions["broken"]


def test_an_unknown_provider_is_a_missing_key() -> None:
    """`Definitions` behaves as a mapping."""
    with pytest.raises(KeyError):
        known_definitions()["nobody"]


def test_a_definition_is_loaded_once() -> None:
    """Asking twice gives the same object, from the view of core too."""
    definitions = known_definitions()

    assert definitions["github"] is definitions["github"]
    traits = definitions.traits
    assert traits["github"] is traits["github"]
    assert isinstance(traits["github"], ProviderTraits)
    assert list(traits) == list(definitions)
    assert len(traits) == len(definitions)
    assert "github" in traits


def test_a_project_adds_its_own(tmp_path: Path) -> None:
    """A definition in the project's folder is a provider like the others, and vouches for no host."""
    write(tmp_path, "acme")
    definitions = definitions_in(FOLDER, [tmp_path])

    assert definitions["acme"].title == "Acme"
    assert definitions.check() == ()
    assert set(definitions.api_home("acme").hosts) == set()
    assert definitions.api_home("nobody") == ApiHome()
    assert definitions.api_home("github").hosts == {"api.github.com"}


def test_a_built_in_name_is_not_shadowed(tmp_path: Path) -> None:
    """A project's github.yaml is a problem, and the built-in one stays in force."""
    path = write(tmp_path, "github")
    definitions = definitions_in(FOLDER, [tmp_path])

    (problem,) = definitions.check()
    assert str(problem) == f"{path}:1:1: 'github' is a built-in provider: use another name"
    assert definitions["github"].title == "GitHub"


def test_a_name_stands_once_in_all_folders(tmp_path: Path) -> None:
    """Two folders with the same provider leave open which one counts."""
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    other = write(first, "acme")
    path = write(second, "acme")

    (problem,) = definitions_in(FOLDER, [first, second]).problems
    assert str(problem) == f"{path}:1:1: the provider 'acme' is defined in {other} as well"


def test_a_missing_folder_is_a_problem(tmp_path: Path) -> None:
    """A folder that the project names and that is not there is told."""
    (problem,) = definitions_in(FOLDER, [tmp_path / "nowhere"]).check()

    assert problem.code == "missing_folder"


def test_a_file_is_named_after_its_provider(tmp_path: Path) -> None:
    """File name and `name` agree, and the file name is one that a provider may have."""
    write(tmp_path, "Acme Corp")
    (problem,) = definitions_in(FOLDER, [tmp_path]).problems
    assert problem.code == "provider_name"

    path = write(tmp_path, "acme", MINIMAL.format(name="other"))
    assert problems_of(path, "acme") == ["acme.yaml:2:7: name: the name must be 'acme', as the file is called"]


def test_problems_have_line_and_column(tmp_path: Path) -> None:
    """Every problem of a file comes at once, each with its place and the way out."""
    text = (
        MINIMAL.format(name="acme")
        .replace("title: Acme\n", "titel: Acme\n")
        .replace("constant, name: made", "expression")
    )
    path = write(tmp_path, "acme", text + "hooks: {}\n")

    found = problems_of(path, "acme")

    assert any(line.startswith("acme.yaml:3:1: titel: unknown key 'titel' (did you mean 'title'?)") for line in found)
    assert any(line.startswith("acme.yaml:1:1: the key 'title' is missing") for line in found)
    assert any(line.startswith("acme.yaml:12:19: delivery.event: from 'expression' is reserved") for line in found)
    assert any(line.startswith("acme.yaml:13:8: hooks: is reserved") for line in found)
    assert len(found) == 4


def test_what_does_not_fit_together_has_its_place_too(tmp_path: Path) -> None:
    """Refusals over several blocks point into the document as well."""
    path = write(tmp_path, "acme", MINIMAL.format(name="acme").replace("name: made}", "name: sold}"))

    assert problems_of(path, "acme") == [
        "acme.yaml:12:42: delivery.event.name: 'sold' is not in the catalogue",
    ]


def test_a_file_holds_one_document(tmp_path: Path) -> None:
    """A second document would be ignored, so it is refused."""
    path = write(tmp_path, "acme", MINIMAL.format(name="acme") + "---\nversion: 1\n")

    assert problems_of(path, "acme") == ["acme.yaml:14:1: a file of a provider definition holds one document"]


def test_all_own_problems_come_in_one_check(tmp_path: Path) -> None:
    """`check` reads every file of the project's own."""
    write(tmp_path, "one", "version: 2\n")
    write(tmp_path, "two", "- nothing\n")

    files = {problem.location.file for problem in definitions_in(FOLDER, [tmp_path]).check() if problem.location}

    assert files == {str(tmp_path / "one.yaml"), str(tmp_path / "two.yaml")}


@pytest.mark.parametrize("name", NAMES)
def test_a_pass_reads_the_same_provider_without_what_only_deliveries_need(name: str) -> None:
    """The half that a pass needs is told alike by both readings: traits, operations, and names of events."""
    half, whole = api_definitions(), known_definitions()

    assert half.traits[name] == whole.traits[name]
    assert half[name].event_names == whole[name].event_names
    assert half[name].operations == whole[name].operations
    assert half.api_home(name) == whole.api_home(name)
