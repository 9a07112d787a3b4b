"""Faults on demand: answers that a vendor gives on bad days, and answers that get lost on the way."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.core.model import Json


class ConnectionDroppedError(ConnectionResetError):
    """The connection is gone before an answer; whoever serves the app closes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with requests whose method and path match.

    `path` is a shell pattern over the whole path (`/github/repos/*/hooks`), `method` a method or `*`. Without more,
    the answer is `status` with `body` (JSON) and `headers`. `drop_before` loses the request: nothing is done.
    `drop_after` loses the answer: what was asked for is done. `every` hits each n-th match, after `skip` of them;
    `count` is how often at most (None: for ever).
    """

    path: str
    method: str = "*"
    status: int = 500
    body: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)
    drop_before: bool = False
    drop_after: bool = False
    every: int = 1
    skip: int = 0
    count: int | None = None

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is one that this fault looks at."""
        return self.method.upper() in {"*", method} and fnmatch.fnmatchcase(path, self.path)


@dataclass(slots=True)
class _Armed:
    fault: Fault
    seen: int = 0
    hits: int = 0

    def strikes(self) -> bool:
        self.seen += 1
        number = self.seen - self.fault.skip
        spent = self.fault.count is not None and self.hits >= self.fault.count
        if number < 1 or number % self.fault.every or spent:
            return False
        self.hits += 1
        return True


class Faults:
    """The faults in force; the first that matches and strikes decides."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []

    def add(self, fault: Fault) -> None:
        """Put a fault in force; ValueError where it can never strike."""
        if fault.every < 1 or fault.skip < 0 or not 200 <= fault.status <= 599:
            raise ValueError("a fault needs every >= 1, skip >= 0 and a status from 200 to 599")
        self._armed.append(_Armed(fault))

    def clear(self) -> None:
        """End all faults."""
        self._armed.clear()

    def strike(self, method: str, path: str) -> Fault | None:
        """The fault that hits this request, if any."""
        for armed in self._armed:
            if armed.fault.matches(method, path) and armed.strikes():
                return armed.fault
        return None

    def documents(self) -> list[dict[str, Json]]:
        """Every fault in force as JSON, with how often it matched and hit."""
        return [{**asdict(armed.fault), "seen": armed.seen, "hits": armed.hits} for armed in self._armed]


def faulty(app: ASGIApp, faults: Faults) -> ASGIApp:
    """`app`, with the faults in force. A lost connection is raised as `ConnectionDroppedError`."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        raw = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        fault = faults.strike(scope["method"], raw)
        if fault is None:
            await app(scope, receive, send)
        elif fault.drop_before:
            raise ConnectionDroppedError("the sandbox dropped the connection before the request was handled")
        elif fault.drop_after:
            await app(scope, receive, _swallow)
            raise ConnectionDroppedError("the sandbox dropped the connection after the request was handled")
        else:
            await _answer(fault, send)

    return wrapped


def closing(app: ASGIApp) -> ASGIApp:
    """For a real server: a dropped connection becomes an answer that is cut off, which makes the server close it."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except ConnectionDroppedError:
            headers = [(b"content-length", b"1")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})

    return wrapped


async def _swallow(_message: Message) -> None:
    """An answer that nobody gets."""


async def _answer(fault: Fault, send: Send) -> None:
    body = b"" if fault.body is None else json.dumps(fault.body).encode()
    headers = {"content-type": "application/json", **{key.lower(): value for key, value in fault.headers.items()}}
    headers["content-length"] = str(len(body))
    raw = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": fault.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
