"""Every inbox tells which dedupe keys it has had: what a recovery need not ask for again."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.deliveries import id_key
from reconciler.core.inbox import Arrival, Retention
from tests.store.conftest import Opened
from tests.store.inbox_samples import WEBHOOK, arrival, delivery, inbox_in
from tests.store.samples import SCOPE, lease


def test_the_keys_of_what_was_kept_are_known(store: Opened) -> None:
    """Of the keys that are asked about, those of deliveries to this webhook of this scope; a repeated one's, too."""
    for scope in (SCOPE, "other"):
        lease(store, scope)
    inbox = inbox_in(store)
    first = delivery()
    again = replace(first, id=f"{first.id}x")
    inbox.accept([Arrival(delivery=first, keys=(id_key("a"), "digest:1"))])
    inbox.accept([Arrival(delivery=again, keys=("digest:1", id_key("b")))])

    asked = [id_key(name) for name in ("a", "b", "c")]
    assert inbox.seen(SCOPE, WEBHOOK, asked) == {id_key("a"), id_key("b")}
    assert inbox.seen("other", WEBHOOK, asked) == frozenset()
    assert inbox.seen(SCOPE, "another", asked) == frozenset()
    assert inbox.seen(SCOPE, WEBHOOK, []) == frozenset()


def test_many_keys_are_looked_up_at_once(store: Opened) -> None:
    """More than fit into one statement."""
    lease(store, SCOPE)
    inbox = inbox_in(store)
    inbox.accept([arrival(1, id_key("1999"))])

    assert inbox.seen(SCOPE, WEBHOOK, [id_key(str(number)) for number in range(2000)]) == {id_key("1999")}


def test_keys_outlive_bodies(store: Opened) -> None:
    """What was dropped for its age was had all the same, until its keys are dropped as well."""
    lease(store, SCOPE)
    inbox = inbox_in(store)
    kept = delivery()
    inbox.accept([Arrival(delivery=kept, keys=(id_key("a"),))])

    inbox.expire(SCOPE, Retention(seconds=1, key_seconds=1000), kept.received_at + 10)
    assert inbox.seen(SCOPE, WEBHOOK, [id_key("a")]) == {id_key("a")}

    inbox.expire(SCOPE, Retention(seconds=1, key_seconds=1), kept.received_at + 10)
    assert inbox.seen(SCOPE, WEBHOOK, [id_key("a")]) == frozenset()
