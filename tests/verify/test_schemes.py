"""Deliveries are accepted when they are genuine, and only then."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Secret
from reconciler.verify.encodings import Algorithm, Encoding
from reconciler.verify.hmac_signature import HmacScheme, sign_hmac
from reconciler.verify.request import Request, Verdict
from reconciler.verify.schemes import Scheme, Unverified, sign, verify
from reconciler.verify.signed import MAX_CANDIDATES, Pairs
from reconciler.verify.token import TokenScheme
from reconciler.verify.words import Part

NOW = 1_790_000_000.0
SECRET = Secret("a-secret-of-some-length")
BODY = b'{"action": "opened", "text": "\xc3\xa9"}'

GITHUB = HmacScheme(header="X-Hub-Signature-256", prefix="sha256=")
STRIPE = HmacScheme(
    header="Stripe-Signature",
    message=(Part.TIMESTAMP, ".", Part.BODY),
    pairs=Pairs(signature="v1", timestamp="t"),
)
BASE64 = HmacScheme(header="X-Signature", algorithm=Algorithm.SHA1, encoding=Encoding.BASE64)
SHA512 = HmacScheme(header="X-Signature", algorithm=Algorithm.SHA512)
TOKEN = TokenScheme(header="X-Token")
PROVING: tuple[HmacScheme | TokenScheme, ...] = (GITHUB, STRIPE, BASE64, SHA512, TOKEN)

proving = pytest.mark.parametrize("scheme", PROVING, ids=lambda scheme: f"{type(scheme).__name__}-{scheme.header}")


def signed(scheme: Scheme, body: bytes = BODY, secret: Secret = SECRET, now: float = NOW) -> Request:
    """A request as the provider would send it."""
    return Request(headers=(("Content-Type", "application/json"), *sign(scheme, secret, body, now)), body=body)


def with_header(request: Request, name: str, *values: str) -> Request:
    """The request with a header replaced by these values."""
    kept = tuple(pair for pair in request.headers if pair[0].lower() != name.lower())
    return replace(request, headers=(*kept, *((name, value) for value in values)))


def stripe_request(header: str, body: bytes = BODY) -> Request:
    """A request with this Stripe-Signature."""
    return Request(headers=(("Stripe-Signature", header),), body=body)


def stripe_digest(stamp: int, secret: Secret = SECRET, body: bytes = BODY) -> str:
    """The v1 signature, computed here by hand."""
    return hmac.new(secret.reveal().encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()


@proving
def test_a_signed_request_is_accepted(scheme: Scheme) -> None:
    """What `sign` makes, `verify` accepts, for every scheme."""
    assert verify(scheme, [SECRET], signed(scheme), NOW)


def test_github_publishes_a_vector_that_verifies() -> None:
    """The values of "Validating webhook deliveries" (docs.github.com) verify, byte by byte."""
    header = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    request = Request(headers=(("x-hub-signature-256", header),), body=b"Hello, World!")
    secret = Secret("It's a Secret to Everybody")

    assert verify(GITHUB, [secret], request, NOW)
    assert sign(GITHUB, secret, request.body, NOW) == (("X-Hub-Signature-256", header),)


@given(body=st.text(min_size=1), secret=st.text(st.characters(codec="ascii"), min_size=1).filter(str.strip))
def test_stripes_own_library_accepts_what_we_sign(body: str, secret: str) -> None:
    """`sign` makes headers that stripe-python accepts."""
    ((_, header),) = sign(STRIPE, Secret(secret), body.encode(), NOW)

    assert stripe.WebhookSignature.verify_header(body, header, secret)


@given(body=st.text(), stamp=st.integers(int(NOW) - 300, int(NOW) + 300))
def test_we_accept_what_stripes_own_library_signs(body: str, stamp: int) -> None:
    """A header made with stripe-python's signature is accepted, within the tolerance."""
    digest = stripe.WebhookSignature._compute_signature(f"{stamp}.{body}", SECRET.reveal())

    assert verify(STRIPE, [SECRET], stripe_request(f"t={stamp},v1={digest},v0=ignored", body.encode()), NOW)


