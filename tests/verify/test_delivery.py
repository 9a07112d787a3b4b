"""Event, id and payload are read from the bytes that were verified."""

from __future__ import annotations

import gzip
import json
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Json
from reconciler.verify.body import MAX_INFLATED, DeliveryError, MediaTypeError, inflated, parse_json, plain, search
from reconciler.verify.delivery import (
    MAX_PARTS,
    AnyEvent,
    BodyEvent,
    BodyId,
    ConstantEvent,
    Delivery,
    DeliveryRules,
    HeaderEvent,
    HeaderId,
    KeyEvent,
    Part,
    events_in,
    read_delivery,
    read_parts,
)
from reconciler.verify.request import Request
from reconciler.verify.token import BodyTokenScheme

FINE = DeliveryRules(
    event=HeaderEvent("X-Event", detail="action", separator="."),
    ids=(HeaderId("X-Delivery"),),
    content_types=frozenset({"application/json"}),
)
PLAIN = DeliveryRules(event=ConstantEvent("plain"))


def request(body: object, *headers: tuple[str, str]) -> Request:
    """A JSON request with these headers."""
    return Request(headers=(("Content-Type", "application/json"), *headers), body=json.dumps(body).encode())


def test_event_and_detail_and_id_are_found() -> None:
    """A header names the event, the body its finer part, another header the delivery."""
    received = request({"action": "opened"}, ("x-event", "issues"), ("x-delivery", "abc"))

    assert read_delivery(FINE, received) == Delivery({"action": "opened"}, "issues.opened", "abc")


@pytest.mark.parametrize("body", [{}, {"action": None}, {"action": ["opened"]}, {"action": "\n"}, [1]])
def test_without_a_usable_detail_the_event_stands_alone(body: object) -> None:
    """An event without a finer part, or with one that is no name, is the event itself."""
    assert read_delivery(FINE, request(body, ("X-Event", "push"))).event == "push"


def test_delivered_names_become_registered_ones() -> None:
    """A vendor that delivers other names than it registers is translated; an unknown name stands for itself."""
    rules = DeliveryRules(event=HeaderEvent("X-Event", {"Push Hook": "push_events"}))

    assert read_delivery(rules, request({}, ("X-Event", "Push Hook"))).event == "push_events"
    assert read_delivery(rules, request({}, ("X-Event", "New Hook"))).event == "New Hook"


def test_the_event_may_be_in_the_body() -> None:
    """A path of the body gives event and id; a number is an id as well."""
    rules = DeliveryRules(event=BodyEvent("data.type"), ids=(BodyId("id"),))

    assert read_delivery(rules, request({"data": {"type": "charge.succeeded"}, "id": 7})).event == "charge.succeeded"
    assert read_delivery(rules, request({"data": {"type": "charge.succeeded"}, "id": 7})).id == "7"


def test_the_event_may_be_a_key_of_the_body() -> None:
    """The first name of the catalogue that is a key of the body is the event."""
    rules = DeliveryRules(event=KeyEvent(("message", "poll")), ids=(BodyId("update_id"),))

    assert read_delivery(rules, request({"update_id": 3, "poll": {}})) == Delivery(
        {"update_id": 3, "poll": {}}, "poll", "3"
    )


def test_ids_are_tried_in_order() -> None:
    """The first rule that finds an id wins; where none does, there is none."""
    rules = DeliveryRules(event=ConstantEvent("plain"), ids=(HeaderId("A"), HeaderId("B"), BodyId("id")))

    assert read_delivery(rules, request({"id": "c"}, ("b", "second"))).id == "second"
    assert read_delivery(rules, request({"id": "c"})).id == "c"
    assert read_delivery(rules, request({"id": True})).id == ""


@pytest.mark.parametrize(
    ("rules", "received"),
    [
        (FINE, request({})),
        (FINE, request({}, ("X-Event", ""))),
        (FINE, request({}, ("X-Event", "x" * 201))),
        (FINE, request({}, ("X-Event", "naïve"))),
        (DeliveryRules(event=BodyEvent("type")), request({"type": {"a": 1}})),
        (DeliveryRules(event=BodyEvent("length(type)")), request({"type": 5})),
        (DeliveryRules(event=KeyEvent(("message",))), request({"other": 1})),
        (DeliveryRules(event=KeyEvent(("message",))), request(["message"])),
    ],
)
def test_a_delivery_without_an_event_is_refused(rules: DeliveryRules, received: Request) -> None:
    """What does not name its event, or names it with what is no name, is no delivery."""
    with pytest.raises(DeliveryError, match="does not say which event"):
        read_delivery(rules, received)


def test_a_repeated_header_is_refused() -> None:
    """Two event headers leave open which one counts."""
    with pytest.raises(DeliveryError, match="more than once"):
        read_delivery(FINE, request({}, ("X-Event", "push"), ("x-event", "ping")))


@pytest.mark.parametrize(
    "headers",
    [(), (("Content-Type", "text/plain"),), (("Content-Type", "application/json"), ("content-type", "text/plain"))],
)
def test_another_media_type_is_refused(headers: tuple[tuple[str, str], ...]) -> None:
    """A body is only read as what the provider sends: no guessing by content."""
    with pytest.raises(DeliveryError, match="is not application/json"):
        read_delivery(FINE, Request(headers=(*headers, ("X-Event", "push")), body=b"{}"))


