"""What every `core.ports.Store` keeps to: run over the store in both databases, and in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from reconciler.core.errors import LeaseLostError, ScopeBoundError, StateError
from reconciler.core.model import Phase, Relation, Secret, Subscriber, SubscriberKind, WebhookKey
from reconciler.core.ports import Lease, Store, Write
from tests.store.conftest import Opened
from tests.store.samples import BASE_URL, SCOPE, key, lease, orphan, put, recorded

_OLD = Secret("0" * 64)
_NEW = Secret("1" * 64)
_NEWEST = Secret("2" * 64)


def test_a_record_is_read_back_as_it_was_written(store: Store) -> None:
    """Every field of a record, its key and its relations survive."""
    record = recorded(
        key=WebhookKey("alice", "generic", "webhook", manual=True, subscriber="preset:weekly", name="två"),
        phase=Phase.MANUAL,
        relations=(
            Relation(Subscriber(SubscriberKind.PRESET, "weekly"), "node-2", ("b", "a")),
            Relation(Subscriber(SubscriberKind.GRAPH, "weekly"), "", ()),
        ),
        options={"ssl": True, "depth": 2, "labels": ["a", None], "deep": {"ä": 1.5}},
        secret="fingerprint",
        slot="telegram:42",
        protect=True,
        replaced=True,
        lease_expires_at=300.25,
    )

    put(store, record)

    assert store.records(SCOPE) == [record]
    assert (store.count(SCOPE), store.count("unheard-of")) == (1, 0)
    assert store.record(SCOPE, record.id) == record


def test_records_are_those_of_the_scope_ordered_by_id(store: Store) -> None:
    """A scope sees its own records only, always in the same order."""
    put(store, recorded(2), recorded(1))
    put(store, recorded(3), scope="other")

    assert [record.id for record in store.records(SCOPE)] == [recorded(1).id, recorded(2).id]
    assert store.record(SCOPE, recorded(3).id) is None
    assert store.records("unheard-of") == []


def test_writing_a_record_again_replaces_it_with_its_relations(store: Store) -> None:
    """The second write of an id is what counts; no relation of the first remains."""
    put(store, recorded())
    after = recorded(events=frozenset({"push"}), relations=(), phase=Phase.PENDING, remote_id="")

    put(store, after)

    assert store.records(SCOPE) == [after]


def test_the_last_of_two_writes_of_one_record_counts(store: Store) -> None:
    """One call may hold a record twice; the later one stands."""
    put(store, recorded(remote_id=""), recorded(remote_id="7"))

    assert [record.remote_id for record in store.records(SCOPE)] == ["7"]


def test_scopes_are_those_that_were_served(store: Opened) -> None:
    """A scope is known from its first lease or binding on."""
    assert store.scopes() == ()

    store.bind("other", "project")
    lease(store)

    assert store.scopes() == (SCOPE, "other")


def test_known_ids_looks_into_every_scope(store: Store) -> None:
    """An id counts as known whichever scope recorded it."""
    put(store, recorded(1))
    put(store, recorded(2), scope="other")

    assert store.known_ids([recorded(1).id, recorded(2).id, recorded(3).id]) == {recorded(1).id, recorded(2).id}
    assert store.known_ids(f"id-{number}" for number in range(1500)) == frozenset()


def test_slots_are_told_over_all_scopes(store: Store) -> None:
    """A slot leads to the scope and the webhook that have it; a retired webhook has none."""
    put(store, recorded(1, slot="telegram:1"), recorded(2))
    put(store, recorded(3, slot="telegram:3"), recorded(4, slot="telegram:4", phase=Phase.RETIRING), scope="other")

    assert store.slots() == {
        "telegram:1": (SCOPE, recorded(1).id),
        "telegram:3": ("other", recorded(3).id),
    }


@pytest.mark.parametrize("scope", [SCOPE, "other"])
def test_a_slot_is_never_claimed_twice(store: Store, scope: str) -> None:
    """The second claim of a slot is refused whole, in the same scope and in another."""
    put(store, recorded(1, slot="telegram:1"))

    with pytest.raises(StateError, match="telegram:1"):
        put(store, recorded(2), recorded(3, slot="telegram:1"), scope=scope)

    assert store.known_ids([recorded(2).id, recorded(3).id]) == frozenset()


def test_two_records_of_one_call_cannot_share_a_slot(store: Store) -> None:
    """A double claim inside one transaction is refused as well."""
    with pytest.raises(StateError, match="telegram:1"):
        put(store, recorded(1, slot="telegram:1"), recorded(2, slot="telegram:1"))

    assert store.records(SCOPE) == []


def test_a_slot_passes_from_a_retiring_record_to_its_successor(store: Store) -> None:
    """Retiring the old and recording the new may stand in one call, in either order."""
    put(store, recorded(1, slot="telegram:1"))

    put(store, recorded(2, slot="telegram:1"), recorded(1, slot="telegram:1", phase=Phase.RETIRING))

    assert store.slots() == {"telegram:1": (SCOPE, recorded(2).id)}


def test_one_address_has_one_live_record(store: Store) -> None:
    """Another live record of the same key is refused; beside a retiring one and a tombstone it is fine."""
    put(store, recorded(1, key=key(), phase=Phase.RETIRING), recorded(2, key=key(), phase=Phase.TOMBSTONE))
    put(store, recorded(3, key=key()))

    with pytest.raises(StateError, match="github/repo/acme/api@acme-github"):
        put(store, recorded(4, key=key(), phase=Phase.PENDING))

    assert len(store.records(SCOPE)) == 3


def test_the_same_address_may_exist_in_two_scopes(store: Store) -> None:
    """Scopes are apart: what one records does not hinder another."""
    put(store, recorded(1, key=key()))
    put(store, recorded(2, key=key()), scope="other")

    assert len(store.records("other")) == 1


def test_two_records_may_exchange_their_addresses(store: Store) -> None:
    """One call is judged by its outcome, not by the steps in between."""
    first, second = recorded(1), recorded(2)
    put(store, first, second)

    put(store, replace(first, key=second.key), replace(second, key=first.key))

    assert [record.key for record in store.records(SCOPE)] == [second.key, first.key]


def test_a_record_never_changes_its_scope(store: Store) -> None:
    """A write under one scope's lease cannot take over another scope's record."""
    put(store, recorded(1))

    with pytest.raises(StateError, match=f"belongs to the scope `{SCOPE}`"):
        put(store, recorded(1), scope="other")

    assert store.records("other") == []


def test_base_urls_remembers_former_ones(store: Store) -> None:
    """Every base URL that a record of the scope ever had is kept, even after the record is gone."""
    record = recorded()
    moved = replace(record, url=f"https://new.acme.dev/in/webhooks/github/{record.id}")
    put(store, record)
    put(store, moved)
    put(store, recorded(2, url="https://elsewhere.example/path"), recorded(3, url=""))
    store.delete(lease(store), record.id)

    assert store.base_urls(SCOPE) == {BASE_URL, "https://new.acme.dev/in"}
    assert store.base_urls("other") == frozenset()


def test_secrets_are_newest_first_and_the_last_two_only(store: Store) -> None:
    """After a change, deliveries signed with the secret before still verify; older ones are dropped."""
    record = recorded()
    held = lease(store)
    for secret in (_OLD, _NEW, _NEWEST):
        store.write(held, [Write(record=record, secret=secret)])

    assert store.secrets(record.id) == (_NEWEST, _NEW)
    assert store.secrets("unheard-of") == ()


def test_writing_a_secret_again_pushes_no_older_one_out(store: Store) -> None:
    """A write repeated after an interruption changes nothing."""
    record = recorded()
    held = lease(store)
    for secret in (_OLD, _NEW, _NEW):
        store.write(held, [Write(record=record, secret=secret)])

    assert store.secrets(record.id) == (_NEW, _OLD)


def test_writing_a_record_without_a_secret_keeps_its_secrets(store: Store) -> None:
    """A secret is part of a write only where it changes."""
    record = recorded()
    held = lease(store)
    store.write(held, [Write(record=record, secret=_OLD)])
    store.write(held, [Write(record=replace(record, remote_id="9"))])

    assert store.secrets(record.id) == (_OLD,)


def test_fingerprints_compare_secrets_without_showing_them(store: Store) -> None:
    """Equal secrets have equal fingerprints, others differ, and the secret is not in it."""
    assert store.fingerprint(_OLD) == store.fingerprint(Secret(_OLD.reveal()))
    assert store.fingerprint(_OLD) != store.fingerprint(_NEW)
    assert _OLD.reveal() not in store.fingerprint(_OLD)


def test_deleting_a_record_leaves_only_the_orphans(store: Store) -> None:
    """Record, relations and secrets go and orphans come in one transaction; deleting again is fine."""
    record = recorded(slot="telegram:1")
    held = lease(store)
    store.write(held, [Write(record=record, secret=_OLD), Write(record=recorded(2))])

    store.delete(held, record.id, [orphan()])
    store.delete(held, record.id)

    assert [left.id for left in store.records(SCOPE)] == [recorded(2).id]
    assert store.secrets(record.id) == ()
    assert store.slots() == {}
    assert store.orphans(SCOPE) == [orphan()]


def test_deleting_does_not_reach_into_another_scope(store: Store) -> None:
    """A lease of one scope deletes nothing of another."""
    put(store, recorded(1), scope="other")

    store.delete(lease(store), recorded(1).id)

    assert store.records("other") == [recorded(1)]


def test_orphans_are_added_replaced_and_removed(store: Store) -> None:
    """Orphans are listed oldest first, of one scope, each id once."""
    held = lease(store)
    for number in (2, 1, 3):
        store.add_orphan(held, orphan(number))
    changed = replace(orphan(2), reason="still refused")
    store.add_orphan(held, changed)
    store.remove_orphan(held, "orphan-3")
    store.remove_orphan(held, "unheard-of")

    assert store.orphans(SCOPE) == [orphan(1), changed]
    assert store.orphans("other") == []


def test_a_scope_is_bound_by_its_first_project(store: Store) -> None:
    """Binding again is fine for the same project; another one is refused with both names and the way out."""
    assert store.binding(SCOPE) == ""
    store.bind(SCOPE, "git.acme.dev/hooks:reconciler.yaml")
    store.bind(SCOPE, "git.acme.dev/hooks:reconciler.yaml")
    assert store.binding(SCOPE) == "git.acme.dev/hooks:reconciler.yaml"

    with pytest.raises(ScopeBoundError) as refusal:
        store.bind(SCOPE, "git.evil.dev/hooks:reconciler.yaml")

    for part in ("git.acme.dev/hooks", "git.evil.dev/hooks", "choose another scope"):
        assert part in str(refusal.value)


def test_where_webhooks_will_arrive_is_known_from_the_binding_on(store: Store) -> None:
    """A provider may have a URL before any record has it: the base URLs only grow, and each scope has its own."""
    store.bind(SCOPE, "project", BASE_URL)
    store.bind(SCOPE, "project", "https://new.example.com")
    store.bind(SCOPE, "project", "https://new.example.com")
    store.bind("other", "another", "https://other.example.com")

    assert store.base_urls(SCOPE) == {BASE_URL, "https://new.example.com"}
    assert store.base_urls("other") == {"https://other.example.com"}


def test_a_scope_can_be_bound_after_its_lease_was_taken(store: Store) -> None:
    """Leases and binding do not depend on each other's order."""
    lease(store)
    assert store.binding(SCOPE) == ""

    store.bind(SCOPE, "project")

    with pytest.raises(ScopeBoundError):
        store.bind(SCOPE, "another")