@given(data=st.data())
def test_every_flipped_byte_is_refused(data: st.DataObject) -> None:
    """One changed byte in body or signature is enough to be refused, wherever it is."""
    scheme = data.draw(st.sampled_from([GITHUB, STRIPE, BASE64, SHA512]))
    body = data.draw(st.binary(min_size=1, max_size=60))
    request = signed(scheme, body)
    flip = data.draw(st.integers(1, 127))
    name, value = request.headers[1]
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(body) - 1))
        changed = replace(request, body=body[:at] + bytes([body[at] ^ flip]) + body[at + 1 :])
    else:
        at = data.draw(st.integers(0, len(value) - 1))
        changed = with_header(request, name, value[:at] + chr(ord(value[at]) ^ flip) + value[at + 1 :])

    assert not verify(scheme, [SECRET], changed, NOW)


@given(
    scheme=st.sampled_from([*PROVING, Unverified()]),
    secrets=st.lists(st.text(st.characters()).map(Secret), max_size=3),
    names=st.lists(
        st.sampled_from(["X-Hub-Signature-256", "stripe-signature", "X-Signature", "x-token", "Other"]), max_size=3
    ),
    body=st.binary(max_size=50),
    now=st.floats(),
    data=st.data(),
)
def test_verify_never_raises(
    scheme: Scheme, secrets: list[Secret], names: list[str], body: bytes, now: float, data: st.DataObject
) -> None:
    """Whatever arrives, the answer is a verdict."""
    value = st.text(st.characters()) | st.from_regex(r"t=[0-9]{0,14},v1=[0-9a-f]{0,66}(,v1=[^,]*)*")
    request = Request(headers=tuple((name, data.draw(value)) for name in names), body=body)

    assert isinstance(verify(scheme, secrets, request, now), Verdict)


@proving
@pytest.mark.parametrize("secrets", [[], [Secret("")], [Secret(""), Secret(" \n")]], ids=["none", "empty", "all empty"])
def test_without_a_secret_nothing_is_accepted(scheme: HmacScheme | TokenScheme, secrets: list[Secret]) -> None:
    """No secret, or only empty ones, is a refusal, even for a request signed with an empty key."""
    ((name, value),) = (
        sign_hmac(scheme, b"", Request(body=BODY), NOW) if isinstance(scheme, HmacScheme) else ((scheme.header, ""),)
    )

    verdict = verify(scheme, secrets, Request(headers=((name, value),), body=BODY), NOW)

    assert not verdict
    assert verdict.reason == "there is no secret to verify with"


@proving
def test_a_missing_header_is_refused(scheme: Scheme) -> None:
    """A request without the security header is refused, not passed."""
    verdict = verify(scheme, [SECRET], Request(body=BODY), NOW)

    assert not verdict
    assert verdict.reason.endswith("is missing")


@proving
def test_an_empty_header_is_refused(scheme: Scheme) -> None:
    """A security header without a value is refused."""
    request = signed(scheme)

    assert verify(scheme, [SECRET], with_header(request, request.headers[1][0], ""), NOW).reason.endswith("is empty")


@proving
def test_a_repeated_header_is_refused(scheme: Scheme) -> None:
    """A security header that is there twice is refused, even when both are right: which one counts is open."""
    request = signed(scheme)
    name, value = request.headers[1]

    verdict = verify(scheme, [SECRET], with_header(request, name, value, value), NOW)

    assert verdict.reason.endswith("is there more than once")


@proving
def test_a_header_that_cannot_have_come_over_the_wire_is_refused(scheme: Scheme) -> None:
    """Text beyond ISO 8859-1 in a header is refused, and raises nothing."""
    request = signed(scheme)

    verdict = verify(scheme, [SECRET], with_header(request, request.headers[1][0], "\N{SNOWMAN}"), NOW)

    assert verdict.reason.endswith("is not ISO 8859-1")


