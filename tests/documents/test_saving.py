"""Files are replaced whole, by one function, with the mode that each caller needs."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from reconciler.documents.saving import swap


def mode(path: Path) -> int:
    """The permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_gets_the_mode_that_was_asked_for_or_what_the_umask_leaves(tmp_path: Path) -> None:
    """Whatever the file before had."""
    path = tmp_path / "file"
    path.write_bytes(b"before")
    path.chmod(0o604)
    umask = os.umask(0o027)
    try:
        swap(path, b"plan")
        assert (path.read_bytes(), mode(path)) == (b"plan", 0o640)
        swap(path, b"key", 0o600)
        assert (path.read_bytes(), mode(path)) == (b"key", 0o600)
        swap(path, b"manifest", 0o666)
        assert mode(path) == 0o666
        swap(tmp_path / "new", b"new")
    finally:
        os.umask(umask)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "new"]


def test_a_link_is_followed(tmp_path: Path) -> None:
    """What it leads to is replaced, and it stays a link."""
    link, real = tmp_path / "link", tmp_path / "real"
    real.write_bytes(b"before")
    link.symlink_to(real)
    swap(link, b"after")
    assert (link.is_symlink(), real.read_bytes()) == (True, b"after")


def test_the_draft_of_a_killed_process_does_not_stay(tmp_path: Path) -> None:
    """A draft with a fixed name, which may hold a key, is written anew."""
    path, draft = tmp_path / "key", tmp_path / ".key.draft"
    draft.write_bytes(b"half")
    swap(path, b"whole", 0o600, draft)
    assert (path.read_bytes(), draft.exists()) == (b"whole", False)


def test_what_cannot_be_written_leaves_everything_as_it_was(tmp_path: Path) -> None:
    """The old content, and no draft."""
    path = tmp_path / "file"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        swap(path, b"x")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
