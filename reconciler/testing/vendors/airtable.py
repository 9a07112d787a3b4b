"""A stand-in of Airtable's webhooks API; mounted where `/v0` is.

Written from Airtable's Web API reference: "Webhooks overview", "Create a webhook", "List webhooks", "Delete a webhook",
"Refresh a webhook", "Enable/disable webhook notifications", "List webhook payloads", "Webhooks specification",
"Webhooks payload" and "Get user ID & scopes", and from pyAirtable's models. Not made: notifications that are sent again
after a failure, the limit of 5 requests per second, and the separate limits of OAuth integrations.
"""

from __future__ import annotations

import base64
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
    bearer,
    refused,
)
from reconciler.testing.vendors.bodies import is_url, json_object

DATA_TYPES = ("tableData", "tableFields", "tableMetadata")
CHANGE_TYPES = ("add", "remove", "update")
LIFE = 7 * 86_400
WEBHOOKS_PER_BASE = 10
PAYLOADS_PER_PAGE = 50
_SECRET_BYTES = 64
_INVALID = "Invalid request: parameter validation failed. Check your request data."


@dataclass(slots=True)
class Webhook:
    """A webhook as Airtable keeps it: the `options` of its specification, and `payloads` (time, payload) by number."""

    id: str
    base: str
    url: str | None
    options: Mapping[str, Json]
    secret: bytes = field(repr=False)
    expires: float
    notifies: bool = True
    next_payload: int = 1
    payloads: dict[int, tuple[float, Json]] = field(default_factory=dict)
    last_result: Json = None
    last_success: str | None = None

    @property
    def data_types(self) -> tuple[str, ...]:
        """What it watches."""
        return tuple(self.options["filters"]["dataTypes"])

    def generate(self, now: float, payload: Mapping[str, Json]) -> None:
        """Keep a payload for clients to fetch; its number outlives it."""
        numbered = {**payload, "baseTransactionNumber": self.next_payload, "payloadFormat": "v0"}
        self.payloads[self.next_payload] = (now, numbered)
        self.next_payload += 1


