"""URLs that are not ours, as they may be shown: they may hold somebody's token."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_WORD = re.compile(r"([A-Z]?[a-z]{1,14}|v\d{1,2})([-_.]([A-Z]?[a-z]{1,14}|v\d{1,2})){0,4}", re.ASCII)
_SHOWN = 4


def shown_url(url: str) -> str:
    """Somebody's URL as it may be shown: scheme, host and path, the path's parts shortened where they are no words.

    User, query and fragment are left out. Many put a token there or into the path; `https://chat.acme.dev/in/T0K3N`
    is shown as `https://chat.acme.dev/in/T0K3...`.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "a malformed URL"
    path = "/".join(map(_shown_part, parts.path.split("/")))
    more = "?..." if parts.query else ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}{more}"


def _shown_part(part: str) -> str:
    return part if len(part) <= _SHOWN or _WORD.fullmatch(part) else f"{part[:_SHOWN]}..."
