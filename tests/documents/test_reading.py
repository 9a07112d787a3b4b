"""Reading files: regular ones only, and no failure is a traceback."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.documents.reading import read, read_documents
from reconciler.documents.syntax import MAX_BYTES


def test_a_file_is_read_and_composed(tmp_path: Path) -> None:
    """The name that is shown, not the path, stands in positions."""
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\n", encoding="utf-8")
    (document,) = read_documents(path, "webhooks/a.yaml").documents
    assert (document.value, document.file) == ({"a": 1}, "webhooks/a.yaml")


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    """A file that does not exist is told with its shown name."""
    (problem,) = read_documents(tmp_path / "gone.yaml", "gone.yaml").problems
    assert str(problem) == "gone.yaml:1:1: the file does not exist"


def test_a_fifo_is_refused_without_waiting(tmp_path: Path) -> None:
    """A FIFO without a writer does not make the program hang."""
    os.mkfifo(tmp_path / "pipe.yaml")
    (problem,) = read_documents(tmp_path / "pipe.yaml", "pipe.yaml").problems
    assert problem.code == "not_a_file"


def test_a_folder_and_a_broken_path_are_refused(tmp_path: Path) -> None:
    """What is not a file, or not even a path, is a problem."""
    assert read_documents(tmp_path, "x").problems[0].code == "unreadable"
    assert read_documents(Path("a\0b"), "x").problems[0].code == "unreadable"


def test_no_more_than_the_limit_is_read(tmp_path: Path) -> None:
    """A file over the limit is refused while it is read."""
    path = tmp_path / "big.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    problem = read(path, "big.yaml")
    assert not isinstance(problem, bytes)
    assert problem.code == "too_large"
