"""What manifest files were compiled to, kept beside the state."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.core.model import Secret
from reconciler.manifests.gather import Source
from reconciler.manifests.project import Project, load_project
from reconciler.settings.environment import read_settings
from reconciler.store.keys import KeySource, load_or_create
from reconciler.wiring.cache_folder import cache_folder
from reconciler.wiring.content_cache import known_content

PROJECT = "version: 1\nscope: acme\nmanifests: [webhooks]\n"
KEY = "11" * 32
OTHER = "22" * 32


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with a state folder and a key."""
    (tmp_path / "reconciler.yaml").write_text(PROJECT)
    (tmp_path / ".reconciler").mkdir(mode=0o700)
    return with_key(tmp_path, KEY)


def with_key(root: Path, key: str) -> Project:
    """The project, with an encryption key from the environment."""
    return load_project([root / "reconciler.yaml"], read_settings({"RECONCILER_KEY": key}))


def look(project: Project, files: dict[str, str], definitions: str = "d") -> list[str]:
    """One pass over files, name to content: what is not known is learnt. Returns the names of those that were known."""
    found = []
    with known_content(project, definitions) as known:
        assert known is not None
        for name in sorted(files):
            source = Source(name, b"", files[name])
            text = known.get(source)
            if text is None:
                known.put(source, f"[{files[name]}]")
            else:
                assert text == f"[{files[name]}]"
                found.append(name)
    return found


def content(project: Project) -> Path:
    """The only file of the cache."""
    (path,) = cache_folder(project).glob("content-*.jsonl")
    return path


def test_files_are_known_by_name_and_content(project: Project) -> None:
    """After one pass all are known; a changed, renamed or new file is not, and every other one still is."""
    assert look(project, {"a": "1", "b": "2", "c": "3"}) == []
    assert look(project, {"a": "1", "b": "2", "c": "3"}) == ["a", "b", "c"]
    assert look(project, {"a": "1", "b": "9", "c": "3"}) == ["a", "c"]
    assert look(project, {"a": "1", "bb": "9", "c": "3"}) == ["a", "c"]
    assert look(project, {"0": "0", "a": "1", "c": "3", "d": "4"}) == ["a", "c"]
    assert look(project, {"0": "0", "a": "1", "c": "3", "d": "4"}) == ["0", "a", "c", "d"]


def test_what_is_gone_is_forgotten(project: Project) -> None:
    """A line for each file of the last pass, so that the cache grows no larger than the project."""
    look(project, {"a": "1", "b": "2", "c": "3"})
    assert look(project, {"b": "2"}) == ["b"]
    assert len(content(project).read_bytes().splitlines()) == 1
    assert look(project, {}) == []
    assert content(project).read_bytes() == b""


def test_where_nothing_changed_nothing_is_written(project: Project) -> None:
    """The file is the very same; only that it was of use is noted."""
    look(project, {"a": "1", "b": "2"})
    os.utime(content(project), (1, 1))
    before = content(project).stat()
    look(project, {"a": "1", "b": "2"})
    after = content(project).stat()
    assert after.st_ino == before.st_ino
    assert after.st_mtime > before.st_mtime


def test_what_did_not_serve_is_replaced(project: Project) -> None:
    """A text that was found and learnt anew all the same has one line, with the new text."""
    look(project, {"a": "1", "b": "2"})
    with known_content(project, "d") as known:
        assert known
        assert known.get(Source("a", b"", "1"))
        known.put(Source("a", b"", "1"), "[new]")
        assert known.get(Source("b", b"", "2")) == "[2]"
    with known_content(project, "d") as known:
        assert known
        assert known.get(Source("a", b"", "1")) == "[new]"
        assert known.get(Source("b", b"", "2")) == "[2]"


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line.replace(b"[2]", b"[7]"),
        lambda line: b"0" * 32 + line[32:],
        lambda line: line[:-6] + b"\n",
        lambda _: b"\n",
        lambda _: b"\xff\xfe\n",
        lambda _: b"a\tb\n",
        lambda line: line + line.replace(b"[2]", b"[7]"),
    ],
)
def test_a_line_that_is_not_ours_is_unknown(project: Project, damage: object) -> None:
    """Damaged, forged or cut off: it is made anew, and the lines around it still count."""
    assert callable(damage)
    look(project, {"a": "1", "b": "2", "c": "3"})
    one, two, three = content(project).read_bytes().splitlines(keepends=True)
    content(project).write_bytes(one + damage(two) + three)
    assert {"a", "c"} <= set(look(project, {"a": "1", "b": "2", "c": "3"}))
    assert look(project, {"a": "1", "b": "2", "c": "3"}) == ["a", "b", "c"]
    assert len(content(project).read_bytes().splitlines()) == 3


def test_lines_of_another_basis_or_key_are_unknown(project: Project) -> None:
    """Neither those of other definitions nor those that were stamped with another key, wherever they stand."""
    look(project, {"a": "1"})
    mine = content(project)
    assert look(project, {"a": "1"}, definitions="e") == []
    (other,) = set(cache_folder(project).glob("content-*")) - {mine}
    other.write_bytes(mine.read_bytes())
    assert look(project, {"a": "1"}, definitions="e") == []
    assert look(with_key(project.root, OTHER), {"a": "1"}) == []


