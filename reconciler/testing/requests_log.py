"""What the sandbox was asked: a ring of requests with every secret taken out, and the ASGI wrapper that fills it."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.core.model import Json

MASK = "********"
_HEADERS = frozenset({"authorization", "private-token", "cookie", "proxy-authorization", "x-api-key", "api-key"})
_FIELDS = frozenset({"secret", "token", "secret_token", "private_token", "signing_key", "clientState"})
_BOT = re.compile(r"(/bot[0-9]+:)[^/]+")
_BODY_KEPT = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """One request as it may be shown. `status` is None where the answer was never given; `number` counts from 1."""

    number: int
    at: float
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str
    status: int | None

    def document(self) -> dict[str, Json]:
        """The request as JSON."""
        return asdict(self)


class RequestLog:
    """The last `limit` requests, oldest first."""

    def __init__(self, now: Callable[[], float], limit: int = 1000) -> None:
        self._now = now
        self._requests: deque[LoggedRequest] = deque(maxlen=limit)
        self.total = 0

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(self._requests)

    def __len__(self) -> int:
        return len(self._requests)

    def clear(self) -> None:
        """Forget every request; numbers start again."""
        self._requests.clear()
        self.total = 0

    def add(self, scope: Scope, body: bytes, status: int | None) -> None:
        """Note a request, masked."""
        self.total += 1
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        raw = scope.get("raw_path") or scope["path"].encode()
        entry = LoggedRequest(
            number=self.total,
            at=self._now(),
            method=scope["method"],
            path=_BOT.sub(rf"\1{MASK}", raw.decode("latin-1")),
            query=_masked_form(scope["query_string"].decode("latin-1")),
            headers={key: MASK if key in _HEADERS else value for key, value in headers.items()},
            body=_masked_body(body, headers.get("content-type", "")),
            status=status,
        )
        self._requests.append(entry)


def recording(app: ASGIApp, log: RequestLog) -> ASGIApp:
    """`app`, with every request noted once it is answered or has failed."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        body, status = bytearray(), None

        async def read() -> Message:
            message = await receive()
            body.extend(message.get("body", b"")[: _BODY_KEPT - len(body)])
            return message

        async def write(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                log.add(scope, bytes(body), status)
            await send(message)

        try:
            await app(scope, read, write)
        finally:
            if status is None:
                log.add(scope, bytes(body), None)

    return wrapped


def _masked_body(body: bytes, content_type: str) -> str:
    text = body.decode("utf-8", "replace")
    if "json" in content_type:
        try:
            return json.dumps(_masked(json.loads(text)), ensure_ascii=False) if text else ""
        except ValueError:
            return text and "(not JSON)"
    if "urlencoded" in content_type:
        return _masked_form(text)
    return f"({len(body)} bytes)" if text else ""


def _masked(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: MASK if key in _FIELDS and item else _masked(item) for key, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list) else value


def _masked_form(text: str) -> str:
    pairs = parse_qsl(text, keep_blank_values=True)
    masked = [(key, MASK if key in _FIELDS and value else value) for key, value in pairs]
    return urlencode(masked, safe="*[]/:") if masked else ""
