"""A stand-in of Asana's webhook API, as far as the reconciler needs it.

Written from Asana's API reference ("Establish a webhook", "Get multiple webhooks", "Update a webhook", "Delete a
webhook", the schemas WebhookResponse, WebhookFilter and EventResponse), "Webhooks guide", "Pagination", "Input/output
options" and "Errors". A create makes nothing before the target has repeated the secret that it is told. Not made:
events that bubble up, heartbeats, filters on subtypes and fields (they are kept and shown), limits, OAuth scopes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
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
    names,
    refused,
)
from reconciler.testing.vendors.bodies import is_url, json_object

ACTIONS = names("changed added removed deleted undeleted")
LARGEST_PAGE = 100
COMPACT = ("active", "resource", "target")
"""What a webhook in a list tells beside its id, unless other fields are asked for."""


@dataclass(slots=True)
class Hook:
    """A webhook as Asana keeps it."""

    gid: str
    resource: str
    target: str
    filters: list[dict[str, Json]]
    created_at: str
    secret: str = field(repr=False)

    def shown(self) -> dict[str, Json]:
        """All of it that the API shows: never its secret."""
        return {
            "gid": self.gid,
            "resource_type": "webhook",
            "active": True,
            "resource": {"gid": self.resource, "resource_type": "task", "name": "Bugs"},
            "target": self.target,
            "created_at": self.created_at,
            "last_failure_at": None,
            "last_failure_content": None,
            "last_success_at": None,
            "filters": [dict(item) for item in self.filters],
        }

    def wants(self, kind: str, action: str) -> bool:
        """Whether an event passes any of the filters; without filters every event does."""
        return not self.filters or any(
            item.get("resource_type") in {None, kind} and item.get("action") in {None, action} for item in self.filters
        )


class Asana:
    """The stand-in. Any token is known, and any resource, unless `access` says otherwise."""

    name = "asana"

    def __init__(self, surroundings: Surroundings, access: Access) -> None:
        self._around = surroundings
        self._access = access
        self._hooks: dict[str, Hook] = {}
        self._made = 0
        self.app = Starlette(
            routes=[
                Route("/webhooks", self._list, methods=["GET"]),
                Route("/webhooks", self._create, methods=["POST"]),
                Route("/webhooks/{gid}", self._get, methods=["GET"]),
                Route("/webhooks/{gid}", self._update, methods=["PUT"]),
                Route("/webhooks/{gid}", self._delete, methods=["DELETE"]),
            ],
            exception_handlers={Refusal: refused, HTTPException: _no_such_route},
        )

    # -- what the sandbox asks ---------------------------------------------------------------------------------------

    def webhooks(self) -> Sequence[Subscription]:
        return [
            Subscription(
                id=hook.gid,
                resource=hook.resource,
                url=hook.target,
                events=tuple(f"{item.get('resource_type')}.{item.get('action')}" for item in hook.filters),
                active=True,
                detail=hook.shown(),
            )
            for hook in self._hooks.values()
        ]

    def deliveries(self, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Sequence[Delivery]:
        kind, _, action = event.partition(".")
        if not kind or action not in ACTIONS:
            raise UnknownEventError(f"Asana has no event {event!r}")
        # A resource of ours names its workspace as well.
        wanted = None if resource is None else resource.rpartition("/")[2]
        return [
            self._signed(hook, kind, action, payload)
            for hook in self._hooks.values()
            if hook.wants(kind, action) and wanted in {None, hook.resource}
        ]

    def delivered(self, outcome: Outcome) -> None:
        """Nothing is made of it: see what is not made."""

    def reset(self) -> None:
        self._hooks.clear()

    # -- the API -----------------------------------------------------------------------------------------------------

    async def _list(self, request: Request) -> Response:
        self._enter(request)
        query = request.query_params
        if not query.get("workspace"):
            raise _refusal(400, "workspace: Missing input")
        found = [hook for hook in self._hooks.values() if query.get("resource") in {None, hook.resource}]
        fields = [name for name in query.get("opt_fields", "").split(",") if name]
        shown = [_chosen(hook.shown(), fields) for hook in found]
        limit, offset = query.get("limit"), query.get("offset", "0")
        if limit is None:
            return JSONResponse({"data": shown})
        if not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= LARGEST_PAGE):
            raise _refusal(400, f"limit: Must be between 1 and {LARGEST_PAGE}")
        if not (offset.isascii() and offset.isdigit()):
            raise _refusal(400, "offset: Your pagination token is invalid.")
        start, end = int(offset), int(offset) + int(limit)
        more = end < len(shown)
        after = {"offset": str(end), "path": f"/webhooks?limit={limit}&offset={end}", "uri": str(request.url)}
        return JSONResponse({"data": shown[start:end], "next_page": after if more else None})

    async def _create(self, request: Request) -> Response:
        self._enter(request)
        data = await _data(request)
        resource, target = data.get("resource"), data.get("target")
        if not isinstance(resource, str) or not resource:
            raise _refusal(400, "resource: Missing input")
        if not is_url(target, "http", "https"):
            raise _refusal(400, "target: Not a valid URL")
        if not self._access.resource(resource):
            raise _refusal(403, "Forbidden")
        filters = _filters(data.get("filters"))
        secret = self._around.hex(64)
        self._made += 1
        gid = str(120_000 + self._made)
        if not await self._confirmed(gid, str(target), secret):
            raise _refusal(400, "The remote server did not respond with the handshake secret.")
        self._hooks[gid] = hook = Hook(gid, resource, str(target), filters, self._around.iso(), secret)
        # "active" is false in the answer of the vendor's own example: the webhook was made just now.
        return JSONResponse({"data": {**hook.shown(), "active": False}}, 201)

    async def _get(self, request: Request) -> Response:
        return JSONResponse({"data": self._find(request).shown()})

    async def _update(self, request: Request) -> Response:
        hook = self._find(request)
        hook.filters = _filters((await _data(request)).get("filters"))
        return JSONResponse({"data": hook.shown()})

    async def _delete(self, request: Request) -> Response:
        del self._hooks[self._find(request).gid]
        return JSONResponse({"data": {}})

    # -- rules -------------------------------------------------------------------------------------------------------

    def _enter(self, request: Request) -> None:
        if not self._access.token(bearer(request, "bearer")):
            raise _refusal(401, "Not Authorized")

    def _find(self, request: Request) -> Hook:
        self._enter(request)
        hook = self._hooks.get(request.path_params["gid"])
        if hook is None:
            raise _refusal(404, f"webhook: Unknown object: {request.path_params['gid']}")
        return hook

    async def _confirmed(self, gid: str, target: str, secret: str) -> bool:
        """Whether the target repeats the secret, while the create waits."""
        asked = Delivery(
            provider=self.name,
            webhook_id=gid,
            event="handshake",
            url=target,
            headers={"X-Hook-Secret": secret, "Content-Type": "application/json"},
            body=b"{}",
            echo=secret,
            echo_header="X-Hook-Secret",
        )
        outcome = await self._around.deliver(asked)
        return outcome.accepted and outcome.status in {200, 204}

    # -- deliveries --------------------------------------------------------------------------------------------------

    def _signed(self, hook: Hook, kind: str, action: str, payload: Mapping[str, Json] | None) -> Delivery:
        event: dict[str, Json] = {
            "user": {"gid": "1111", "resource_type": "user", "name": "Ada Lovelace"},
            "created_at": self._around.iso(timespec="milliseconds"),
            "action": action,
            "resource": {"gid": "1337", "resource_type": kind, "name": "Fix the kettle"},
            "parent": None,
        }
        if action == "changed":
            event["change"] = {"field": "due_on", "action": "changed"}
        body = self._around.unlike({"events": [event], **(payload or {})})
        headers = {"Content-Type": "application/json", "X-Hook-Signature": signature(hook.secret, body)}
        return Delivery(
            provider=self.name,
            webhook_id=hook.gid,
            event=f"{kind}.{action}",
            url=hook.target,
            headers=headers,
            body=body,
        )


def signature(secret: str, body: bytes) -> str:
    """The `X-Hook-Signature` of a delivery ("Webhooks guide: Security"): HMAC-SHA256 of the body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


