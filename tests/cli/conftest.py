"""Fixtures of the command's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.testing.sandbox import Sandbox
from tests.cli.support import Project, project_file, serving


@pytest.fixture(scope="session")
def server() -> Iterator[tuple[str, Sandbox]]:
    """One sandbox on loopback for all tests of a process."""
    with serving() as served:
        yield served


@pytest.fixture
def project(tmp_path: Path, server: tuple[str, Sandbox]) -> Project:
    """A project without manifests yet, and the sandbox that it leads to, as new."""
    origin, sandbox = server
    sandbox.reset()
    made = Project(root=tmp_path / "project", origin=origin, sandbox=sandbox)
    made.write("reconciler.yaml", project_file(origin))
    (made.root / "webhooks").mkdir()
    return made
