"""What holds for every scheme: genuine deliveries are accepted, changed ones refused, and nothing raises."""

from __future__ import annotations

import json
from dataclasses import replace

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import Secret
from reconciler.verify.encodings import Encoding, encode
from reconciler.verify.kinds import Unverified, keyless
from reconciler.verify.public_scheme import JwtScheme, StandardWebhooksScheme
from reconciler.verify.request import NOTHING, Facts, Fetched, Need, NeedKind, Request, Verdict
from reconciler.verify.schemes import secret_problem, sign, verify
from reconciler.verify.token import BasicScheme
from tests.verify.blocks import JWKS
from tests.verify.cases import BODY, CERTIFICATE_URL, KID, SECRET, TOPIC, Case, cases, jwk, keys_of
from tests.verify.support import NOW, pem, rsa_key, with_header, without

every = pytest.mark.parametrize("case", cases().values(), ids=cases())
with_secret = pytest.mark.parametrize(
    "case",
    [case for case in cases().values() if not keyless(case.scheme)],
    ids=[name for name, case in cases().items() if not keyless(case.scheme)],
)
HEADERS = sorted({name for case in cases().values() for name in case.proofs} | {"Content-Type", "Other"})


@every
def test_a_genuine_delivery_is_accepted(case: Case) -> None:
    """As the provider sends it."""
    assert case.verdict() == Verdict(True)


@every
def test_every_flipped_byte_of_the_body_is_refused(case: Case) -> None:
    """Wherever the proof covers the body: each byte of it, in turn, with three changes."""
    if not case.covered:
        pytest.skip("its proof does not cover the whole body")
    body = case.request.body
    for at in range(len(body)):
        for flip in (0x01, 0x20, 0x80):
            changed = body[:at] + bytes([body[at] ^ flip]) + body[at + 1 :]
            assert not case.verdict(replace(case.request, body=changed)), (at, flip)


@given(data=st.data())
@settings(max_examples=60)
@every
def test_any_other_body_is_refused(case: Case, data: st.DataObject) -> None:
    """Cut, extended, doubled or another one."""
    body, at = case.request.body, data.draw(st.integers(0, 60))
    other = data.draw(
        st.one_of(st.binary(max_size=80), st.just(body + body), st.just(body[:at]), st.just(body + b"\n"))
    )
    if case.covered and other != body:
        assert not case.verdict(replace(case.request, body=other))


@every
def test_every_flipped_byte_of_a_proving_header_is_refused(case: Case) -> None:
    """Signature, timestamp, id, token: each character in turn."""
    for name in case.proofs:
        ((value),) = case.request.values(name)
        for at in range(len(value)):
            for flip in (0x01, 0x02, 0x20):
                text = value[:at] + chr(ord(value[at]) ^ flip) + value[at + 1 :]
                # The name of an authentication method has no case (RFC 7235).
                if text.lower() != value.lower() or at >= 5 or case.name != "basic":
                    assert not case.verdict(with_header(case.request, name, text)), (name, at, flip)


@every
def test_a_proving_header_must_be_there_once(case: Case) -> None:
    """Absent, empty, or there twice (even with the same value), in any letter case, is a refusal."""
    for name in case.proofs:
        (value,) = case.request.values(name)
        assert not case.verdict(without(case.request, name))
        assert not case.verdict(with_header(case.request, name, ""))
        assert not case.verdict(with_header(case.request, name, value, value))
        assert not case.verdict(replace(case.request, headers=(*case.request.headers, (name.upper(), value))))
        assert case.verdict(with_header(case.request, name.upper(), value))


@with_secret
def test_old_and_new_secrets_are_accepted_and_no_other(case: Case) -> None:
    """While a secret is exchanged both count, in any order; without one, or with empty ones, nothing does."""
    (right,) = case.secrets
    other = {True: Secret("whsec_b3RoZXI="), False: Secret("other-secret")}[
        isinstance(case.scheme, StandardWebhooksScheme)
    ]
    assert case.verdict(None, NOW, other, right, Secret(""))
    assert case.verdict(None, NOW, right, other)
    for wrong in ([other], [], [Secret("")], [Secret(" \n"), Secret("")]):
        assert verify(case.scheme, wrong, case.request, NOW, case.facts).reason
        assert not verify(case.scheme, wrong, case.request, NOW, case.facts)


@with_secret
def test_a_secret_that_proves_nothing_is_told(case: Case) -> None:
    """Before a delivery needs it: empty, blank, or not what the scheme takes."""
    assert secret_problem(case.scheme, case.secrets[0]) == ""
    for empty in ("", " ", "\n"):
        assert secret_problem(case.scheme, Secret(empty)) == "is empty"


