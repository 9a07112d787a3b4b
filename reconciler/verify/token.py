"""A secret that is sent along as it is, in a header or in the body.

GitLab ("Webhooks", docs.gitlab.com: `X-Gitlab-Token`) and Telegram ("Bot API", setWebhook: `secret_token`) send it in a
header, Microsoft Graph ("changeNotification resource type", learn.microsoft.com: `clientState`) in every item of the
body. It proves that the sender knows the secret and says nothing about the body.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.model import Json
from reconciler.verify.body import DeliveryError, parse_json, search
from reconciler.verify.request import ACCEPTED, Request, Verdict, refused, single_header


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenScheme:
    """The secret itself, in a header."""

    header: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyTokenScheme:
    """The secret itself, at `key` of the JSON body, or of every item of the list at `each` (a JMESPath)."""

    key: str
    each: str = ""


def verify_token(scheme: TokenScheme, keys: Sequence[bytes], request: Request) -> Verdict:
    """Whether the header is one of the keys; every key is compared, whatever the first ones say."""
    header = single_header(request, scheme.header)
    if isinstance(header, Verdict):
        return header
    return ACCEPTED if _known(header, keys) else refused(f"the {scheme.header} header is not the secret")


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
    return ((scheme.header, key.decode("latin-1")),)


def _known(token: bytes, keys: Sequence[bytes]) -> bool:
    matches = False
    for key in keys:
        matches |= hmac.compare_digest(token, key)
    return matches
