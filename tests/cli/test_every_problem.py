"""`reconcile validate` tells in one run what is wrong in project file, definitions, manifests and among triggers."""

from __future__ import annotations

from typing import Any

from reconciler.cli.exits import ExitCode
from tests.cli.support import Project, project_file

SHARED = "provider: github, type: repo, resource: acme/api"
DISAGREE = f"""\
  - {{{SHARED}, events: [push], options: {{insecure_ssl: '0'}}}}
  - {{{SHARED}, events: [issues], options: {{insecure_ssl: '1'}}}}
"""


def told(project: Project) -> list[tuple[str, str]]:
    """File and code of every problem, in the order in which they are told."""
    done = project.run("validate", "--format", "json")
    assert done.code == ExitCode.INVALID
    problems: list[Any] = done.document["problems"]
    assert all(problem not in problems[:number] for number, problem in enumerate(problems))
    return [(problem["file"], problem["code"]) for problem in problems]


def test_triggers_that_disagree_are_told_beside_other_problems(project: Project) -> None:
    """Triggers that are right are compared although the project file and other triggers are wrong."""
    project.write("webhooks/a.yaml", f"graph: G\ntriggers:\n{DISAGREE}  - {{provider: githb, type: x, events: [y]}}\n")
    project.write("reconciler.yaml", project_file(project.origin, "guards: {max_prune_percent: 101}"))
    assert told(project) == [
        ("reconciler.yaml", "value"),
        ("webhooks/a.yaml", "options_disagree"),
        ("webhooks/a.yaml", "unknown_provider"),
    ]


def test_a_trigger_with_a_mistake_does_not_disagree(project: Project) -> None:
    """What a wrong trigger would share is not known, so it is compared with no other."""
    project.write("webhooks/a.yaml", f"graph: G\ntriggers:\n{DISAGREE.replace('issues', 'isues')}")
    assert told(project) == [("webhooks/a.yaml", "unknown_event")]


def test_definitions_that_cannot_be_found_or_read_leave_their_triggers_alone(project: Project) -> None:
    """The definition is told once; a provider that may be defined in a missing folder is not called unknown."""
    project.write("own/broken.yaml", "name: broken\n")
    project.write("own/Not A Name.yaml", "name: x\n")
    project.write("reconciler.yaml", project_file(project.origin, "providers: [own]"))
    names = ("broken", "broken", "not-a-name")
    lines = "".join(f"  - {{provider: {name}, events: [y]}}\n" for name in names)
    project.write("webhooks/a.yaml", f"graph: G\ntriggers:\n{lines}{DISAGREE}")
    problems = told(project)
    assert [code for file, code in problems if file == "webhooks/a.yaml"] == ["options_disagree"]
    assert {file.rpartition("/")[2] for file, _ in problems} == {"a.yaml", "broken.yaml", "Not A Name.yaml"}


def test_a_missing_project_file_names_the_folder_and_the_way_on(project: Project) -> None:
    """Whoever stands in the wrong folder sees which one it is, and the command to try."""
    (project.root / "reconciler.yaml").unlink()
    done = project.run("--dry-run")
    assert done.code == ExitCode.INVALID
    assert f"no project file 'reconciler.yaml' in the folder {project.root.resolve()}" in done.err
    assert "reconcile -C FOLDER validate" in done.err
