"""Judging what a provider answered: data, or which of our errors.

Whatever a vendor writes is shortened, freed of control characters and of every secret that we know before it enters a
message.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Final, NoReturn
from urllib.parse import quote, urlsplit

from jmespath.exceptions import JMESPathError

from reconciler.core.errors import ErrorKind, ProviderError, RetryableError, TerminalError
from reconciler.core.model import Json
from reconciler.providers.blocks.calls import LATER, ErrorRule, Errors
from reconciler.providers.blocks.resources import Permission, Rate
from reconciler.providers.expressions import Expression, compiled
from reconciler.providers.rates import http_date, number, reset_in
from reconciler.providers.transport import Reply

MASK: Final = "********"
MAX_TEXT: Final = 300

_KINDS: Final[Mapping[int, ErrorKind]] = {
    401: ErrorKind.AUTH,
    402: ErrorKind.LIMIT,
    403: ErrorKind.FORBIDDEN,
    404: ErrorKind.NOT_FOUND,
    405: ErrorKind.UNSUPPORTED,
    410: ErrorKind.NOT_FOUND,
    501: ErrorKind.UNSUPPORTED,
}
"""What every HTTP API means by these (RFC 9110), where a definition says nothing else."""

_RETRYABLE: Final = frozenset({408, 425})
_THROTTLED: Final = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What an answer is judged in: `task` in words ("list the webhooks of ..."), and which secrets must not be shown.

    `writes` tells that the request changes something, so that a lost answer leaves a doubt. `now` gives UNIX seconds,
    for replies without a `Date`.
    """

    task: str
    errors: Errors
    rate: Rate | None = None
    now: Callable[[], float] | None = None
    secrets: tuple[str, ...] = ()
    writes: bool = False
    expect: tuple[int, ...] = ()

    def redact(self, text: str) -> str:
        """The text without any secret, plain or percent-encoded."""
        spellings = {form for secret in self.secrets for form in (secret, quote(secret), quote(secret, safe=""))}
        for spelling in sorted(spellings - {""}, key=len, reverse=True):
            text = text.replace(spelling, MASK)
        return text

    def show(self, text: str) -> str:
        """A vendor's words, fit to stand in a message of ours."""
        if not text:
            return ""
        words = " ".join("".join(char if char.isprintable() else " " for char in self.redact(text)).split())
        return words if len(words) <= MAX_TEXT else f"{words[:MAX_TEXT]}..."

    def bad_answer(self, reason: str) -> NoReturn:
        """Raise for an answer that the provider should not have given."""
        raise TerminalError(f"cannot {self.task}: {reason}", kind=ErrorKind.BAD_ANSWER)


def search(path: str, document: Json) -> Json:
    """What is at a JMESPath; None where nothing is, or where the document is of another shape."""
    try:
        return _expression(path)(document)
    except (JMESPathError, TypeError):  # the library lets Python's own complaint through where a text is less than 1
        return None


@lru_cache(maxsize=1000)
def _expression(path: str) -> Expression:
    return compiled(path)


def check(reply: Reply, context: Context) -> None:
    """Raise `RetryableError` or `TerminalError` unless the reply is a success."""
    if 300 <= reply.status < 400:
        raise _redirected(reply, context)
    success = 200 <= reply.status < 300
    if success and context.expect and reply.status not in context.expect:
        context.bad_answer(f"the provider answered with the unexpected status {reply.status}")
    if success and context.errors.success is None:
        return
    if success:
        document = document_of(reply, context)
        if search(context.errors.success or "", document):
            return
    else:
        document = _lenient(reply)
    raise _failure(reply, document, context)


def document_of(reply: Reply, context: Context) -> Json:
    """The JSON of a reply; anything else is a bad answer."""
    try:
        return json.loads(reply.body.decode("utf-8"), parse_constant=_not_json)
    except (ValueError, RecursionError):
        media_type = context.show(reply.headers.get("content-type", "")) or "an unnamed media type"
        context.bad_answer(f"the provider did not answer with JSON but with {media_type}; does api_url name an API?")


