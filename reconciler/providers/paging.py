"""Reading a list to its end: where the next page is, and when to stop believing that there is one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from reconciler.core.model import Json
from reconciler.providers.answers import Context, place_of, search
from reconciler.providers.blocks.calls import CursorPages, LinkPages, NextUrlPages, NumberedPages, Pagination, Step
from reconciler.providers.transport import Call, Reply

MAX_PAGES: Final = 200
"""A list of webhooks of more pages than this is taken for an endless one."""

_LINK: Final = re.compile(r"<([^<>]*)>((?:\s*;\s*[^,;<>]+)*)")
_RELATION: Final = re.compile(r"""(?i)\brel\s*=\s*"?([^";]+)"?""")


class Pages:
    """Where the next page of one list is. Remembers what it was led to, for a provider may lead in a circle.

    `step` is how the list is asked for: with a graphql body, a cursor is one of its variables. After `most` pages it is
    taken for endless.
    """

    def __init__(self, pagination: Pagination, context: Context, step: Step, most: int = MAX_PAGES) -> None:
        self._most = most
        self._pagination = pagination
        self._context = context
        self._graphql = step.body is not None and step.body.format == "graphql"
        self._seen: set[tuple[str, bytes]] = set()
        self._rows = 0
        self._page: Json = None

    def next_call(self, call: Call, reply: Reply, document: Json) -> Call | None:
        """The call for the page after the one that `call` gave, or None where the list ends; a bad answer raises."""
        self._seen.add((call.url, call.body))
        found = self._next(call, reply, document)
        if found is None:
            return None
        if (found.url, found.body) in self._seen:
            self._context.bad_answer("the provider's pages repeat: a page leads to one that was read before")
        if len(self._seen) >= self._most:
            self._context.bad_answer(f"the provider's list has more than {self._most} pages")
        return found

    def _next(self, call: Call, reply: Reply, document: Json) -> Call | None:
        pagination = self._pagination
        if isinstance(pagination, CursorPages):
            return self._after_cursor(pagination, call, document)
        if isinstance(pagination, NumberedPages):
            return self._numbered(pagination, call, reply, document)
        link = ""
        if isinstance(pagination, LinkPages):
            link = next_link(reply.headers.get("link", "")) or ""
        elif isinstance(pagination, NextUrlPages):
            told = search(pagination.url, document)
            link = told or ""
            if not isinstance(link, str):
                self._context.bad_answer(f"`{pagination.url}` is not the URL of a page in the answer")
        return replace(call, url=self._linked(call.url, link)) if link else None

    def _after_cursor(self, pagination: CursorPages, call: Call, document: Json) -> Call | None:
        cursor = search(pagination.cursor, document)
        if not (search(pagination.more, document) if pagination.more else cursor):
            return None
        if isinstance(cursor, bool) or not isinstance(cursor, str | int) or cursor == "":
            self._context.bad_answer(
                f"the answer tells of a further page, but holds no cursor at `{pagination.cursor}`"
            )
        if not self._graphql:
            return replace(call, url=with_query(call.url, {pagination.parameter: str(cursor)}))
        body = json.loads(call.body)
        body["variables"][pagination.parameter] = cursor
        return replace(call, body=json.dumps(body).encode())

    def _numbered(self, pagination: NumberedPages, call: Call, reply: Reply, document: Json) -> Call | None:
        rows = search(pagination.rows, document)
        if not rows:
            return None
        if rows == self._page:
            self._context.bad_answer("the provider's pages repeat: two of them hold the same")
        self._page = rows
        self._rows += len(rows)
        total = reply.headers.get((pagination.total or "").lower(), "")
        if total.isascii() and total.isdigit() and self._rows >= int(total[:12]):
            return None
        number = dict(parse_qsl(urlsplit(call.url).query)).get(pagination.parameter, "1")
        return replace(call, url=with_query(call.url, {pagination.parameter: str(int(number) + 1)}))

    def _linked(self, url: str, link: str) -> str:
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
    if "?" not in url and "#" not in url:
        return f"{url}?{urlencode(parameters)}"
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if pair and pair.partition("=")[0] not in parameters]
    return parts._replace(query="&".join([*kept, urlencode(parameters)])).geturl()


def _origin(url: str) -> tuple[str, str | None, int | None, str | None]:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return (parts.scheme, parts.hostname, port, parts.username)
