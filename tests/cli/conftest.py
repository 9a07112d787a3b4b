"""Fixtures of the command's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.support import Project, project_file, serving


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project without manifests yet, and the sandbox that it leads to."""
    with serving() as (origin, sandbox):
        made = Project(root=tmp_path / "project", origin=origin, sandbox=sandbox)
        made.write("reconciler.yaml", project_file(origin))
        (made.root / "webhooks").mkdir()
        yield made
