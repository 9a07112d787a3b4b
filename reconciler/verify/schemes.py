"""Every scheme behind two functions: `verify` a request, and `sign` a body as the provider would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.model import Secret
from reconciler.verify.hmac_signature import HmacScheme, sign_hmac, verify_hmac
from reconciler.verify.keys import usable
from reconciler.verify.request import ACCEPTED, Request, Verdict, refused
from reconciler.verify.token import BodyTokenScheme, TokenScheme, sign_token, verify_body_token, verify_token


@dataclass(frozen=True, slots=True)
class Unverified:
    """Deliveries carry no proof. `verify` accepts each of them: whether that is allowed is the project's to say."""


Scheme = HmacScheme | TokenScheme | BodyTokenScheme | Unverified


def verify(scheme: Scheme, secrets: Sequence[Secret], request: Request, now: float) -> Verdict:
    """Whether `request` was sent by somebody who knows one of `secrets`. Total: refuses, and never raises.

    An absent or empty secret, header or signature is a refusal, as is a security header that is there twice. `now` is
    UNIX seconds.
    """
    if isinstance(scheme, Unverified):
        return ACCEPTED
    keys = usable(secrets, scheme.key) if isinstance(scheme, HmacScheme) else usable(secrets)
    if not keys:
        return refused("there is no secret to verify with")
    if isinstance(scheme, HmacScheme):
        return verify_hmac(scheme, keys, request, now)
    if isinstance(scheme, BodyTokenScheme):
        return verify_body_token(scheme, keys, request)
    return verify_token(scheme, keys, request)


def sign(scheme: Scheme, secret: Secret, body: bytes, now: float) -> tuple[tuple[str, str], ...]:
    """The headers that prove `body`, as the provider would send them; none where the body itself holds the token.

    Raises `ValueError` for an empty secret, or one that is not in the scheme's encoding.
    """
    if isinstance(scheme, Unverified):
        return ()
    keys = usable([secret], scheme.key) if isinstance(scheme, HmacScheme) else usable([secret])
    if not keys:
        raise ValueError("a body is not signed with an empty secret, nor with one that holds no key")
    if isinstance(scheme, HmacScheme):
        return sign_hmac(scheme, keys[0], body, now)
    if isinstance(scheme, BodyTokenScheme):
        return ()
    return sign_token(scheme, keys[0])
