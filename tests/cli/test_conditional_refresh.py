"""What a pass was told by a provider is asked for conditionally by the next one."""

from __future__ import annotations

from tests.cli.support import Project


def listed(project: Project) -> list[int | None]:
    """The statuses of the lists since they were last asked for."""
    statuses = [
        asked.status for asked in project.sandbox.log if asked.method == "GET" and asked.path.endswith("/hooks")
    ]
    project.sandbox.log.clear()
    return statuses


def test_a_later_pass_is_told_that_nothing_changed(project: Project) -> None:
    """The answer is kept with the state, so the third pass of three processes gets a 304, and sees what follows."""
    project.manifest("push")
    project.run()
    listed(project)
    second, read = project.run(), listed(project)
    third, unchanged = project.run(), listed(project)
    project.manifest("push", "issues")
    project.run()
    listed(project)
    last, changed = project.run(), listed(project)

    assert second.out == third.out == last.out == "In sync: 1 webhook, nothing to do.\n"
    assert (read, unchanged) == ([200], [304])
    assert changed == [200]


def test_an_edit_at_the_provider_is_seen_though_the_list_was_kept(project: Project) -> None:
    """A webhook that somebody switched off is found by the very next pass."""
    project.manifest("push")
    project.run()
    project.run()
    listed(project)
    for hook in project.sandbox.github._hooks.values():
        hook.active = False
    done, asked = project.run(), listed(project)

    assert done.code == 0
    assert "1 done" in done.out
    assert asked == [200]
