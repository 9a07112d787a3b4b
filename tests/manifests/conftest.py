"""Fixtures of these tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.manifests.support import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A valid project without manifests."""
    (tmp_path / "webhooks").mkdir()
    return Folder(tmp_path)