async def _data(request: Request) -> dict[str, Json]:
    """The `data` of a body."""
    try:
        data = (await json_object(request)).get("data")
    except (ValueError, json.JSONDecodeError):
        data = None
    if not isinstance(data, dict):
        raise _refusal(400, "Could not parse request data, invalid JSON")
    return data


def _filters(value: Json) -> list[dict[str, Json]]:
    if value is None:
        return []
    known = {"resource_type", "resource_subtype", "action", "fields"}
    if not isinstance(value, list) or not all(isinstance(item, dict) and item.keys() <= known for item in value):
        raise _refusal(400, "filters: Not a list of filters")
    if any(item.get("action") not in {None, *ACTIONS} for item in value):
        raise _refusal(400, "filters: action is not one that there is")
    return [dict(item) for item in value]


def _chosen(shown: dict[str, Json], fields: Sequence[str]) -> dict[str, Json]:
    """The id, the type and the fields that were asked for, or those that are always there."""
    wanted = {name.partition(".")[0] for name in fields} or COMPACT
    return {key: value for key, value in shown.items() if key in {"gid", "resource_type", *wanted}}


def _refusal(status: int, message: str) -> Refusal:
    return Refusal(status, {"errors": [{"message": message, "help": "https://developers.asana.com/docs/errors"}]})


async def _no_such_route(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"errors": [{"message": "No matching route for request"}]}, 404)