@proving
def test_any_of_several_secrets_is_enough(scheme: Scheme) -> None:
    """While a secret is exchanged, old and new ones are accepted; an empty one among them changes nothing."""
    request = signed(scheme)

    assert verify(scheme, [Secret("new"), Secret(""), SECRET], request, NOW)
    assert not verify(scheme, [Secret("new"), Secret("newer")], request, NOW)


@proving
def test_a_refusal_says_nothing_that_the_sender_wrote(scheme: Scheme) -> None:
    """Reasons are in our words: an attacker's text does not reach a log through them."""
    request = signed(scheme)
    verdict = verify(scheme, [SECRET], with_header(request, request.headers[1][0], "<script>t=1,v1=2"), NOW)

    assert not verdict
    assert "script" not in verdict.reason


def test_a_secret_beyond_ascii_is_compared_as_utf_8() -> None:
    """A token that is not ASCII is compared byte by byte, as servers hand it over."""
    secret = Secret("pässword")
    request = Request(headers=(("X-Token", secret.reveal().encode().decode("latin-1")),))

    assert verify(TOKEN, [secret], request, NOW)
    assert sign(TOKEN, secret, b"", NOW) == request.headers


@pytest.mark.parametrize(
    "value",
    [
        hashlib.sha256(b"").hexdigest(),
        "sha1=" + "0" * 64,
        "sha256=",
        "sha256=" + "0" * 62,
        "sha256=" + "zz" * 32,
        "sha256= " + "00" * 32,
        "sha256=é",
    ],
)
def test_a_malformed_signature_is_refused(value: str) -> None:
    """Prefix, alphabet and length must be those of the documented form."""
    request = with_header(signed(GITHUB), "X-Hub-Signature-256", value)

    assert verify(GITHUB, [SECRET], request, NOW).reason.endswith("holds no well-formed signature")


def test_only_one_spelling_of_a_digest_counts() -> None:
    """Upper case, spaces between digits and unpadded or dirty base64 are refused, though they decode to the digest."""
    digest = hmac.digest(SECRET.reveal().encode(), BODY, "sha256").hex()
    spaced = " ".join([digest[:2], digest[2:]])
    for text in (digest.upper(), spaced):
        assert not verify(GITHUB, [SECRET], with_header(signed(GITHUB), GITHUB.header, f"sha256={text}"), NOW)
    right = base64.b64encode(hmac.digest(SECRET.reveal().encode(), BODY, "sha1")).decode()
    assert verify(BASE64, [SECRET], with_header(signed(BASE64), BASE64.header, right), NOW)
    for text in (right.rstrip("="), f"{right}\n", right[:4] + "!" + right[4:]):
        assert not verify(BASE64, [SECRET], with_header(signed(BASE64), BASE64.header, text), NOW)


@pytest.mark.parametrize("offset", [-301, 301])
def test_a_timestamp_outside_the_tolerance_is_refused(offset: int) -> None:
    """Too old and too far ahead are both refused: a captured request does not live on."""
    request = signed(STRIPE, now=NOW + offset)

    assert "away from now" in verify(STRIPE, [SECRET], request, NOW).reason


@pytest.mark.parametrize("offset", [-300, 0, 300])
def test_a_timestamp_inside_the_tolerance_is_accepted(offset: int) -> None:
    """Clocks may differ by the tolerance, in both directions."""
    assert verify(STRIPE, [SECRET], signed(STRIPE, now=NOW + offset), NOW)


@pytest.mark.parametrize("now", [float("nan"), float("inf"), float("-inf")])
def test_a_clock_that_is_no_number_accepts_nothing(now: float) -> None:
    """A broken clock fails closed."""
    assert not verify(STRIPE, [SECRET], signed(STRIPE), now)


