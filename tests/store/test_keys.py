"""Where encryption keys come from, how a missing one is told, and that what they seal stays in its row."""

from __future__ import annotations

import base64
import sqlite3
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.errors import StateError
from reconciler.core.model import Secret
from reconciler.core.ports import Write
from reconciler.store.keys import KeyRing, KeySource, load
from reconciler.store.opening import open_for_reading, open_for_writing
from tests.store.samples import KEY, OTHER_KEY, lease, open_and_sign, recorded, source, url

_SECRET = Secret("f" * 64)


def _id(key: str) -> str:
    return load(source(key)).keys[0].id


def test_a_new_store_without_a_key_gets_a_key_file(tmp_path: Path) -> None:
    """The key is 32 random bytes, made once: the next opening uses the same."""
    state = url(tmp_path / "state.db")
    open_for_writing(state, KeySource()).close()
    first = (tmp_path / "key").read_text()
    open_for_writing(state, KeySource()).close()

    assert len(base64.b64decode(first)) == 32
    assert (tmp_path / "key").read_text() == first


def test_a_key_from_the_environment_makes_no_file(tmp_path: Path) -> None:
    """Where a key is given, none is written to disk."""
    open_for_writing(url(tmp_path / "state.db"), source(KEY)).close()

    assert [path.name for path in tmp_path.iterdir()] == ["state.db"]


def test_the_key_file_may_stand_elsewhere(tmp_path: Path) -> None:
    """A named key file is created with its folder, and found again."""
    keys = KeySource(file=tmp_path / "elsewhere" / "my.key")
    open_for_writing(url(tmp_path / "state.db"), keys).close()
    open_for_writing(url(tmp_path / "state.db"), keys).close()

    assert keys.file is not None
    assert keys.file.exists()


@pytest.mark.parametrize("opener", [open_for_reading, open_for_writing])
def test_a_missing_key_is_named_and_not_replaced(tmp_path: Path, opener: Any) -> None:
    """An existing store never gets a new key: the refusal names the id of the one that is needed."""
    state = url(tmp_path / "state.db")
    open_for_writing(state, source(KEY)).close()

    with pytest.raises(StateError, match=f"encryption key {_id(KEY)} .* missing.*RECONCILER_KEY"):
        opener(state, KeySource())

    assert not (tmp_path / "key").exists()


def test_a_wrong_key_is_told_with_both_ids(tmp_path: Path) -> None:
    """Whoever mixed up two keys learns which is needed and which was found."""
    state = url(tmp_path / "state.db")
    open_for_writing(state, source(KEY)).close()

    with pytest.raises(StateError, match=f"{_id(KEY)} .* missing .found: {_id(OTHER_KEY)}"):
        open_for_writing(state, source(OTHER_KEY))


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        KEY.rstrip("="),
        bytes(range(32)).hex(),
        bytes(range(32)).hex().upper(),
        f" {KEY} ,{OTHER_KEY}",
    ],
)
def test_a_key_is_base64_or_hexadecimal(text: str) -> None:
    """Either spelling is the same key, with or without padding."""
    assert load(source(text)).keys[0].id == _id(KEY)


def test_a_url_safe_key_is_read_too() -> None:
    """Keys made with the URL-safe alphabet are the same keys."""
    raw = bytes([251, 255] * 16)

    assert _id(base64.urlsafe_b64encode(raw).decode()) == _id(base64.b64encode(raw).decode())


@pytest.mark.parametrize("text", ["hunter2hunter2", KEY[:-8], KEY + "AAAA", f"{KEY},x", ",", "ä"])
def test_what_is_no_key_is_refused_unseen(tmp_path: Path, text: str) -> None:
    """The refusal says what is expected, shows nothing of the value, and comes before anything is created."""
    with pytest.raises(StateError, match="expected base64 or hexadecimal of 32 bytes") as refusal:
        open_for_writing(url(tmp_path / "state.db"), source(text))

    assert "hunter2" not in str(refusal.value)
    assert KEY[:-8] not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def test_keys_do_not_show_themselves() -> None:
    """Neither a source nor a ring tells a key in its text forms."""
    given = source(KEY, OTHER_KEY)
    shown = f"{given!r} {given} {load(given)!r}"

    for key in (KEY, OTHER_KEY, bytes(range(32)).hex(), repr(bytes(range(32)))):
        assert key not in shown


