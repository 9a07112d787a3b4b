"""A stand-in of the webhooks of Exa's Websets; mounted where `/websets/v0` is.

Written from Exa's OpenAPI description of Websets ("Create a Webhook", "List webhooks", "Get a Webhook", "Update a
Webhook", "Delete a Webhook", Event), "Verifying Signatures" and "Error Codes". Not made: the list of attempts, and the
status `inactive`, which nothing in the API sets.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.core.model import Json
from reconciler.testing.vendors.base import (
    Access,
    Delivery,
    Outcome,
    Refusal,
    Subscription,
    Surroundings,
    UnknownEventError,
    names,
    refused,
)
from reconciler.testing.vendors.bodies import is_url, json_object

EVENTS = names(
    """
    webset.created webset.deleted webset.paused webset.idle
    webset.search.created webset.search.canceled webset.search.completed webset.search.updated
    import.created import.completed
    webset.item.created webset.item.enriched
    monitor.created monitor.updated monitor.deleted monitor.run.created monitor.run.completed
    webset.export.created webset.export.completed
    """
)
DEFAULT_LIMIT, LARGEST_LIMIT = 25, 200
_VALUE_LENGTH = 1000
_FIELDS = frozenset({"url", "events", "metadata"})


@dataclass(slots=True)
class Webhook:
    """A webhook as Exa keeps it."""

    id: str
    secret: str = field(repr=False)
    created_at: str
    updated_at: str
    url: str = ""
    events: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)

    def shown(self) -> dict[str, Json]:
        """The webhook as the API shows it at any time but its creation: the secret is null."""
        return {
            "id": self.id,
            "object": "webhook",
            "status": "active",
            "events": self.events,
            "url": self.url,
            "secret": None,
            "metadata": self.metadata,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
        }


class Exa:
    """The stand-in: one account. Any key is known, unless `access` says otherwise."""

    name = "exa"

    def __init__(self, surroundings: Surroundings, access: Access) -> None:
        self._around = surroundings
        self._access = access
        self._webhooks: dict[str, Webhook] = {}
        many, one = "/webhooks", "/webhooks/{webhook}"
        self.app = Starlette(
            routes=[
                Route(many, self._list, methods=["GET"]),
                Route(many, self._create, methods=["POST"]),
                Route(one, self._get, methods=["GET"]),
                Route(one, self._update, methods=["PATCH"]),
                Route(one, self._delete, methods=["DELETE"]),
            ],
            exception_handlers={Refusal: refused, HTTPException: self._no_such_route},
        )

    # -- what the sandbox asks ---------------------------------------------------------------------------------------

    def webhooks(self) -> Sequence[Subscription]:
        return [
            Subscription(
                id=webhook.id,
                resource="",
                url=webhook.url,
                events=tuple(webhook.events),
                active=True,
                detail=webhook.shown(),
            )
            for webhook in self._webhooks.values()
        ]

    def deliveries(self, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Sequence[Delivery]:
        del resource  # an account has no parts
        if event not in EVENTS:
            raise UnknownEventError(f"Exa has no event {event!r}")
        number = self._around.hex(24)
        wanted = [webhook for webhook in self._webhooks.values() if event in webhook.events]
        return [self._signed(webhook, event, number, payload) for webhook in wanted]

    def delivered(self, outcome: Outcome) -> None:
        """The list of attempts is not made."""

    def reset(self) -> None:
        self._webhooks.clear()

    # -- the API -----------------------------------------------------------------------------------------------------

    async def _list(self, request: Request) -> Response:
        self._enter(request)
        ids = list(self._webhooks)
        limit = self._limit(request.query_params.get("limit"))
        start = 0
        if (cursor := request.query_params.get("cursor")) is not None:
            if cursor not in ids:
                raise self._refusal(400, "INVALID_REQUEST", "Invalid cursor")
            start = ids.index(cursor)
        page, rest = ids[start : start + limit], ids[start + limit :]
        answer = {
            "data": [self._webhooks[one].shown() for one in page],
            "hasMore": bool(rest),
            "nextCursor": rest[0] if rest else None,
        }
        return self._answer(answer)

    async def _create(self, request: Request) -> Response:
        self._enter(request)
        values = await self._values(request)
        for name in ("events", "url"):
            if name not in values:
                raise self._refusal(400, "INVALID_REQUEST_BODY", f"Invalid request body: {name} is required")
        now = self._time()
        webhook = Webhook(f"webhook_{self._around.hex(24)}", self._around.hex(64), created_at=now, updated_at=now)
        self._webhooks[webhook.id] = webhook
        _apply(webhook, values)
        return self._answer({**webhook.shown(), "secret": webhook.secret})

    async def _get(self, request: Request) -> Response:
        return self._answer(self._find(request).shown())

    async def _update(self, request: Request) -> Response:
        webhook = self._find(request)
        _apply(webhook, await self._values(request))
        webhook.updated_at = self._time()
        return self._answer(webhook.shown())

    async def _delete(self, request: Request) -> Response:
        return self._answer(self._webhooks.pop(self._find(request).id).shown())

    # -- rules -------------------------------------------------------------------------------------------------------

    def _enter(self, request: Request) -> None:
        if not self._access.token(request.headers.get("x-api-key", "")):
            raise self._refusal(401, "INVALID_API_KEY", "Invalid API key")

    def _find(self, request: Request) -> Webhook:
        self._enter(request)
        webhook = self._webhooks.get(request.path_params["webhook"])
        if webhook is None:
            raise self._refusal(404, "NOT_FOUND", "Webhook not found")
        return webhook

    async def _values(self, request: Request) -> Mapping[str, Json]:
        """The fields of a webhook that a body holds, each as the description wants it."""
        try:
            values = await json_object(request)
        except ValueError:
            raise self._refusal(400, "INVALID_REQUEST_BODY", "Invalid request body: it is not a JSON object") from None
        for name, value in values.items():
            if not _well_formed(name, value):
                raise self._refusal(400, "INVALID_REQUEST_BODY", f"Invalid request body: {name} is not valid")
        return values

    def _limit(self, text: str | None) -> int:
        if text is None:
            return DEFAULT_LIMIT
        if not re.fullmatch(r"[1-9][0-9]{0,2}", text) or int(text) > LARGEST_LIMIT:
            raise self._refusal(400, "INVALID_REQUEST", f"limit must be between 1 and {LARGEST_LIMIT}")
        return int(text)

    def _answer(self, document: Json) -> Response:
        return JSONResponse(document, headers={"X-Request-Id": f"req_{self._around.hex(20)}"})

    def _refusal(self, status: int, tag: str, message: str) -> Refusal:
        number = f"req_{self._around.hex(20)}"
        return Refusal(status, {"requestId": number, "error": message, "tag": tag}, {"X-Request-Id": number})

    async def _no_such_route(self, request: Request, _error: Exception) -> Response:
        return await refused(request, self._refusal(404, "NOT_FOUND", "Not found"))

    def _time(self) -> str:
        return self._around.iso(timespec="milliseconds")

    # -- deliveries --------------------------------------------------------------------------------------------------

    def _signed(self, webhook: Webhook, event: str, number: str, payload: Mapping[str, Json] | None) -> Delivery:
        subject = event.rpartition(".")[0].replace(".", "_")
        content: dict[str, Json] = {
            "id": f"event_{number}",
            "object": "event",
            "type": event,
            "data": {"id": f"{subject}_{number[:12]}", "object": subject},
            "createdAt": self._time(),
        }
        body = self._around.unlike({**content, **(payload or {})})
        return Delivery(
            provider=self.name,
            webhook_id=webhook.id,
            event=event,
            url=webhook.url,
            headers={
                "Content-Type": "application/json",
                "Exa-Signature": signature(webhook.secret, int(self._around.now()), body),
            },
            body=body,
        )


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The `Exa-Signature` of a delivery: the time and an HMAC over time, a dot and the body."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def _apply(webhook: Webhook, values: Mapping[str, Json]) -> None:
    for name in _FIELDS & set(values):
        setattr(webhook, name, values[name])


def _well_formed(name: str, value: Json) -> bool:
    if name == "url":
        return is_url(value, "http", "https")
    if name == "events":
        return isinstance(value, list) and 1 <= len(value) <= len(EVENTS) and all(item in EVENTS for item in value)
    if name == "metadata":
        texts = list(value.values()) if isinstance(value, dict) else [None]
        return all(isinstance(text, str) and len(text) <= _VALUE_LENGTH for text in texts)
    return False