@pytest.mark.parametrize(
    ("name", "secret", "problem"),
    [
        ("discord", "zz", "is not a public key of ed25519 in hex"),
        ("ecdsa der", "AAAA", "is not a public key of ecdsa in base64"),
        ("rsa", "key", "is not a public key of rsa in pem"),
        ("plaid", "key", "is not a public key in pem"),
        ("standard webhooks v1", "whsec_!", "is not a key of Standard Webhooks (whsec_ or whpk_ and base64)"),
    ],
)
def test_a_secret_of_another_form_is_told(name: str, secret: str, problem: str) -> None:
    """In words that say which form it takes, and do not repeat it."""
    assert secret_problem(cases()[name].scheme, Secret(secret)) == problem


@pytest.mark.parametrize("name", ["pub/sub", "paypal", "sns"])
def test_where_the_providers_own_keys_prove_no_secret_is_asked_for(name: str) -> None:
    """There is nothing to keep."""
    assert secret_problem(cases()[name].scheme, Secret("")) == ""
    assert keyless(Unverified())


@every
def test_a_clock_that_is_no_number_accepts_nothing_that_tells_a_time(case: Case) -> None:
    """A broken clock fails closed; so does one that is years off."""
    timed = case.name not in {"github", "sha512 base64url", "twilio form", "twilio json", "rsa", "paypal"} and (
        case.covered or case.name in {"pub/sub", "sns"}
    )
    for now in (float("nan"), float("inf"), float("-inf"), 0.0, NOW * 2):
        assert not (timed and case.verdict(None, now))


@pytest.mark.parametrize("offset", [-1, 1])
@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("paddle", 300),
        ("twitch", 600),
        ("hubspot", 300),
        ("linear", 60),
        ("standard webhooks v1", 300),
        ("standard webhooks v1a", 300),
        ("discord", 300),
        ("ecdsa der", 300),
    ],
)
def test_a_replay_is_refused_in_both_directions(name: str, tolerance: int, offset: int) -> None:
    """At the tolerance it still counts, a second further it does not."""
    case = cases()[name]
    assert case.verdict(None, NOW + offset * tolerance)
    late = case.verdict(None, NOW + offset * (tolerance + 1))
    assert "away from now" in late.reason


@pytest.mark.parametrize("name", ["discord", "rsa", "paypal", "sns", "pub/sub", "messagebird"])
def test_what_only_the_provider_can_sign_is_not_signed_here(name: str) -> None:
    """Its key is its own."""
    with pytest.raises(ValueError, match="cannot be signed here"):
        sign(cases()[name].scheme, SECRET, BODY, NOW)


def test_tokens_are_sent_as_they_are() -> None:
    """In the header that the provider uses; in query and body there is no header to add."""
    for name in ("token", "basic"):
        case = cases()[name]
        assert sign(case.scheme, SECRET, BODY, NOW) == case.request.headers
    for name in ("query", "body token"):
        assert sign(cases()[name].scheme, SECRET, BODY, NOW) == ()


def test_a_message_that_lacks_a_part_is_not_signed() -> None:
    """Without the URL there is no signature of it."""
    with pytest.raises(ValueError, match="the URL of the webhook is not known"):
        sign(cases()["hubspot"].scheme, SECRET, BODY, NOW)


@given(
    name=st.sampled_from([*cases(), ""]),
    secrets=st.lists(
        st.text(st.characters()).map(Secret)
        | st.sampled_from([SECRET, pem(rsa_key()), Secret("whpk_" + "A" * 43 + "=")]),
        max_size=3,
    ),
    headers=st.lists(st.tuples(st.sampled_from(HEADERS), st.text(st.characters(), max_size=60)), max_size=5),
    body=st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(lambda value: json.dumps(value).encode()),
    query=st.text(max_size=30),
    url=st.text(max_size=10),
    now=st.floats(),
    fetched=st.binary(max_size=60)
    | st.sampled_from([b'{"keys": [{}]}', b'{"keys": [{"kid": "key-1", "n": "AQAB", "e": "AQAB"}]}']),
    keep=st.booleans(),
)
@settings(max_examples=250, deadline=None)
def test_verify_never_raises(  # noqa: PLR0917 - hypothesis gives them by name
    name: str,
    secrets: list[Secret],
    headers: list[tuple[str, str]],
    body: bytes,
    query: str,
    url: str,
    now: float,
    fetched: bytes,
    keep: bool,
) -> None:
    """Whatever arrives, with whatever secrets, facts and clock, the answer is a verdict, or what to fetch."""
    case = cases().get(name)
    scheme = case.scheme if case else Unverified()
    kept = case.request.headers if case and keep else ()
    received = Request(method="POST", url=url, query=query, headers=(*kept, *headers), body=body)
    needs = (Need(kind=NeedKind.KEYS, url=JWKS), Need(kind=NeedKind.CERTIFICATE, url=CERTIFICATE_URL))
    answers = {need: Fetched(status=200, body=fetched) for need in needs}
    for facts in (NOTHING, Facts(resource=TOPIC, provider_id="1", fetched=answers)):
        assert isinstance(verify(scheme, secrets, received, now, facts), Verdict | Need)
    if isinstance(scheme, JwtScheme):
        assert not verify(scheme, secrets, replace(received, headers=tuple(headers)), now)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
