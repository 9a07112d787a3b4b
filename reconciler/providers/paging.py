"""Reading a list to its end: where the next page is, and when to stop believing that there is one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode, urljoin, urlsplit

from reconciler.core.model import Json
from reconciler.providers.answers import Context, place_of, search
from reconciler.providers.blocks.calls import CursorPages, LinkPages, Pagination
from reconciler.providers.transport import Reply

MAX_PAGES: Final = 200
"""A list of more pages than this is taken for an endless one."""

_LINK: Final = re.compile(r"<([^<>]*)>((?:\s*;\s*[^,;<>]+)*)")
_RELATION: Final = re.compile(r"""(?i)\brel\s*=\s*"?([^";]+)"?""")


class Pages:
    """Where the next page of one list is. Remembers what it was led to, for a provider may lead in a circle."""

    def __init__(self, pagination: Pagination, context: Context) -> None:
        self._pagination = pagination
        self._context = context
        self._seen: set[str] = set()

    def next_url(self, url: str, reply: Reply, document: Json) -> str | None:
        """The URL of the page after the one at `url`, or None where the list ends; a bad answer raises."""
        self._seen.add(url)
        found = self._next(url, reply, document)
        if found is None:
            return None
        if found in self._seen:
            self._context.bad_answer("the provider's pages repeat: a page leads to one that was read before")
        if len(self._seen) >= MAX_PAGES:
            self._context.bad_answer(f"the provider's list has more than {MAX_PAGES} pages")
        return found

    def _next(self, url: str, reply: Reply, document: Json) -> str | None:
        pagination = self._pagination
        if isinstance(pagination, LinkPages):
            return self._linked(url, reply.headers)
        if not isinstance(pagination, CursorPages) or not search(pagination.more, document):
            return None
        cursor = search(pagination.cursor, document)
        if isinstance(cursor, bool) or not isinstance(cursor, str | int) or cursor == "":
            self._context.bad_answer(
                f"the answer tells of a further page, but holds no cursor at `{pagination.cursor}`"
            )
        return with_query(url, {pagination.parameter: str(cursor)})

    def _linked(self, url: str, headers: Mapping[str, str]) -> str | None:
        link = next_link(headers.get("link", ""))
        if link is None:
            return None
        try:
            target = urljoin(url, link)
            place, same = place_of(target), _origin(target) == _origin(url)
        except ValueError:
            self._context.bad_answer("the link to the next page is malformed")
        if not same:
            place = self._context.show(place)
            self._context.bad_answer(f"the next page is said to be at another origin, {place}; it is not asked there")
        return target


def next_link(header: str) -> str | None:
    """The target of `rel="next"` in a `Link` header (RFC 8288), or None."""
    for target, parameters in _LINK.findall(header):
        relation = _RELATION.search(parameters)
        if relation and "next" in relation[1].lower().split():
            return str(target)
    return None


def with_query(url: str, parameters: Mapping[str, str]) -> str:
    """The URL with query parameters set, replacing those of the same name."""
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if pair and pair.partition("=")[0] not in parameters]
    return parts._replace(query="&".join([*kept, urlencode(parameters)])).geturl()


def _origin(url: str) -> tuple[str, str | None, int | None, str | None]:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return (parts.scheme, parts.hostname, port, parts.username)
