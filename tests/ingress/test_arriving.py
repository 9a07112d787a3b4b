"""What is kept of a request: ids that sort, keys that tell it from others, dispatches that stay the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.deliveries import Provenance, id_key, key_digest
from reconciler.core.inbox import Arrival
from reconciler.core.model import Secret
from reconciler.core.ports import Rebuilt
from reconciler.ingress.arriving import (
    REPEATED_WITHIN,
    RESENT_WITHIN,
    Arrivals,
    Ids,
    Told,
    dedupe_keys,
    dispatch_id,
    told_by,
)
from reconciler.ingress.ports import Found, Vendor
from reconciler.testing.stand_ins import CountingEntropy, VirtualClock
from reconciler.verify.body import DeliveryError
from reconciler.verify.hmac_signature import HmacScheme
from reconciler.verify.kinds import Scheme, Unverified
from reconciler.verify.message import Value
from reconciler.verify.places import BodyPlace, HeaderPlace, QueryPlace
from reconciler.verify.public_scheme import ClaimDigest, JwtScheme, RemoteScheme, SnsScheme, StandardWebhooksScheme
from reconciler.verify.request import Request
from reconciler.verify.schemes import verify
from reconciler.verify.signed import Pairs
from reconciler.verify.times import Stamp
from reconciler.verify.words import JwtAlgorithm, Part
from tests.ingress.receiving_support import (
    BATCHING,
    FORGE,
    ID,
    SCOPE,
    SECRET,
    STATEFUL,
    TOKEN,
    record,
    signature,
    wants,
)

NOW = 1_700_000_000.0
BODY = b'{"kind": "push"}'


def arrivals(clock: VirtualClock | None = None) -> Arrivals:
    """Makes arrivals; those of `slow` are ordered."""
    return Arrivals(clock or VirtualClock(NOW), CountingEntropy(), lambda subscriber: subscriber == "graph:slow")


def request(*headers: tuple[str, str], body: bytes = BODY, query: str = "") -> Request:
    """A request with a media type."""
    return Request(headers=(("content-type", "application/json"), *headers), body=body, query=query)


def received(vendor: Vendor, asked: Request, by: Arrivals | None = None, **changes: Any) -> Arrival:
    """The arrival of a request for a webhook of this vendor."""
    found = Found(scope=SCOPE, record=record(vendor.name, **changes), secrets=(SECRET,))
    return (by or arrivals()).received(found, vendor, asked)


def test_ids_sort_by_time_and_are_never_the_same() -> None:
    """Also when the clock goes back, and in two processes at a time."""
    one, other = Ids(CountingEntropy()), Ids(CountingEntropy())
    other._process = "f" * 12
    made = [one.next(NOW), one.next(NOW), one.next(NOW - 100), one.next(NOW + 1)]

    assert made == sorted(made)
    assert len({*made, other.next(NOW)}) == 5
    assert {len(each) for each in made} == {32}


# -- keys --------------------------------------------------------------------------------------------------------------


def keys(vendor: Vendor, asked: Request, at: float = NOW) -> tuple[str, ...]:
    """The dedupe keys of a request."""
    return received(vendor, asked, arrivals(VirtualClock(at))).keys


def test_the_providers_id_and_a_digest_of_what_is_signed_tell_deliveries_apart() -> None:
    """The same bytes under another id share the digest; another body shares nothing."""
    first = keys(FORGE, request(("x-event", "push"), ("x-delivery", "d1"), ("x-signature", "s")))
    again = keys(FORGE, request(("x-event", "push"), ("x-delivery", "d2"), ("x-signature", "s")), NOW + 1e6)
    other = keys(FORGE, request(("x-event", "push"), ("x-delivery", "d3"), ("x-signature", "t"), body=b"{}"))

    assert first[0] == id_key("d1")
    assert first[1] == again[1]
    assert {*first, *again}.isdisjoint(other)


def test_unsigned_headers_are_no_part_of_the_digest() -> None:
    """Whoever sends a captured request again may change them."""
    first = keys(FORGE, request(("x-event", "push"), ("x-delivery", "d1"), ("x-signature", "s"), ("x-more", "a")))
    again = keys(FORGE, request(("x-more", "b"), ("X-Signature", "s"), ("x-event", "issues"), ("x-delivery", "d1")))

    assert first == again


@pytest.mark.parametrize(
    ("vendor", "headers", "seconds"),
    [
        (BATCHING, (("x-signature", "s"),), REPEATED_WITHIN),
        (FORGE, (("x-event", "push"), ("x-delivery", "d1"), ("x-signature", "s")), RESENT_WITHIN),
        (FORGE, (("x-event", "push"), ("x-signature", "s")), RESENT_WITHIN),
    ],
    ids=["no ids", "an id that nobody signed", "an id that was left out"],
)
def test_without_a_signed_time_the_digest_counts_for_a_while(
    vendor: Vendor, headers: tuple[tuple[str, str], ...], seconds: float
) -> None:
    """Later two requests that look alike are two events: to lose the second would be worse."""
    made = received(vendor, request(*headers, body=b'{"items": []}'))
    (digest,) = [key for key in made.keys if key.startswith("digest ")]

    assert made.fleeting == {digest: seconds}


def ids_of(*items: dict[str, Any]) -> list[str]:
    """The ids of the dispatches of a batch whose parts have ids of their own."""
    rules = replace(BATCHING.kinds["repo"].rules, part_id="id")
    vendor = replace(BATCHING, kinds={"repo": replace(BATCHING.kinds["repo"], rules=rules)})
    return [each.id for each in received(vendor, request(body=json.dumps({"items": items}).encode())).dispatches]


def test_a_part_with_an_id_of_its_own_is_known_wherever_it_arrives() -> None:
    """A vendor that repeats some of a batch among other parts starts nothing that a target has not seen."""
    first, second = {"kind": "push", "id": "e1"}, {"kind": "push", "id": "e2"}
    one, two = ids_of(first, second)

    assert ids_of(second) == [two]
    assert ids_of({"kind": "push", "id": "e3"}, first)[1] == one
    assert ids_of(first, first)[0] == one
    assert all(len({*ids_of(part, part)}) == 2 for part in (first, {"kind": "push"}))


def test_a_token_proves_no_repetition() -> None:
    """Without an id of the provider's each is kept; the inbox knows it by its own."""
    assert keys(TOKEN, request(("x-token", "t"))) == ()
    assert keys(TOKEN, request(("x-token", "t"), body=b'{"kind": "push", "id": 7}')) == (id_key("7"),)


