"""The question that is asked at a terminal."""

from __future__ import annotations

from tests.cli.support import Project


def test_y_applies(project: Project) -> None:
    """The plan is shown, the question asked on stderr, and yes means yes."""
    project.manifest("push")
    done = project.at_terminal("y\n")
    assert "1 create" in done.out
    assert "Apply these changes? [y/N]" in done.err
    assert done.code == 0
    assert len(project.sandbox.github.webhooks()) == 1


def test_anything_else_applies_nothing(project: Project) -> None:
    """An empty line, a no, or the end of input leave everything as it is."""
    project.manifest("push")
    for answer in ("\n", "n\n", "maybe\n", ""):
        done = project.at_terminal(answer)
        assert done.code == 1
        assert "nothing was applied" in done.err
    assert len(project.sandbox.github.webhooks()) == 0


def test_yes_skips_the_question(project: Project) -> None:
    """--yes does not ask."""
    project.manifest("push")
    done = project.at_terminal("", "--yes")
    assert "Apply these changes?" not in done.err
    assert done.code == 0


def test_nothing_is_asked_where_there_is_nothing_to_do(project: Project) -> None:
    """In sync, no question."""
    project.manifest("push")
    project.run()
    done = project.at_terminal("")
    assert "Apply these changes?" not in done.err
    assert done.code == 0


def test_with_json_the_reader_still_sees_what_is_asked(project: Project) -> None:
    """Stdout stays one JSON document; the plan to judge is shown on stderr."""
    project.manifest("push")
    done = project.at_terminal("y\n", "--format", "json")
    assert done.document["applied"]["done"] == 1
    assert "+" in done.err
    assert "1 create" in done.err


def test_colour_respects_no_color(project: Project) -> None:
    """Colour shows on a terminal alone, and NO_COLOR takes it away."""
    project.manifest("push")
    (project.root / "webhooks" / "triage.yaml").write_text("graph: 1\n")
    assert "\x1b[31m" in project.at_terminal("").err
    project.environment["NO_COLOR"] = "1"
    assert "\x1b[" not in project.at_terminal("").err
