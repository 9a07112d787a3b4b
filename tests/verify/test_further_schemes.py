"""A timestamp in a header of its own, keys in base64, tokens in the body: each against the vendor's own library."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyairtable.models import WebhookNotification
from slack_sdk.signature import Clock, SignatureVerifier

from reconciler.core.model import Secret
from reconciler.verify.hmac_signature import HmacScheme
from reconciler.verify.keys import KeyEncoding
from reconciler.verify.places import HeaderPlace
from reconciler.verify.request import Request
from reconciler.verify.schemes import sign, verify
from reconciler.verify.times import Stamp
from reconciler.verify.token import BodyTokenScheme
from reconciler.verify.words import Part

NOW = 1_790_000_000.0
SLACK = HmacScheme(
    header="X-Slack-Signature",
    prefix="v0=",
    message=("v0:", Part.TIMESTAMP, ":", Part.BODY),
    stamp=Stamp(place=HeaderPlace("X-Slack-Request-Timestamp")),
)
AIRTABLE = HmacScheme(header="X-Airtable-Content-MAC", prefix="hmac-sha256=", key=KeyEncoding.BASE64)
GRAPH = BodyTokenScheme(key="clientState", each="value")
SECRET = Secret("8f742231b10e8888abcd99yyyzzz85a5")


class Still(Clock):
    """Slack's clock, standing still."""

    def now(self) -> float:
        return NOW


def signed(scheme: HmacScheme, secret: Secret, body: bytes, now: float = NOW) -> Request:
    """A request as the vendor would send it."""
    return Request(headers=sign(scheme, secret, body, now), body=body)


# -- Slack -------------------------------------------------------------------------------------------------------------


