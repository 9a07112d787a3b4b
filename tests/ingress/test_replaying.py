"""What replaying a stored delivery comes to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.deliveries import Provenance
from reconciler.core.inbox import DispatchState, Handed
from reconciler.core.model import Relation, Secret
from reconciler.ingress import handing
from reconciler.ingress.arriving import Arrivals
from reconciler.ingress.ports import Found, Vendor
from reconciler.ingress.replaying import Replay, replay_of
from reconciler.testing.stand_ins import CountingEntropy, VirtualClock
from reconciler.verify.hmac_signature import HmacScheme
from reconciler.verify.public_scheme import RemoteScheme
from reconciler.verify.request import Request
from reconciler.verify.schemes import sign
from tests.ingress.dispatch_support import FORGE, NOW, WEBHOOK, arrival, graph
from tests.ingress.test_targets import job, reader
from tests.store.samples import recorded

SECRET = Secret("0123456789abcdef")
SCHEME = FORGE.scheme


def found(*subscribers: str, secret: Secret = SECRET) -> Found:
    """The webhook, with triggers of these graphs."""
    relations = tuple(Relation(graph(name), "", ("push",)) for name in subscribers)
    record = recorded()
    key = record.key._replace(provider="forge", type="repo")
    return Found(scope="acme", record=replace(record, id=WEBHOOK, key=key, relations=relations), secrets=(secret,))


def replayed(webhook: Found | None, vendor: Vendor | None = FORGE, **changes: object) -> Replay:
    """A delivery that was signed with the secret and went to the graph `old`, replayed."""
    made = arrival(1, "old")
    assert isinstance(SCHEME, HmacScheme)
    proof = sign(SCHEME, SECRET, made.delivery.body, NOW, Request())
    delivery = replace(made.delivery, headers=(("X-Event", "push"), *proof), **changes)
    before = [Handed(dispatch=made.dispatches[0], state=DispatchState.DONE, attempts=1, next_at=0.0)]
    arrivals = Arrivals(VirtualClock(), CountingEntropy(), lambda name: name == "graph:new")
    return replay_of(delivery, before, webhook, vendor, arrivals)


def test_it_goes_to_the_triggers_of_now_with_the_ids_that_they_know() -> None:
    """Who had it before gets it with the same id; who is new gets an id that stays the same from then on."""
    first, second = replayed(found("old", "new")), replayed(found("old", "new"))
    old, new = first.dispatches
    assert (old.id, str(old.subscriber), old.ordered) == ("old-00001", "graph:old", False)
    assert (str(new.subscriber), new.ordered) == ("graph:new", True)
    assert new.id == second.dispatches[1].id
    assert first.doubt == ""


def test_it_is_kept_byte_for_byte_under_an_id_of_its_own() -> None:
    """Marked as replayed, received when it was received, and no repetition of itself."""
    replay = replayed(found("old"))
    kept = replay.arrival("d99999")
    assert (kept.delivery.id, kept.delivery.provenance) == ("d99999", Provenance.REPLAYED)
    assert replace(kept.delivery, id=replay.delivery.id, provenance=Provenance.RECEIVED) == replay.delivery
    assert [dispatch.delivery_id for dispatch in kept.dispatches] == ["d99999"]
    assert kept.keys == ("replay d99999",)


@pytest.mark.parametrize(
    ("webhook", "vendor", "doubt"),
    [
        (None, FORGE, "its webhook is recorded no more"),
        (found("old"), None, "no definition tells how its provider proves it"),
        (found("old"), replace(FORGE, kinds={}), "no definition tells how its provider proves it"),
        (found("old", secret=Secret("another one")), FORGE, "no signature matches"),
        (
            found("old"),
            replace(FORGE, scheme=RemoteScheme(path="/verify", fields={}, payload="event", genuine="ok", forged="no")),
            "nobody fetched that",
        ),
    ],
    ids=["gone", "unknown", "no type", "rotated", "remote"],
)
def test_what_cannot_be_proved_now_is_told(webhook: Found | None, vendor: Vendor | None, doubt: str) -> None:
    """It goes to whoever it went to; it was proved when it came."""
    replay = replayed(webhook, vendor)
    assert [str(dispatch.subscriber) for dispatch in replay.dispatches] == ["graph:old"]
    assert doubt in replay.doubt or (doubt == "no signature matches" and replay.doubt)


def test_what_was_recovered_needs_no_proof() -> None:
    """It came from the provider itself, and was never signed for us."""
    assert replayed(found("old", secret=Secret("x")), provenance=Provenance.RECOVERED).doubt == ""


async def test_it_is_not_remembered_forever_whose_webhooks_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: the oldest is looked up again."""
    monkeypatch.setattr(handing, "REMEMBERED", 1)
    asked: list[str] = []
    reading = reader(None, asked)
    for name in ("a", "b", "a"):
        await reading.event(job(webhook_id=name))
    assert asked == ["a", "b", "a"]
