"""Every kind of scheme there is, as data. Loading this loads no cryptography."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.verify.hmac_signature import HmacScheme
from reconciler.verify.public_scheme import (
    JwtScheme,
    RemoteScheme,
    SignatureScheme,
    SnsScheme,
    StandardWebhooksScheme,
)
from reconciler.verify.token import BasicScheme, BodyTokenScheme, QueryTokenScheme, TokenScheme


@dataclass(frozen=True, slots=True)
class Unverified:
    """Deliveries carry no proof. `verify` accepts each of them: whether that is allowed is the project's to say."""


Scheme = (
    HmacScheme
    | SignatureScheme
    | StandardWebhooksScheme
    | JwtScheme
    | SnsScheme
    | RemoteScheme
    | TokenScheme
    | QueryTokenScheme
    | BodyTokenScheme
    | BasicScheme
    | Unverified
)


def keyless(scheme: Scheme) -> bool:
    """Whether nothing of a webhook's own proves its deliveries: no secret is minted, asked for or kept."""
    if isinstance(scheme, JwtScheme):
        return bool(scheme.jwks)
    return isinstance(scheme, SnsScheme | RemoteScheme | Unverified)
