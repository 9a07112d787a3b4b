"""Another encryption key: nothing is lost wherever it is interrupted, and to begin again is to go on."""

from __future__ import annotations

import os
import sqlite3
from multiprocessing import get_context
from pathlib import Path

import pytest

from reconciler.core.errors import ConfigError, LeaseLostError, StateError
from reconciler.core.model import Secret
from reconciler.core.ports import Write
from reconciler.store import keys, rotation
from reconciler.store.keys import KeySource
from reconciler.store.opening import open_for_reading, open_for_writing
from reconciler.store.rotation import Rotation
from reconciler.store.sql import SqlStore
from reconciler.store.upkeep import rotate
from tests.store.samples import KEY, OTHER_KEY, SCOPE, lease, listing, recorded, source, url

_SIGN = Secret("signed")
_NUMBERS = range(1, 4)


def _secret(number: int) -> Secret:
    return Secret(f"{number}" * 64)


def _filled(path: Path, given: KeySource) -> str:
    """A store with three secrets; tells how it fingerprints."""
    with open_for_writing(url(path), given) as store:
        store.write(lease(store), [Write(record=recorded(number), secret=_secret(number)) for number in _NUMBERS])
        return store.fingerprint(_SIGN)


def _check(path: Path, given: KeySource, sign: str) -> None:
    """Everything can be read, to write and to read only, and fingerprints are what they were."""
    for opener in (open_for_writing, open_for_reading):
        with opener(url(path), given) as store:
            assert [store.secrets(recorded(number).id) for number in _NUMBERS] == [
                (_secret(number),) for number in _NUMBERS
            ]
            assert store.fingerprint(_SIGN) == sign


def _key_ids(path: Path) -> set[str]:
    """The ids of the keys that anything in the store is sealed with."""
    connection = sqlite3.connect(path)
    found = {row[0] for row in connection.execute("SELECT key_id FROM secrets")}
    (value,) = connection.execute("SELECT value FROM meta WHERE name = 'fingerprint_key'").fetchone()
    connection.close()
    return found | {value.partition(".")[0]}


def _steps(store: SqlStore) -> list[Rotation]:
    held = lease(store)
    try:
        return list(rotate(store, held))
    finally:
        store.release(held)


def rotate_and_die(state: str, step: int) -> None:
    """Rotate with one secret a transaction, and end this process without a farewell after `step` steps."""
    store = open_for_writing(state, KeySource())
    held = lease(store)
    for number, _ in enumerate(rotation.rotate(store.database, store.ring.source, held, batch=1), 1):
        if number == step:
            os._exit(9)
    os._exit(0)


def test_everything_is_sealed_with_a_new_key(tmp_path: Path) -> None:
    """The key file holds a new key alone, with mode 0600, and nothing in the store needs the old one."""
    path = tmp_path / "state.db"
    sign = _filled(path, KeySource())
    before = (tmp_path / "key").read_text()
    with open_for_writing(url(path), KeySource()) as store:
        last = _steps(store)[-1]

    assert (last.done, last.resealed, last.total, last.file) == (True, 3, 3, tmp_path / "key")
    assert _key_ids(path) == {last.key}
    assert keys.load(KeySource(file=tmp_path / "key")).ids == (last.key,)
    assert keys.load(source(before)).ids == last.dropped
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert sorted(listing(tmp_path)) == ["key", "state.db"]
    _check(path, KeySource(), sign)


@pytest.mark.processes
@pytest.mark.parametrize("step", range(1, 8))
def test_a_process_killed_after_any_step_loses_nothing(tmp_path: Path, step: int) -> None:
    """Killed after each step in turn: all can be read, written and sealed; the next run finishes with the same key."""
    path = tmp_path / "state.db"
    sign = _filled(path, KeySource())
    old = keys.load(KeySource(file=tmp_path / "key")).ids
    process = get_context("spawn").Process(target=rotate_and_die, args=(url(path), step))
    process.start()
    process.join()

    assert process.exitcode == 9
    _check(path, KeySource(), sign)
    begun = keys.load(KeySource(file=tmp_path / "key")).ids
    assert begun == ((begun[0],) if step == 7 else (begun[0], *old))
    with open_for_writing(url(path), KeySource()) as store:
        store.write(lease(store), [Write(record=recorded(9), secret=_SIGN)])
        if step < 7:
            assert _steps(store)[-1].key == begun[0]
        assert store.secrets(recorded(9).id) == (_SIGN,)

    assert _key_ids(path) == {begun[0]} == set(keys.load(KeySource(file=tmp_path / "key")).ids)
    assert sorted(listing(tmp_path)) == ["key", "state.db"]
    _check(path, KeySource(), sign)


def test_seven_steps_are_all_there_are(tmp_path: Path) -> None:
    """Two for the key file, one that retires the old key, one for each secret and one for the store's own key."""
    path = tmp_path / "state.db"
    _filled(path, KeySource())
    with open_for_writing(url(path), KeySource()) as store:
        assert len(list(rotation.rotate(store.database, store.ring.source, lease(store), batch=1))) == 7


def test_a_draft_of_the_key_file_that_was_left_does_no_harm(tmp_path: Path) -> None:
    """Killed while the key file was being written, the file is whole, and the next run clears the draft away."""
    path = tmp_path / "state.db"
    sign = _filled(path, KeySource())
    (tmp_path / ".key.draft").write_text("half a k")
    _check(path, KeySource(), sign)

    with open_for_writing(url(path), KeySource()) as store:
        _steps(store)

    assert sorted(listing(tmp_path)) == ["key", "state.db"]


