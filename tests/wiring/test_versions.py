"""What results depend on beside a project's own files."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.wiring.versions import digest_of_definitions, digest_of_program


def test_an_edit_of_the_program_shows(tmp_path: Path) -> None:
    """A changed, touched or added module gives another digest; what is no module does not count."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "__pycache__").mkdir()
    module = tmp_path / "inner" / "a.py"
    module.write_text("1")
    seen = [digest_of_program(tmp_path)]
    for name in ("notes.txt", "__pycache__/a.py"):
        (tmp_path / name).write_text("2")
    assert digest_of_program(tmp_path) == seen[0]
    module.write_text("12")
    seen.append(digest_of_program(tmp_path))
    os.utime(module, (1, 1))
    seen.append(digest_of_program(tmp_path))
    (tmp_path / "b.py").write_text("")
    seen.append(digest_of_program(tmp_path))
    assert len(set(seen)) == len(seen)


def test_an_edit_of_a_definition_shows(tmp_path: Path) -> None:
    """Built-in or a project's own: changed, renamed, added, removed or no longer to be read."""
    builtin, own = tmp_path / "builtin", tmp_path / "own"
    builtin.mkdir()
    own.mkdir()
    (builtin / "a.yaml").write_text("1")

    def digest() -> str:
        return digest_of_definitions([own], builtin)

    seen = [digest()]
    (own / "notes.txt").write_text("")
    assert digest() == seen[0]
    (own / "b.yaml").write_text("2")
    seen.append(digest())
    (own / "b.yaml").write_text("3")
    seen.append(digest())
    (own / "b.yaml").rename(own / "c.yaml")
    seen.append(digest())
    (builtin / "a.yaml").write_text("4")
    seen.append(digest())
    (own / "c.yaml").unlink()
    (own / "c.yaml").mkdir()
    seen.append(digest())
    assert len(set(seen)) == len(seen)
    (own / "c.yaml").rmdir()
    (builtin / "a.yaml").write_text("1")
    assert digest() == seen[0]
