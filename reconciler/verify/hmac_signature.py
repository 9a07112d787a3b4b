"""Keyed hashes of the body, or of any message that holds it.

GitHub ("Validating webhook deliveries", docs.github.com) signs the body alone; Stripe ("Verify webhook signatures
manually", docs.stripe.com/webhooks) signs a timestamp and the body, and may send several signatures while a secret is
rolled; Slack ("Verifying requests from Slack", docs.slack.dev) has the timestamp in a header of its own; Airtable
("Webhooks overview", airtable.com/developers/web) tells the key in base64; Twilio ("Webhooks security") signs the URL
and the sorted fields of a form. All are one scheme with other data.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from reconciler.verify.encodings import SIZES, Algorithm, digest_of, encode
from reconciler.verify.keys import KeyEncoding
from reconciler.verify.message import Inputs, build
from reconciler.verify.places import HeaderPlace
from reconciler.verify.request import ACCEPTED, NOTHING, Facts, Request, UnsignableError, Verdict, refused
from reconciler.verify.signed import Claims, Signed, claims
from reconciler.verify.times import written
from reconciler.verify.words import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacScheme(Signed):
    """An HMAC in a header. `key` is how the secret spells the key, behind `key_prefix` where that is there."""

    algorithm: Algorithm = Algorithm.SHA256
    key: KeyEncoding = KeyEncoding.TEXT
    key_prefix: str = ""


def verify_hmac(
    scheme: HmacScheme, keys: Sequence[bytes], request: Request, now: float, facts: Facts = NOTHING
) -> Verdict:
    """Whether any candidate signature matches any key; every pair is compared, whatever the first ones say."""
    found = claims(scheme, request, now, facts)
    if isinstance(found, Verdict):
        return found
    size = SIZES[scheme.algorithm]
    if not any(len(signature) == size for signature in found.signatures):
        return refused(f"the {scheme.header} header holds no well-formed signature")
    return ACCEPTED if matches(found, keys, scheme.algorithm) else refused("no signature matches")


def matches(found: Claims, keys: Iterable[bytes], algorithm: Algorithm) -> bool:
    """Whether any signature is the HMAC of the message with any key."""
    same = False
    for key in keys:
        expected = hmac.digest(key, found.message, algorithm)
        for signature in found.signatures:
            same |= hmac.compare_digest(signature, expected)
    return same


def sign_hmac(
    scheme: HmacScheme, key: bytes, request: Request, now: float, facts: Facts = NOTHING
) -> tuple[tuple[str, str], ...]:
    """The headers with which a provider would prove a request that has none yet.

    A named value whose header the request lacks is made up, and among them. Raises `UnsignableError` where a part of
    the message is missing.
    """
    stamp, pairs = scheme.stamp, scheme.pairs
    unit = stamp.unit if stamp else pairs.unit if pairs else Unit.SECONDS
    timestamp = written(now, unit)
    added = tuple(_made_up(scheme, request))
    inputs = Inputs(
        request=replace(request, headers=(*request.headers, *added)),
        facts=facts,
        timestamp=timestamp.encode(),
        values=scheme.values,
    )
    message = build(scheme.message, inputs)
    if isinstance(message, Verdict):
        raise UnsignableError(f"it cannot be signed: {message.reason}")
    text = scheme.prefix + encode(scheme.encoding, hmac.digest(key, message, scheme.algorithm))
    if pairs is not None:
        told = f"{pairs.timestamp}{pairs.between}{timestamp}{pairs.separator}" if pairs.timestamp else ""
        text = f"{told}{pairs.signature}{pairs.between}{text}"
    stamped = ((stamp.place.name, timestamp),) if stamp and isinstance(stamp.place, HeaderPlace) else ()
    return ((scheme.header, text), *stamped, *added)


def _made_up(scheme: HmacScheme, request: Request) -> Iterator[tuple[str, str]]:
    """Headers for named values that are not there, the same for the same body."""
    for place in scheme.values.values():
        if isinstance(place, HeaderPlace) and not request.values(place.name):
            yield place.name, digest_of(Algorithm.SHA256, request.body).hex()[:24]