def place_of(url: str) -> str:
    """Host and path of a URL, without what may be secret: user, query, fragment. Empty for one that is malformed."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def rows_of(document: Json, path: str, context: Context) -> list[dict[str, Json]]:
    """The rows of a list; a bad answer where they are none."""
    rows = search(path, document)
    if not isinstance(rows, list):
        context.bad_answer(f"the answer holds no list at `{path}`")
    for row in rows:
        if not isinstance(row, dict):
            context.bad_answer(f"the list at `{path}` holds something that is no object")
    return rows


def identifier(value: Json, path: str, context: Context) -> str:
    """An id as text; a bad answer where it is missing, empty or neither text nor a whole number."""
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        context.bad_answer(f"the answer holds no usable id at `{path}`")
    return str(value)


def text_of(value: Json, path: str, context: Context) -> str:
    """Text, or empty where there is none; a bad answer where it is something else."""
    if value is None:
        return ""
    if not isinstance(value, str):
        context.bad_answer(f"`{path}` is not text in the answer")
    return value


def names_of(value: Json, path: str, context: Context) -> frozenset[str] | None:
    """A set of names, or None where there is none; a bad answer where it is something else."""
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        context.bad_answer(f"`{path}` is not a list of names in the answer")
    return frozenset(value)


def truth_of(value: Json, path: str, context: Context) -> bool | None:
    """A truth value, or None where there is none; a bad answer where it is something else."""
    if value is not None and not isinstance(value, bool):
        context.bad_answer(f"`{path}` is neither true nor false in the answer")
    return value


def told_scopes(rule: Permission, reply: Reply, context: Context) -> frozenset[str]:
    """The scopes that an answer tells, in a header or its body; empty where it tells none."""
    if reply.status != HTTPStatus.OK:
        return frozenset()
    if rule.header:
        return frozenset(reply.headers.get(rule.header.lower(), "").replace(",", " ").split())
    path = rule.scopes or ""
    return names_of(search(path, document_of(reply, context)), path, context) or frozenset()


def _redirected(reply: Reply, context: Context) -> TerminalError:
    """Redirects are not followed: credentials would go where nobody sent them."""
    place = context.show(place_of(reply.headers.get("location", ""))) or "an address that it does not tell"
    return TerminalError(
        f"cannot {context.task}: the provider redirects to {place}; use the new name of the resource, or its api_url",
        kind=ErrorKind.INVALID,
    )


def _failure(reply: Reply, document: Json, context: Context) -> ProviderError:
    status = _status(reply, document, context)
    message = _message(reply, status, document, context)
    rule = next((rule for rule in context.errors.rules if _applies(rule, status, reply, document)), None)
    kind = rule.kind if rule else _default_kind(status)
    if kind not in LATER:
        return TerminalError(message, kind=ErrorKind(kind))
    throttled = kind == "throttled"
    after = _retry_after(reply, document, context.errors)
    if after is None:
        after = _until_reset(reply, status, context, context.rate if throttled else None)
    if after is None and rule and rule.after is not None:
        after = float(rule.after)
    # A failure that is told in a success (GraphQL) may have come after the deed.
    uncertain = context.writes and (status >= 500 or status < 300)
    return RetryableError(message, after=after, uncertain=uncertain, throttled=throttled)


def _status(reply: Reply, document: Json, context: Context) -> int:
    told = search(context.errors.status, document) if context.errors.status else None
    return told if isinstance(told, int) and not isinstance(told, bool) else reply.status


def _message(reply: Reply, status: int, document: Json, context: Context) -> str:
    told = search(context.errors.message, document)
    words = told if isinstance(told, str) else json.dumps(told) if told else ""
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "an error"
    return f"cannot {context.task}: {context.show(words) or phrase} ({status})"


def _default_kind(status: int) -> ErrorKind | str:
    if status in _KINDS:
        return _KINDS[status]
    if status == _THROTTLED:
        return "throttled"
    return "retryable" if status in _RETRYABLE or status >= 500 else ErrorKind.INVALID


def _applies(rule: ErrorRule, status: int, reply: Reply, document: Json) -> bool:
    if rule.status and status not in rule.status:
        return False
    if rule.header is not None:
        value = reply.headers.get(rule.header.name.lower())
        if value is None or (rule.header.equals is not None and value != rule.header.equals):
            return False
    return rule.body is None or bool(search(rule.body, document))


def _retry_after(reply: Reply, document: Json, errors: Errors) -> float | None:
    """How many seconds to wait, if the provider says so. Times are taken relative to the reply's own `Date`."""
    told = search(errors.retry_after, document) if errors.retry_after else None
    if isinstance(told, int | float) and not isinstance(told, bool):
        return max(0.0, float(told))
    header = reply.headers.get("retry-after", "")
    if header.isascii() and header.isdigit() and len(header) < 10:
        return float(header)
    now, until = http_date(reply.headers.get("date", "")), http_date(header)
    return max(0.0, until - now) if until is not None and now is not None else None


def _until_reset(reply: Reply, status: int, context: Context, rate: Rate | None) -> float | None:
    """How many seconds until the rate limit starts anew, by its headers; None where something of it is left."""
    if rate and number(reply.headers.get(rate.remaining.lower(), "")) in {None, 0}:
        return reset_in(rate, reply, context.now() if context.now else None)
    told = number(reply.headers.get((context.errors.reset_header or "").lower(), "")) if status < 500 else None
    now = http_date(reply.headers.get("date", ""))
    return max(0.0, told - now) if told is not None and now is not None else None


def _lenient(reply: Reply) -> Json:
    """The JSON of a failure, or None: a failure may be told by a proxy, in HTML."""
    try:
        return json.loads(reply.body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def _not_json(name: str) -> Iterable[Json]:
    raise ValueError(name)