@pytest.mark.parametrize("stamp", ["", "-1", "+5", "1.5", "1e9", " 1", "0x10", "\u0661", "9" * 16], ids=repr)
def test_a_timestamp_must_be_a_whole_number(stamp: str) -> None:
    """Anything but ASCII digits is refused before it is compared."""
    header = f"t={stamp},v1={'0' * 64}".encode().decode("latin-1")

    assert verify(STRIPE, [SECRET], stripe_request(header), NOW).reason == (
        "the timestamp is not a whole number of seconds"
    )


@pytest.mark.parametrize("stamps", ["", f"t={NOW:.0f},t={NOW:.0f},"], ids=["none", "two"])
def test_there_must_be_exactly_one_timestamp(stamps: str) -> None:
    """No timestamp, or a choice of them, is refused."""
    header = f"{stamps}v1={stripe_digest(int(NOW))}"

    assert "exactly one timestamp" in verify(STRIPE, [SECRET], stripe_request(header), NOW).reason


def test_the_timestamp_is_part_of_what_is_signed() -> None:
    """A fresh timestamp over an old signature is refused."""
    header = f"t={NOW:.0f},v1={stripe_digest(int(NOW) - 100)}"

    assert verify(STRIPE, [SECRET], stripe_request(header), NOW).reason == "no signature matches"


def test_one_right_signature_among_several_is_enough() -> None:
    """While Stripe rolls a secret it sends a signature for each; one that is ours is enough, wherever it stands."""
    wrong = [f"v1={stripe_digest(int(NOW), Secret(str(number)))}" for number in range(MAX_CANDIDATES - 1)]
    header = ",".join([f"t={NOW:.0f}", *wrong, f"v1={stripe_digest(int(NOW))}"])

    assert verify(STRIPE, [SECRET], stripe_request(header), NOW)


def test_more_signatures_than_the_cap_are_refused() -> None:
    """A header full of candidates is refused as a whole, the right one among them too."""
    right = f"v1={stripe_digest(int(NOW))}"
    header = ",".join([f"t={NOW:.0f}", right, *["v1=" + "0" * 64] * MAX_CANDIDATES])

    assert f"more than {MAX_CANDIDATES}" in verify(STRIPE, [SECRET], stripe_request(header), NOW).reason


def test_signatures_of_another_version_do_not_count() -> None:
    """Only the scheme's own key holds signatures: a v0 cannot stand in for a v1."""
    header = f"t={NOW:.0f},v0={stripe_digest(int(NOW))}"

    assert not verify(STRIPE, [SECRET], stripe_request(header), NOW)


def test_an_empty_signature_matches_nothing() -> None:
    """`v1=` is no signature, whatever the secret."""
    assert not verify(STRIPE, [SECRET], stripe_request(f"t={NOW:.0f},v1="), NOW)


@pytest.mark.parametrize("value", ["a-secret-of-some-lengt", "a-secret-of-some-length ", "A-secret-of-some-length"])
def test_a_token_must_be_the_whole_secret(value: str) -> None:
    """A prefix, a longer text or other letter case is refused."""
    verdict = verify(TOKEN, [SECRET], Request(headers=(("X-Token", value),)), NOW)

    assert verdict.reason == "the X-Token header is not the secret"


def test_where_nothing_is_proved_everything_is_accepted_and_nothing_signed() -> None:
    """`verify: none` accepts, for there is nothing to check; whether it may be used is decided elsewhere."""
    assert verify(Unverified(), [], Request(body=b"anything"), NOW)
    assert sign(Unverified(), Secret(""), b"anything", NOW) == ()


@proving
def test_nothing_is_signed_with_an_empty_secret(scheme: Scheme) -> None:
    """An empty key, or one of white space, would prove nothing, so none is used."""
    with pytest.raises(ValueError, match="empty secret"):
        sign(scheme, Secret(" "), BODY, NOW)
    with pytest.raises(ValueError, match="empty secret"):
        sign(scheme, Secret(""), BODY, NOW)
