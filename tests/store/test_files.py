"""Modes of what the store creates, and what it refuses to open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.errors import StateError
from reconciler.store.files import create_with, make_folder
from reconciler.store.keys import KeySource
from reconciler.store.opening import open_for_reading, open_for_writing
from tests.store.samples import KEY, SCOPE, put, recorded, source, url


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:  # the folder is made before
    """A process with this umask."""
    assert tmp_path.exists()
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_state_and_key_are_the_for_the_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    """The state file, what SQLite keeps beside it and the key have mode 0600, the folder 0700."""
    path = tmp_path / "deep" / ".reconciler" / "state.db"

    with open_for_writing(url(path), KeySource()) as store:
        put(store, recorded())
        modes = {file.name: _mode(file) for file in path.parent.iterdir()}

    assert modes == dict.fromkeys(("key", "state.db", "state.db-shm", "state.db-wal"), 0o600)
    assert _mode(path.parent) == _mode(path.parent.parent) == 0o700


def test_a_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    """Only folders that we create are closed to others."""
    tmp_path.chmod(0o755)

    open_for_writing(url(tmp_path / "state.db"), source(KEY)).close()

    assert _mode(tmp_path) == 0o755


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602])
@pytest.mark.parametrize("name", ["state.db", "state.db-wal", "key"])
@pytest.mark.parametrize("opener", [open_for_reading, open_for_writing])
def test_a_file_that_others_can_touch_is_refused(tmp_path: Path, mode: int, name: str, opener: Any) -> None:
    """Group and others may neither read nor write: the message is the command that mends it."""
    state = url(tmp_path / "state.db")
    open_for_writing(state, KeySource()).close()
    path = tmp_path / name
    path.touch()
    path.chmod(mode)

    with pytest.raises(StateError, match=f"chmod 600 {path}"):
        opener(state, KeySource())


@pytest.mark.parametrize("name", ["state.db", "."])
def test_a_read_only_state_can_be_read_and_not_written(tmp_path: Path, name: str) -> None:
    """A read-only file, or one in a read-only folder, serves readers; a writer is told, and leaves nothing behind."""
    state = url(tmp_path / "state.db")
    with open_for_writing(state, source(KEY)) as store:
        put(store, recorded())
    locked = tmp_path / name
    locked.chmod(0o500 if locked.is_dir() else 0o400)
    if os.access(locked, os.W_OK):
        pytest.skip("this user may write to read-only files")

    with open_for_reading(state, source(KEY)) as store:
        assert store.records(SCOPE) == [recorded()]
    with pytest.raises(StateError, match="read-only for this user"):
        open_for_writing(state, source(KEY))

    assert [path.name for path in tmp_path.iterdir()] == ["state.db"]
    locked.chmod(0o700)


def test_a_folder_in_place_of_the_state_file_is_refused(tmp_path: Path) -> None:
    """A path that is no regular file is told apart from a damaged one."""
    tmp_path.chmod(0o700)

    with pytest.raises(StateError, match="no regular file"):
        open_for_writing(url(tmp_path), source(KEY))


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file where a folder is needed gives a message that names it, not a traceback."""
    (tmp_path / "file").touch()

    with pytest.raises(StateError, match="file"):
        open_for_writing(url(tmp_path / "file" / "state.db"), source(KEY))


def test_create_with_never_replaces_a_file(tmp_path: Path) -> None:
    """The second of two creators learns that it was second, and leaves no draft behind."""
    assert create_with(tmp_path / "key", "first")
    assert not create_with(tmp_path / "key", "second")

    assert (tmp_path / "key").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_make_folder_makes_what_is_missing_only(tmp_path: Path) -> None:
    """Existing parents are left alone, and making a folder again is fine."""
    tmp_path.chmod(0o750)

    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")

    assert (_mode(tmp_path), _mode(tmp_path / "a"), _mode(tmp_path / "a" / "b")) == (0o750, 0o700, 0o700)
