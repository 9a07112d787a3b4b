"""Where a call goes, taken from its URL: what a connection, the `Host` header and the request line need of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

_USUAL: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_PATH: Final = "/%:@!$&'()*+,;=~"
_QUERY: Final = _PATH + "?"


@dataclass(frozen=True, slots=True)
class Destination:
    """`host` is ASCII and without brackets, `authority` as in a `Host` header, `target` as in a request line.

    `port` is None where it is the usual one of the scheme.
    """

    scheme: str
    host: str
    port: int | None
    authority: str
    target: str

    @property
    def origin(self) -> str:
        """Scheme and authority."""
        return f"{self.scheme}://{self.authority}"


def destination_of(url: str) -> Destination:
    """Where a call to a URL goes; raises `ValueError` where HTTP cannot be spoken there.

    What a request line cannot carry is percent-encoded, what is encoded already stays. A user name is left out.
    """
    parts = urlsplit(url)
    host = _ascii(parts.hostname or "")
    if parts.scheme not in _USUAL or not _HOST.fullmatch(host):
        raise ValueError("neither an http nor an https URL")
    port = None if parts.port == _USUAL[parts.scheme] else parts.port
    authority = f"[{host}]" if ":" in host else host
    query = f"?{quote(parts.query, _QUERY)}" if parts.query else ""
    return Destination(
        scheme=parts.scheme,
        host=host,
        port=port,
        authority=authority if port is None else f"{authority}:{port}",
        target=f"{quote(parts.path, _PATH) or '/'}{query}",
    )


def _ascii(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode("ascii")
