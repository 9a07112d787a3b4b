"""One mistake hides no other, and leads to no further complaint: everything that is wrong comes in one run."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from reconciler.core.errors import Location, Problem
from reconciler.manifests.models import Manifest, ProjectFile
from reconciler.manifests.salvage import salvage
from tests.manifests.support import PROJECT, Folder

OK = "provider: forge, type: repo, resource: a/b, events: [push]"
SHAPE = "provider: forge, type: repo, resource: a/b, events: [push], manual: 5"
TYPOS = """\
graph: typos
triggers:
- {provider: forg, events: [push]}
- {provider: forge, type: rep, resource: a/b, events: [push]}
- {provider: forge, type: repo, resource: a/b, events: [isues]}
- {provider: forge, type: repo, resource: a/b, events: [push], credentials: mian}
"""
TYPO_CODES = ["unknown_provider", "unknown_type", "unknown_event", "unknown_credentials"]


def codes(problems: list[Problem], file: str = "webhooks/a.yaml") -> list[str]:
    """The codes of the problems in one file."""
    return [problem.code for problem in problems if problem.location and problem.location.file == file]


def triggers(*written: str, head: str = "graph: G") -> str:
    """A manifest of these triggers, one to a line from line 3 on."""
    return "\n".join([head, "triggers:", *(f"- {{{text}}}" for text in written)]) + "\n"


@pytest.mark.parametrize(
    ("manifest", "code"),
    [
        (f"{TYPOS}- {{{SHAPE}}}\n", "type"),
        (f"{TYPOS}- 5\n", "type"),
        (f"{TYPOS}- {{events: [push]}}\n", "missing_key"),
        (f"{TYPOS}usr: x\n", "unknown_key"),
        (f"{TYPOS}notify: x\n", "reserved_key"),
        (f"{TYPOS}user: 5\n", "type"),
        (f"{TYPOS}moved: [old]\n", "value"),
        (TYPOS.replace("graph: typos", "graph: 5"), "type"),
        (TYPOS.replace("graph: typos", "grap: x"), "unknown_key"),
    ],
)
def test_a_wrong_shape_hides_no_typo_in_its_document(folder: Folder, manifest: str, code: str) -> None:
    """Each trigger and each key at the top is judged by itself."""
    folder.manifest(manifest)
    assert sorted(codes(folder.problems())) == sorted([*TYPO_CODES, code])


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (f"{SHAPE}, credentials: mian", ["credentials", "manual"]),
        ("provider: forge, type: repo, resource: a/b, events: [5, isues]", ["events[0]", "events[1]"]),
        ("provider: forge, type: repo, resources: [5, x], events: [push]", ["resources[0]", "resources[1]"]),
        ("provider: forge, type: repo, resource: 5, events: [isues]", ["events[0]", "resource"]),
        ("provider: forg, events: 5, credentials: mian", ["credentials", "events", "provider"]),
        ("provider: forge, type: rep, resource: a/b, events: [x], credentials: bot", ["credentials", "type"]),
        ("provider: 5, type: x, events: [y], credentials: mian", ["credentials", "provider"]),
        ("provider: naked, manual: 5, events: [x]", ["events[0]", "manual", "provider"]),
    ],
)
def test_what_is_right_in_a_wrong_trigger_is_checked(folder: Folder, trigger: str, expected: list[str]) -> None:
    """Every key that stands there and has the right shape is compared with the known names."""
    folder.manifest(triggers(trigger))
    paths = [problem.path.removeprefix("triggers[0].") for problem in folder.problems()]
    assert sorted(paths) == expected


@pytest.mark.parametrize(
    "trigger",
    [
        "provider: forg, type: x, events: [y], options: {z: 1}, secret: env/T",
        "provider: forge, typ: repo, resource: a/b, events: [push]",
        "provider: forge, type: 5, resource: a/b, events: [push]",
        "provider: forge, type: repo, resourse: a/b, events: [push]",
        "provider: forge, type: repo, resource: [], events: [push]",
        "provider: forge, type: repo, manual: 5, secret: env/GONE, events: [push]",
        "provider: open, manul: true, events: [any]",
        "provider: open, credential: x, events: [any]",
        "provider: open, credentials: 5, events: [any]",
        "provider: forge, type: repo, resource: a/b, events: [push], options: 5",
    ],
)
def test_what_depends_on_a_mistake_is_not_judged(folder: Folder, trigger: str) -> None:
    """A trigger with one mistake has one problem."""
    folder.manifest(triggers(trigger))
    assert len(folder.problems()) == 1


@pytest.mark.parametrize("head", ["grap: G", "graph: 5", "graph: G\npreset: P", "usr: x\ngraph: G"])
def test_triggers_of_nobody_knows_whom_are_not_compared(folder: Folder, head: str) -> None:
    """Where the user or the graph is not known, two like triggers need not be the same."""
    folder.manifest(triggers(OK, head=head))
    folder.manifest(triggers(OK, head=head), "webhooks/b.yaml")
    problems = folder.problems()
    assert len(problems) == 2
    assert "duplicate_trigger" not in {problem.code for problem in problems}


def test_a_wrong_trigger_does_not_hide_that_others_are_the_same(folder: Folder) -> None:
    """Triggers that are right are compared with each other."""
    folder.manifest(triggers(SHAPE, OK, OK))
    assert codes(folder.problems()) == ["type", "duplicate_trigger"]


@pytest.mark.parametrize(
    "wrong",
    [
        PROJECT.replace("version: 1", "version: 2"),
        PROJECT.replace("version: 1\n", ""),
        PROJECT.replace("scope: acme", "scope: [a]"),
        PROJECT.replace("base_url: https://", "base_url: "),
        PROJECT.replace("[webhooks]", "[5, webhooks]"),
        PROJECT.replace("[webhooks]", "[gone, webhooks]"),
        PROJECT.replace("token: env/TOKEN, users", "token: literal, users"),
        f"{PROJECT}guards: 5\n",
        f"{PROJECT}schedule: x\n",
        f"{PROJECT}allow_unverified: [5]\n",
        f"{PROJECT}state: nowhere\n",
    ],
)
def test_a_wrong_project_file_hides_no_typo_in_manifests(folder: Folder, wrong: str) -> None:
    """The manifests are checked against the parts of the project file that are right."""
    folder.write("reconciler.yaml", wrong)
    folder.manifest(TYPOS)
    problems = folder.problems()
    assert codes(problems) == TYPO_CODES
    assert len(codes(problems, "reconciler.yaml")) == 1


@pytest.mark.parametrize(
    ("wrong", "silent"),
    [
        (PROJECT.replace("credentials:\n", "credentails:\n"), {"unknown_credentials"}),
        (PROJECT.replace("credentials:\n", "credentials: 5\nx:\n"), {"unknown_credentials"}),
        (PROJECT.replace("  main: {", "  mian: 5\n  main: {"), {"unknown_credentials"}),
        (PROJECT.replace("  main: {", "  ' mian': {provider: 5}\n  main: {"), set()),
        (PROJECT.replace("defaults: {user", "default: {user"), set()),
        (PROJECT.replace("user: platform", "user: 5"), set()),
        (PROJECT.replace("user: platform", "usr: platform"), set()),
        (PROJECT.replace("credentials: {forge", "credential: {forge"), set()),
        (PROJECT.replace("forge: main", "forge: [main]"), set()),
        (PROJECT.replace("forge: main", "forg: main"), set()),
        (PROJECT.replace("main: {provider: forge", "main: {provider: 5"), set()),
        (PROJECT.replace("main: {provider: forge", "main: {provder: env/X"), set()),
        (PROJECT.replace("main: {provider: forge", "main: {provider: froge"), set()),
        (f"{PROJECT}providers: [nowhere]\n", {"unknown_provider"}),
        (f"{PROJECT}providers: 5\n", {"unknown_provider"}),
    ],
)
def test_what_depends_on_a_wrong_project_file_is_not_judged(folder: Folder, wrong: str, silent: set[str]) -> None:
    """A mistake in the project file is told there, and not again at each trigger that relies on it."""
    folder.write("reconciler.yaml", wrong)
    folder.manifest(TYPOS + "".join(f"- {{{OK}, options: {{level: {level}}}}}\n" for level in ("low", "high")))
    problems = folder.problems()
    assert codes(problems) == [code for code in TYPO_CODES if code not in silent]
    assert codes(problems, "reconciler.yaml")


def test_users_of_credentials_that_are_wrong_are_not_judged(folder: Folder) -> None:
    """Who may use credentials is not known where that list is wrong, and is where the rest is."""
    folder.manifest(triggers(f"{OK}, credentials: alices"))
    folder.write("reconciler.yaml", PROJECT.replace("users: [alice]", "users: [5]"))
    assert codes(folder.problems()) == []
    folder.write("reconciler.yaml", PROJECT.replace("token: env/TOKEN, users", "token: canary, users"))
    assert codes(folder.problems()) == ["credentials_user"]


def test_a_wrong_list_of_unverified_providers_is_told_alone(folder: Folder) -> None:
    """A provider may be meant by the entry that is wrong; one that is far from it is not."""
    folder.manifest(triggers("provider: naked, manual: true, events: [push]"))
    for wrong, count in (("[5]", 0), ("5", 0), ("[nakd]", 0), ("[chatt]", 1)):
        folder.write("reconciler.yaml", f"{PROJECT}allow_unverified: {wrong}\n")
        problems = folder.problems()
        assert len(codes(problems, "reconciler.yaml")) == 1
        assert codes(problems) == ["unverified"] * count


def test_a_wrong_place_in_the_list_of_manifests_keeps_the_others(folder: Folder) -> None:
    """Each entry is told at its own place."""
    folder.write("reconciler.yaml", PROJECT.replace("[webhooks]", "[5, gone]"))
    assert [(problem.code, problem.path) for problem in folder.problems()] == [
        ("type", "manifests[0]"),
        ("missing_file", "manifests[1]"),
    ]


def test_a_project_file_that_cannot_be_read_leads_to_nothing_else(folder: Folder) -> None:
    """What the other project files do not say may stand in it; what is wrong in any case is told."""
    folder.write("broken.yaml", "credentials: [\n")
    folder.write("overlay.yaml", "manifests: [webhooks]\ncredentials: {main: {token: env/OTHER}}\n")
    folder.manifest(TYPOS)
    problems = folder.problems("broken.yaml", "overlay.yaml")
    assert codes(problems) == ["unknown_type", "unknown_event"]
    assert codes(problems, "broken.yaml") == ["yaml"]
    assert codes(problems, "overlay.yaml") == []


def test_what_could_not_be_read_is_not_told_to_be_empty(folder: Folder) -> None:
    """An alias that leads nowhere is one problem, in manifests and in the project file."""
    folder.manifest(triggers("provider: forge, type: repo, resource: a/b, events: [*x, isues]"))
    folder.write("reconciler.yaml", PROJECT.replace("env/TOKEN, users", "*x, users"))
    problems = folder.problems()
    assert len(codes(problems, "reconciler.yaml")) == 1
    assert len(codes(problems)) == 2
    assert codes(problems)[1] == "unknown_event"


def test_a_document_that_is_no_mapping_is_told_once(folder: Folder) -> None:
    """Nothing can be saved of it, and the other documents are read all the same."""
    folder.manifest(f"[a]\n---\n{TYPOS}")
    assert codes(folder.problems()) == ["type", *TYPO_CODES]
    folder.write("reconciler.yaml", "[a]\n")
    assert [problem.location for problem in folder.problems()] == [Location("reconciler.yaml", 1, 1)]


WORDS = st.sampled_from(
    [
        "",
        "x",
        "?",
        "env/X",
        "forge",
        " y",
        *ProjectFile.model_fields,
        *Manifest.model_fields,
        "provider",
        "events",
        "type",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
TRIGGERS = st.lists(VALUES | st.fixed_dictionaries({"provider": VALUES}, optional={"events": VALUES, "name": VALUES}))


@given(value=st.dictionaries(WORDS, VALUES), listed=TRIGGERS)
@pytest.mark.parametrize("model", [Manifest, ProjectFile])
def test_what_is_saved_of_a_wrong_value_is_right(
    model: type[BaseModel], value: dict[str, Any], listed: list[Any]
) -> None:
    """Whatever stands in a file, something is left that the model accepts, and lists keep their length."""
    value = {**value, "triggers": listed}
    before = repr(value)
    try:
        model.model_validate(value)
    except ValidationError as error:
        saved = salvage(model, value, error)
        assert saved is not None
        if isinstance(saved[0], Manifest):
            assert len(saved[0].triggers) == len(listed)
    assert repr(value) == before