PAIRS = Pairs(signature="v1", timestamp="t")
TIMED = HmacScheme(
    header="X-Sig", stamp=Stamp(place=HeaderPlace("X-Time")), message=(Part.TIMESTAMP, Part.BODY), more=("X-Sig-Old",)
)


@pytest.mark.parametrize(
    ("scheme", "told"),
    [
        (HmacScheme(header="X-Sig"), Told((), timed=False)),
        (TIMED, Told(("x-time",), timed=True)),
        (HmacScheme(header="X-Sig", pairs=PAIRS), Told((), timed=True, pairs=("x-sig", PAIRS))),
        (HmacScheme(header="X-Sig", pairs=Pairs(signature="v1")), Told((), timed=False)),
        (HmacScheme(header="X-Sig", message=(Part.QUERY, Part.BODY)), Told((), timed=False, query=True)),
        (
            HmacScheme(
                header="X-Sig",
                values={"id": HeaderPlace("X-Id"), "b": BodyPlace("b"), "q": QueryPlace("data.id")},
                message=(Value("id"), Part.BODY),
                stamp=Stamp(place=BodyPlace("at")),
            ),
            Told(("x-id",), timed=True, parameters=("data.id",)),
        ),
        (StandardWebhooksScheme(), Told(("webhook-id", "webhook-timestamp"), timed=True)),
        (
            JwtScheme(algorithm=JwtAlgorithm.HS256, digests=(ClaimDigest(claim="h"),)),
            Told(("authorization",), timed=True, query=True),
        ),
        (JwtScheme(algorithm=JwtAlgorithm.HS256), None),
        (SnsScheme(), Told((), timed=True)),
        (
            RemoteScheme(path="/v", fields={}, payload="e", genuine="a", forged="b", values={"i": HeaderPlace("X-I")}),
            Told(("x-i",), timed=True),
        ),
        (TOKEN.scheme, None),
        (Unverified(), None),
    ],
)
def test_what_is_signed_depends_on_the_scheme(scheme: Scheme, told: Told | None) -> None:
    """Headers and parameters that are signed, and whether each request has its time; never the signature itself."""
    assert told_by(scheme) == told