def test_a_key_file_behind_a_link_is_replaced_where_it_is(tmp_path: Path) -> None:
    """The link stays a link."""
    (tmp_path / "vault").mkdir(mode=0o700)
    given = KeySource(file=tmp_path / "key")
    real = tmp_path / "vault" / "real"
    real.touch(mode=0o600)
    real.write_text(KEY)
    (tmp_path / "key").symlink_to(real)
    sign = _filled(tmp_path / "state.db", given)
    with open_for_writing(url(tmp_path / "state.db"), given) as store:
        _steps(store)

    assert (tmp_path / "key").is_symlink()
    assert KEY not in real.read_text()
    _check(tmp_path / "state.db", given, sign)


def test_the_first_of_several_given_keys_is_the_new_one(tmp_path: Path) -> None:
    """With RECONCILER_KEY everything is sealed with the first; afterwards it opens alone, and running again is fine."""
    path = tmp_path / "state.db"
    sign = _filled(path, source(KEY))
    for expected in (3, 0):
        with open_for_writing(url(path), source(OTHER_KEY, KEY)) as store:
            last = _steps(store)[-1]
        assert (last.done, last.resealed, last.file) == (True, expected, None)
        assert last.dropped == keys.load(source(KEY)).ids

    _check(path, source(OTHER_KEY), sign)
    assert sorted(listing(tmp_path)) == ["state.db"]


@pytest.mark.parametrize("given", [[KEY], [KEY, KEY]])
def test_one_given_key_is_nothing_to_rotate_to(tmp_path: Path, given: list[str]) -> None:
    """The refusal says how a second one is made and where it goes."""
    path = tmp_path / "state.db"
    _filled(path, source(KEY))
    with open_for_writing(url(path), source(*given)) as store, pytest.raises(ConfigError, match="NEW,OLD"):
        _steps(store)


def test_a_process_that_read_the_old_key_follows_the_key_file(tmp_path: Path) -> None:
    """A store that was open all the while reads and seals on, with the new key."""
    path = tmp_path / "state.db"
    _filled(path, KeySource())
    with open_for_writing(url(path), KeySource()) as writer, open_for_reading(url(path), KeySource()) as reader:
        with open_for_writing(url(path), KeySource()) as other:
            new = _steps(other)[-1].key
        writer.write(lease(writer), [Write(record=recorded(9), secret=_SIGN)])
        assert writer.secrets(recorded(1).id) == reader.secrets(recorded(1).id) == (_secret(1),)
        assert reader.secrets(recorded(9).id) == (_SIGN,)

    assert _key_ids(path) == {new}


def test_nobody_seals_with_a_key_that_was_replaced(tmp_path: Path) -> None:
    """A process that was given the old key alone is refused before it records what nobody could open later."""
    path = tmp_path / "state.db"
    _filled(path, source(KEY))
    with open_for_writing(url(path), source(KEY)) as old:
        with open_for_writing(url(path), source(OTHER_KEY, KEY)) as store:
            _steps(store)
        held = lease(old)
        with pytest.raises(StateError, match="was replaced by `reconcile key rotate`"):
            old.write(held, [Write(record=recorded(9), secret=_SIGN)])
        assert old.record(SCOPE, recorded(9).id) is None


def test_a_key_can_come_back(tmp_path: Path) -> None:
    """Rotated there and back again, the first key seals as before."""
    path = tmp_path / "state.db"
    sign = _filled(path, source(KEY))
    for given in (source(OTHER_KEY, KEY), source(KEY, OTHER_KEY)):
        with open_for_writing(url(path), given) as store:
            _steps(store)

    with open_for_writing(url(path), source(KEY)) as store:
        store.write(lease(store), [Write(record=recorded(9), secret=_SIGN)])
    _check(path, source(KEY), sign)


def test_a_secret_whose_key_is_missing_stops_the_rotation(tmp_path: Path) -> None:
    """What cannot be opened is not dropped: the missing key is named, and both others stay in the file."""
    path, third = tmp_path / "state.db", bytes(range(2, 34)).hex()
    given = KeySource(file=tmp_path / "key")
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_text(KEY)
    _filled(path, given)
    with open_for_writing(url(path), source(third, KEY)) as store:
        store.write(lease(store), [Write(record=recorded(9), secret=_SIGN)])

    with open_for_writing(url(path), given) as store, pytest.raises(StateError) as refusal:
        _steps(store)

    assert keys.load(source(third)).ids[0] in str(refusal.value)
    assert len(keys.load(given).ids) == 2
    assert KEY in (tmp_path / "key").read_text()


def test_whoever_lost_the_lease_rotates_no_further(tmp_path: Path) -> None:
    """Each transaction names the lease; one that was taken over ends the rotation, and nothing is lost."""
    path = tmp_path / "state.db"
    sign = _filled(path, KeySource())
    with open_for_writing(url(path), KeySource()) as store:
        steps = rotate(store, lease(store))
        next(steps)
        assert store.acquire(SCOPE, "another pass", now=1000.0, seconds=15.0)
        with pytest.raises(LeaseLostError):
            next(steps)

    _check(path, KeySource(), sign)
