"""The folder for what may be thrown away, where it cannot be had or written."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.manifests.gather import Source
from reconciler.store.keys import KeySource, load_or_create
from reconciler.store.stamps import Stamp, stamp_of
from reconciler.wiring.cache_folder import made, read_own, tidy, write_own
from reconciler.wiring.content_cache import ContentCache


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file may grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def a_stamp(folder: Path) -> Stamp:
    """The stamp of a key that was made just now."""
    source = KeySource(file=folder / "key")
    load_or_create(source)
    stamp = stamp_of(source)
    assert stamp is not None
    return stamp


def test_no_folder_is_made_where_there_is_nothing_above_it(tmp_path: Path) -> None:
    """Whoever has no state gets none; one that is there and ours alone serves again."""
    assert not made(tmp_path / "none" / "cache")
    assert made(tmp_path / "cache")
    assert made(tmp_path / "cache")
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """On a full disk the old content stays, and no draft is left."""
    path = tmp_path / "file"
    write_own(path, b"old")
    with full_disk(2):
        write_own(path, b"new and longer")
    assert read_own(path) == b"old"
    assert list(tmp_path.iterdir()) == [path]
    write_own(tmp_path / "none" / "file", b"lost")
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """Nothing that we wrote is as large."""
    path = tmp_path / "file"
    write_own(path, b"x")
    with path.open("r+b") as file:
        file.truncate(1024**3)
    assert read_own(path) == b""


def test_tidying_up_stops_at_what_is_gone(tmp_path: Path) -> None:
    """Another process may tidy up at the same time."""
    (tmp_path / "content-1").symlink_to(tmp_path / "gone")
    tidy(tmp_path, "content-*", 0, 0.0)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_cache_that_cannot_grow_stays_as_it_was(tmp_path: Path) -> None:
    """Whether the disk is full at once or at the end: what was known stays known, and no draft is left."""
    stamp, path = a_stamp(tmp_path), tmp_path / "content.jsonl"
    learn(ContentCache(path, "b", stamp), {"a": "[1]", "b": "[2]"})
    before = path.read_bytes()
    for text in ("[3]", f"[{'3' * 100_000}]"):
        with full_disk(10):
            learn(ContentCache(path, "b", stamp), {"a": "[1]", "b": text, "c": text, "d": text})
        assert path.read_bytes() == before
        assert {item.name for item in tmp_path.iterdir()} == {"key", "content.jsonl"}


def test_a_pass_that_breaks_off_leaves_no_draft(tmp_path: Path) -> None:
    """Nor anything open, whether it had begun to write or not."""
    stamp, path = a_stamp(tmp_path), tmp_path / "content.jsonl"
    ContentCache(path, "b", stamp).abandon()
    learn(ContentCache(path, "b", stamp), {"a": "[1]"})
    ContentCache(path, "b", stamp).abandon()
    changed = ContentCache(path, "b", stamp)
    changed.put(Source("0", b"", "d"), "[0]")
    changed.abandon()
    assert {item.name for item in tmp_path.iterdir()} == {"key", "content.jsonl"}


def learn(cache: ContentCache, texts: dict[str, str]) -> None:
    """Put every file whose text is not known."""
    for name, text in texts.items():
        source = Source(name, b"", text[:3])
        if cache.get(source) is None:
            cache.put(source, text)
    cache.close()