def test_a_lease_has_one_holder_until_it_ends(store: Store) -> None:
    """Another holder gets nothing before the end, and the lease with a higher fence from then on."""
    first = store.acquire(SCOPE, "pass-1", now=100.0, seconds=15.0)

    assert first == Lease(scope=SCOPE, holder="pass-1", fence=1, expires_at=115.0)
    assert store.acquire(SCOPE, "pass-2", now=114.9, seconds=15.0) is None
    assert store.acquire("other", "pass-2", now=114.9, seconds=15.0) is not None
    second = store.acquire(SCOPE, "pass-2", now=115.0, seconds=15.0)
    assert second == Lease(scope=SCOPE, holder="pass-2", fence=2, expires_at=130.0)


def test_renewing_moves_the_end_of_a_lease(store: Store) -> None:
    """A renewed lease keeps its fence and keeps others out for longer."""
    first = lease(store)

    renewed = store.renew(first, now=10.0, seconds=15.0)

    assert renewed == replace(first, expires_at=25.0)
    assert store.acquire(SCOPE, "pass-2", now=20.0, seconds=15.0) is None


def test_a_released_lease_is_free_at_once(store: Store) -> None:
    """The next holder need not wait, and the fence still grows."""
    first = lease(store)
    store.release(first)

    second = store.acquire(SCOPE, "pass-2", now=1.0, seconds=15.0)

    assert second is not None
    assert second.fence == first.fence + 1