def test_parameters_of_a_media_type_do_not_matter() -> None:
    """`application/json; charset=utf-8` is JSON."""
    received = Request(headers=(("Content-Type", "Application/JSON; charset=utf-8"), ("X-Event", "push")), body=b"{}")

    assert read_delivery(FINE, received).event == "push"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xef\xbb\xbf{}",
        b"\xff",
        '{"a": 1}'.encode("utf-16"),
        b'{"a": NaN}',
        b"[" * 100_000,
        b"9" * 10_000,
    ],
)
def test_what_is_not_strict_json_is_refused(body: bytes) -> None:
    """No byte order mark, other encoding, NaN or bottomless nesting; and none of it is quoted."""
    with pytest.raises(DeliveryError, match=r"^the body is not JSON in UTF-8$"):
        read_delivery(PLAIN, Request(body=body))


def test_a_pair_of_surrogates_is_text() -> None:
    """An escaped character beyond the basic plane is fine, and stays as it is."""
    assert parse_json(b'"\\ud83d\\ude00"') == "\U0001f600"
    assert plain("\U0001f600") == "\U0001f600"


@pytest.mark.parametrize(
    ("body", "handed_on"),
    [
        (b'{"type": "push", "\\ud800": ["\\uDFFF!", 1]}', {"type": "push", "\ufffd": ["\ufffd!", 1]}),
        (b'{"type": "push", "n": [1e999, -1e999, 1e99]}', {"type": "push", "n": [None, None, 1e99]}),
        (b'{"type": "push", "n": "-Infinity"}', {"type": "push", "n": "-Infinity"}),
    ],
    ids=["lone surrogates", "numbers beyond all doubles", "a word"],
)
def test_what_few_can_write_is_read_and_handed_on_as_all_can(body: bytes, handed_on: dict[str, Json]) -> None:
    """The grammar of JSON allows it, so a genuine delivery may hold it; what is handed on is JSON in UTF-8 again."""
    payload = read_delivery(DeliveryRules(event=BodyEvent("type")), Request(body=body)).payload

    assert payload == handed_on
    assert json.loads(json.dumps(payload, ensure_ascii=False, allow_nan=False).encode()) == handed_on


def test_what_is_nested_too_deeply_to_be_written_is_told() -> None:
    """What was read may be too deep to be written, where the stack is longer by then."""
    deep: Json = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(DeliveryError, match="nested too deeply"):
        plain(deep)


@given(body=st.binary(max_size=60), headers=st.lists(st.tuples(st.sampled_from(["X-Event", "X-Delivery"]), st.text())))
def test_reading_raises_nothing_else(body: bytes, headers: list[tuple[str, str]]) -> None:
    """Whatever arrives is a delivery or a `DeliveryError`."""
    received = Request(headers=(("Content-Type", "application/json"), *headers), body=body)
    for rules in (FINE, PLAIN, DeliveryRules(event=BodyEvent("type"), ids=(BodyId("id"),))):
        with suppress(DeliveryError):
            assert read_delivery(rules, received).event


def test_a_secret_in_the_body_is_taken_out_before_anybody_sees_it() -> None:
    """Of every item that holds it; an item of another shape stays as it is."""
    rules = DeliveryRules(event=ConstantEvent("plain"), token=BodyTokenScheme(key="state", each="value"))
    delivery = read_delivery(rules, request({"value": [{"state": "s3cret", "id": 1}, "text"]}))
    assert delivery.payload == {"value": [{"id": 1}, "text"]}


def test_a_token_in_the_body_is_not_handed_on() -> None:
    """It is a secret: it is taken out of every item, and whatever is no object is left as it is."""
    rules = DeliveryRules(event=ConstantEvent("plain"), token=BodyTokenScheme(key="state", each="value"))
    received = request({"value": [{"state": "secret", "id": 1}, "text"]})

    assert read_delivery(rules, received).payload == {"value": [{"id": 1}, "text"]}


def test_a_delivery_that_does_not_tell_may_be_any_event() -> None:
    """Then it is for whoever asked for one of them."""
    assert events_in(read_delivery(DeliveryRules(event=AnyEvent(("a", "b"))), request({})).event) == ("a", "b")


# -- batches, encodings, names that stand twice ------------------------------------------------------------------------

BATCH = DeliveryRules(event=BodyEvent("kind"), batch="items", ids=(BodyId("id"),))


def test_a_batch_is_read_part_by_part() -> None:
    """Each has its own payload and events, none where it does not say; the id is that of all."""
    received = request({"id": 7, "items": [{"kind": "a"}, {"kind": ["b", "c"]}, {"kind": "a"}, 5]})

    assert read_parts(BATCH, received).parts == (
        Part({"kind": "a"}, ("a",)),
        Part({"kind": ["b", "c"]}, ("b", "c")),
        Part({"kind": "a"}, ("a",)),
        Part(5, ()),
    )
    assert read_parts(BATCH, received).events == ("a", "b", "c")
    assert read_delivery(BATCH, received).event == "a,b,c"
    assert read_delivery(BATCH, received).id == "7"


