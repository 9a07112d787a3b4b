"""Answers of providers that are kept between passes: sealed, bounded, and never in the way."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.ports import Response
from reconciler.store.keys import KeySource
from reconciler.store.opening import open_for_reading, open_for_writing
from reconciler.store.responding import LARGEST, UNUSED_SECONDS, StoredResponses
from reconciler.store.sql import SqlStore
from reconciler.store.upkeep import rotate
from reconciler.testing.stand_ins import VirtualClock
from tests.store.conftest import Opened
from tests.store.samples import KEY, OTHER_KEY, lease, listing, source, url

_ANSWER = Response(
    etag='W/"1"', body=b'[{"url": "https://canary.example/T0/B0/secret"}]\n', link="<https://p2>; rel=next"
)


@pytest.fixture
def clock() -> VirtualClock:
    """Time that stands still until it is moved."""
    return VirtualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store is."""
    return tmp_path / "state.db"


@pytest.fixture
def writer(path: Path) -> Iterator[SqlStore]:
    """A store that is open to write."""
    with open_for_writing(url(path), source(KEY)) as store:
        yield store


def _rows(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def test_an_answer_is_given_back_as_it_was_put(store: Opened, clock: VirtualClock) -> None:
    """Validator, body and link; nothing for another key."""
    cache = store.responses(clock)
    cache.put("a", _ANSWER)

    assert cache.get("a") == store.responses(clock).get("a") == _ANSWER
    assert cache.get("b") is None


def test_an_answer_outlives_the_process_that_put_it(path: Path, clock: VirtualClock) -> None:
    """What was gathered is written when the store is closed, and a store open to read gives it, too."""
    with open_for_writing(url(path), source(KEY)) as store:
        store.responses(clock).put("a", _ANSWER)

    for opener in (open_for_writing, open_for_reading):
        with opener(url(path), source(KEY)) as store:
            assert store.responses(clock).get("a") == _ANSWER


def test_many_answers_are_one_write(writer: SqlStore, path: Path, clock: VirtualClock) -> None:
    """Puts are gathered until there are enough of them, by number or by size."""
    cache = writer.responses(clock)
    for number in range(99):
        cache.put(f"{number}", _ANSWER)
    assert _rows(path, "SELECT count(*) FROM responses") == [(0,)]

    cache.put("99", _ANSWER)
    assert _rows(path, "SELECT count(*) FROM responses") == [(100,)]

    for number in range(4):
        cache.put(f"large {number}", Response(etag="1", body=b"x" * LARGEST))
    assert _rows(path, "SELECT count(*) FROM responses") == [(104,)]


def test_a_newer_answer_takes_the_place_of_an_older_one(writer: SqlStore, clock: VirtualClock) -> None:
    """One key has one answer, whether the older one was written already or not."""
    cache = writer.responses(clock)
    newer = Response(etag="2", body=b"")
    cache.put("a", _ANSWER)
    cache.flush()
    cache.put("a", newer)
    assert cache.get("a") == newer

    cache.flush()
    assert cache.get("a") == newer


def test_a_body_that_is_too_large_is_not_kept(writer: SqlStore, clock: VirtualClock) -> None:
    """The limit itself fits."""
    cache = writer.responses(clock)
    cache.put("fits", Response(etag="1", body=b"x" * LARGEST))
    cache.put("large", Response(etag="1", body=b"x" * (LARGEST + 1)))
    cache.flush()

    assert cache.get("fits") is not None
    assert cache.get("large") is None


def test_no_answer_can_be_read_from_the_file(path: Path, clock: VirtualClock) -> None:
    """Somebody's URL may be a secret: bodies and links are sealed."""
    with open_for_writing(url(path), source(KEY)) as store:
        store.responses(clock).put("a", _ANSWER)

    assert b"W/" in path.read_bytes()
    assert b"canary" not in path.read_bytes()
    assert b"https://p2" not in path.read_bytes()


def test_an_answer_moved_to_another_key_does_not_open(writer: SqlStore, path: Path, clock: VirtualClock) -> None:
    """The key is bound in; what does not open counts as not kept."""
    cache = writer.responses(clock)
    cache.put("a", _ANSWER)
    cache.flush()
    writer._database.write(lambda connection: connection.exec_driver_sql("UPDATE responses SET key = 'b'"))

    assert cache.get("b") is None


def test_a_store_open_to_read_keeps_nothing(path: Path, clock: VirtualClock) -> None:
    """A dry run leaves no trace, where a store is and where none is."""
    for existing in (False, True):
        if existing:
            open_for_writing(url(path), source(KEY)).close()
        before = listing(path.parent)
        with open_for_reading(url(path), source(KEY)) as store:
            cache = store.responses(clock)
            cache.put("a", _ANSWER)
            assert cache.get("a") is None
        assert listing(path.parent) == before


def test_answers_that_nobody_used_for_long_are_dropped(path: Path, clock: VirtualClock) -> None:
    """With the next put; one that was used meanwhile stays, and so does everything while nothing is put."""
    with open_for_writing(url(path), source(KEY)) as store:
        for key in ("used", "unused"):
            store.responses(clock).put(key, _ANSWER)
    clock.time += UNUSED_SECONDS - 1
    with open_for_writing(url(path), source(KEY)) as store:
        assert store.responses(clock).get("used") == _ANSWER
    clock.time += 2
    with open_for_writing(url(path), source(KEY)) as store:
        assert store.responses(clock).get("used") == _ANSWER
    assert len(_rows(path, "SELECT key FROM responses")) == 2

    with open_for_writing(url(path), source(KEY)) as store:
        store.responses(clock).put("new", _ANSWER)

    assert _rows(path, "SELECT key FROM responses ORDER BY key") == [("new",), ("used",)]


def test_using_an_answer_again_and_again_writes_nothing(path: Path, clock: VirtualClock) -> None:
    """A pass in which nothing changed costs no transaction; once a day is enough."""
    with open_for_writing(url(path), source(KEY)) as store:
        store.responses(clock).put("a", _ANSWER)
    before = listing(path.parent)
    clock.time += 3600

    with open_for_reading(url(path), source(KEY)) as store:
        store.responses(clock).get("a")
    with open_for_writing(url(path), source(KEY)) as store:
        store.responses(clock).get("a")

    assert _rows(path, "SELECT used_at FROM responses") == [(clock.now() - 3600,)]
    assert before.keys() == listing(path.parent).keys()


def test_an_answer_that_cannot_be_written_is_lost_in_silence(path: Path, clock: VirtualClock) -> None:
    """The cache is never a reason to fail: the store closes, and the next pass asks again."""
    with open_for_writing(url(path), source(KEY)) as store:
        cache = store.responses(clock)
        cache.put("a", _ANSWER)
        store._database.write(lambda connection: connection.exec_driver_sql("DROP TABLE responses"))
        assert cache.get("b") is None

        cache.flush()


def test_another_encryption_key_empties_the_cache(path: Path, clock: VirtualClock) -> None:
    """Nothing stays sealed with the old key, and nobody who holds only that keeps another answer."""
    open_for_writing(url(path), source(KEY)).close()
    with open_for_writing(url(path), source(KEY)) as old, open_for_writing(url(path), source(OTHER_KEY, KEY)) as store:
        old.responses(clock).put("a", _ANSWER)
        _flushed(old, clock)
        held = lease(store)
        assert [step.done for step in rotate(store, held)][-1]
        assert store.responses(clock).get("a") is None
        old.responses(clock).put("b", _ANSWER)
        _flushed(old, clock)
        store.responses(clock).put("c", _ANSWER)

    with open_for_reading(url(path), source(OTHER_KEY)) as reader:
        assert [reader.responses(clock).get(key) for key in "abc"] == [None, None, _ANSWER]


def _flushed(store: SqlStore, clock: VirtualClock) -> None:
    cache = store.responses(clock)
    assert isinstance(cache, StoredResponses)
    cache.flush()


def test_a_key_that_is_gone_hides_the_answers_alone(path: Path, clock: VirtualClock) -> None:
    """An answer that a missing key seals counts as not kept."""
    with open_for_writing(url(path), KeySource()) as store:
        store.responses(clock).put("a", _ANSWER)
    with open_for_writing(url(path), KeySource()) as store:
        store._database.write(lambda connection: connection.exec_driver_sql("UPDATE responses SET key_id = 'gone'"))
        assert store.responses(clock).get("a") is None
