"""A secret that is sent along as it is, in a header.

GitLab ("Webhooks", docs.gitlab.com: `X-Gitlab-Token`) and Telegram ("Bot API", setWebhook: `secret_token`) do this. It
proves that the sender knows the secret and says nothing about the body.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.verify.request import ACCEPTED, Request, Verdict, refused, single_header


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenScheme:
    """The secret itself, in a header."""

    header: str


def verify_token(scheme: TokenScheme, keys: Sequence[bytes], request: Request) -> Verdict:
    """Whether the header is one of the keys; every key is compared, whatever the first ones say."""
    header = single_header(request, scheme.header)
    if isinstance(header, Verdict):
        return header
    matches = False
    for key in keys:
        matches |= hmac.compare_digest(header, key)
    return ACCEPTED if matches else refused(f"the {scheme.header} header is not the secret")


def sign_token(scheme: TokenScheme, key: bytes) -> tuple[tuple[str, str], ...]:
    """The header that a provider would send."""
    return ((scheme.header, key.decode("latin-1")),)