def test_slacks_own_example_verifies() -> None:
    """The request of "Verifying requests from Slack", byte by byte."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
        b"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
        b"response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F"
        b"96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    headers = (("X-Slack-Request-Timestamp", "1531420618"), ("X-Slack-Signature", signature))
    assert verify(SLACK, [SECRET], Request(headers=headers, body=body), 1531420618.0)


@given(body=st.text(), stamp=st.integers(int(NOW) - 300, int(NOW) + 300))
def test_slacks_own_library_agrees(body: str, stamp: int) -> None:
    """What we sign it accepts, what it signs we accept, within the tolerance."""
    theirs = SignatureVerifier(SECRET.reveal(), Still())
    ours = signed(SLACK, SECRET, body.encode(), stamp)
    assert theirs.is_valid_request(body, dict(ours.headers))
    signature = theirs.generate_signature(timestamp=str(stamp), body=body)
    headers = (("X-Slack-Signature", str(signature)), ("X-Slack-Request-Timestamp", str(stamp)))
    assert verify(SLACK, [SECRET], Request(headers=headers, body=body.encode()), NOW)


@pytest.mark.parametrize("offset", [-301, 301])
def test_an_old_or_early_timestamp_is_refused(offset: int) -> None:
    """By both sides alike."""
    request = signed(SLACK, SECRET, b"{}", NOW + offset)
    assert "away from now" in verify(SLACK, [SECRET], request, NOW).reason
    assert not SignatureVerifier(SECRET.reveal(), Still()).is_valid_request("{}", dict(request.headers))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ((), "the X-Slack-Request-Timestamp header is missing"),
        (("",), "the X-Slack-Request-Timestamp header is empty"),
        ((f"{NOW:.0f}", f"{NOW:.0f}"), "the X-Slack-Request-Timestamp header is there more than once"),
        (("1e9",), "the timestamp is not a whole number of seconds"),
        (("-5",), "the timestamp is not a whole number of seconds"),
        ((f"{NOW - 1:.0f}",), "no signature matches"),
    ],
)
def test_the_timestamp_must_be_there_once_and_be_the_signed_one(values: tuple[str, ...], reason: str) -> None:
    """Absent, empty, twice, malformed, or another than was signed."""
    request = signed(SLACK, SECRET, b"{}")
    kept = tuple(pair for pair in request.headers if pair[0] != "X-Slack-Request-Timestamp")
    stamps = tuple(("X-Slack-Request-Timestamp", value) for value in values)
    assert verify(SLACK, [SECRET], replace(request, headers=(*kept, *stamps)), NOW).reason == reason


# -- Airtable ----------------------------------------------------------------------------------------------------------


@given(key=st.binary(min_size=1, max_size=64), stamp=st.text(st.characters(codec="ascii", categories=["L", "N"])))
def test_airtables_library_accepts_what_we_sign(key: bytes, stamp: str) -> None:
    """Pyairtable decodes the secret as we do; and what is signed is accepted here."""
    secret = Secret(base64.b64encode(key).decode())
    notification = {"base": {"id": "app1"}, "webhook": {"id": "ach1"}, "timestamp": "2022-02-01T21:25:05.663Z"}
    body = json.dumps({**notification, "note": stamp})
    request = signed(AIRTABLE, secret, body.encode())
    ((_, header),) = request.headers
    assert WebhookNotification.from_request(body, header, secret.reveal()).webhook.id == "ach1"
    assert verify(AIRTABLE, [secret], request, NOW)


def test_the_text_of_the_secret_is_not_the_key() -> None:
    """Signed with the undecoded text it is refused."""
    secret = Secret(base64.b64encode(b"key").decode())
    plain = replace(AIRTABLE, key=KeyEncoding.TEXT)
    assert not verify(AIRTABLE, [secret], signed(plain, secret, b"{}"), NOW)


@pytest.mark.parametrize("text", ["not base64!", "abc", "é", "===="])
def test_a_secret_that_is_no_base64_proves_nothing(text: str) -> None:
    """It is as if there were none; and nothing is signed with it."""
    request = signed(AIRTABLE, Secret("a2V5"), b"{}")
    assert verify(AIRTABLE, [Secret(text)], request, NOW).reason == "there is no secret to verify with"
    assert verify(AIRTABLE, [Secret(text), Secret("a2V5")], request, NOW)
    with pytest.raises(ValueError, match="holds no key"):
        sign(AIRTABLE, Secret(text), b"{}", NOW)


# -- Microsoft Graph ---------------------------------------------------------------------------------------------------


def notified(*states: object, secrets: tuple[Secret, ...] = (SECRET,)) -> bool:
    """Whether a collection of notifications with these states is accepted; `...` leaves it out."""
    items = [{"changeType": "created"} | ({} if state is ... else {"clientState": state}) for state in states]
    return bool(verify(GRAPH, secrets, Request(body=json.dumps({"value": items}).encode()), NOW))


def test_every_item_must_hold_the_secret() -> None:
    """One or many, each of them; while secrets are exchanged, any of ours."""
    ours = SECRET.reveal()
    assert notified(ours)
    assert notified(ours, ours, ours)
    assert notified(ours, "new", secrets=(Secret("new"), SECRET))


@pytest.mark.parametrize("wrong", ["other", "", None, ..., 7, [SECRET.reveal()], SECRET.reveal() + " ", "\ud800"])
def test_one_item_without_it_refuses_all(wrong: object) -> None:
    """First, last or alone: another text, none at all, or another type."""
    ours = SECRET.reveal()
    assert not notified(wrong)
    assert not notified(ours, wrong)
    assert not notified(wrong, ours)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"value": []}', b'{"value": {}}', b'{"value": ["x"]}', b'{"value": 1}', b"[" * 9999]
)
def test_a_body_without_items_proves_nothing(body: bytes) -> None:
    """An empty list, none, or no JSON is refused: nothing in it was proved."""
    assert not verify(GRAPH, [SECRET], Request(body=body), NOW)


def test_without_a_list_the_body_itself_holds_the_secret() -> None:
    """At a key of its top."""
    scheme = BodyTokenScheme(key="token")
    assert verify(scheme, [SECRET], Request(body=json.dumps({"token": SECRET.reveal()}).encode()), NOW)
    assert not verify(scheme, [SECRET], Request(body=b'{"token": "other"}'), NOW)
    assert not verify(scheme, [SECRET], Request(body=b"[]"), NOW)
    assert sign(scheme, SECRET, b"", NOW) == ()


@pytest.mark.parametrize("secrets", [(), (Secret(""),), (Secret(" "),)])
def test_without_a_secret_no_body_is_accepted(secrets: tuple[Secret, ...]) -> None:
    """Not even one with an empty state."""
    assert not notified("", secrets=secrets)
    assert not notified(" ", secrets=secrets)


@given(
    body=st.binary(max_size=60) | st.recursive(st.none() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_verifying_a_body_raises_nothing(body: bytes) -> None:
    """Whatever arrives is refused."""
    assert not verify(GRAPH, [SECRET], Request(body=body), NOW)
