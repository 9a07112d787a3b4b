"""A store in PostgreSQL: what differs from a state file. What both keep to is in test_contract."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from reconciler.core.errors import ConfigError, LockedError, StateError
from reconciler.core.model import Secret
from reconciler.core.ports import Lease, Write
from reconciler.store.empty import EmptyStore
from reconciler.store.errors import ConflictError, SlotTakenError
from reconciler.store.keys import KeySource, load
from reconciler.store.migrating import migrate_lazily
from reconciler.store.opening import open_existing, open_for_reading, open_for_writing
from reconciler.store.postgres import Address, ReadingDatabase, WritingDatabase
from reconciler.store.schema import HEAD, PACKAGED, Schema
from reconciler.store.sql import SqlStore
from reconciler.store.tables import METADATA
from reconciler.store.upgrading import upgrade
from reconciler.store.upkeep import back_up, rotate
from tests.store.samples import (
    KEY,
    OTHER_KEY,
    SCOPE,
    lease,
    open_and_look_for_the_driver,
    open_without_the_driver,
    orphan,
    put,
    recorded,
    source,
)
from tests.store.test_migrations import _FAILING, _MIGRATION, _NEXT, _next_schema
from tests.support.postgres import PASSWORD, Postgres

pytestmark = pytest.mark.processes

_SECRET = Secret("f" * 64)
_COPYING = ', recreate="always"'
"""How a migration makes SQLite copy a table; elsewhere it is changed in place."""
_OPENERS = [open_for_reading, open_for_writing]


@pytest.fixture
def filled(postgres: str) -> str:
    """The URL of a store with one record and its secret."""
    with open_for_writing(postgres, source(KEY)) as store:
        held = lease(store)
        store.write(held, [Write(record=recorded(), secret=_SECRET)])
        store.release(held)
    return postgres


@pytest.fixture
def database(filled: str) -> Iterator[WritingDatabase]:
    """The database of that store, with little patience."""
    opened = WritingDatabase(Address.of(filled), patience=0.05)
    yield opened
    opened.close()


def _sleepless(work: Callable[[int], Any], number: int = 4) -> list[Any]:
    """What `work` returns in threads that all begin at one moment; an exception counts as an answer."""
    barrier = threading.Barrier(number)

    def begin(index: int) -> Any:
        barrier.wait(10)
        try:
            return work(index)
        except StateError as error:
            return error

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(begin, range(number)))


# -- the URL -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://db/x", "postgresql://db/x"),
        ("postgresql+psycopg://u:hunter2@db.acme.dev:5433/x", "postgresql://u@db.acme.dev:5433/x"),
        ("postgresql://u:hunt%40er2@[::1]/x?sslmode=require", "postgresql://u@[::1]/x"),
        ("postgresql://a:1,b:2/x", "postgresql://a,b:1,2/x"),
        ("postgresql://a,b/x?password=hunter2&sslpassword=hunter2", "postgresql://a,b/x"),
        ("postgresql://u%40acme:hunter2@db/a%20b", "postgresql://u%40acme@db/a%20b"),
        ("postgresql:///x?host=/run/pg&user=u", "postgresql://u@/x?host=/run/pg"),
        ("postgresql://db/x?options=-csearch_path%3Dhooks", "postgresql://db/x?options=-csearch_path%3Dhooks"),
    ],
)
def test_people_see_the_place_without_the_password(url: str, shown: str) -> None:
    """User, host, port, database and schema tell which state it is; a password is nowhere."""
    address = Address.of(url)

    assert address.location == shown
    assert "hunter2" not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@ss@db/x",
        "postgresql://u:hun/ter2@db/x",
        "postgresql://u:h@un/ter2@db/x",
        "postgresql://u:hunter2%zz@db/x",
        "postgresql://db:hunter2/x",
        "postgresql://db/x?hunter2=1",
        "postgresql://db/x?hunter2",
    ],
)
@pytest.mark.parametrize("opener", [*_OPENERS, open_existing])
def test_a_url_that_makes_no_sense_is_refused_and_not_repeated(url: str, opener: Any) -> None:
    """A password with special characters may land anywhere, so the refusal shows nothing of the URL."""
    with pytest.raises(ConfigError, match="percent-encoded") as refusal:
        opener(url, source(KEY))

    assert not any(part in str(refusal.value) for part in ("hunter2", "ter2", "hun/", "ss@", "h@un"))


def test_without_the_driver_the_extra_is_named(postgres: str) -> None:
    """Whoever did not install the extra is told how."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        told = pool.submit(open_without_the_driver, postgres).result()

    assert told == "a PostgreSQL state needs the driver psycopg: pip install 'webhook-reconciler[postgres]'"