def test_a_few_bases_are_kept(project: Project) -> None:
    """Branches that take turns do not forget each other; the ones that were used last stay."""
    for number in range(10):
        look(project, {"a": "1"}, definitions=str(number))
        for path in cache_folder(project).iterdir():
            age = path.stat().st_mtime - 100
            os.utime(path, (age, age))
    assert look(project, {"a": "1"}, definitions="9") == ["a"]
    assert look(project, {"a": "1"}, definitions="0") == []
    assert len(list(cache_folder(project).iterdir())) == 8


def test_what_others_can_touch_is_not_believed(project: Project) -> None:
    """A file or folder that is open to others, or a link, counts as nothing; the file is replaced by one of ours."""
    look(project, {"a": "1"})
    content(project).chmod(0o644)
    assert look(project, {"a": "1"}) == []
    assert content(project).stat().st_mode & 0o777 == 0o600
    elsewhere = project.root / "elsewhere"
    content(project).rename(elsewhere)
    path = cache_folder(project) / "content-0.jsonl"
    path.symlink_to(elsewhere)
    assert look(project, {"a": "1"}) == []
    path.unlink()
    cache_folder(project).chmod(0o755)
    with known_content(project, "d") as known:
        assert known is None


def test_without_a_state_or_key_nothing_is_kept(tmp_path: Path) -> None:
    """No folder is made where there is no state; a key that cannot be used is told by whoever needs it."""
    (tmp_path / "reconciler.yaml").write_text(PROJECT)
    project = with_key(tmp_path, KEY)
    with known_content(project, "d") as known:
        assert known is None
    assert not (tmp_path / ".reconciler").exists()
    (tmp_path / ".reconciler").mkdir()
    for wrong in (with_key(tmp_path, "short"), with_key(tmp_path, "")):
        with known_content(wrong, "d") as known:
            assert known is None
    assert list((tmp_path / ".reconciler").iterdir()) == []


def test_the_key_file_serves_as_well(tmp_path: Path) -> None:
    """Where no key is in the environment, the one beside the state is used."""
    (tmp_path / "reconciler.yaml").write_text(PROJECT)
    project = load_project([tmp_path / "reconciler.yaml"], read_settings({}))
    load_or_create(KeySource(file=project.key_file))
    look(project, {"a": "1"})
    assert look(project, {"a": "1"}) == ["a"]


def test_the_folder_lies_beside_the_state(project: Project) -> None:
    """In the state folder by its short name; beside a state elsewhere by one that says whose it is."""
    assert cache_folder(project) == project.root / ".reconciler" / "cache"
    elsewhere = replace(project, key_file=project.root / "var" / "key")
    assert cache_folder(elsewhere) == project.root / "var" / ".reconciler-cache"


def test_an_error_leaves_everything_as_it_was(project: Project) -> None:
    """A pass that broke off half way forgets nothing, and leaves no draft."""
    look(project, {"a": "1", "b": "2"})

    def broken_off() -> None:
        with known_content(project, "d") as known:
            assert known
            assert known.get(Source("a", b"", "9")) is None
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()
    assert [path.name for path in cache_folder(project).iterdir()] == [content(project).name]
    assert look(project, {"a": "1", "b": "2"}) == ["a", "b"]


def test_old_drafts_are_swept_away(project: Project) -> None:
    """What a killed process left goes after a day; the draft of one that works stays."""
    look(project, {"a": "1"})
    for name, age in ((".draft-old", 2 * 86_400), (".draft-new", 60)):
        path = cache_folder(project) / name
        path.touch()
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    look(project, {"a": "1"})
    assert {path.name for path in cache_folder(project).glob(".draft*")} == {".draft-new"}


def test_a_full_disk_costs_the_cache_alone(project: Project) -> None:
    """Where no draft can be written, what was known stays known, and the pass goes on."""
    look(project, {"a": "1"})
    folder = cache_folder(project)
    with known_content(project, "d") as known:
        assert known
        folder.rename(folder.with_name("away"))
        known.put(Source("0", b"", "0"), "[0]")
        assert known.get(Source("a", b"", "1")) == "[1]"
        assert known.get(Source("z", b"", "1")) is None
    folder.with_name("away").rename(folder)
    assert look(project, {"a": "1"}) == ["a"]


def test_two_passes_at_once_do_no_harm(project: Project) -> None:
    """Each reads the file that it opened; the last to end puts its own in place, whole."""
    look(project, {"a": "1", "b": "2"})
    with known_content(project, "d") as slow:
        assert slow
        assert slow.get(Source("a", b"", "1")) == "[1]"
        look(project, {"c": "3"})
        assert slow.get(Source("b", b"", "8")) is None
        slow.put(Source("b", b"", "8"), "[8]")
    assert look(project, {"a": "1", "b": "8"}) == ["a", "b"]


def test_names_are_kept_whatever_they_hold(project: Project) -> None:
    """Tabs, line breaks, quotes and other alphabets in a file's name."""
    names = {"ä/b.yaml": "1", "tab\there": "2", 'quote"': "3", "line\nbreak": "4", "\udcff": "5"}
    look(project, names)
    assert look(project, names) == sorted(names)


def test_a_secret_key_is_not_shown(project: Project) -> None:
    """Nothing of the key stands in the cache."""
    look(project, {"a": "1"})
    assert KEY.encode() not in content(project).read_bytes()
    assert Secret(KEY) == project.settings.key
