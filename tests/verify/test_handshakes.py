"""Handshakes are answered with what was sent, and nothing else is."""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Secret
from reconciler.verify.handshakes import MAX_ECHO, BodyPlace, Handshake, HandshakeReply, QueryPlace, answer
from reconciler.verify.hmac_signature import HmacScheme
from reconciler.verify.request import Request
from reconciler.verify.schemes import sign
from reconciler.verify.token import BodyTokenScheme

NOW = 1_790_000_000.0
SECRET = Secret("a-signing-secret")
SIGNED = HmacScheme(header="X-Signature")
ASKED = Handshake(place=QueryPlace("validationToken"), echo=QueryPlace("validationToken"), proved=False)
CHALLENGE = Handshake(place=BodyPlace("type"), echo=BodyPlace("challenge"), equals="url_verification")
TOKEN = "Validation: Testing client application reachability for subscription Request-Id: 522a8e7e-096a"


def asked(query: str, body: bytes = b"") -> HandshakeReply | None:
    """The reply to a request with this query."""
    return answer([ASKED], BodyTokenScheme(key="state"), [], Request(query=query, body=body), NOW)


def challenged(body: object, secret: Secret = SECRET) -> HandshakeReply | None:
    """The reply to a signed request with this body."""
    content = json.dumps(body).encode()
    request = Request(headers=sign(SIGNED, secret, content, NOW), body=content)
    return answer([CHALLENGE], SIGNED, [SECRET], request, NOW)


@pytest.mark.parametrize("query", [urlencode({"validationToken": TOKEN}), f"a=1&validationToken={quote(TOKEN)}&b=2"])
def test_a_token_of_the_query_is_echoed_decoded(query: str) -> None:
    """As plain text that no browser takes for anything else, whatever else the query holds, in either encoding."""
    assert asked(query) == HandshakeReply(
        status=200,
        headers=(("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff")),
        body=TOKEN.encode(),
    )


@pytest.mark.parametrize(
    "query",
    ["", "validationToken=", "validationtoken=abc", "validationToken=a&validationToken=b", "validationToken=%FF", "a=b"]
    + [urlencode({"validationToken": text}) for text in ("<script>", "a\r\nb", "a\x00", "x" * (MAX_ECHO + 1))]
    + ["&".join(f"k{number}=v" for number in range(200)) + "&validationToken=abc"],
)
def test_what_is_no_token_is_not_echoed(query: str) -> None:
    """Absent, empty, twice, not UTF-8, too long, among too many parameters, or what a browser could take for a page."""
    assert asked(query) is None


def test_a_signed_challenge_is_echoed() -> None:
    """Where the body says what it is, and its signature holds."""
    reply = challenged({"token": "t", "challenge": "3eZbrw1aBm2rZgRNFdxV2595", "type": "url_verification"})
    assert reply is not None
    assert (reply.status, reply.body) == (200, b"3eZbrw1aBm2rZgRNFdxV2595")


@pytest.mark.parametrize("body", [{}, {"type": "event_callback", "challenge": "c"}, {"type": "url_verification"}, [1]])
def test_a_delivery_is_no_handshake(body: object) -> None:
    """Another type, or nothing to echo."""
    assert challenged(body) is None


def test_an_unproved_challenge_is_not_answered() -> None:
    """With another secret, or without one: it goes the way of every forged delivery."""
    body = {"type": "url_verification", "challenge": "c"}
    assert challenged(body, Secret("another")) is None
    assert answer([CHALLENGE], SIGNED, [SECRET], Request(body=json.dumps(body).encode()), NOW) is None
    assert answer([CHALLENGE], SIGNED, [], Request(body=json.dumps(body).encode()), NOW) is None


@given(query=st.text(max_size=80), body=st.binary(max_size=80))
def test_answering_raises_nothing(query: str, body: bytes) -> None:
    """Whatever arrives, there is a reply or none."""
    reply = answer([ASKED, CHALLENGE], SIGNED, [SECRET], Request(query=query, body=body), NOW)
    assert reply is None or reply.status == 200
