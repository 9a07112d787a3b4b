"""Stamps of what is kept beside a state, and how a state file stands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.core.model import Secret
from reconciler.store.keys import KeySource, put_first
from reconciler.store.opening import open_for_reading, open_for_writing
from reconciler.store.stamps import stamp_of, standing_of

ONE, TWO = "11" * 32, "22" * 32


def test_a_stamp_fits_what_it_was_made_of() -> None:
    """The same key and bytes give the same stamp; another key or other bytes another one."""
    stamp, other = stamp_of(KeySource(Secret(ONE))), stamp_of(KeySource(Secret(TWO)))
    assert stamp
    assert other
    made = stamp.of(b"data")
    assert len(made) == 32
    assert stamp.fits(b"data", made)
    assert not stamp.fits(b"data2", made)
    assert not other.fits(b"data", made)
    assert not stamp.fits(b"data", "\udcff")
    assert ONE not in repr(stamp)


def test_the_key_that_seals_makes_the_stamp() -> None:
    """The others are named."""
    stamp, both = stamp_of(KeySource(Secret(ONE))), stamp_of(KeySource(Secret(f"{ONE},{TWO}")))
    assert stamp
    assert both
    assert both.of(b"data") == stamp.of(b"data")
    assert len(both.keys) == 2


def test_without_a_key_there_is_no_stamp(tmp_path: Path) -> None:
    """Nor with one that is none, or that others can read."""
    path = tmp_path / "key"
    assert stamp_of(KeySource(file=path)) is None
    assert stamp_of(KeySource(Secret("short"))) is None
    path.write_text(ONE)
    path.chmod(0o644)
    assert stamp_of(KeySource(file=path)) is None
    path.chmod(0o600)
    before = stamp_of(KeySource(file=path))
    put_first(path)
    after = stamp_of(KeySource(file=path))
    assert before
    assert after
    assert after.of(b"data") != before.of(b"data")


def test_a_state_stands_still_until_it_is_written(tmp_path: Path) -> None:
    """Reading leaves no sign; while it is open to write, and after anything was written, it stands differently."""
    url, source = f"sqlite:///{tmp_path / 'state.db'}", KeySource()
    assert standing_of(url) is None
    with open_for_writing(url, source) as store:
        store.acquire("acme", "me", 0.0, 15.0)
        assert standing_of(url) is None
    before = standing_of(url)
    assert before is not None
    with open_for_reading(url, source) as store:
        assert store.scopes()
        assert standing_of(url) == before
    assert standing_of(url) == before
    with open_for_writing(url, source) as store:
        store.acquire("acme", "me", 0.0, 15.0)
    assert standing_of(url) not in {before, None}


def test_a_write_shows_only_after_a_while(tmp_path: Path) -> None:
    """File systems keep times in steps of up to two seconds."""
    url = f"sqlite:///{tmp_path / 'state.db'}"
    open_for_writing(url, KeySource()).close()
    standing = standing_of(url)
    assert standing
    written = standing.changed / 1e9
    assert not standing.settled(written + 1.9)
    assert standing.settled(written + 2.1)
    os.utime(tmp_path / "state.db", (written + 100, written + 100))
    ahead = standing_of(url)
    assert ahead
    assert not ahead.settled(written + 50)


@pytest.mark.parametrize("url", ["postgresql+psycopg://me@host/db", "sqlite:////dev/null", "sqlite:////nowhere/x.db"])
def test_what_is_no_file_has_no_standing(url: str) -> None:
    """A server, a device, nothing at all."""
    assert standing_of(url) is None


def test_an_empty_or_open_file_has_no_standing(tmp_path: Path) -> None:
    """Nor one that others can touch."""
    path = tmp_path / "state.db"
    path.touch(mode=0o600)
    assert standing_of(f"sqlite:///{path}") is None
    path.write_text("x")
    path.chmod(0o600)
    assert standing_of(f"sqlite:///{path}") is not None
    path.chmod(0o660)
    assert standing_of(f"sqlite:///{path}") is None