@pytest.mark.parametrize(
    ("scheme", "signed", "other"),
    [
        (FORGE.scheme, {"headers": [("x-signature", "a")]}, {"headers": [("x-signature", "a")], "query": "x=1"}),
        (
            TIMED,
            {"headers": [("x-time", "1"), ("x-sig", "a"), ("x-sig-old", "b")]},
            {"headers": [("x-time", "1"), ("x-sig", "a")]},
        ),
        (
            HmacScheme(header="X-Sig", pairs=PAIRS),
            {"headers": [("x-sig", "t=1,v1=a")]},
            {"headers": [("x-sig", "v0=b,v1=a,t=1")]},
        ),
        (
            StandardWebhooksScheme(),
            {"headers": [("webhook-signature", "v1,a")]},
            {"headers": [("webhook-signature", "v1,b v1,a")]},
        ),
    ],
    ids=["a query", "one signature of two", "more pairs", "more signatures"],
)
def test_a_captured_request_is_known_whatever_is_added_that_nobody_signed(
    scheme: Scheme, signed: dict[str, Any], other: dict[str, Any]
) -> None:
    """What proves the same message is the same delivery."""
    rules = FORGE.kinds["repo"].rules
    one, again = (
        dedupe_keys(
            told_by(scheme), Request(headers=tuple(each["headers"]), body=BODY, query=each.get("query", "")), "", rules
        )
        for each in (signed, other)
    )

    assert one == again


@pytest.mark.parametrize(
    ("scheme", "one", "other"),
    [
        (
            HmacScheme(header="X-Sig", pairs=PAIRS),
            {"headers": (("x-sig", "t=1,v1=a"),)},
            {"headers": (("x-sig", "t=2,v1=a"),)},
        ),
        (HmacScheme(header="X-Sig", message=(Part.QUERY, Part.BODY)), {"query": "a"}, {"query": "b"}),
        (HmacScheme(header="X-Sig", values={"q": QueryPlace("id")}), {"query": "id=1"}, {"query": "id=2"}),
    ],
    ids=["time in pairs", "query", "parameter"],
)
def test_what_is_signed_beside_the_body_tells_deliveries_apart(
    scheme: Scheme, one: dict[str, Any], other: dict[str, Any]
) -> None:
    """Two events with one body are two."""
    rules = FORGE.kinds["repo"].rules
    assert dedupe_keys(told_by(scheme), Request(body=BODY, **one), "", rules) != dedupe_keys(
        told_by(scheme), Request(body=BODY, **other), "", rules
    )


@given(
    st.lists(st.tuples(st.sampled_from(["x-sig", "x-sig2", "x-other"]), st.text(max_size=5)), max_size=6), st.binary()
)
def test_a_digest_is_of_one_request_alone(headers: list[tuple[str, str]], body: bytes) -> None:
    """However its parts are cut, for each stands behind its length; no text makes it fail."""
    told = Told(("x-sig", "x-sig2"), timed=True)
    one = Request(headers=tuple(headers), body=body)
    other = Request(headers=tuple(headers), body=b"1:" + body)
    moved = Request(headers=(*headers, ("x-sig", "")), body=body)

    rules = FORGE.kinds["repo"].rules
    assert len({dedupe_keys(told, each, "", rules).names for each in (one, other, moved)}) == 3
    assert dedupe_keys(told, one, "", rules) == dedupe_keys(told, Request(headers=tuple(headers), body=body), "", rules)
    assert not dedupe_keys(told, one, "", rules).fleeting