def test_a_body_may_be_the_list_itself() -> None:
    """As SendGrid and HubSpot send it."""
    rules = DeliveryRules(event=BodyEvent("event"), batch="@")

    assert [part.events for part in read_parts(rules, request([{"event": "open"}, {"event": "click"}])).parts] == [
        ("open",),
        ("click",),
    ]


def test_a_batch_of_nothing_has_no_parts() -> None:
    """It can be kept; as one delivery it says nothing."""
    assert read_parts(BATCH, request({"items": []})).events == ()
    with pytest.raises(DeliveryError):
        read_delivery(BATCH, request({"items": []}))


@pytest.mark.parametrize("body", [{}, {"items": {}}, [], {"items": [0] * (MAX_PARTS + 1)}])
def test_what_is_no_batch_is_refused(body: object) -> None:
    """As is one that no vendor sends."""
    with pytest.raises(DeliveryError):
        read_parts(BATCH, request(body))


def test_the_secret_is_taken_out_of_every_part() -> None:
    """Before the payload goes anywhere."""
    rules = DeliveryRules(event=BodyEvent("kind"), batch="value", token=BodyTokenScheme(key="state", each="value"))

    found = read_parts(rules, request({"value": [{"kind": "a", "state": "s"}, {"kind": "b", "state": "s"}]})).parts

    assert [part.payload for part in found] == [{"kind": "a"}, {"kind": "b"}]


def test_a_compressed_body_is_read_where_the_vendor_compresses() -> None:
    """Of anybody else it is refused, as is an encoding that nobody knows."""
    packed = gzip.compress(b'{"kind": "a"}', mtime=0)
    rules = DeliveryRules(event=BodyEvent("kind"), encodings=frozenset({"gzip"}))

    assert read_delivery(rules, Request(headers=(("Content-Encoding", "GZIP"),), body=packed)).event == "a"
    plain = Request(headers=(("Content-Encoding", "identity"),), body=b'{"kind": "a"}')
    assert read_delivery(rules, plain).event == "a"
    for encodings, allowed in ((["gzip"], frozenset[str]()), (["br"], {"gzip"}), (["gzip", "gzip"], {"gzip"})):
        refusing = DeliveryRules(event=BodyEvent("kind"), encodings=frozenset(allowed))
        with pytest.raises(MediaTypeError):
            read_parts(refusing, Request(headers=tuple(("content-encoding", each) for each in encodings), body=packed))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"plain",
        gzip.compress(b"cut off", mtime=0)[:-4],
        gzip.compress(b"one", mtime=0) + gzip.compress(b"two", mtime=0),
        gzip.compress(b"x" * (MAX_INFLATED + 1), mtime=0),
        gzip.compress(b"x" * 1_000_000, mtime=0),
        zlib.compress(b"another format"),
    ],
)
def test_a_body_that_is_not_one_likely_stream_is_not_inflated(body: bytes) -> None:
    """Nor one that grows too much: it is never inflated beyond what is taken."""
    with pytest.raises(DeliveryError):
        inflated(body)


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'{"kind": "a"}', True),
        (b'{"kind": "a", "more": {"kind": "b"}}', True),
        (b'{"kind": "a", "x": "\\u00e9"}', True),
        (b'{"kind": "a", "other": 1, "other": 2}', True),
        (b'{"kind": "a", "x": "\\u00e9", "other": 1, "other": 2}', True),
        (b'{"kind": "a", "kind": "b"}', False),
        (b'{"kind": "a", "kin\\u0064": "b"}', False),
        (b'{"kind": "a", "more": {"kind": 1, "kind": 2}}', False),
    ],
)
def test_a_name_that_decides_must_not_stand_twice_in_an_object(body: bytes, read: bool) -> None:
    """Another reader might take the other one; names that decide nothing may."""
    rules = DeliveryRules(event=BodyEvent("kind"))
    if read:
        assert read_delivery(rules, Request(body=body)).event == "a"
        return
    with pytest.raises(DeliveryError):
        read_delivery(rules, Request(body=body))


def test_names_that_decide_are_those_of_all_paths() -> None:
    """Of the event, its finer part, the ids, the batch, and of keys that name the event."""
    rules = DeliveryRules(event=HeaderEvent("X", detail="a.b"), ids=(HeaderId("Y"), BodyId("c || d")), batch="e[]")
    assert set(rules.routing) == {"a", "b", "c", "d", "e"}
    assert set(DeliveryRules(event=KeyEvent(("f",))).routing) == {"f"}
    assert set(DeliveryRules(event=ConstantEvent("g")).routing) == set()


@pytest.mark.parametrize("payload", [{"a": {"b": 1}}, {"a": [1]}, {"a": None}, [1], None, "a", {"a": {"b": {"c": 2}}}])
def test_plain_paths_read_as_the_language_has_it(payload: object) -> None:
    """Keys alone need no library, and find the same."""
    for path in ("a", "a.b", "a.b.c"):
        assert search(path, payload) == search(f"{path} | @", payload)