def test_a_state_file_does_not_load_the_driver(tmp_path: Path) -> None:
    """Who has an SQLite state pays nothing for the other, and needs nothing of it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(open_and_look_for_the_driver, f"sqlite:///{tmp_path}/state.db").result() is False


# -- opening -----------------------------------------------------------------------------------------------------------


def test_what_one_opening_wrote_the_next_one_reads(filled: str) -> None:
    """Records, secrets and fingerprints outlive the process that wrote them; the place is told without a password."""
    signs = set()
    for opener in (open_for_writing, open_existing, open_for_reading):
        with opener(filled, source(KEY)) as store:
            assert store.exists
            assert store.records(SCOPE) == [recorded()]
            assert store.secrets(recorded().id) == (_SECRET,)
            assert store.location == Address.of(filled).location
            assert PASSWORD not in store.location
            signs.add(store.fingerprint(_SECRET))
    assert len(signs) == 1


def test_reading_an_empty_database_creates_nothing(postgres: str, postgres_server: Postgres) -> None:
    """It is an empty store that says so, and stays empty."""
    with open_for_reading(postgres, KeySource()) as store:
        assert isinstance(store, EmptyStore)
        assert (store.location, store.records(SCOPE)) == (Address.of(postgres).location, ())
        with pytest.raises(StateError, match=r"there is no state postgresql:.* for reading only"):
            store.bind(SCOPE, "project")
    with pytest.raises(StateError, match="there is no state postgresql://"):
        open_existing(postgres, source(KEY))

    assert _tables(postgres_server, postgres) == []


def test_a_store_opened_to_read_refuses_to_write(filled: str) -> None:
    """Refused by us, and by the server itself."""
    held = Lease(scope=SCOPE, holder="pass-1", fence=1, expires_at=15.0)
    with open_for_reading(filled, source(KEY)) as store, pytest.raises(StateError, match="for reading only"):
        store.write(held, [Write(record=recorded(2))])
    database = ReadingDatabase(Address.of(filled))
    with pytest.raises(StateError, match="cannot be written: the server only reads"):
        database.read(lambda connection: connection.execute(text("DELETE FROM webhooks")))
    database.close()


@pytest.mark.parametrize("opener", _OPENERS)
@pytest.mark.parametrize(
    "statements",
    [
        "CREATE TABLE music (title text)",
        "CREATE TABLE music (title text); CREATE TABLE alembic_version AS SELECT '0001' AS version_num",
    ],
)
def test_a_database_of_another_program_is_refused(
    postgres: str, postgres_server: Postgres, opener: Any, statements: str
) -> None:
    """Tables that are not ours are not added to, even where their program migrates as we do."""
    postgres_server.rows(postgres, statements)
    before = _tables(postgres_server, postgres)

    with pytest.raises(StateError, match="another program"):
        opener(postgres, source(KEY))

    assert _tables(postgres_server, postgres) == before


def test_openings_that_create_at_once_share_one_store(postgres: str, tmp_path: Path) -> None:
    """One of them makes tables and key, the others wait for it."""
    keys = KeySource(file=tmp_path / ".reconciler" / "key")

    def sign(_: int) -> str:
        with open_for_writing(postgres, keys) as store:
            return store.fingerprint(_SECRET)

    assert len(set(_sleepless(sign))) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("host=%2F", "host=%2Fnowhere%2F"), "cannot be reached: "),
        (("/postgres?", "/no_such_database?"), 'database "no_such_database" does not exist'),
    ],
)
@pytest.mark.parametrize("opener", _OPENERS)
def test_a_server_that_cannot_be_reached_is_told(
    postgres: str, change: tuple[str, str], told: str, opener: Any
) -> None:
    """The place and the server's own words on one line, without the password."""
    with pytest.raises(StateError, match=r"the state postgresql://postgres@/") as refusal:
        opener(postgres.replace(*change), source(KEY))

    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert PASSWORD not in str(refusal.value)