# -- dispatches --------------------------------------------------------------------------------------------------------


def test_a_dispatch_keeps_its_id_over_every_arrival_of_its_delivery() -> None:
    """Received, recovered or handed on again: a target can drop what it knows."""
    by = arrivals()
    asked = request(("x-event", "push"), ("x-delivery", "d1"), ("x-signature", signature(BODY)))
    first = received(FORGE, asked, by)
    rebuilt = Rebuilt(headers=asked.headers, body=BODY)
    recovered = by.recovered(SCOPE, record(), FORGE, rebuilt)
    again = by.again(first.delivery, record(), FORGE)

    assert recovered.delivery.provenance is Provenance.RECOVERED
    assert recovered.delivery.id != first.delivery.id
    assert [each.id for each in recovered.dispatches] == [each.id for each in first.dispatches]
    assert again == first.dispatches


def test_what_has_no_keys_is_known_by_its_own_id() -> None:
    """Two that look alike are two; one that is handed on again is itself. So is what no key tells for good."""
    by = arrivals()
    signed = request(("x-signature", "s"), body=b'{"kind": "push", "items": [{"kind": "push"}]}')
    for vendor, asked in ((TOKEN, request(("x-token", "t"))), (BATCHING, signed)):
        first, second = (received(vendor, asked, by) for _ in range(2))

        assert first.dispatches[0].id != second.dispatches[0].id
        assert by.again(first.delivery, record(vendor.name), vendor) == first.dispatches


def test_dispatches_of_other_parts_and_subscribers_are_others() -> None:
    """As are those of other webhooks and deliveries, however their names are cut."""
    made = {
        dispatch_id(*each)
        for each in (
            (ID, "id 1", 0, "graph:a", ""),
            (ID, "id 1", 1, "graph:a", ""),
            (ID, "id 1", 0, "graph:b", ""),
            (ID, "id 1", 0, "graph:a", "n"),
            (ID, "id 10", 0, "graph:a", ""),
            (ID[:-1], "0id 1", 0, "graph:a", ""),
            (ID, "id 1", 0, "graph:", "a"),
        )
    }
    assert len(made) == 7


def test_a_dispatch_stands_beside_the_key_of_its_delivery() -> None:
    """Its id begins as the digest does by which an inbox knows the first key, so that both are on one page."""
    found = received(FORGE, request(("x-event", "push"), ("x-delivery", "d1")))
    beside = {key_digest(ID, found.keys[0])[:8].hex()}
    assert {each.id[:16] for each in found.dispatches} == beside
    assert {len(each.id) for each in found.dispatches} == {32}


def test_who_wants_order_gets_it() -> None:
    """As the targets of the project say."""
    found = received(
        FORGE,
        request(("x-event", "push"), ("x-delivery", "d1")),
        relations=(wants("slow", "push"), wants("fast", "push")),
    )
    assert [(each.subscriber.id, each.ordered) for each in found.dispatches] == [("slow", True), ("fast", False)]


def test_a_secret_in_the_payload_decides_nothing_and_goes_no_further() -> None:
    """What dispatches are made of holds it no more; the bytes that were signed do."""
    body = json.dumps({"value": [{"kind": "push", "state": "s3cret"}]}).encode()
    asked = request(body=body)
    assert verify(STATEFUL.scheme, [Secret("s3cret")], asked, NOW)

    found = received(STATEFUL, asked)

    assert "s3cret" not in repr(found.dispatches)
    assert found.delivery.body == body


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"items": {}}'])
def test_what_cannot_be_read_does_not_arrive(body: bytes) -> None:
    """Neither received nor recovered; no word of the sender's is told."""
    with pytest.raises(DeliveryError):
        received(BATCHING, request(body=body))
    with pytest.raises(DeliveryError):
        arrivals().recovered(SCOPE, record("batching"), BATCHING, Rebuilt(body=body))


def test_a_delivery_of_another_url_is_still_the_webhooks() -> None:
    """The URL that is kept is the one that the provider was given."""
    found = received(FORGE, replace(request(("x-event", "push")), url=record().url))

    assert found.delivery.url == record().url
