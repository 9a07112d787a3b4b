"""A stand-in of Vercel's webhook API: webhooks of a team, made and deleted but never changed.

Written from Vercel's OpenAPI description and SDK ("Creates a webhook", "Get a list of webhooks", "Get a webhook",
"Deletes a webhook"), "Vercel REST API Errors" and "Webhooks API Reference" (payload, signature). Not made: a limit of
webhooks per team, for which no document was found.
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
from reconciler.testing.vendors import vercel_events as events
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

USER = "zTuNVUXEAvvnNN3IaqinkyMw"
"""Whose webhooks those without a team are."""

_PROJECT = re.compile(r"[A-Za-z0-9_]+")
_PROJECTS = 50


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook as Vercel keeps it. `owner` is the team as the client names it, or the user; times are milliseconds."""

    id: str
    owner: str
    url: str
    events: tuple[str, ...]
    projects: tuple[str, ...] | None
    created_at: int
    secret: str = field(repr=False)

    def shown(self) -> dict[str, Json]:
        """The webhook as the API shows it later on: without its secret."""
        document: dict[str, Json] = {
            "id": self.id,
            "url": self.url,
            "events": list(self.events),
            "ownerId": self.owner,
            "createdAt": self.created_at,
            "updatedAt": self.created_at,
        }
        return document if self.projects is None else {**document, "projectIds": list(self.projects)}


class Vercel:
    """The stand-in. Any token and any team are known, unless `access` says otherwise."""

    name = "vercel"

    def __init__(self, surroundings: Surroundings, access: Access) -> None:
        self._around = surroundings
        self._access = access
        self._hooks: dict[str, Hook] = {}
        many, one = "/v1/webhooks", "/v1/webhooks/{hook_id}"
        self.app = Starlette(
            routes=[
                Route(many, self._list, methods=["GET"]),
                Route(many, self._create, methods=["POST"]),
                Route(one, self._get, methods=["GET"]),
                Route(one, self._delete, methods=["DELETE"]),
            ],
            exception_handlers={Refusal: refused, HTTPException: _no_such_route},
        )

    # -- what the sandbox asks ---------------------------------------------------------------------------------------

    def webhooks(self) -> Sequence[Subscription]:
        return [
            Subscription(
                id=hook.id,
                resource=hook.owner,
                url=hook.url,
                events=hook.events,
                active=True,
                detail=hook.shown(),
            )
            for hook in self._hooks.values()
        ]

    def deliveries(self, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Sequence[Delivery]:
        if event not in events.TYPES:
            raise UnknownEventError(f"Vercel has no event {event!r}")
        wanted = [
            hook
            for hook in self._hooks.values()
            if event in hook.events and resource in {None, hook.owner, *(hook.projects or ())}
        ]
        return [self._signed(hook, event, payload) for hook in wanted]

    def delivered(self, outcome: Outcome) -> None:
        """Vercel's API does not show how deliveries went."""

    def reset(self) -> None:
        self._hooks.clear()

    # -- the API -----------------------------------------------------------------------------------------------------

    async def _list(self, request: Request) -> Response:
        owner, project = self._enter(request), request.query_params.get("projectId")
        if project is not None and not _PROJECT.fullmatch(project):
            raise _refusal(400, "bad_request", "Invalid request: `projectId` should match its pattern.")
        mine = [hook for hook in self._hooks.values() if hook.owner == owner]
        return JSONResponse([hook.shown() for hook in mine if project is None or project in (hook.projects or ())])

    async def _create(self, request: Request) -> Response:
        owner = self._enter(request)
        try:
            values = await json_object(request)
        except ValueError:
            raise _refusal(400, "bad_request", "Invalid JSON") from None
        if problem := _problem(values):
            raise _refusal(400, "bad_request", f"Invalid request: {problem}.")
        projects = values.get("projectIds")
        hook = Hook(
            id=f"account_hook_{self._around.hex(16)}",
            owner=owner,
            url=values["url"],
            events=tuple(values["events"]),
            projects=None if projects is None else tuple(projects),
            created_at=int(self._around.now() * 1000),
            secret=self._around.hex(24),
        )
        self._hooks[hook.id] = hook
        return JSONResponse({**hook.shown(), "secret": hook.secret})

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._find(request).shown())

    async def _delete(self, request: Request) -> Response:
        del self._hooks[self._find(request).id]
        return Response(status_code=204)

    # -- rules -------------------------------------------------------------------------------------------------------

    def _enter(self, request: Request) -> str:
        """The owner on whose behalf an allowed request is made."""
        if not self._access.token(bearer(request, "bearer")):
            raise _refusal(403, "forbidden", "Not authorized")
        team = request.query_params.get("teamId") or request.query_params.get("slug")
        if team and not self._access.resource(team):
            raise _refusal(403, "forbidden", "Not authorized")
        return team or USER

    def _find(self, request: Request) -> Hook:
        owner, hook_id = self._enter(request), request.path_params["hook_id"]
        hook = self._hooks.get(hook_id)
        if hook is None or hook.owner != owner:
            raise _refusal(404, "not_found", f"Could not find the webhook: {hook_id}")
        return hook

    # -- deliveries --------------------------------------------------------------------------------------------------

    def _signed(self, hook: Hook, event: str, payload: Mapping[str, Json] | None) -> Delivery:
        project = (hook.projects or ("prj_12HKQaOmR5t5Uy6vdcQsNIiZgHGB",))[0]
        content: dict[str, Json] = {
            "id": f"uev_{self._around.hex(24)}",
            "type": event,
            "createdAt": int(self._around.now() * 1000),
            "region": "iad1",
            "payload": events.payload(event, None if hook.owner == USER else hook.owner, project),
        }
        body = self._around.unlike({**content, **(payload or {})})
        headers = {"Content-Type": "application/json", "x-vercel-signature": signature(hook.secret, body)}
        return Delivery(provider=self.name, webhook_id=hook.id, event=event, url=hook.url, headers=headers, body=body)


def signature(secret: str, body: bytes) -> str:
    """The `x-vercel-signature` of a delivery ("Webhooks API Reference", securing webhooks): HMAC with SHA-1."""
    return hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def _problem(values: Mapping[str, Json]) -> str:
    """What is wrong with the body of a create; empty where nothing is."""
    unknown = sorted(set(values) - {"url", "events", "projectIds"})
    if unknown:
        return f"should NOT have additional property `{unknown[0]}`"
    for name in ("url", "events"):
        if name not in values:
            return f"missing required property `{name}`"
    if not is_url(values["url"], "http", "https"):
        return "`url` should match format uri"
    asked = values["events"]
    if not isinstance(asked, list) or not asked or not all(isinstance(e, str) and e in events.TYPES for e in asked):
        return "`events` should be a list of at least one of the allowed values"
    projects = values.get("projectIds", ["all"])
    named = isinstance(projects, list) and all(isinstance(p, str) and _PROJECT.fullmatch(p) for p in projects)
    if not named or not 1 <= len(projects) <= _PROJECTS:
        return f"`projectIds` should be a list of 1 to {_PROJECTS} projects"
    return ""


def _refusal(status: int, code: str, message: str) -> Refusal:
    return Refusal(status, {"error": {"code": code, "message": message}})


async def _no_such_route(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status == 405:
        document = {"code": "method_unknown", "message": "This endpoint only responds to other methods"}
        return JSONResponse({"error": document}, status)
    return JSONResponse({"error": {"code": "not_found", "message": "The requested resource was not found"}}, 404)