def test_the_first_of_several_keys_encrypts_and_all_decrypt(tmp_path: Path) -> None:
    """A new key put in front takes over, what the old one sealed stays readable, fingerprints stay the same."""
    state = url(tmp_path / "state.db")
    with open_for_writing(state, source(KEY)) as store:
        before = store.fingerprint(_SECRET)
        store.write(lease(store), [Write(record=recorded(1), secret=_SECRET)])

    with open_for_writing(state, source(OTHER_KEY, KEY)) as store:
        store.write(lease(store), [Write(record=recorded(2), secret=_SECRET)])
        assert store.secrets(recorded(1).id) == store.secrets(recorded(2).id) == (_SECRET,)
        assert store.fingerprint(_SECRET) == before

    with open_for_writing(state, source(KEY)) as store, pytest.raises(StateError, match=_id(OTHER_KEY)):
        store.secrets(recorded(2).id)


def test_fingerprints_differ_between_stores(tmp_path: Path) -> None:
    """The key of fingerprints is the store's own, so they tell nothing across stores."""
    assert open_and_sign(url(tmp_path / "a" / "state.db")) != open_and_sign(url(tmp_path / "b" / "state.db"))


@pytest.mark.parametrize(
    "move",
    [
        "UPDATE secrets SET webhook_id = 'another'",
        "UPDATE secrets SET version = version + 1",
        "UPDATE secrets SET nonce = zeroblob(12)",
        "UPDATE secrets SET nonce = x'00'",
        "UPDATE secrets SET ciphertext = x''",
    ],
)
def test_a_ciphertext_opens_in_its_own_row_only(tmp_path: Path, move: str) -> None:
    """Whoever can write to the file cannot give one webhook the secret of another, or an older one."""
    path = tmp_path / "state.db"
    with open_for_writing(url(path), source(KEY)) as store:
        store.write(lease(store), [Write(record=recorded(), secret=_SECRET)])
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(move)
    connection.close()

    with open_for_writing(url(path), source(KEY)) as store, pytest.raises(StateError, match="does not decrypt"):
        store.secrets("another" if "another" in move else recorded().id)


@pytest.mark.parametrize("value", ["", "a.b", "00000000.!.!"])
def test_a_damaged_fingerprint_key_is_told(tmp_path: Path, value: str) -> None:
    """A store whose own key was overwritten refuses to open instead of comparing wrongly."""
    path = tmp_path / "state.db"
    open_for_writing(url(path), source(KEY)).close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE meta SET value = ?", (value,))
    connection.close()

    with pytest.raises(StateError):
        open_for_writing(url(path), source(KEY))


def test_a_lost_fingerprint_key_is_told(tmp_path: Path) -> None:
    """A store without its own key is damaged, not new."""
    path = tmp_path / "state.db"
    open_for_writing(url(path), source(KEY)).close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("DELETE FROM meta")
    connection.close()

    with pytest.raises(StateError, match="fingerprint key is gone"):
        open_for_writing(url(path), source(KEY))


def test_threads_that_create_at_once_share_one_key(tmp_path: Path) -> None:
    """However many openings meet, there is one store with one key."""
    state = url(tmp_path / "new" / "state.db")
    with ThreadPoolExecutor(8) as pool:
        signs = set(pool.map(open_and_sign, [state] * 8))

    assert len(signs) == 1


def test_processes_that_create_at_once_share_one_key(tmp_path: Path) -> None:
    """The same between processes, and only the state and the key remain."""
    state = url(tmp_path / "new" / "state.db")
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        signs = set(pool.map(open_and_sign, [state] * 3))

    assert signs == {open_and_sign(state)}
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["key", "state.db"]


def test_sealing_twice_gives_two_ciphertexts() -> None:
    """Nonces are fresh: equal secrets cannot be told from their ciphertexts."""
    ring: KeyRing = load(source(KEY))

    assert ring.seal(b"s", "row") != ring.seal(b"s", "row")
    assert ring.unseal(ring.seal(b"s", "row"), "row") == b"s"
