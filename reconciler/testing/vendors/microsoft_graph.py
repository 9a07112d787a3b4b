"""A stand-in of Microsoft Graph's subscriptions to change notifications; mounted where `/v1.0` is.

Written from "Create subscription", "List subscriptions", "Get subscription", "Update subscription", "Delete
subscription", "Receive change notifications through webhooks" (validation of notificationUrl, change notifications),
"Reduce missing subscriptions and change notifications" and "Paging Microsoft Graph data in your app". One app in one
tenant. Not made: permissions, quotas, reauthorization, notifications with resource data, notifications that are sent
again, and the throttling of slow receivers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.core.model import Json
from reconciler.testing.vendors import microsoft_graph_subscriptions as rules
from reconciler.testing.vendors.base import (
    Access,
    Delivery,
    Outcome,
    Subscription,
    Surroundings,
    UnknownEventError,
    bearer,
)
from reconciler.testing.vendors.bodies import json_object
from reconciler.testing.vendors.microsoft_graph_subscriptions import GraphError, Record

LIFECYCLE = ("reauthorizationRequired", "subscriptionRemoved", "missed")
PAGE_SIZE = 20
"""How many subscriptions a page holds: Graph does not say."""
_TENANT = "84bd8158-6d4d-4958-8b9f-9d6445542f95"
_APPLICATION = "24d3b144-21ae-4080-943f-7067b395b913"
_CREATOR = "8ee44408-0679-472c-bc2a-692812af3437"
_FAILED = "Subscription validation request failed. "


class MicrosoftGraph:
    """The stand-in. Any token and every supported resource are known, unless `access` says otherwise."""

    name = "microsoft-graph"

    def __init__(self, surroundings: Surroundings, access: Access) -> None:
        self._around = surroundings
        self._access = access
        self._records: dict[str, Record] = {}
        self._last = 0
        many, one = "/subscriptions", "/subscriptions/{subscription}"
        self.app = Starlette(
            routes=[
                Route(many, self._list, methods=["GET"]),
                Route(many, self._create, methods=["POST"]),
                Route(one, self._get, methods=["GET"]),
                Route(one, self._update, methods=["PATCH"]),
                Route(one, self._delete, methods=["DELETE"]),
            ],
            exception_handlers={GraphError: self._refused, HTTPException: self._no_such_route},
        )

    # -- what the sandbox asks ---------------------------------------------------------------------------------------

    def webhooks(self) -> Sequence[Subscription]:
        return [
            Subscription(
                id=record.id,
                resource=record.resource,
                url=record.url,
                events=tuple(record.change_type.split(",")),
                active=True,
                detail=self._shown(record, None),
            )
            for record in self._alive()
        ]

    def deliveries(self, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Sequence[Delivery]:
        if event not in (*rules.CHANGES, *LIFECYCLE):
            known = ", ".join((*rules.CHANGES, *LIFECYCLE))
            raise UnknownEventError(f"Microsoft Graph has no event {event!r}; it has {known}")
        wanted = [one for one in self._alive() if not resource or rules.normal(resource) == rules.normal(one.resource)]
        if event in LIFECYCLE:
            told = [(one, one.lifecycle_url, {"lifecycleEvent": event}) for one in wanted if one.lifecycle_url]
        else:
            told = [(one, one.url, self._change(one, event)) for one in wanted if event in one.changes]
        return [
            self._notice(record, url, event, {"value": [self._item(record, item)], **(payload or {})})
            for record, url, item in told
        ]

    def delivered(self, outcome: Outcome) -> None:
        """Graph's API does not show how notifications went."""

    def reset(self) -> None:
        self._records.clear()

    # -- the API -----------------------------------------------------------------------------------------------------

    async def _list(self, request: Request) -> Response:
        self._enter(request)
        token = request.query_params.get("$skiptoken", "0")
        if not re.fullmatch(r"[0-9]{1,9}", token):
            raise GraphError(400, "BadRequest", "Skip token is not valid.")
        rest = [record for record in self._alive() if record.number > int(token)]
        page = rest[:PAGE_SIZE]
        root = _root(request)
        answer: dict[str, Json] = {"@odata.context": f"{root}/$metadata#subscriptions"}
        answer["value"] = [self._shown(record, None) for record in page]
        if len(rest) > len(page):
            answer["@odata.nextLink"] = f"{root}/subscriptions?$skiptoken={page[-1].number}"
        return JSONResponse(answer)

    async def _create(self, request: Request) -> Response:
        self._enter(request)
        record = rules.wished(await _document(request), self._around.now())
        if not self._access.resource(record.resource):
            raise GraphError(403, "Forbidden", "Access to the resource is forbidden.")
        self._check_unique(record)
        record.id = self._around.uuid()
        for url in (record.url, record.lifecycle_url):
            if url:
                await self._shake_hands(record.id, url)
        self._check_unique(record)
        self._last += 1
        record.number = self._last
        self._records[record.id] = record
        return self._answer(request, record, record.state, status=201)

    async def _get(self, request: Request) -> Response:
        return self._answer(request, self._find(request), None)

    async def _update(self, request: Request) -> Response:
        record = self._find(request)
        values = await _document(request)
        url, expires = rules.changed(record, values, self._around.now())
        if url != record.url:
            await self._shake_hands(record.id, url)
            record = self._find(request)
        record.url, record.expires = url, expires
        return self._answer(request, record, record.state)

    async def _delete(self, request: Request) -> Response:
        del self._records[self._find(request).id]
        return Response(status_code=204)

    # -- rules -------------------------------------------------------------------------------------------------------

    def _enter(self, request: Request) -> None:
        token = bearer(request, "bearer")
        if not self._access.token(token):
            message = "Access token validation failure." if token else "Access token is empty."
            raise GraphError(401, "InvalidAuthenticationToken", message)

    def _find(self, request: Request) -> Record:
        self._enter(request)
        for record in self._alive():
            if record.id == request.path_params["subscription"]:
                return record
        raise GraphError(404, "ResourceNotFound", "The object was not found.")

    def _alive(self) -> list[Record]:
        """Those that exist: at its expiry a subscription is gone."""
        now = self._around.now()
        for gone in [one.id for one in self._records.values() if one.expires <= now]:
            del self._records[gone]
        return list(self._records.values())

    def _check_unique(self, record: Record) -> None:
        for other in self._alive():
            if other.key == record.key:
                message = f"Subscription Id {other.id} already exists for the requested combination"
                raise GraphError(409, "ObjectIdentifierInUse", message)

    async def _shake_hands(self, subscription: str, url: str) -> None:
        """Ask `url` for the token that it is sent; `GraphError` where it does not answer with it, in plain text."""
        token = (
            f"Validation: Testing client application reachability for subscription Request-Id: {self._around.uuid()}"
        )
        asking = Delivery(
            provider=self.name,
            webhook_id=subscription,
            event="validation",
            url=f"{url}{'&' if '?' in url else '?'}{urlencode({'validationToken': token})}",
            headers={"Content-Type": "text/plain; charset=utf-8"},
            body=b"",
            echo=token,
        )
        outcome = await self._around.deliver(asking)
        if outcome.status is None:
            raise GraphError(400, "ValidationError", f"{_FAILED}{outcome.error}")
        if outcome.status != 200:
            message = "Notification endpoint must respond with 200 OK to validation request."
            raise GraphError(400, "ValidationError", _FAILED + message)
        if outcome.media_type != "text/plain":
            raise GraphError(400, "ValidationError", f"{_FAILED}Response must have the content type text/plain.")
        if outcome.body != token:
            message = "Response must exactly match validationToken query parameter."
            raise GraphError(400, "ValidationError", _FAILED + message)

    def _shown(self, record: Record, state: str | None) -> dict[str, Json]:
        return {
            "id": record.id,
            "resource": record.resource,
            "applicationId": _APPLICATION,
            "changeType": record.change_type,
            "clientState": state,
            "notificationUrl": record.url,
            "lifecycleNotificationUrl": record.lifecycle_url,
            "expirationDateTime": self._time(record.expires),
            "creatorId": _CREATOR,
            "encryptionCertificate": None,
            "encryptionCertificateId": None,
            **record.others,
        }

    def _answer(self, request: Request, record: Record, state: str | None, *, status: int = 200) -> Response:
        context = f"{_root(request)}/$metadata#subscriptions/$entity"
        return JSONResponse({"@odata.context": context, **self._shown(record, state)}, status)

    def _time(self, moment: float | None = None) -> str:
        return self._around.iso(moment, timespec="milliseconds")

    def _told(self, status: int, code: str, message: str) -> Response:
        number = self._around.uuid()
        inner = {"date": self._around.iso().rstrip("Z"), "request-id": number, "client-request-id": number}
        body = {"error": {"code": code, "message": message, "innerError": inner}}
        return JSONResponse(body, status, {"request-id": number, "client-request-id": number})

    async def _refused(self, _request: Request, error: Exception) -> Response:
        if not isinstance(error, GraphError):
            raise error
        return self._told(error.status, error.code, str(error))

    async def _no_such_route(self, request: Request, _error: Exception) -> Response:
        segment = request.url.path.rpartition("/")[2]
        return self._told(400, "BadRequest", f"Resource not found for the segment '{segment}'.")

    # -- deliveries --------------------------------------------------------------------------------------------------

    def _item(self, record: Record, item: Mapping[str, Json]) -> dict[str, Json]:
        """What change and lifecycle notifications share, and `item`."""
        return {
            "subscriptionId": record.id,
            "subscriptionExpirationDateTime": self._time(record.expires),
            "clientState": record.state,
            "tenantId": _TENANT,
            **item,
        }

    def _change(self, record: Record, event: str) -> dict[str, Json]:
        number = self._around.hex(32)
        path = f"{record.resource.partition('?')[0].strip('/')}/{number}"
        subject = {
            "@odata.type": f"#Microsoft.Graph.{record.kind.entity[0].upper()}{record.kind.entity[1:]}",
            "@odata.id": path,
            "@odata.etag": f'W/"{self._around.hex(16)}"',
            "id": number,
        }
        return {"id": self._around.uuid(), "changeType": event, "resource": path, "resourceData": subject}

    def _notice(self, record: Record, url: str, event: str, content: Mapping[str, Json]) -> Delivery:
        return Delivery(
            provider=self.name,
            webhook_id=record.id,
            event=event,
            url=url,
            headers={"Content-Type": "application/json; charset=utf-8"},
            body=self._around.unlike(content),
        )


def _root(request: Request) -> str:
    """The URL of the API's root as the client sees it."""
    return str(request.url.replace(path=request.scope["root_path"], query=""))


async def _document(request: Request) -> dict[str, Json]:
    try:
        return await json_object(request)
    except ValueError:
        raise rules.unreadable() from None