def test_a_password_that_the_server_repeats_is_not_shown() -> None:
    """Whatever libpq says of a connection, the password is taken out of it."""
    with pytest.raises(StateError) as refusal:
        Address.of("postgresql://u:hunter2@/x?host=/nowhere/hunter2").connect()

    assert "/nowhere/****" in str(refusal.value).partition("cannot be reached")[2]


def test_a_user_without_rights_is_told(postgres: str, postgres_server: Postgres) -> None:
    """What the server grants is its administrator's business; its words name what is missing."""
    postgres_server.admin.execute("DROP ROLE IF EXISTS stranger")
    postgres_server.admin.execute("CREATE ROLE stranger LOGIN")

    with pytest.raises(StateError, match=r"3F000|has no schema|lacks a right"):
        open_for_writing(postgres.replace("//postgres:", "//stranger:"), source(KEY))
    with open_for_writing(postgres, source(KEY)):
        pass
    schema = postgres_server.rows(postgres, "SELECT current_schema()")[0][0]
    postgres_server.admin.execute(f"GRANT USAGE ON SCHEMA {schema} TO stranger")
    with pytest.raises(StateError, match=r"lacks a right \(permission denied"):
        open_for_writing(postgres.replace("//postgres:", "//stranger:"), source(KEY))


# -- keys --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opener", [*_OPENERS, open_existing])
def test_a_missing_key_is_named_and_not_replaced(filled: str, tmp_path: Path, opener: Any) -> None:
    """A store that is there never gets a new key, wherever a key file could be made."""
    keys = KeySource(file=tmp_path / ".reconciler" / "key")

    with pytest.raises(
        StateError, match=f"key {load(source(KEY)).ids[0]} of this store is missing: set RECONCILER_KEY"
    ):
        opener(filled, keys)

    assert list(tmp_path.iterdir()) == []


def test_a_new_store_tells_that_it_made_a_key_file(postgres: str, tmp_path: Path) -> None:
    """Once: the next opening finds it. Its mode is 0600, as everywhere."""
    file = tmp_path / ".reconciler" / "key"
    for made in (file, None):
        with open_for_writing(postgres, KeySource(file=file)) as store:
            assert store.made_key == made
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("place", "told"), [("", "needs an encryption key: make one"), ("key", "CI is set")])
def test_a_new_store_is_refused_where_its_key_could_not_be_kept(
    postgres: str, postgres_server: Postgres, tmp_path: Path, place: str, told: str
) -> None:
    """Without a place for the key, or on a machine that is thrown away; the refusal says how to make one."""
    keys = KeySource(file=tmp_path / place if place else None, passing=True)

    with pytest.raises(StateError, match=r"openssl rand -base64 32.*RECONCILER_KEY") as refusal:
        open_for_writing(postgres, keys)

    assert told in str(refusal.value)
    assert _tables(postgres_server, postgres) == []
    assert list(tmp_path.iterdir()) == []
    with open_for_writing(postgres, replace(keys, text=Secret(KEY))) as store:
        assert store.made_key is None


def test_keys_are_rotated_in_the_key_file(postgres: str, tmp_path: Path) -> None:
    """The key file beside the project holds a new key alone; a store that was open follows it."""
    keys = KeySource(file=tmp_path / ".reconciler" / "key")
    with open_for_writing(postgres, keys) as writer, open_for_reading(postgres, keys) as reader:
        before = load(keys).ids
        writer.write(lease(writer), [Write(record=recorded(), secret=_SECRET)])
        with open_existing(postgres, keys) as other:
            done = list(rotate(other, lease(other)))[-1]
        assert (done.done, done.resealed, done.dropped, done.file) == (True, 1, before, keys.file)
        assert load(keys).ids == (done.key,)
        assert writer.secrets(recorded().id) == reader.secrets(recorded().id) == (_SECRET,)


def test_keys_are_rotated_between_given_ones(filled: str) -> None:
    """With RECONCILER_KEY=NEW,OLD; afterwards the old one opens nothing."""
    with open_existing(filled, source(OTHER_KEY, KEY)) as store:
        done = list(rotate(store, lease(store)))[-1]
        assert (done.done, done.file) == (True, None)
    with open_for_reading(filled, source(OTHER_KEY)) as store:
        assert store.secrets(recorded().id) == (_SECRET,)
    with pytest.raises(StateError, match="is missing"):
        open_for_reading(filled, source(KEY))