def test_releasing_a_lost_lease_does_not_free_another(store: Store) -> None:
    """A late release of a lapsed lease changes nothing."""
    lost = lease(store)
    store.acquire(SCOPE, "pass-2", now=20.0, seconds=15.0)

    store.release(lost)

    assert store.acquire(SCOPE, "pass-3", now=21.0, seconds=15.0) is None


def test_a_holder_that_starts_again_fences_its_former_self_out(store: Store) -> None:
    """The holder's own lease is given again at once, and the old one ends with that."""
    before = lease(store)
    after = lease(store)

    assert after.fence == before.fence + 1
    with pytest.raises(LeaseLostError):
        store.write(before, [])


_WRITES: dict[str, Callable[[Store, Lease], object]] = {
    "write": lambda store, held: store.write(held, [Write(record=recorded(9))]),
    "delete": lambda store, held: store.delete(held, recorded(1).id, [orphan(9)]),
    "add_orphan": lambda store, held: store.add_orphan(held, orphan(9)),
    "remove_orphan": lambda store, held: store.remove_orphan(held, "orphan-1"),
    "renew": lambda store, held: store.renew(held, 30.0, 15.0),
}


@pytest.mark.parametrize("verb", _WRITES)
def test_a_lost_lease_writes_nothing(store: Store, verb: str) -> None:
    """Whoever was overtaken is told so, and the store is as the winner left it."""
    lost = lease(store)
    store.write(lost, [Write(record=recorded(1))])
    store.add_orphan(lost, orphan(1))
    store.acquire(SCOPE, "pass-2", now=20.0, seconds=15.0)

    with pytest.raises(LeaseLostError, match=SCOPE):
        _WRITES[verb](store, lost)

    assert store.records(SCOPE) == [recorded(1)]
    assert store.orphans(SCOPE) == [orphan(1)]


