"""A secret that is sent along as it is, in a header, in the query or in the body.

GitLab ("Webhooks", docs.gitlab.com: `X-Gitlab-Token`) and Telegram ("Bot API", setWebhook: `secret_token`) send it in a
header, Microsoft Graph ("changeNotification resource type", learn.microsoft.com: `clientState`) in every item of the
body; others in the query or by HTTP Basic (RFC 7617). It proves that the sender knows the secret and says nothing about
the body.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.model import Json
from reconciler.verify.body import DeliveryError, parse_json, search
from reconciler.verify.encodings import Encoding, decode
from reconciler.verify.places import QueryPlace, raw_at
from reconciler.verify.request import ACCEPTED, Request, Verdict, refused, single_header


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenScheme:
    """The secret itself, in a header behind `prefix`."""

    header: str
    prefix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryTokenScheme:
    """The secret itself, in a parameter of the query."""

    parameter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyTokenScheme:
    """The secret itself, at `key` of the JSON body, or of every item of the list at `each` (a JMESPath)."""

    key: str
    each: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicScheme:
    """HTTP Basic: the secret is the password of `username`, or, without one, `user:password`."""

    username: str = ""


def verify_token(scheme: TokenScheme, keys: Sequence[bytes], request: Request) -> Verdict:
    """Whether the header is one of the keys; every key is compared, whatever the first ones say."""
    header = single_header(request, scheme.header)
    if isinstance(header, Verdict):
        return header
    whole = [scheme.prefix.encode() + key for key in keys]
    return ACCEPTED if _known(header, whole) else refused(f"the {scheme.header} header is not the secret")


def verify_query_token(scheme: QueryTokenScheme, keys: Sequence[bytes], request: Request) -> Verdict:
    """Whether the parameter, there once, is one of the keys."""
    told = raw_at(QueryPlace(scheme.parameter), request)
    if isinstance(told, Verdict):
        return told
    return ACCEPTED if _known(told, keys) else refused(f"the parameter {scheme.parameter} is not the secret")


def verify_basic(scheme: BasicScheme, keys: Sequence[bytes], request: Request) -> Verdict:
    """Whether the Authorization header tells one of the keys."""
    header = single_header(request, "Authorization")
    if isinstance(header, Verdict):
        return header
    method, _, text = header.partition(b" ")
    told = decode(Encoding.BASE64, text) if method.lower() == b"basic" else None
    if told is None:
        return refused("the Authorization header is not HTTP Basic")
    known = _known(told, [_credentials(scheme, key) for key in keys])
    return ACCEPTED if known else refused("the Authorization header is not the secret")


def verify_body_token(scheme: BodyTokenScheme, keys: Sequence[bytes], request: Request) -> Verdict:
    """Whether every item holds one of the keys. A list that is none, or empty, proves nothing, and is refused."""
    try:
        items = token_holders(scheme, parse_json(request.body))
    except DeliveryError as error:
        return refused(str(error))
    if not items:
        return refused(f"the body holds no {scheme.key}")
    matches = True
    for item in items:
        token = item.get(scheme.key) if isinstance(item, dict) else None
        raw = token.encode("utf-8", "surrogatepass") if isinstance(token, str) else b""
        matches &= bool(raw) and _known(raw, keys)
    return ACCEPTED if matches else refused(f"{scheme.key} is not the secret in the whole body")


def token_holders(scheme: BodyTokenScheme, payload: Json) -> list[Json]:
    """What must hold the token, each: the items of the list, or the body itself."""
    if not scheme.each:
        return [payload]
    found = search(scheme.each, payload)
    return found if isinstance(found, list) else []


def sign_token(scheme: TokenScheme, key: bytes) -> tuple[tuple[str, str], ...]:
    """The header that a provider would send."""
    return ((scheme.header, scheme.prefix + key.decode("latin-1")),)


def sign_basic(scheme: BasicScheme, key: bytes) -> tuple[tuple[str, str], ...]:
    """The header that a provider would send."""
    return (("Authorization", f"Basic {base64.b64encode(_credentials(scheme, key)).decode()}"),)


def _credentials(scheme: BasicScheme, key: bytes) -> bytes:
    return f"{scheme.username}:".encode() + key if scheme.username else key


def _known(token: bytes, keys: Sequence[bytes]) -> bool:
    matches = False
    for key in keys:
        matches |= hmac.compare_digest(token, key)
    return matches
