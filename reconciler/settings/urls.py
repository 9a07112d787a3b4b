"""Checks of the URLs that files and environment give; no message repeats a URL, it may hold a password."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

_NOT_IN_URLS = re.compile(r"[\s\x00-\x20\x7f-\x9f\\]")


def base_url(text: str) -> str:
    """The URL that ingress URLs begin with, without a slash at its end; raises `ValueError` saying what is wrong."""
    _split(text)
    return text.rstrip("/")


def api_url(text: str) -> str:
    """The root of a provider's API with its version prefix, without a slash at its end; raises `ValueError`."""
    return base_url(text)


def target_url(text: str) -> str:
    """Where deliveries are handed on to; raises `ValueError` saying what is wrong."""
    _split(text)
    return text


def host_name(text: str) -> str:
    """A host without scheme, port or path, in lower case; raises `ValueError`."""
    name = text.casefold().rstrip(".")
    if not name or _NOT_IN_URLS.search(name) or any(sign in name for sign in "/*@?#"):
        raise ValueError("expected a host, without scheme, path or wildcard")
    return name


def host(url: str) -> str:
    """The host of a URL in lower case, without port."""
    return (urlsplit(url).hostname or "").rstrip(".")


def is_loopback(name: str) -> bool:
    """Whether a host is this machine itself."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


@dataclass(frozen=True, slots=True)
class ApiHome:
    """Where a provider's API is: the `root` of its definition, and the `hosts` that need no leave of the operator.

    A project's own definition vouches for no host, for whoever edits the project writes it.
    """

    root: str = ""
    hosts: Collection[str] = ()


def check_api(home: ApiHome, api_url: str, allowed: Collection[str]) -> None:
    """Refuse to send credentials to where calls would go, unless it is vouched for. Raises `ValueError`.

    Calls go to `api_url` of the credentials, else to the root of the definition.
    """
    if url := api_url or home.root:
        check_api_host(url, home.hosts, allowed)


def check_api_host(url: str, known: Collection[str], allowed: Collection[str]) -> None:
    """Refuse to send credentials to a host that neither the provider's definition nor the operator names.

    `known` are the hosts of the built-in definition, `allowed` those of RECONCILER_ALLOWED_HOSTS; loopback is free.
    Only loopback and allowed hosts may be spoken to without TLS. Raises `ValueError`.
    """
    name = host(url)
    if is_loopback(name) or name in allowed:
        return
    if name not in known:
        raise ValueError(
            f"the provider's definition does not name the host {name!r}: credentials are not sent there unless the "
            "operator lists it in RECONCILER_ALLOWED_HOSTS"
        )
    if urlsplit(url).scheme != "https":
        raise ValueError(f"credentials are sent to {name!r} by https only, unless RECONCILER_ALLOWED_HOSTS lists it")


def _split(text: str) -> SplitResult:
    if _NOT_IN_URLS.search(text):
        raise ValueError("a URL has no spaces, backslashes or control characters")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("not a valid URL") from None
    if parts.scheme not in {"http", "https"}:
        raise ValueError("expected a URL that begins with https:// or http://")
    if not parts.hostname:
        raise ValueError("the URL has no host")
    if "@" in parts.netloc:
        raise ValueError("a URL with a user name or password in it is not allowed")
    if "?" in text or "#" in text:
        raise ValueError("the URL must not have a query or a fragment")
    return parts
