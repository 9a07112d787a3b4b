"""Judging what a provider answered: data, or which of our errors.

Whatever a vendor writes is shortened, freed of control characters and of every secret that we know before it enters a
message.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, NoReturn
from urllib.parse import quote, urlsplit

import jmespath
from jmespath.exceptions import JMESPathError

from reconciler.core.errors import ErrorKind, ProviderError, RetryableError, TerminalError
from reconciler.core.model import Json
from reconciler.providers.blocks.calls import ErrorRule, Errors
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

_RETRYABLE: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What an answer is judged in: `task` in words ("list the webhooks of ..."), and which secrets must not be shown.

    `writes` tells that the request changes something, so that a lost answer leaves a doubt.
    """

    task: str
    errors: Errors
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
        words = " ".join("".join(char if char.isprintable() else " " for char in self.redact(text)).split())
        return words if len(words) <= MAX_TEXT else f"{words[:MAX_TEXT]}..."

    def bad_answer(self, reason: str) -> NoReturn:
        """Raise for an answer that the provider should not have given."""
        raise TerminalError(f"cannot {self.task}: {reason}", kind=ErrorKind.BAD_ANSWER)


def search(path: str, document: Json) -> Json:
    """What is at a JMESPath; None where nothing is, or where the document is of another shape."""
    try:
        return jmespath.search(path, document)
    except JMESPathError:
        return None


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
    kind = next(
        (rule.kind for rule in context.errors.rules if _applies(rule, status, reply, document)), _default_kind(status)
    )
    if kind == "retryable":
        after = _retry_after(reply, document, context.errors)
        # A failure that is told in a success (GraphQL) may have come after the deed.
        return RetryableError(message, after=after, uncertain=context.writes and (status >= 500 or status < 300))
    return TerminalError(message, kind=ErrorKind(kind))


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
    now = _http_date(reply.headers.get("date", ""))
    until = _http_date(header) or _unix_time(reply.headers.get((errors.reset_header or "").lower(), ""))
    return max(0.0, until - now) if until is not None and now is not None else None


def _unix_time(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 13 else None


def _http_date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _lenient(reply: Reply) -> Json:
    """The JSON of a failure, or None: a failure may be told by a proxy, in HTML."""
    try:
        return json.loads(reply.body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def _not_json(name: str) -> Iterable[Json]:
    raise ValueError(name)
