"""Keyed hashes of the body, with or without a signed timestamp.

GitHub ("Validating webhook deliveries", docs.github.com) signs the body alone; Stripe ("Verify webhook signatures
manually", docs.stripe.com/webhooks) signs a timestamp and the body, and may send several signatures while a secret is
rolled; Slack ("Verifying requests from Slack", docs.slack.dev) has the timestamp in a header of its own; Airtable
("Webhooks overview", airtable.com/developers/web) tells the key in base64. All are one scheme with other data.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from reconciler.verify.keys import KeyEncoding
from reconciler.verify.request import ACCEPTED, Request, Verdict, refused, single_header

MAX_CANDIDATES = 8
"""More signatures than this in one header are refused: each costs a comparison."""

MAX_TIMESTAMP_DIGITS = 12


class Algorithm(StrEnum):
    """The hash under the HMAC."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"


class Encoding(StrEnum):
    """How the digest is written."""

    HEX = "hex"
    BASE64 = "base64"


class Part(StrEnum):
    """A part of the signed message that is not literal."""

    BODY = "body"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """A header that is a list of `key=value`: which key holds signatures and which the timestamp (UNIX seconds).

    `tolerance` is how many seconds the timestamp may lie in the past or in the future.
    """

    signature: str
    timestamp: str
    separator: str = ","
    tolerance: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A header of its own that holds the timestamp (UNIX seconds), and its tolerance as in `Pairs`."""

    header: str
    tolerance: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacScheme:
    """An HMAC in a header. `message` is what is signed, in order: literal text and parts of the request.

    `key` is how the secret spells the key. Where a timestamp is signed it stands in `pairs` or in `stamp`.
    """

    header: str
    algorithm: Algorithm = Algorithm.SHA256
    encoding: Encoding = Encoding.HEX
    prefix: str = ""
    message: tuple[str | Part, ...] = (Part.BODY,)
    pairs: Pairs | None = None
    stamp: Stamp | None = None
    key: KeyEncoding = KeyEncoding.TEXT


def verify_hmac(scheme: HmacScheme, keys: Sequence[bytes], request: Request, now: float) -> Verdict:
    """Whether any candidate signature matches any key; every pair is compared, whatever the first ones say."""
    header = single_header(request, scheme.header)
    if isinstance(header, Verdict):
        return header
    claims = _stamped(scheme.stamp, header, request, now) if scheme.stamp else _claims(scheme, header, now)
    if isinstance(claims, Verdict):
        return claims
    timestamp, candidates = claims
    digests = [digest for text in candidates if (digest := _decode(scheme, text)) is not None]
    if not digests:
        return refused(f"the {scheme.header} header holds no well-formed signature")
    message = _message(scheme, request.body, timestamp)
    matches = False
    for key in keys:
        expected = hmac.digest(key, message, scheme.algorithm)
        for digest in digests:
            matches |= hmac.compare_digest(digest, expected)
    return ACCEPTED if matches else refused("no signature matches")


def sign_hmac(scheme: HmacScheme, key: bytes, body: bytes, now: float) -> tuple[tuple[str, str], ...]:
    """The headers with which a provider would send `body`."""
    timestamp = str(int(now)).encode()
    digest = hmac.digest(key, _message(scheme, body, timestamp), scheme.algorithm)
    text = scheme.prefix + (digest.hex() if scheme.encoding is Encoding.HEX else base64.b64encode(digest).decode())
    if scheme.stamp is not None:
        return ((scheme.header, text), (scheme.stamp.header, timestamp.decode()))
    if scheme.pairs is None:
        return ((scheme.header, text),)
    pairs = scheme.pairs
    stamp = f"{pairs.timestamp}={timestamp.decode()}{pairs.separator}"
    return ((scheme.header, f"{stamp}{pairs.signature}={text}"),)


def _stamped(stamp: Stamp, header: bytes, request: Request, now: float) -> tuple[bytes, list[bytes]] | Verdict:
    """The timestamp of its own header, and the one candidate signature."""
    timestamp = single_header(request, stamp.header)
    if isinstance(timestamp, Verdict):
        return timestamp
    stale = _stale(timestamp, stamp.tolerance, now)
    return (timestamp, [header]) if stale is None else stale


def _stale(stamp: bytes, tolerance: float, now: float) -> Verdict | None:
    """The refusal of a timestamp that is none, or too far away."""
    if not (stamp.isdigit() and len(stamp) <= MAX_TIMESTAMP_DIGITS):
        return refused("the timestamp is not a whole number of seconds")
    # Written this way round, a `now` that is not a number refuses.
    if not abs(now - int(stamp)) <= tolerance:
        return refused(f"the timestamp is more than {tolerance:g} s away from now")
    return None


def _claims(scheme: HmacScheme, header: bytes, now: float) -> tuple[bytes, list[bytes]] | Verdict:
    """The timestamp (empty where none is signed) and the candidate signatures of a header."""
    if scheme.pairs is None:
        return b"", [header]
    pairs = scheme.pairs
    stamps: list[bytes] = []
    candidates: list[bytes] = []
    for item in header.split(pairs.separator.encode()):
        key, _, value = item.partition(b"=")
        if key == pairs.timestamp.encode():
            stamps.append(value)
        elif key == pairs.signature.encode():
            candidates.append(value)
    if len(stamps) != 1:
        return refused(f"the {scheme.header} header does not hold exactly one timestamp")
    if len(candidates) > MAX_CANDIDATES:
        return refused(f"the {scheme.header} header holds more than {MAX_CANDIDATES} signatures")
    (stamp,) = stamps
    stale = _stale(stamp, pairs.tolerance, now)
    return (stamp, candidates) if stale is None else stale


def _decode(scheme: HmacScheme, text: bytes) -> bytes | None:
    """The digest, if `text` is the one spelling of a digest of the right size."""
    prefix = scheme.prefix.encode()
    if not text.startswith(prefix):
        return None
    text = text[len(prefix) :]
    try:
        if scheme.encoding is Encoding.HEX:
            digest = bytes.fromhex(text.decode("ascii"))
            spelling = digest.hex().encode()
        else:
            digest = base64.b64decode(text, validate=True)
            spelling = base64.b64encode(digest)
    except ValueError:
        return None
    size = hashlib.new(scheme.algorithm).digest_size
    return digest if len(digest) == size and spelling == text else None


def _message(scheme: HmacScheme, body: bytes, timestamp: bytes) -> bytes:
    parts = {Part.BODY: body, Part.TIMESTAMP: timestamp}
    return b"".join(parts[part] if isinstance(part, Part) else part.encode() for part in scheme.message)