# -- schemas -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opener", [*_OPENERS, open_existing])
def test_an_old_schema_is_migrated_by_command_alone(filled: str, tmp_path: Path, opener: Any) -> None:
    """Other machines may still run the older program: nobody migrates in passing."""
    schema = _next_schema(tmp_path, _MIGRATION.replace(_COPYING, ""))

    with pytest.raises(StateError, match=f"{HEAD} and this version needs {_NEXT}: run `reconcile db upgrade`"):
        opener(filled, source(KEY), schema)

    done = upgrade(filled, 1000.0, schema)
    assert (done.before, done.after, done.backup, done.done) == (HEAD, _NEXT, None, True)
    assert done.state == Address.of(filled).location
    with opener(filled, source(KEY), schema) as store:
        assert store.records(SCOPE) == [recorded()]
    with pytest.raises(StateError, match=f"the schema {_NEXT}, newer than {HEAD}"):
        opener(filled, source(KEY))
    with pytest.raises(StateError, match=f"the schema {_NEXT}, newer than {HEAD}"):
        upgrade(filled, 1000.0)


def test_of_upgrades_at_once_one_migrates(filled: str, tmp_path: Path) -> None:
    """The others wait for it, and find nothing left to do."""
    schema = _next_schema(tmp_path, _MIGRATION.replace(_COPYING, ""))

    done = _sleepless(lambda _: upgrade(filled, 1000.0, schema))

    assert sorted(each.before for each in done) == [HEAD, _NEXT, _NEXT, _NEXT]
    assert {each.after for each in done} == {_NEXT}


def test_a_failing_migration_changes_nothing(filled: str, tmp_path: Path, postgres_server: Postgres) -> None:
    """A migration that breaks off half-way leaves the store as it was, for the older program."""
    before = _tables(postgres_server, filled)
    with pytest.raises(ValueError, match="half way"):
        upgrade(filled, 1000.0, _next_schema(tmp_path, _FAILING.replace(_COPYING, "")))
    with pytest.raises(StateError, match="cannot be migrated to the schema 0009"):
        upgrade(filled, 1000.0, Schema(head="0009"))

    assert _tables(postgres_server, filled) == before
    with open_for_writing(filled, source(KEY)) as store:
        assert store.records(SCOPE) == [recorded()]


def test_nothing_is_upgraded_under_a_pass(filled: str, tmp_path: Path) -> None:
    """While anybody holds a scope of the store, it is left alone; a lapsed lease holds nothing."""
    schema = _next_schema(tmp_path, _MIGRATION.replace(_COPYING, ""))
    with open_for_writing(filled, source(KEY)) as store:
        assert store.acquire("other", "somebody", now=990.0, seconds=15.0)

    with pytest.raises(LockedError, match="the scope other is held by somebody"):
        upgrade(filled, 1000.0, schema)

    assert upgrade(filled, 1010.0, schema).done
    assert not upgrade(filled, 1010.0, schema).done


def test_an_upgrade_makes_no_store(postgres: str, postgres_server: Postgres) -> None:
    """Where none is, that is told, and none appears."""
    with pytest.raises(StateError, match="there is no state postgresql://"):
        upgrade(postgres, 1000.0)

    assert _tables(postgres_server, postgres) == []


def test_migrations_build_what_new_stores_are_created_with(filled: str, postgres_server: Postgres) -> None:
    """A store that came through every migration and a new one have the same columns and indexes, word for word."""
    migrated = postgres_server.new()
    database = WritingDatabase(Address.of(migrated))
    database.prepare(lambda connection: migrate_lazily(connection, PACKAGED))

    def differences(connection: Connection) -> Any:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), METADATA)

    assert database.read(differences) == []
    database.close()
    assert _shape(postgres_server, migrated) == _shape(postgres_server, filled)
    assert all(_shape(postgres_server, filled))