@every
def test_a_field_of_another_shape_raises_nothing(case: Case, data: st.DataObject) -> None:
    """Genuine bodies with one field replaced by any JSON there is."""
    if not case.request.body.startswith(b"{"):
        pytest.skip("its body is a form")
    body = json.loads(case.request.body)
    body[data.draw(st.sampled_from(sorted(body)))] = data.draw(json_values)
    changed = replace(case.request, body=json.dumps(body).encode())
    assert isinstance(case.verdict(changed), Verdict | Need)


HEAD, KEY = ("alg", "kid", "crit", "typ"), ("kty", "kid", "use", "alg", "n", "e", "crv", "x", "y")
CLAIMS = ("iss", "aud", "exp", "nbf", "iat", "email_verified", "payload_hash")


def objects(*names: str) -> st.SearchStrategy[dict[str, object]]:
    """JSON objects of some of these keys and any values."""
    return st.dictionaries(st.sampled_from(names), json_values)


@given(head=objects(*HEAD), payload=objects(*CLAIMS), key=objects(*KEY))
@settings(max_examples=80, deadline=None)
def test_a_token_of_another_shape_raises_nothing(
    head: dict[str, object], payload: dict[str, object], key: dict[str, object]
) -> None:
    """Header, claims and keys of any JSON there is; the claims are also judged, behind a right signature."""
    for name, algorithm in (("messagebird", "HS256"), ("pub/sub", "RS256")):
        case = cases()[name]
        signer = case.secrets[0].reveal() if case.secrets else rsa_key()
        right = jwt.api_jws.encode(json.dumps(payload).encode(), signer, algorithm, {"kid": KID})
        parts = [json.dumps(head | {"alg": algorithm}).encode(), json.dumps(payload).encode(), b"x"]
        made_up = ".".join(encode(Encoding.BASE64URL, part) for part in parts)
        for token in (right, made_up):
            changed = with_header(case.request, case.proofs[0], f"Bearer {token}" if name == "pub/sub" else token)
            for facts in (case.facts, keys_of(dict(jwk(), **key))):
                assert isinstance(verify(case.scheme, case.secrets, changed, NOW, facts), Verdict | Need)


def test_a_raw_signature_has_one_length() -> None:
    """Two numbers of 32 bytes: nothing shorter or longer is taken apart."""
    case = cases()["ecdsa raw"]
    name = case.proofs[0]
    for size in (0, 1, 63, 65, 128):
        text = encode(Encoding.BASE64, b"1" * size)
        assert not case.verdict(with_header(case.request, name, text))


@pytest.mark.parametrize("query", ["", "key=", "KEY=a-secret-of-some-length", "key=other", "key=%FF", "key"])
def test_a_token_in_the_query_must_be_there_once_and_be_ours(query: str) -> None:
    """Absent, empty, another one, not UTF-8; or twice, though each is right."""
    case = cases()["query"]
    assert not case.verdict(replace(case.request, query=query))
    assert not case.verdict(replace(case.request, query=f"{case.request.query}&{case.request.query}"))


@pytest.mark.parametrize(
    "text", ["", "Basic", "Basic ", "Basic !", "Bearer cmVjb25jaWxlcjp4", "Basic cmVjb25jaWxlcjp4"]
)
def test_basic_credentials_must_be_ours(text: str) -> None:
    """Another method, no base64, another password; without a user name the secret is both."""
    case = cases()["basic"]
    assert not case.verdict(with_header(case.request, "Authorization", text))
    both = BasicScheme()
    secret = Secret(f"reconciler:{SECRET.reveal()}")
    assert verify(both, [secret], case.request, NOW)
    assert sign(both, secret, BODY, NOW) == case.request.headers
