"""What `verify` and `handshakes` of a definition mean to the package that verifies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from reconciler.core.model import Json
from reconciler.providers.blocks.deliveries import Condition, HandshakeReply
from reconciler.providers.blocks.deliveries import Handshake as HandshakeBlock
from reconciler.providers.blocks.places import Place as PlaceBlock
from reconciler.providers.blocks.places import TimestampPlace
from reconciler.providers.blocks.proofs import (
    BasicVerify,
    EcdsaVerify,
    HmacVerify,
    JwtVerify,
    Proof,
    PublicKeyVerify,
    RemoteVerify,
    RsaVerify,
    SignatureList,
    SnsVerify,
    StandardWebhooksVerify,
    TokenVerify,
)
from reconciler.providers.rendering import split
from reconciler.verify.handshake_kinds import Digest, Handshake, Reply, Template
from reconciler.verify.hmac_signature import HmacScheme
from reconciler.verify.kinds import Scheme, Unverified
from reconciler.verify.message import Message, Value
from reconciler.verify.places import BodyPlace, HeaderPlace, Place, QueryPlace
from reconciler.verify.public_scheme import (
    ClaimDigest,
    JwtScheme,
    RemoteScheme,
    SignatureKind,
    SignatureScheme,
    SnsScheme,
    StandardWebhooksScheme,
)
from reconciler.verify.signed import BodyDigest, Pairs
from reconciler.verify.times import Stamp
from reconciler.verify.token import BasicScheme, BodyTokenScheme, QueryTokenScheme, TokenScheme
from reconciler.verify.words import Part

PARTS = frozenset(Part)


def scheme_of(block: Proof | Literal["none"]) -> Scheme:
    """The scheme that a block describes."""
    if isinstance(block, HmacVerify | PublicKeyVerify):
        return _signed(block)
    if isinstance(block, TokenVerify):
        return _token(block)
    if isinstance(block, BasicVerify):
        return BasicScheme(username=block.username)
    if isinstance(block, StandardWebhooksVerify):
        return StandardWebhooksScheme(prefix=block.prefix, tolerance=block.tolerance)
    if isinstance(block, JwtVerify):
        return _jwt(block)
    if isinstance(block, SnsVerify):
        return SnsScheme(versions=frozenset(block.versions), tolerance=block.tolerance)
    return _remote(block) if isinstance(block, RemoteVerify) else Unverified()


def handshake_of(block: HandshakeBlock) -> Handshake:
    """The handshake that a block describes."""
    when = block.when
    return Handshake(
        place=_where(when) if when.header or when.query or when.body else None,
        equals="" if when.equals is None else str(when.equals),
        method=when.method or "",
        proved=block.proved,
        token=_where(block.token) if block.token else None,
        echo=_where(block.echo) if block.echo else None,
        reply=_reply(block.reply) if block.reply else None,
        values=_values(block.values),
        digests={
            name: Digest(
                of=_template(digest.of),
                algorithm=digest.algorithm,
                encoding=digest.encoding,
                prefix=digest.prefix,
                keyed=digest.keyed,
            )
            for name, digest in block.digests.items()
        },
        capture=_where(block.capture) if block.capture else None,
        confirm=block.confirm is not None,
    )


def _signed(block: HmacVerify | PublicKeyVerify) -> Scheme:
    common: dict[str, Any] = {
        "header": block.header,
        "more": block.more,
        "encoding": block.encoding,
        "prefix": block.prefix,
        "message": _message(block.message),
        "pairs": _pairs(block.list) if block.list else None,
        "stamp": _stamp(block.timestamp),
        "values": _values(block.values),
        "digest": BodyDigest(
            place=_where(block.digest), algorithm=block.digest.algorithm, encoding=block.digest.encoding
        )
        if block.digest
        else None,
    }
    if isinstance(block, PublicKeyVerify):
        return SignatureScheme(**common, kind=_kind(block), key=block.key)
    return HmacScheme(**common, algorithm=block.algorithm, key=block.key, key_prefix=block.key_prefix)


def _kind(block: PublicKeyVerify) -> SignatureKind:
    if isinstance(block, EcdsaVerify):
        return SignatureKind.ECDSA_DER if block.form == "der" else SignatureKind.ECDSA_RAW
    if isinstance(block, RsaVerify):
        return SignatureKind.RSA_SHA256 if block.algorithm == "sha256" else SignatureKind.RSA_SHA512
    return SignatureKind.ED25519


def _token(block: TokenVerify) -> Scheme:
    if block.body:
        return BodyTokenScheme(key=block.body.key, each=block.body.each or "")
    if block.query:
        return QueryTokenScheme(parameter=block.query)
    return TokenScheme(header=block.header or "", prefix=block.prefix)


def _jwt(block: JwtVerify) -> JwtScheme:
    return JwtScheme(
        place=_where(block.place),
        prefix=block.prefix,
        algorithm=block.algorithm,
        jwks=block.jwks or "",
        issuer=block.issuer or "",
        audience=_message(block.audience),
        claims=block.claims,
        digests=tuple(
            ClaimDigest(claim=each.claim, message=_message(each.of), algorithm=each.algorithm, encoding=each.encoding)
            for each in block.digests
        ),
        values=_values(block.values),
        expires=block.expires,
        max_age=block.max_age,
        leeway=block.leeway,
    )


def _remote(block: RemoteVerify) -> RemoteScheme:
    return RemoteScheme(
        path=block.path,
        fields={name: _message(text) for name, text in block.fields.items()},
        payload=block.payload,
        genuine=block.genuine,
        forged=block.forged,
        values=_values(block.values),
        stamp=_stamp(block.timestamp),
    )


def _pairs(block: SignatureList) -> Pairs:
    return Pairs(
        signature=block.signature,
        timestamp=block.timestamp or "",
        separator=block.separator,
        between=block.between,
        tolerance=block.tolerance,
        unit=block.unit,
    )


def _stamp(block: TimestampPlace | None) -> Stamp | None:
    return Stamp(place=_where(block), tolerance=block.tolerance, unit=block.unit) if block else None


def _where(block: PlaceBlock | Condition) -> Place:
    if block.header:
        return HeaderPlace(block.header)
    return QueryPlace(block.query) if block.query else BodyPlace(block.body or "")


def _values(blocks: Mapping[str, PlaceBlock]) -> dict[str, Place]:
    return {name: _where(block) for name, block in blocks.items()}


def _message(text: str) -> Message:
    return tuple((Part(name) if name in PARTS else Value(name)) if name else literal for literal, name in split(text))


def _template(text: str) -> Template:
    return tuple(Value(name) if name else literal for literal, name in split(text))


def _reply(block: HandshakeReply) -> Reply:
    fields = block.json_fields
    return Reply(
        status=block.status,
        text=None if block.text is None else _template(block.text),
        fields=None if fields is None else {name: _field(value) for name, value in fields.items()},
        headers={name: _template(text) for name, text in block.headers.items()},
    )


def _field(value: str | int | bool) -> Template | Json:
    return _template(value) if isinstance(value, str) else value