class Airtable:
    """The stand-in. Any token and base are known, unless `access` says otherwise."""

    name = "airtable"

    def __init__(self, surroundings: Surroundings, access: Access) -> None:
        self._around = surroundings
        self._access = access
        self._webhooks: dict[str, Webhook] = {}
        many = "/bases/{base}/webhooks"
        one = f"{many}/{{webhook}}"
        self.app = Starlette(
            routes=[
                Route(many, self._list, methods=["GET"]),
                Route(many, self._create, methods=["POST"]),
                Route(one, self._delete, methods=["DELETE"]),
                Route(f"{one}/refresh", self._refresh, methods=["POST"]),
                Route(f"{one}/enableNotifications", self._enable, methods=["POST"]),
                Route(f"{one}/payloads", self._payloads, methods=["GET"]),
                Route("/meta/whoami", self._whoami, methods=["GET"]),
            ],
            exception_handlers={Refusal: refused, HTTPException: _no_such_route},
        )

    # -- what the sandbox asks ---------------------------------------------------------------------------------------

    def webhooks(self) -> Sequence[Subscription]:
        return [
            Subscription(
                id=webhook.id,
                resource=webhook.base,
                url=webhook.url or "",
                events=webhook.data_types,
                active=self._alive(webhook),
                detail=self._shown(webhook),
            )
            for webhook in self._kept()
        ]

    def deliveries(self, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Sequence[Delivery]:
        if event not in DATA_TYPES:
            raise UnknownEventError(f"Airtable has no data type {event!r}; it has {', '.join(DATA_TYPES)}")
        wanted = [
            webhook
            for webhook in self._kept()
            if self._alive(webhook) and event in webhook.data_types and resource in {None, "", webhook.base}
        ]
        for webhook in wanted:
            webhook.generate(self._around.now(), _change(event, self._time()))
        return [self._signed(one, one.url, event, payload) for one in wanted if one.url and one.notifies]

    def delivered(self, outcome: Outcome) -> None:
        webhook = self._webhooks.get(outcome.delivery.webhook_id)
        if webhook is None:
            return
        result = {"success": outcome.accepted, "completionTimestamp": self._time(), "durationMs": 1, "retryNumber": 0}
        if outcome.accepted:
            webhook.last_success = self._time()
        else:
            reason = outcome.error or f"The receiver answered with {outcome.status}"
            result |= {"willBeRetried": False, "error": {"message": reason}}
        webhook.last_result = result

    def reset(self) -> None:
        self._webhooks.clear()

    # -- the API -----------------------------------------------------------------------------------------------------

    async def _whoami(self, request: Request) -> Response:
        scopes = self._access.scopes_of(self._authenticated(request), frozenset())
        # Only OAuth tokens tell their scopes: here, those of which scopes are known.
        return JSONResponse({"id": "usr00000000000000"} | ({"scopes": sorted(scopes)} if scopes else {}))

    async def _list(self, request: Request) -> Response:
        base = self._enter(request)
        return JSONResponse({"webhooks": [self._shown(webhook) for webhook in self._kept() if webhook.base == base]})

    async def _create(self, request: Request) -> Response:
        base = self._enter(request)
        url, options = await _wish(request)
        if sum(webhook.base == base for webhook in self._kept()) >= WEBHOOKS_PER_BASE:
            message = f"A base has at most {WEBHOOKS_PER_BASE} webhooks."
            raise _refusal(422, "TOO_MANY_WEBHOOKS_IN_BASE", message)
        webhook = Webhook(
            id=f"ach{self._around.hex(14)}",
            base=base,
            url=url,
            options=options,
            secret=self._around.random_bytes(_SECRET_BYTES),
            expires=self._around.now() + LIFE,
        )
        self._webhooks[webhook.id] = webhook
        answer = {
            "id": webhook.id,
            "macSecretBase64": base64.b64encode(webhook.secret).decode(),
            "expirationTime": self._time(webhook.expires),
        }
        return JSONResponse(answer)

    async def _delete(self, request: Request) -> Response:
        del self._webhooks[self._find(request).id]
        return Response(status_code=200)

    async def _refresh(self, request: Request) -> Response:
        webhook = self._find(request)
        if not self._alive(webhook):
            raise _refusal(422, "INVALID_REQUEST_UNKNOWN", "The webhook has expired; only an active one is refreshed.")
        webhook.expires = self._around.now() + LIFE
        return JSONResponse({"expirationTime": self._time(webhook.expires)})

    async def _enable(self, request: Request) -> Response:
        webhook = self._find(request)
        enable = (await _document(request)).get("enable")
        if not isinstance(enable, bool):
            raise _refusal(422, "INVALID_REQUEST_UNKNOWN", _INVALID)
        webhook.notifies = enable
        return Response(status_code=200)

    async def _payloads(self, request: Request) -> Response:
        webhook = self._find(request)
        cursor = _positive(request.query_params.get("cursor"), 1)
        limit = min(_positive(request.query_params.get("limit"), PAYLOADS_PER_PAGE), PAYLOADS_PER_PAGE)
        oldest = self._around.now() - LIFE
        waiting = [n for n, (made, _) in webhook.payloads.items() if n >= cursor and made > oldest]
        page = waiting[:limit]
        if self._alive(webhook):
            webhook.expires = self._around.now() + LIFE
        answer = {
            "payloads": [webhook.payloads[number][1] for number in page],
            "cursor": page[-1] + 1 if page else cursor,
            "mightHaveMore": len(waiting) > len(page),
        }
        return JSONResponse(answer)

    # -- rules -------------------------------------------------------------------------------------------------------

    def _authenticated(self, request: Request) -> str:
        token = bearer(request, "bearer")
        if not token:
            raise _refusal(401, "AUTHENTICATION_REQUIRED", "Authentication required")
        if not self._access.token(token):
            raise _refusal(401, "UNAUTHORIZED", "Invalid authentication token")
        return token

    def _enter(self, request: Request) -> str:
        token = self._authenticated(request)
        scopes = self._access.scopes_of(token, frozenset())
        base: str = request.path_params["base"]
        if (scopes and "webhook:manage" not in scopes) or not self._access.resource(base):
            message = "Invalid permissions, or the requested model was not found."
            raise _refusal(403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", message)
        return base

    def _find(self, request: Request) -> Webhook:
        base = self._enter(request)
        for webhook in self._kept():
            if (webhook.base, webhook.id) == (base, request.path_params["webhook"]):
                return webhook
        raise Refusal(404, {"error": "NOT_FOUND"})

    def _kept(self) -> list[Webhook]:
        """Those that exist: an expired webhook can be seen for as long again as it lived."""
        now = self._around.now()
        for gone in [one.id for one in self._webhooks.values() if one.expires + LIFE <= now]:
            del self._webhooks[gone]
        return list(self._webhooks.values())

    def _alive(self, webhook: Webhook) -> bool:
        return webhook.expires > self._around.now()

    def _shown(self, webhook: Webhook) -> dict[str, Json]:
        return {
            "id": webhook.id,
            "specification": {"options": webhook.options},
            "notificationUrl": webhook.url,
            "cursorForNextPayload": webhook.next_payload,
            "areNotificationsEnabled": webhook.notifies and webhook.url is not None,
            "isHookEnabled": self._alive(webhook),
            "expirationTime": self._time(webhook.expires),
            "lastSuccessfulNotificationTime": webhook.last_success,
            "lastNotificationResult": webhook.last_result,
        }

    def _time(self, moment: float | None = None) -> str:
        return self._around.iso(moment, timespec="milliseconds")

    # -- deliveries --------------------------------------------------------------------------------------------------

    def _signed(self, webhook: Webhook, url: str, event: str, payload: Mapping[str, Json] | None) -> Delivery:
        notice = {"base": {"id": webhook.base}, "webhook": {"id": webhook.id}, "timestamp": self._time()}
        body = self._around.unlike({**notice, **(payload or {})})
        return Delivery(
            provider=self.name,
            webhook_id=webhook.id,
            event=event,
            url=url,
            headers={"Content-Type": "application/json", "X-Airtable-Content-MAC": signature(webhook.secret, body)},
            body=body,
        )


def signature(secret: bytes, body: bytes) -> str:
    """The `X-Airtable-Content-MAC` of a notification; `secret` is the decoded one."""
    return "hmac-sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


async def _document(request: Request) -> dict[str, Json]:
    try:
        return await json_object(request)
    except ValueError:
        raise _refusal(422, "INVALID_REQUEST_UNKNOWN", _INVALID) from None


async def _wish(request: Request) -> tuple[str | None, Mapping[str, Json]]:
    """The notification URL, if any, and the options of the specification that a create asks for."""
    document = await _document(request)
    url, specification = document.get("notificationUrl"), document.get("specification")
    options = specification.get("options") if isinstance(specification, dict) else None
    filters = options.get("filters") if isinstance(options, dict) else None
    right = (
        not set(document) - {"notificationUrl", "specification"}
        and (url is None or is_url(url, "http", "https"))
        and isinstance(filters, dict)
        and bool(filters.get("dataTypes"))
        and _among(filters["dataTypes"], DATA_TYPES)
        and _among(filters.get("changeTypes", []), CHANGE_TYPES)
        and isinstance(filters.get("recordChangeScope", ""), str)
    )
    if not right or not isinstance(options, dict):
        raise _refusal(422, "INVALID_REQUEST_UNKNOWN", _INVALID)
    return url, options


def _among(value: Json, known: tuple[str, ...]) -> bool:
    return isinstance(value, list) and all(item in known for item in value)


def _change(event: str, time: str) -> dict[str, Json]:
    """A payload of one change to a table, its record, its field or its name."""
    changes: Mapping[str, Json] = {
        "tableData": {
            "changedRecordsById": {"rec00000000000000": {"current": {"cellValuesByFieldId": {"fld00000000000000": 1}}}}
        },
        "tableFields": {"changedFieldsById": {"fld00000000000000": {"current": {"name": "Status"}}}},
        "tableMetadata": {"changedMetadata": {"current": {"name": "Tasks"}, "previous": {"name": "Table 1"}}},
    }
    user = {"id": "usr00000000000000", "email": "ada@example.com", "permissionLevel": "create"}
    return {
        "timestamp": time,
        "actionMetadata": {"source": "client", "sourceMetadata": {"user": user}},
        "changedTablesById": {"tbl00000000000000": changes[event]},
    }


def _positive(text: str | None, default: int) -> int:
    return int(text) if text and re.fullmatch(r"[1-9][0-9]{0,8}", text) else default


def _refusal(status: int, kind: str, message: str) -> Refusal:
    return Refusal(status, {"error": {"type": kind, "message": message}})


async def _no_such_route(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"error": "NOT_FOUND"}, 404)
