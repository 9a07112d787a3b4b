"""Every scheme behind three functions: `verify` a request, `sign` one as the provider would, and look at a secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from reconciler.core.model import Secret
from reconciler.verify.hmac_signature import HmacScheme, sign_hmac, verify_hmac
from reconciler.verify.jwt import signature_kind, verify_jwt
from reconciler.verify.keys import usable
from reconciler.verify.kinds import Scheme, Unverified, keyless
from reconciler.verify.public_keys import PublicKey, public_keys, verify_signature
from reconciler.verify.public_scheme import JwtScheme, RemoteScheme, SignatureScheme, SnsScheme, StandardWebhooksScheme
from reconciler.verify.remote import verify_remotely
from reconciler.verify.request import (
    ACCEPTED,
    BLANK,
    NOTHING,
    Facts,
    Need,
    Request,
    UnsignableError,
    Verdict,
    refused,
)
from reconciler.verify.sns import verify_sns
from reconciler.verify.standard_webhooks import layout, published_keys, shared_keys, verify_standard
from reconciler.verify.token import (
    BasicScheme,
    BodyTokenScheme,
    QueryTokenScheme,
    TokenScheme,
    sign_basic,
    sign_token,
    verify_basic,
    verify_body_token,
    verify_query_token,
    verify_token,
)
from reconciler.verify.words import PublicKeyEncoding

__all__ = ["Scheme", "Unverified", "Verifier", "secret_problem", "sign", "verifier", "verify"]

NO_SECRET = "there is no secret to verify with"

Keys = Sequence[bytes | PublicKey]


class Verifier(Protocol):
    """`verify` with a scheme and secrets given."""

    def __call__(self, request: Request, now: float, facts: Facts = NOTHING, /) -> Verdict | Need:
        """Whether the request is genuine, as `verify` tells."""
        ...


def verify(
    scheme: Scheme, secrets: Sequence[Secret], request: Request, now: float, facts: Facts = NOTHING
) -> Verdict | Need:
    """Whether `request` was sent by somebody who knows one of `secrets`, or has the provider's key.

    Total: it never raises. An absent or empty secret, header or signature is a refusal, as is a security header that is
    there twice. `now` is UNIX seconds. A `Need` says what must be fetched: fetch it, put it into the facts
    (`Facts.given`, with status 0 where there was no answer) and ask again. A verdict that is `unknown` is neither
    genuine nor forged: the sender is to try again later.
    """
    return verifier(scheme, secrets)(request, now, facts)


def verifier(scheme: Scheme, secrets: Sequence[Secret]) -> Verifier:
    """`verify` for many requests: what depends on the scheme and the secrets alone is done once.

    It holds the keys, so it is to be let go of when the secrets may have changed.
    """
    if isinstance(scheme, Unverified):
        return lambda request, now, facts=NOTHING: ACCEPTED
    if isinstance(scheme, SnsScheme):
        return lambda request, now, facts=NOTHING: verify_sns(scheme, request, now, facts)
    if isinstance(scheme, RemoteScheme):
        return lambda request, now, facts=NOTHING: verify_remotely(scheme, request, now, facts)
    keys = _keys(scheme, secrets)
    if not keys and not keyless(scheme):
        return lambda request, now, facts=NOTHING: refused(NO_SECRET)
    if isinstance(scheme, StandardWebhooksScheme):
        return lambda request, now, facts=NOTHING: verify_standard(scheme, secrets, request, now)
    if isinstance(scheme, JwtScheme):
        return lambda request, now, facts=NOTHING: verify_jwt(scheme, keys, request, now, facts)
    if isinstance(scheme, SignatureScheme):
        public = [key for key in keys if not isinstance(key, bytes)]
        return lambda request, now, facts=NOTHING: verify_signature(scheme, public, request, now, facts)
    return _shared(scheme, [key for key in keys if isinstance(key, bytes)])


def sign(
    scheme: Scheme,
    secret: Secret,
    body: bytes,
    now: float,
    request: Request = BLANK,
    facts: Facts = NOTHING,
) -> tuple[tuple[str, str], ...]:
    """The headers that prove `body`, as the provider would send them; none where the proof is no header.

    `request` tells method, URL, query and headers where they are signed too. Raises `UnsignableError`, a `ValueError`,
    for an empty secret, for one that is not in the scheme's encoding, for a part that is missing, and where only the
    provider can sign.
    """
    if isinstance(scheme, Unverified):
        return ()
    if isinstance(scheme, StandardWebhooksScheme):
        shared = shared_keys([secret])
        scheme, keys = layout(scheme, "v1"), shared
    elif isinstance(scheme, SnsScheme | RemoteScheme | SignatureScheme | JwtScheme):
        raise UnsignableError("it cannot be signed here: the provider has the key")
    else:
        keys = tuple(key for key in _keys(scheme, [secret]) if isinstance(key, bytes))
    if not keys:
        raise UnsignableError("a body is not signed with an empty secret, nor with one that holds no key")
    if isinstance(scheme, HmacScheme):
        return sign_hmac(scheme, keys[0], replace(request, body=body), now, facts)
    if isinstance(scheme, TokenScheme):
        return sign_token(scheme, keys[0])
    return sign_basic(scheme, keys[0]) if isinstance(scheme, BasicScheme) else ()


def secret_problem(scheme: Scheme, secret: Secret) -> str:
    """Why a secret proves nothing with a scheme; empty where it does, or the scheme needs none.

    For whoever reads secrets: what fails here would refuse every delivery.
    """
    if keyless(scheme) or _keys(scheme, [secret]):
        return ""
    if not secret.reveal().strip():
        return "is empty"
    return f"is not {_written(scheme)}"


def _keys(scheme: Scheme, secrets: Sequence[Secret]) -> Keys:
    if isinstance(scheme, HmacScheme):
        return usable(secrets, scheme.key, scheme.key_prefix)
    if isinstance(scheme, SignatureScheme):
        return public_keys(secrets, scheme.kind, scheme.key)
    if isinstance(scheme, StandardWebhooksScheme):
        return (*shared_keys(secrets), *published_keys(secrets))
    kind = signature_kind(scheme.algorithm) if isinstance(scheme, JwtScheme) else None
    return usable(secrets) if kind is None else public_keys(secrets, kind, PublicKeyEncoding.PEM)


def _written(scheme: Scheme) -> str:
    if isinstance(scheme, StandardWebhooksScheme):
        return "a key of Standard Webhooks (whsec_ or whpk_ and base64)"
    if isinstance(scheme, SignatureScheme):
        return f"a public key of {scheme.kind.partition('_')[0]} in {scheme.key}"
    return f"a key in {scheme.key}" if isinstance(scheme, HmacScheme) else "a public key in pem"


def _shared(
    scheme: HmacScheme | TokenScheme | QueryTokenScheme | BodyTokenScheme | BasicScheme, keys: Sequence[bytes]
) -> Verifier:
    if isinstance(scheme, HmacScheme):
        return lambda request, now, facts=NOTHING: verify_hmac(scheme, keys, request, now, facts)
    if isinstance(scheme, TokenScheme):
        return lambda request, now, facts=NOTHING: verify_token(scheme, keys, request)
    if isinstance(scheme, QueryTokenScheme):
        return lambda request, now, facts=NOTHING: verify_query_token(scheme, keys, request)
    if isinstance(scheme, BodyTokenScheme):
        return lambda request, now, facts=NOTHING: verify_body_token(scheme, keys, request)
    return lambda request, now, facts=NOTHING: verify_basic(scheme, keys, request)
