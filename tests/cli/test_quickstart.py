"""The example that everybody runs first."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.cli.support import CANARIES, Project

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"


def test_the_quickstart_plans_applies_and_is_in_sync(project: Project, tmp_path: Path) -> None:
    """All four providers and a manual webhook: six creates, then nothing; an edit and a drop show as such."""
    shutil.copytree(QUICKSTART, tmp_path / "quickstart", ignore=shutil.ignore_patterns(".reconciler"))
    text = (tmp_path / "quickstart" / "reconciler.yaml").read_text()
    here = Project(root=tmp_path / "quickstart", origin=project.origin, sandbox=project.sandbox)
    here.write("reconciler.yaml", text.replace("http://127.0.0.1:8787", project.origin))
    here.environment = {f"SANDBOX_{name}": value for name, value in CANARIES.items()}
    assert "Plan: 6 create; 0 in sync." in here.run("--dry-run").out
    assert here.run("--yes").code == 0
    assert here.run("--dry-run").out == "In sync: 6 webhooks, nothing to do.\n"
    triage = (here.root / "webhooks" / "triage.yaml").read_text()
    here.write("webhooks/triage.yaml", triage.replace("pull_request]", "push]"))
    (here.root / "webhooks" / "support.yaml").unlink()
    planned = here.run("--dry-run")
    assert "events +push -pull_request" in planned.out
    assert "Plan: 2 update, 1 prune; 3 in sync." in planned.out
    assert here.run("--yes").code == 0
