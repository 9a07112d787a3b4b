"""What schemes with a signature in a header share, whatever the signature is: where it is, and what it is of."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.verify.encodings import Algorithm, Encoding, decode, digest_of, encode
from reconciler.verify.message import BODY_ALONE, Inputs, Message, build, is_form
from reconciler.verify.places import Place, raw_at
from reconciler.verify.request import Facts, Request, Verdict, refused, single_header
from reconciler.verify.times import TOLERANCE, Stamp, stale
from reconciler.verify.words import Part, Unit

MAX_CANDIDATES = 8
"""More signatures than this in one request are refused: each costs a comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """A header that is a list of keys and values: which key holds signatures, and which, if any, the timestamp.

    `separator` stands between pairs, `between` between a key and its value. `tolerance` is how many seconds the
    timestamp may lie in the past or in the future.
    """

    signature: str
    timestamp: str = ""
    separator: str = ","
    between: str = "="
    tolerance: float = TOLERANCE
    unit: Unit = Unit.SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyDigest:
    """A signed place of the request that holds the hash of the body, where the message holds only that place."""

    place: Place
    algorithm: Algorithm = Algorithm.SHA256
    encoding: Encoding = Encoding.HEX


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signature in a header, or in any of several (`more`). `message` is what is signed.

    Where a timestamp is signed it stands in `pairs` or in `stamp`. `values` says where the named values are that a
    message holds. `digest` proves a body that the message does not hold.
    """

    header: str
    more: tuple[str, ...] = ()
    encoding: Encoding = Encoding.HEX
    prefix: str = ""
    message: Message = BODY_ALONE
    pairs: Pairs | None = None
    stamp: Stamp | None = None
    values: Mapping[str, Place] = field(default_factory=dict)
    digest: BodyDigest | None = None
    plain: bool = field(init=False, repr=False, compare=False)
    """One signature, in one header, of the body and nothing else: what most providers do."""

    def __post_init__(self) -> None:
        more = self.more or self.pairs is not None or self.stamp is not None or self.digest is not None
        object.__setattr__(self, "plain", not more and self.message == BODY_ALONE)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a request claims: the signed message, and signatures of it; at least one, each decoded."""

    message: bytes
    signatures: tuple[bytes, ...]


def claims(signed: Signed, request: Request, now: float, facts: Facts) -> Claims | Verdict:
    """The message and the candidate signatures, their timestamp checked, else the refusal."""
    return _plain_claims(signed, request) if signed.plain else _claims(signed, request, now, facts)


def _plain_claims(signed: Signed, request: Request) -> Claims | Verdict:
    header = single_header(request, signed.header)
    if isinstance(header, Verdict):
        return header
    signature = _decoded(signed, header)
    return Claims(request.body, (signature,)) if signature else _ill_formed(signed)


def _claims(signed: Signed, request: Request, now: float, facts: Facts) -> Claims | Verdict:
    headers = _headers(signed, request)
    if isinstance(headers, Verdict):
        return headers
    found = _candidates(signed, headers, now)
    if isinstance(found, Verdict):
        return found
    timestamp, texts = found
    if signed.stamp is not None:
        told = raw_at(signed.stamp.place, request)
        if isinstance(told, Verdict):
            return told
        refusal = stale(told, signed.stamp.unit, signed.stamp.tolerance, now)
        if refusal is not None:
            return refusal
        timestamp = told
    if len(texts) > MAX_CANDIDATES:
        return refused(f"the request holds more than {MAX_CANDIDATES} signatures")
    signatures = tuple(raw for text in texts if (raw := _decoded(signed, text)))
    if not signatures:
        return _ill_formed(signed)
    refusal = _undigested(signed, request)
    if refusal is not None:
        return refusal
    message = build(signed.message, Inputs(request=request, facts=facts, timestamp=timestamp, values=signed.values))
    return message if isinstance(message, Verdict) else Claims(message, signatures)


def _ill_formed(signed: Signed) -> Verdict:
    return refused(f"the {signed.header} header holds no well-formed signature")


def _headers(signed: Signed, request: Request) -> list[bytes] | Verdict:
    """The headers that hold signatures: those that are there, and at least one."""
    if not signed.more:
        header = single_header(request, signed.header)
        return header if isinstance(header, Verdict) else [header]
    names = [name for name in (signed.header, *signed.more) if request.values(name)] or [signed.header]
    found = [single_header(request, name) for name in names]
    refusal = next((each for each in found if isinstance(each, Verdict)), None)
    return refusal if refusal is not None else [each for each in found if isinstance(each, bytes)]


def _candidates(signed: Signed, headers: Iterable[bytes], now: float) -> tuple[bytes, list[bytes]] | Verdict:
    """The timestamp (empty where the headers hold none) and the texts of the signatures."""
    pairs = signed.pairs
    if pairs is None:
        return b"", [*headers]
    stamps: list[bytes] = []
    texts: list[bytes] = []
    for header in headers:
        for item in header.split(pairs.separator.encode()):
            key, _, value = item.partition(pairs.between.encode())
            if pairs.timestamp and key == pairs.timestamp.encode():
                stamps.append(value)
            elif key == pairs.signature.encode():
                texts.append(value)
    if not pairs.timestamp:
        return b"", texts
    if len(stamps) != 1:
        return refused(f"the {signed.header} header does not hold exactly one timestamp")
    (timestamp,) = stamps
    refusal = stale(timestamp, pairs.unit, pairs.tolerance, now)
    return (timestamp, texts) if refusal is None else refusal


def _decoded(signed: Signed, text: bytes) -> bytes | None:
    """The signature, if `text` is the one spelling of one."""
    prefix = signed.prefix.encode()
    return decode(signed.encoding, text[len(prefix) :]) if text.startswith(prefix) else None


def _undigested(signed: Signed, request: Request) -> Verdict | None:
    """The refusal of a body that neither the message nor a signed hash of it proves."""
    if Part.BODY in signed.message or (Part.FORM in signed.message and is_form(request)):
        return None
    if signed.digest is None:
        return refused("the body is not what is signed") if Part.FORM in signed.message else None
    told = raw_at(signed.digest.place, request)
    if isinstance(told, Verdict):
        return told
    right = encode(signed.digest.encoding, digest_of(signed.digest.algorithm, request.body)).encode()
    return None if hmac.compare_digest(told, right) else refused("the signed hash is of another body")