@pytest.mark.parametrize("verb", _WRITES)
def test_a_lease_that_was_never_given_writes_nothing(store: Store, verb: str) -> None:
    """A made-up lease is as good as a lost one."""
    with pytest.raises(LeaseLostError):
        _WRITES[verb](store, Lease(scope=SCOPE, holder="nobody", fence=1, expires_at=1e12))


def test_a_lapsed_lease_that_nobody_took_still_writes(store: Store) -> None:
    """The fence decides, not the clock: a slow pass without a rival finishes."""
    held = lease(store)

    store.renew(held, now=1000.0, seconds=15.0)
    store.write(held, [Write(record=recorded(1))])

    assert store.records(SCOPE) == [recorded(1)]


def test_a_secret_that_is_told_is_kept_once_and_only_while_the_webhook_is_made(store: Store) -> None:
    """The first for a pending record without a secret; no lease is asked for, and nobody else's record is touched."""
    pending = recorded(phase=Phase.PENDING, remote_id="", secret="")
    put(store, pending)
    put(store, recorded(2))

    assert not store.capture(SCOPE, recorded(2).id, _OLD)
    assert not store.capture("other", pending.id, _OLD)
    assert not store.capture(SCOPE, recorded(3).id, _OLD)
    assert store.capture(SCOPE, pending.id, _OLD)
    assert not store.capture(SCOPE, pending.id, _NEW)
    assert (store.secrets(pending.id), store.secrets(recorded(2).id)) == ((_OLD,), ())


def test_what_a_write_forgets_is_gone_before_its_own_secret_counts(store: Store) -> None:
    """Then another one can be told, or is the only one; the secrets of other webhooks stay."""
    pending = recorded(phase=Phase.PENDING, remote_id="", secret="")
    held = lease(store)
    store.write(held, [Write(record=pending, secret=_OLD), Write(record=recorded(2), secret=_OLD)])

    store.write(held, [Write(record=pending, forget=True)])
    assert store.secrets(pending.id) == ()
    assert store.capture(SCOPE, pending.id, _NEW)
    store.write(held, [Write(record=pending, secret=_NEWEST, forget=True)])

    assert (store.secrets(pending.id), store.secrets(recorded(2).id)) == ((_NEWEST,), (_OLD,))