def _tables(server: Postgres, url: str) -> list[Any]:
    return server.rows(url, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1")


_COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
WHERE table_schema = current_schema() ORDER BY 1, 2
"""
_INDEXES = """
SELECT replace(indexdef, current_schema() || '.', '') FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1
"""
_CONSTRAINTS = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
ORDER BY 1
"""


def _shape(server: Postgres, url: str) -> list[Any]:
    return [server.rows(url, statement) for statement in (_COLUMNS, _INDEXES, _CONSTRAINTS)]


# -- several writers ---------------------------------------------------------------------------------------------------


def test_of_machines_that_want_a_scope_at_once_one_gets_it(filled: str) -> None:
    """Also where none of them has seen the scope before; the fence of each holder is its own."""

    def acquire(index: int) -> Lease | None:
        with open_for_writing(filled, source(KEY)) as store:
            return store.acquire("fresh", f"machine-{index}", now=0.0, seconds=15.0)

    (held,) = (each for each in _sleepless(acquire) if each is not None)
    with open_for_writing(filled, source(KEY)) as store:
        assert store.lease("fresh") == held


def test_leases_that_are_taken_and_given_back_at_once_never_share_a_fence(filled: str) -> None:
    """Every write of the scope's row sees the one before: no fence is given twice."""
    fences: list[int] = []

    def work(index: int) -> None:
        with open_for_writing(filled, source(KEY)) as store:
            for number in range(10):
                taken = store.acquire("fresh", f"machine-{index}-{number}", now=0.0, seconds=15.0)
                if taken:
                    fences.append(taken.fence)
                    store.release(taken)

    assert _sleepless(work) == [None] * 4
    assert sorted(fences) == list(range(1, len(fences) + 1))
    assert fences


def test_a_slot_that_two_scopes_claim_at_once_has_one_owner(filled: str) -> None:
    """The others are refused as if they had come later."""

    def claim(index: int) -> None:
        with open_for_writing(filled, source(KEY)) as store:
            put(store, recorded(10 + index, slot="telegram:1"), scope=f"scope-{index}")

    answers = _sleepless(claim)

    assert [type(answer) for answer in answers].count(SlotTakenError) == 3
    with open_for_reading(filled, source(KEY)) as store:
        assert list(store.slots()) == ["telegram:1"]


def test_an_address_that_two_records_claim_at_once_has_one_owner(filled: str) -> None:
    """Two live records of one address are a conflict, whoever is first."""
    with open_for_writing(filled, source(KEY)) as store:
        held = lease(store)

        def claim(index: int) -> None:
            store.write(held, [Write(record=recorded(20 + index, key=recorded(20).key))])

        answers = _sleepless(claim)

    assert [type(answer) for answer in answers].count(ConflictError) == 3


def test_a_busy_database_is_told(database: WritingDatabase) -> None:
    """A writer of another process is waited for with patience, then named as the reason; readers go on."""
    other = WritingDatabase(Address.of(_url_of(database)), patience=0.05)

    def meanwhile(_: Connection) -> int:
        with pytest.raises(StateError, match="is busy: another process has been writing"):
            other.write(lambda connection: connection.execute(text("DELETE FROM webhooks")))
        return int(
            other.read(lambda connection: connection.execute(text("SELECT count(*) FROM webhooks")).scalar_one())
        )

    assert database.write(meanwhile) == 1
    assert other.write(lambda connection: connection.execute(text("SELECT 1")).scalar()) == 1
    other.close()


def test_a_read_sees_one_state(database: WritingDatabase) -> None:
    """What is committed while a read goes on shows in the next one."""
    other = WritingDatabase(Address.of(_url_of(database)))
    counting = text("SELECT count(*) FROM webhooks")

    def counts(connection: Connection) -> tuple[Any, Any]:
        before = connection.execute(counting).scalar()
        other.write(lambda writing: writing.execute(text("DELETE FROM webhooks")))
        return before, connection.execute(counting).scalar()

    assert database.read(counts) == (1, 1)
    assert database.read(lambda connection: connection.execute(counting).scalar()) == 0
    other.close()


def test_a_writer_that_stands_still_is_thrown_out(database: WritingDatabase) -> None:
    """The server itself ends a transaction whose process was stopped, and no statement runs for ever."""
    names = ("idle_in_transaction_session_timeout", "statement_timeout", "lock_timeout")

    def settings(connection: Connection) -> list[Any]:
        return [connection.execute(text(f"SHOW {name}")).scalar() for name in names]

    assert database.write(settings) == ["15s", "30s", "50ms"]
    assert database.prepare(settings) == ["15s", "10min", "1min"]


def _url_of(database: WritingDatabase) -> str:
    return f"{database.location}&password={PASSWORD}"


# -- lost connections --------------------------------------------------------------------------------------------------


def test_a_connection_that_broke_while_it_lay_idle_is_replaced(filled: str, postgres_server: Postgres) -> None:
    """A server that was restarted between two passes of a daemon is no failure."""
    with open_for_writing(filled, source(KEY)) as store:
        assert postgres_server.terminate(filled) >= 1
        assert store.records(SCOPE) == [recorded()]
        assert postgres_server.terminate(filled) >= 1
        put(store, recorded(2))
        assert store.count(SCOPE) == 2


@pytest.mark.parametrize("way", ["read", "write"])
def test_a_connection_that_is_lost_at_work_is_told(
    filled: str, database: WritingDatabase, postgres_server: Postgres, way: str
) -> None:
    """Nothing of the transaction stays, the password is not shown, and the next one works."""

    def work(connection: Connection) -> None:
        if way == "write":
            connection.execute(text("DELETE FROM webhooks"))
        postgres_server.terminate(filled)
        connection.execute(text("SELECT 1"))

    with pytest.raises(StateError, match=r"state postgresql://.* lost its connection \(.*run it again") as refusal:
        getattr(database, way)(work)

    assert PASSWORD not in str(refusal.value)
    assert database.read(lambda connection: connection.execute(text("SELECT count(*) FROM webhooks")).scalar()) == 1


def test_a_connection_that_is_lost_at_the_commit_is_told(
    filled: str, database: WritingDatabase, postgres_server: Postgres
) -> None:
    """Whether the server had committed is not known then: the refusal says what completes it."""
    with pytest.raises(StateError, match="what was begun is completed then"):
        database.write(lambda _: postgres_server.terminate(filled))


# -- by hand -----------------------------------------------------------------------------------------------------------


def test_a_backup_is_the_servers_business(filled: str, tmp_path: Path) -> None:
    """The refusal names the tool, and the key that the dump is worth nothing without."""
    with open_for_reading(filled, source(KEY)) as store:
        assert isinstance(store, SqlStore)
        with pytest.raises(StateError, match="`pg_dump`, and keep RECONCILER_KEY"):
            back_up(store, tmp_path / "copy.db")

    assert list(tmp_path.iterdir()) == []


def test_a_dump_is_put_back_with_its_key(filled: str, postgres_server: Postgres) -> None:
    """Rows copied to another schema, as a dump does, are the same store."""
    copied = postgres_server.new()
    WritingDatabase(Address.of(copied)).close()
    old, new = (postgres_server.rows(url, "SELECT current_schema()")[0][0] for url in (filled, copied))
    for (table,) in _tables(postgres_server, filled):
        postgres_server.rows(copied, f"CREATE TABLE {new}.{table} (LIKE {old}.{table} INCLUDING ALL)")
        postgres_server.rows(copied, f"INSERT INTO {new}.{table} TABLE {old}.{table}")

    with open_for_writing(copied, source(KEY)) as store:
        assert store.secrets(recorded().id) == (_SECRET,)


@pytest.mark.parametrize("resource", ["\ud800", "\0"])
def test_a_text_that_cannot_be_stored_is_told(filled: str, resource: str) -> None:
    """The refusal is ours, and nothing is written."""
    with open_for_writing(filled, source(KEY)) as store:
        with pytest.raises(StateError, match=r"state postgresql://.* cannot"):
            put(store, recorded(2, resource=resource))
        assert store.count(SCOPE) == 1


def test_orphans_and_large_answers_survive(filled: str) -> None:
    """A thousand records go through one transaction and come back in the order of their ids."""
    many = [recorded(number) for number in range(1, 1001)]
    with open_for_writing(filled, source(KEY)) as store:
        put(store, *many)
        store.add_orphan(lease(store), orphan())
        assert store.records(SCOPE) == many
        assert store.orphans(SCOPE) == [orphan()]


def test_a_write_is_durable_whatever_the_server_s_default(postgres: str) -> None:
    """A server may acknowledge before its log is on the disk: our transactions do not let it."""
    database = WritingDatabase(Address.of(postgres))
    try:
        told = database.write(lambda connection: connection.exec_driver_sql("SHOW synchronous_commit").scalar())
    finally:
        database.close()
    assert told == "on"
