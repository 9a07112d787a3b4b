"""Whatever is recorded is read back, is fast to read, and shows no secret."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.core.model import Phase, Recorded, Relation, Secret, Subscriber, SubscriberKind, WebhookKey
from reconciler.core.ports import Write
from reconciler.store.keys import KeySource
from reconciler.store.opening import open_for_writing
from tests.store.samples import KEY, SCOPE, lease, orphan, put, recorded, source, url

_texts = st.text(st.characters(codec="utf-8"), max_size=12)
_times = st.floats(allow_nan=False, allow_infinity=False)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | _times | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)
_keys = st.builds(WebhookKey, _texts, _texts, _texts, st.booleans(), _texts, _texts, _texts, _texts, _texts)
_relations = st.builds(
    Relation,
    st.builds(Subscriber, st.sampled_from(SubscriberKind), _texts),
    _texts,
    st.lists(_texts, max_size=3).map(tuple),
)
_records = st.builds(
    Recorded,
    id=_texts,
    key=_keys,
    phase=st.sampled_from(Phase),
    resource=_texts,
    url=_texts,
    events=st.frozensets(_texts, max_size=4),
    relations=st.lists(_relations, max_size=3).map(tuple),
    options=st.dictionaries(_texts, _json, max_size=3),
    remote_id=_texts,
    secret=_texts,
    slot=_texts,
    protect=st.booleans(),
    replaced=st.booleans(),
    created_at=_times,
    updated_at=_times,
    lease_expires_at=st.none() | _times,
)


@given(records=st.lists(_records, max_size=4), secret=_texts)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_record_is_read_back_equal(tmp_path: Path, records: list[Recorded], secret: str) -> None:
    """Whatever the fields hold, what was written is what is read, one by one and all together."""
    with open_for_writing(url(tmp_path / "state.db"), source(KEY)) as store:
        held = lease(store)
        for former in store.records(SCOPE):
            store.delete(held, former.id)
        apart = {record.id: record for record in records}
        apart = {record.slot or record.id: record for record in apart.values()}
        apart = {str(record.key): record for record in apart.values()}
        store.write(held, [Write(record=record, secret=Secret(secret)) for record in apart.values()])

        assert store.records(SCOPE) == sorted(apart.values(), key=lambda record: record.id.encode())
        for record in apart.values():
            assert store.record(SCOPE, record.id) == record
            assert store.secrets(record.id) == (Secret(secret),)


def test_many_records_are_read_back_whole(tmp_path: Path) -> None:
    """Each once, in the order of their ids, however many rows they take."""
    with open_for_writing(url(tmp_path / "state.db"), source(KEY)) as store:
        put(store, *(recorded(number) for number in range(2_500)))

        assert [record.id for record in store.records(SCOPE)] == sorted(recorded(number).id for number in range(2_500))


def test_no_secret_and_no_key_is_in_the_files(tmp_path: Path) -> None:
    """The raw bytes of the database, and of its log while it is open, hold neither secrets nor keys."""
    value = "topsecret-" + "0123456789abcdef" * 4
    held_back = [value.encode(), value[:24].encode()]
    with open_for_writing(url(tmp_path / "state.db"), KeySource()) as store:
        held = lease(store)
        secret = Secret(value)
        record = recorded(secret=store.fingerprint(secret))
        store.write(held, [Write(record=record, secret=secret)])
        store.add_orphan(held, orphan())
        while_open = b"".join(file.read_bytes() for file in tmp_path.glob("state.db*"))
        shown = f"{store!r} {store.record(SCOPE, record.id)!r} {store.secrets(record.id)!r} {Write(record=record)!r}"
    closed = (tmp_path / "state.db").read_bytes()

    held_back.append((tmp_path / "key").read_bytes().strip())
    assert record.id.encode() in while_open
    assert record.id.encode() in closed
    for part in held_back:
        assert part not in while_open
        assert part not in closed
        assert part.decode() not in shown
