"""What is signed is put together part by part, and a part that is missing is never taken for empty."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Secret
from reconciler.verify.encodings import Encoding, decode, encode
from reconciler.verify.forms import MAX_FIELDS, fields, joined
from reconciler.verify.request import NOTHING, Facts, Request, Verdict
from reconciler.verify.schemes import sign, verify
from tests.verify.blocks import GITHUB, HUBSPOT, TWILIO, TWITCH
from tests.verify.cases import BODY, SECRET, cases
from tests.verify.support import NOW, URL, proof, request, with_header

FORM = "application/x-www-form-urlencoded"


def hmac_of(message: bytes, algorithm: str = "sha256", key: bytes = SECRET.reveal().encode()) -> str:
    """An HMAC in hexadecimal, computed here."""
    return hmac.new(key, message, algorithm).hexdigest()


def signed_block(message: str, **more: Any) -> dict[str, Any]:
    """A block with a signature in `X-Signature`."""
    return {"scheme": "hmac", "header": "X-Signature", "algorithm": "sha256", "message": message} | more


def test_every_part_of_a_receivedcan_be_signed() -> None:
    """Method, URL, query, body, named values of headers, query and body, what the webhook is about, and literals."""
    block = signed_block(
        "v1|${method}|${url}${query}|${resource}|${provider_id}|${id}|${kind}|${key}|${body}",
        values={"id": {"header": "X-Id"}, "kind": {"query": "kind"}, "key": {"body": "event"}},
    )
    received = request(BODY, "kind=a%2Bb", X_Id="7")
    message = b"v1|POST|" + URL.encode() + b"?kind=a%2Bb|repo|42|7|a+b|one|" + BODY
    facts = Facts(resource="repo", provider_id="42")
    right = with_header(received, "X-Signature", hmac_of(message))
    assert verify(proof(block), [SECRET], right, NOW, facts)
    assert dict(sign(proof(block), SECRET, BODY, NOW, received, facts))["X-Signature"] == hmac_of(message)
    for wrong in (replace(right, method="PUT"), replace(right, query="kind=a"), with_header(right, "X-Id", "8")):
        assert not verify(proof(block), [SECRET], wrong, NOW, facts)
    assert not verify(proof(block), [SECRET], right, NOW, replace(facts, resource="other"))
    assert not verify(proof(block), [SECRET], right, NOW, replace(facts, provider_id="other"))


@pytest.mark.parametrize("part", ["url", "resource", "provider_id"])
def test_a_fact_of_ours_that_is_missing_decides_nothing(part: str) -> None:
    """It is no fault of the sender: neither genuine nor forged."""
    block = proof(signed_block("${" + part + "}${body}"))
    found = verify(block, [SECRET], Request(headers=(("X-Signature", "0" * 64),), body=BODY), NOW, NOTHING)
    assert isinstance(found, Verdict)
    assert (found.ok, found.unknown) == (False, True)


def test_a_method_that_is_missing_decides_nothing() -> None:
    """Servers always tell it."""
    received = request(BODY, method="", X_Signature="0" * 64)
    found = verify(proof(signed_block("${method}${body}")), [SECRET], received, NOW)
    assert isinstance(found, Verdict)
    assert found.unknown


@pytest.mark.parametrize(
    ("place", "received", "reason"),
    [
        ({"header": "X-Id"}, request(BODY), "the X-Id header is missing"),
        ({"query": "id"}, request(BODY), "the parameter id is missing, empty, or there more than once"),
        ({"query": "id"}, request(BODY, "id=1&id=2"), "the parameter id is missing, empty, or there more than once"),
        ({"body": "nothing"}, request(BODY), "nothing in the body is missing, empty, or there more than once"),
        ({"body": "event"}, request(b"no JSON"), "event in the body is missing, empty, or there more than once"),
        ({"body": "[]"}, request(BODY), "[] in the body is missing, empty, or there more than once"),
    ],
)
def test_a_named_value_that_is_missing_is_a_refusal(place: dict[str, str], received: Request, reason: str) -> None:
    """It never becomes empty text."""
    block = proof(signed_block("${id}.${body}", values={"id": place}))
    assert verify(block, [SECRET], with_header(received, "X-Signature", "0" * 64), NOW).reason == reason


def test_a_named_value_must_not_hold_what_separates_it() -> None:
    """Else one signed message could be read as two: `a.b` and `c` as `a` and `b.c`."""
    block = proof(signed_block("${id}.${body}", values={"id": {"header": "X-Id"}}))
    message = b"a.b.c"
    right = request(b"b.c", X_Id="a", X_Signature=hmac_of(message))
    moved = request(b"c", X_Id="a.b", X_Signature=hmac_of(message))
    assert verify(block, [SECRET], right, NOW)
    assert verify(block, [SECRET], moved, NOW).reason == "the id of the delivery holds what separates it from the rest"


def test_a_value_before_the_last_literal_may_hold_it() -> None:
    """Nothing follows that it could be confused with."""
    block = proof(signed_block("${body}|${id}.", values={"id": {"header": "X-Id"}}))
    assert verify(block, [SECRET], request(BODY, X_Id="a.b", X_Signature=hmac_of(BODY + b"|a.b.")), NOW)


@pytest.mark.parametrize(
    "stamp",
    [
        "2026-09-21T15:33:20Z",
        "2026-09-21T13:33:20.634234626Z",
        "2026-09-21T15:33:20+02:00",
    ],
)
def test_iso_times_are_read_with_their_zone(stamp: str) -> None:
    """With nanoseconds too, as Twitch writes them ("Getting events using webhook callbacks", dev.twitch.tv)."""
    now = 1_789_997_600.0 if stamp != "2026-09-21T15:33:20Z" else 1_790_004_800.0
    received = request(BODY, Twitch_Eventsub_Message_Id="e76c", Twitch_Eventsub_Message_Timestamp=stamp)
    text = "sha256=" + hmac_of(b"e76c" + stamp.encode() + BODY)
    assert verify(proof(TWITCH), [SECRET], with_header(received, "Twitch-Eventsub-Message-Signature", text), now)


@pytest.mark.parametrize(
    "stamp",
    [
        *("1790000000", "2026-09-21", "2026-09-21T15:33:20", "2026-09-21 15:33:20Z", "2026-W39-1T15:33:20Z"),
        *("2026-13-21T15:33:20Z", "2026-09-21T25:33:20Z", "2026-09-21T15:33:20Z ", "2026-09-21t15:33:20z"),
    ],
)
def test_other_times_are_refused(stamp: str) -> None:
    """Without a zone, with other separators, or no time at all."""
    received = request(
        BODY,
        Twitch_Eventsub_Message_Id="e76c",
        Twitch_Eventsub_Message_Timestamp=stamp,
        Twitch_Eventsub_Message_Signature="sha256=" + "0" * 64,
    )
    assert (
        verify(proof(TWITCH), [SECRET], received, NOW).reason == "the timestamp is not an ISO 8601 time with its zone"
    )


def test_a_time_that_is_not_the_documented_unit_is_refused() -> None:
    """Seconds where milliseconds belong are decades off; words are no time."""
    case = cases()["hubspot"]
    seconds = with_header(case.request, "X-HubSpot-Request-Timestamp", str(int(NOW)))
    assert "away from now" in case.verdict(seconds).reason
    words = with_header(case.request, "X-HubSpot-Request-Timestamp", "now")
    assert case.verdict(words).reason == "the timestamp is not a whole number of milliseconds"


# -- several signatures ------------------------------------------------------------------------------------------------


def test_signatures_may_be_in_several_headers() -> None:
    """One of them is enough, and one that is right; each may be there once."""
    block = proof(GITHUB | {"more": ["X-Other-Signature"]})
    right, wrong = "sha256=" + hmac_of(BODY), "sha256=" + "0" * 64
    for headers in (
        {"X_Hub_Signature_256": right},
        {"X_Other_Signature": right},
        {"X_Hub_Signature_256": wrong, "X_Other_Signature": right},
    ):
        assert verify(block, [SECRET], request(BODY, **headers), NOW)
    assert not verify(block, [SECRET], request(BODY, X_Hub_Signature_256=wrong, X_Other_Signature=wrong), NOW)
    assert verify(block, [SECRET], request(BODY), NOW).reason == "the X-Hub-Signature-256 header is missing"
    twice = with_header(request(BODY, X_Hub_Signature_256=right), "X-Other-Signature", right, right)
    assert verify(block, [SECRET], twice, NOW).reason == "the X-Other-Signature header is there more than once"


def test_signatures_may_be_in_a_list_without_a_timestamp() -> None:
    """Other keys in it are looked past; without one of ours there is no signature."""
    block = proof(signed_block("${body}", list={"signature": "v1", "separator": " ", "between": ","}))
    text = f"v2,zz v1,{'0' * 64} v1,{hmac_of(BODY)}"
    assert verify(block, [SECRET], request(BODY, X_Signature=text), NOW)
    assert not verify(block, [SECRET], request(BODY, X_Signature=f"v2,{hmac_of(BODY)}"), NOW)
    assert sign(block, SECRET, BODY, NOW) == (("X-Signature", f"v1,{hmac_of(BODY)}"),)


def test_a_standard_signature_of_either_version_counts() -> None:
    """While a sender changes from one to the other it sends both, and we hold both keys."""
    v1, v1a = cases()["standard webhooks v1"], cases()["standard webhooks v1a"]
    text = " ".join(case.request.values("webhook-signature")[0] for case in (v1, v1a))
    both = with_header(v1.request, "webhook-signature", text)
    for case in (v1, v1a):
        assert case.verdict(both)
        assert case.verdict(None, NOW, *v1.secrets, *v1a.secrets)
    assert not v1.verdict(v1a.request)
    assert v1.verdict(with_header(v1.request, "webhook-id", "msg.1")).reason.startswith("the id of the delivery holds")
    assert verify(v1.scheme, [Secret("whpk_AAAA")], v1.request, NOW).reason == "there is no secret to verify with"


# -- keys and encodings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "secret"),
    [("hex", "6b6579"), ("hex", "6B6579"), ("base64", "a2V5"), ("text", "key"), ("hex", "pre_6b6579")],
)
def test_a_key_is_read_as_the_secret_spells_it(key: str, secret: str) -> None:
    """Text, base64 or hexadecimal, behind a prefix where it is there."""
    block = proof(signed_block("${body}", key=key, key_prefix="pre_"))
    assert verify(block, [Secret(secret)], request(BODY, X_Signature=hmac_of(BODY, key=b"key")), NOW)
    assert verify(block, [Secret("pre_")], request(BODY), NOW).reason == "there is no secret to verify with"


@given(raw=st.binary(max_size=70), encoding=st.sampled_from(Encoding))
def test_an_encoding_has_one_spelling(raw: bytes, encoding: Encoding) -> None:
    """What is written is read back; with white space, padding or a flipped bit it is not the same."""
    text = encode(encoding, raw).encode()
    assert decode(encoding, text) == raw
    for other in (text + b"=", text + b"\n", b" " + text, text + b"\xff"):
        assert decode(encoding, other) is None


# -- forms -------------------------------------------------------------------------------------------------------------


@given(values=st.lists(st.tuples(st.text(), st.text()), max_size=6))
def test_a_form_is_read_as_it_was_written(values: list[tuple[str, str]]) -> None:
    """As the usual encoders write it."""
    body = urlencode(values).encode()
    assert fields(body) == [(name.encode(), value.encode()) for name, value in values]


@pytest.mark.parametrize(
    "body", [b"a", b"a=b=c", b"a=1&", b"&a=1", b"a=1&&b=2", b"a=%2a", b"a=%zz", b"a=%2", b"a= ", b"a=\xc3\xa9", b"=&"]
)
def test_another_spelling_of_a_form_is_refused(body: bytes) -> None:
    """A field without `=`, with two, empty ones, lower-case escapes, raw white space: a signature tells none apart."""
    assert fields(body) is None


def test_a_form_has_an_end() -> None:
    """More fields than any vendor sends are not read."""
    assert joined(b"a=1&" * (MAX_FIELDS - 1) + b"a=1") == b"a1"
    assert joined(b"a=1&" * MAX_FIELDS + b"a=1") is None


def test_a_form_that_is_not_strict_is_refused() -> None:
    """Though its fields would give the signed text."""
    case = cases()["twilio form"]
    assert case.verdict(replace(case.request, body=case.request.body.replace(b"%2B", b"%2b"))).reason == (
        "the form is not spelt strictly"
    )


def test_a_body_that_nothing_signed_proves_is_refused() -> None:
    """A signed hash of it must be there once, and be its hash; a definition without one takes forms alone."""
    case = cases()["twilio json"]
    other = hashlib.sha256(b"other").hexdigest()
    assert (
        case.verdict(replace(case.request, query=f"bodySHA256={other}")).reason == "the signed hash is of another body"
    )
    assert "is missing" in case.verdict(replace(case.request, query="")).reason
    without = proof({name: value for name, value in TWILIO.items() if name != "digest"})
    assert verify(without, case.secrets, case.request, NOW).reason == "the body is not what is signed"
    assert sign(proof(HUBSPOT), SECRET, BODY, NOW, request())
