"""The one shape of an ingress URL, and how to recognise one of ours."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

_PATH = re.compile(
    r"^(?P<base>.*)/webhooks/(?P<provider>[a-z0-9][a-z0-9_-]*)/"
    r"(?P<id>[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})$"
)


def ingress_url(base_url: str, provider: str, webhook_id: str) -> str:
    """Where the deliveries of a webhook arrive."""
    return f"{base_url.rstrip('/')}/webhooks/{provider}/{webhook_id}"


def is_shaped_like_ours(url: str) -> bool:
    """Whether a URL has the shape of an ingress URL, under whatever base."""
    return _PATH.match(url) is not None


def webhook_id_in(url: str, provider: str, base_urls: Iterable[str]) -> str | None:
    """The webhook id in a URL of ours, under one of `base_urls`; None for anybody else's URL.

    Scheme and host compare without regard to case and default ports, as vendors may rewrite those.
    """
    match = _PATH.match(url)
    if not match or match["provider"] != provider:
        return None
    base_urls = tuple(base_urls)
    if match["base"] in base_urls:
        return match["id"]
    base = _comparable(match["base"])
    return match["id"] if base and any(base == _comparable(known) for known in base_urls) else None


@lru_cache(maxsize=256)
def _comparable(base_url: str) -> tuple[str, str, int | None, str] | None:
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError:
        return None
    default = {"https": 443, "http": 80}.get(parts.scheme.lower())
    return (parts.scheme.lower(), parts.hostname or "", port or default, parts.path.rstrip("/"))
