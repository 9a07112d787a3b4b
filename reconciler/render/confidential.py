"""Providers whose URL is the secret: deliveries carry no other proof there, so webhook ids are shown shortened."""

from __future__ import annotations

import re

from reconciler.core.errors import ConfigError
from reconciler.core.model import Catalogue
from reconciler.core.plan import SHOWN_DIGITS

_ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b")


def url_is_secret(catalogue: Catalogue, provider: str) -> bool:
    """Whether it is; of a provider that nobody knows any more, or whose definition is broken, it may be."""
    if provider not in catalogue:
        return True
    try:
        return not catalogue[provider].verified
    except ConfigError:
        return True


def provider_of(address: str) -> str:
    """The provider in an address, which may begin with a user."""
    return address.partition("/")[0].rpartition(":")[2]


def shortened(text: str) -> str:
    """A text without what is secret in the webhook ids in it."""
    return _ID.sub(lambda found: found[0][:SHOWN_DIGITS], text)
