"""Secret references: what they may be, what they may reach, and that nothing of a secret is told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.core.errors import ConfigError
from reconciler.core.model import Secret
from reconciler.settings.secrets import MAX_BYTES, SecretReader, SecretReference, parse_reference


def reader(root: Path, environment: Mapping[str, str] | None = None, *folders: Path) -> SecretReader:
    """A reader for the project in `root`."""
    return SecretReader(root, environment or {}, folders)


def refusal(root: Path, text: str, environment: Mapping[str, str] | None = None) -> str:
    """What is said where the reference `text` does not resolve."""
    with pytest.raises(ConfigError) as caught:
        reader(root, environment).read(parse_reference(text))
    return str(caught.value)


def test_references_are_parsed() -> None:
    """Everything after the first slash is the target; two slashes make an absolute path."""
    assert parse_reference("env/GITHUB_TOKEN") == SecretReference("env", "GITHUB_TOKEN")
    assert parse_reference("file/a/b") == SecretReference("file", "a/b")
    assert parse_reference("file//run/secrets/x") == SecretReference("file", "/run/secrets/x")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ghp_canary", "never the secret itself"),
        ("canary/with/slashes", "never the secret itself"),
        ("ENV/canary", "never the secret itself"),
        ("", "never the secret itself"),
        ("env/", "name of an environment variable"),
        ("env/canary-x", "name of an environment variable"),
        ("file/", "a path"),
        ("file/a\0canary", "a path"),
        ("exec/canary", "'exec/' are reserved"),
        ("vault/canary#x", "'vault/' are reserved"),
        ("env/RECONCILER_KEY", "RECONCILER_KEY is the reconciler's own"),
    ],
)
def test_anything_else_is_refused_without_repeating_it(text: str, words: str) -> None:
    """A literal, a reserved word or a broken reference is refused, and its text is not echoed."""
    with pytest.raises(ConfigError) as caught:
        parse_reference(text)
    assert words in str(caught.value)
    assert "canary" not in f"{caught.value}{caught.value!r}{caught.value.problems!r}"


def test_a_variable_is_read_without_its_line_break(tmp_path: Path) -> None:
    """`env/NAME` gives the variable's value."""
    assert reader(tmp_path, {"T": "value\n"}).read(parse_reference("env/T")) == Secret("value")


def test_an_absent_or_empty_variable_is_named(tmp_path: Path) -> None:
    """The message names the variable that is to be set."""
    assert refusal(tmp_path, "env/TOKEN") == "the environment variable TOKEN is not set"
    assert refusal(tmp_path, "env/TOKEN", {"TOKEN": " \n"}) == "the environment variable TOKEN is empty"


def test_a_file_is_read_relative_to_the_project(tmp_path: Path) -> None:
    """`file/PATH` gives the content of a file below the project, without the line break at its end."""
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/token").write_text("value\r\n", encoding="utf-8")
    assert reader(tmp_path).read(parse_reference("file/keys/token")) == Secret("value")
    assert reader(tmp_path).read(parse_reference(f"file/{tmp_path}/keys/token")) == Secret("value")


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside/token", "link", "folder/token", "loop"])
def test_a_file_outside_is_refused(tmp_path: Path, target: str) -> None:
    """Absolute paths, `..` and symbolic links do not lead out of the project."""
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()
    (outside / "token").write_text("canary", encoding="utf-8")
    (project / "link").symlink_to(outside / "token")
    (project / "folder").symlink_to(outside)
    (project / "loop").symlink_to(project / "loop")
    told = refusal(project, f"file/{target}")
    assert "RECONCILER_SECRET_DIRS" in told or "leads nowhere" in told
    assert "canary" not in told


def test_the_operator_can_allow_a_folder(tmp_path: Path) -> None:
    """A folder of RECONCILER_SECRET_DIRS may be read, also through a link in the project."""
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()
    (outside / "token").write_text("value", encoding="utf-8")
    (project / "link").symlink_to(outside / "token")
    allowed = reader(project, None, outside)
    assert allowed.read(parse_reference(f"file/{outside}/token")) == Secret("value")
    assert allowed.read(parse_reference("file/link")) == Secret("value")


def test_our_own_state_folder_is_no_source_of_secrets(tmp_path: Path) -> None:
    """The encryption key must not be sent anywhere as a token."""
    (tmp_path / ".reconciler").mkdir()
    (tmp_path / ".reconciler/key").write_text("canary", encoding="utf-8")
    assert "state folder" in refusal(tmp_path, "file/.reconciler/key")


def test_only_small_text_in_regular_files_is_read(tmp_path: Path) -> None:
    """Missing, empty, large, binary and special files are refused, and none is waited for."""
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    (tmp_path / "large").write_bytes(b"x" * (MAX_BYTES + 1))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    os.mkfifo(tmp_path / "pipe")
    assert "cannot be read: No such file" in refusal(tmp_path, "file/gone")
    assert refusal(tmp_path, "file/empty") == "file/empty is empty"
    assert refusal(tmp_path, "file/large") == "file/large is larger than 64 KiB"
    assert refusal(tmp_path, "file/binary") == "file/binary is not UTF-8 text"
    assert refusal(tmp_path, "file/pipe") == "file/pipe is not a regular file"
    assert "regular file" in refusal(tmp_path, "file/.") or "cannot be read" in refusal(tmp_path, "file/.")


def test_a_reader_does_not_show_the_environment(tmp_path: Path) -> None:
    """The text form of a reader holds no variable."""
    assert "canary" not in repr(reader(tmp_path, {"T": "canary"}))
