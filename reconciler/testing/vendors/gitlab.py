"""A stand-in of GitLab's webhook API for projects and groups; mounted where `/api/v4` is.

Written from GitLab's "Project webhooks API", "Group webhooks API", "Personal access tokens API" (self-inform), "REST
API" (pagination, namespaced paths), "Webhooks" and "Webhook events", and from its OpenAPI description.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from reconciler.core.model import Json
from reconciler.testing.vendors import gitlab_events as events
from reconciler.testing.vendors import gitlab_hooks as hooks
from reconciler.testing.vendors.base import (
    Access,
    Delivery,
    Outcome,
    Refusal,
    Subscription,
    Surroundings,
    UnknownEventError,
    bearer,
    compact,
    link_header,
    page_of,
    refused,
)
from reconciler.testing.vendors.gitlab_hooks import Hook
from reconciler.testing.vendors.gitlab_log import PAGE_SIZE, Log

INSTANCE = "https://gitlab.example.com"
TESTS_PER_MINUTE = 5
RESENDS_PER_MINUTE = 5
USUAL_SCOPES = frozenset({"api"})


class GitLab:
    """The stand-in. Any token, project and group are known, unless `access` says otherwise."""

    name = "gitlab"

    def __init__(self, surroundings: Surroundings, access: Access) -> None:
        self._around = surroundings
        self._access = access
        self._hooks: dict[int, Hook] = {}
        self._last_id = 0
        self._tests: dict[tuple[str, str, int], int] = {}
        self._resent: dict[tuple[int, str, int], int] = {}
        self._log = Log()
        self.app: ASGIApp = _undecoded(
            Starlette(
                routes=[
                    *self._routes(hooks.PROJECTS),
                    *self._routes(hooks.GROUPS),
                    Route("/personal_access_tokens/self", self._token, methods=["GET"]),
                ],
                exception_handlers={Refusal: refused, HTTPException: _no_such_route},
            )
        )

    def _routes(self, scope: hooks.Scope) -> list[Route]:
        many = f"/{scope.path}/{{owner}}/hooks"
        one = f"{many}/{{hook_id}}"
        return [
            Route(many, self._list, methods=["GET"]),
            Route(many, self._create, methods=["POST"]),
            Route(one, self._get, methods=["GET"]),
            Route(one, self._update, methods=["PUT"]),
            Route(one, self._delete, methods=["DELETE"]),
            Route(f"{one}/test/{{trigger}}", self._test, methods=["POST"]),
            Route(f"{one}/events", self._list_tries, methods=["GET"]),
            Route(f"{one}/events/{{event_id}}/resend", self._resend, methods=["POST"]),
        ]

    # -- what the sandbox asks ---------------------------------------------------------------------------------------

    def webhooks(self) -> Sequence[Subscription]:
        return [
            Subscription(
                id=str(hook.id),
                resource=hook.owner,
                url=hook.url,
                events=_subscribed(hook),
                active=hook.health(self._around.now()) == "executable",
                detail=self._shown(hook),
            )
            for hook in self._hooks.values()
        ]

    def deliveries(self, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Sequence[Delivery]:
        if event not in events.GROUP_KINDS:
            raise UnknownEventError(f"GitLab has no event {event!r}; the names are those of the API, as push_events")
        wanted = [
            hook
            for hook in self._hooks.values()
            if hook.flags.get(event) and hook.health(self._around.now()) == "executable" and _concerns(hook, resource)
        ]
        return [self._signed(hook, event, resource, payload) for hook in wanted]

    def delivered(self, outcome: Outcome) -> None:
        hook = self._hooks.get(int(outcome.delivery.webhook_id))
        if hook is not None:
            hook.noted(self._around.now(), accepted=outcome.accepted)
            self._log.note(outcome, self._around.now(), tuple(hook.headers))

    def reset(self) -> None:
        self._hooks.clear()
        self._tests.clear()
        self._resent.clear()
        self._log.clear()

    # -- the API -----------------------------------------------------------------------------------------------------

    async def _token(self, request: Request) -> Response:
        scopes = self._access.scopes_of(self._authenticated(request), USUAL_SCOPES)
        token = {"id": 1, "name": "sandbox", "revoked": False, "created_at": "2026-01-01T00:00:00.000Z"}
        token |= {"description": None, "scopes": sorted(scopes), "user_id": 1, "last_used_at": None}
        return JSONResponse({**token, "active": True, "expires_at": None})

    async def _list(self, request: Request) -> Response:
        scope, owner = self._enter(request)
        return _paged(request, [self._shown(hook) for hook in self._of(scope, owner)])

    async def _create(self, request: Request) -> Response:
        scope, owner = self._enter(request)
        values = await hooks.parameters(request, scope)
        if not values.get("url"):
            raise Refusal(400, {"error": "url is missing" if "url" not in values else "url is empty"})
        flags, texts = hooks.defaults(scope)
        hook = Hook(
            id=self._last_id + 1,
            scope=scope,
            owner=owner,
            number=_number(owner),
            created_at=self._around.iso(timespec="milliseconds"),
            url="",
            flags=flags,
            texts=texts,
        )
        hooks.apply(hook, values)
        self._last_id = hook.id
        self._hooks[hook.id] = hook
        return JSONResponse(self._shown(hook), 201)

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._shown(self._find(request)))

    async def _update(self, request: Request) -> Response:
        hook = self._find(request)
        values = await hooks.parameters(request, hook.scope)
        if not values:
            raise Refusal(400, {"error": "No parameters provided"})
        hooks.apply(hook, values)
        return JSONResponse(self._shown(hook))

    async def _delete(self, request: Request) -> Response:
        del self._hooks[self._find(request).id]
        return Response(status_code=204)

    async def _test(self, request: Request) -> Response:
        hook, trigger = self._find(request), request.path_params["trigger"]
        if trigger not in events.PROJECT_KINDS:
            raise Refusal(400, {"error": "trigger does not have a valid value"})
        minute = (hook.scope.path, hook.owner.lower(), int(self._around.now()) // 60)
        self._tests = {minute: self._tests.get(minute, 0) + 1}
        if self._tests[minute] > TESTS_PER_MINUTE:
            message = "This endpoint has been requested too many times. Try again later."
            raise Refusal(429, {"message": {"error": message}}, {"Retry-After": "60"})
        outcome = await self._around.deliver(self._signed(hook, trigger, None, None))
        if not outcome.accepted:
            raise Refusal(422, {"message": outcome.error or f"Hook execution failed with status {outcome.status}"})
        return JSONResponse({"message": "201 Created"}, 201)

    async def _list_tries(self, request: Request) -> Response:
        hook, status = self._find(request), request.query_params.get("status", "")
        shown = [entry.shown() for entry in self._log.of(hook.id, self._around.now(), status)]
        return _paged(request, shown, largest=PAGE_SIZE)

    async def _resend(self, request: Request) -> Response:
        hook = self._find(request)
        entry = self._log.find(hook.id, request.path_params["event_id"], self._around.now())
        minute = (hook.id, self._authenticated(request), int(self._around.now()) // 60)
        self._resent = {key: number for key, number in self._resent.items() if key[2] == minute[2]}
        self._resent[minute] = self._resent.get(minute, 0) + 1
        if self._resent[minute] > RESENDS_PER_MINUTE:
            message = "This endpoint has been requested too many times. Try again later."
            raise Refusal(429, {"message": {"error": message}}, {"Retry-After": "60"})
        if entry.url != hook.url:
            message = "The hook URL has changed, and this log entry cannot be retried"
            raise Refusal(422, {"message": message})
        if hook.health(self._around.now()) != "executable":
            raise Refusal(422, {"message": "Hook disabled"})
        made = self._signed(hook, entry.event, None, None)
        key = {"Idempotency-Key": entry.headers["Idempotency-Key"]}
        outcome = await self._around.deliver(
            replace(made, headers={**made.headers, **key}, body=compact(entry.content))
        )
        if outcome.status is None:
            raise Refusal(422, {"message": outcome.error})
        return JSONResponse({"response_status": outcome.status}, 201)

    # -- rules -------------------------------------------------------------------------------------------------------

    def _authenticated(self, request: Request) -> str:
        """The token of a request, which any scope is enough for."""
        token = request.headers.get("private-token") or bearer(request, "bearer")
        token = token or request.query_params.get("private_token", "")
        if not self._access.token(token):
            raise Refusal(401, {"message": "401 Unauthorized"})
        return token

    def _enter(self, request: Request) -> tuple[hooks.Scope, str]:
        enough = {"api", "read_api"} if request.method == "GET" else {"api"}
        if enough.isdisjoint(self._access.scopes_of(self._authenticated(request), USUAL_SCOPES)):
            message = "The request requires higher privileges than provided by the access token."
            raise Refusal(403, {"error": "insufficient_scope", "error_description": message, "scope": "api"})
        groups = request.scope["path"].removeprefix(request.scope.get("root_path", "")).startswith("/groups/")
        scope = hooks.GROUPS if groups else hooks.PROJECTS
        owner = unquote(request.path_params["owner"])
        if not self._access.resource(owner):
            raise Refusal(404, {"message": f"404 {scope.title} Not Found"})
        return scope, owner

    def _find(self, request: Request) -> Hook:
        scope, owner = self._enter(request)
        hook_id = request.path_params["hook_id"]
        if not (hook_id.isascii() and hook_id.isdigit()):
            raise Refusal(400, {"error": "hook_id is invalid"})
        for hook in self._of(scope, owner):
            if hook.id == int(hook_id):
                return hook
        raise Refusal(404, {"message": "404 Not found"})

    def _of(self, scope: hooks.Scope, owner: str) -> list[Hook]:
        number = _number(owner)
        return [hook for hook in self._hooks.values() if hook.scope is scope and hook.number == number]

    def _shown(self, hook: Hook) -> dict[str, Json]:
        until = hook.disabled_until
        return hooks.shown(hook, self._around.now(), None if until is None else self._around.iso(until))

    # -- deliveries --------------------------------------------------------------------------------------------------

    def _signed(self, hook: Hook, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Delivery:
        inside = bool(resource) and hook.scope is hooks.GROUPS and event not in {"member_events", "subgroup_events"}
        path = str(resource) if inside else hook.owner
        content = {**events.body(event, path, _number(path), INSTANCE), **(payload or {})}
        headers = {
            **hook.headers,
            "Content-Type": "application/json",
            "User-Agent": "GitLab/18.2.0",
            "Idempotency-Key": self._around.uuid(),
            "X-Gitlab-Event": events.GROUP_KINDS[event].header,
            "X-Gitlab-Webhook-UUID": self._around.uuid(),
            "X-Gitlab-Instance": INSTANCE,
            "X-Gitlab-Event-UUID": self._around.uuid(),
        }
        if hook.token:
            headers["X-Gitlab-Token"] = hook.token
        return Delivery(
            provider=self.name,
            webhook_id=str(hook.id),
            event=event,
            url=hook.url,
            headers=headers,
            body=self._around.unlike(content),
        )


def _undecoded(app: ASGIApp) -> ASGIApp:
    """Route by the path as it was sent: only an encoded slash keeps a namespaced path in one segment."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope.get("raw_path") or scope["path"].encode()
        await app({**scope, "path": raw.decode("latin-1")}, receive, send)

    return wrapped


def _number(owner: str) -> int:
    """The numeric id of a project or group: its own number, or one that its path always has."""
    if owner.isascii() and owner.isdigit():
        return int(owner)
    return int(hashlib.sha256(owner.lower().encode()).hexdigest()[:7], 16)


def _paged(request: Request, items: Sequence[Json], largest: int = 100) -> Response:
    """A page of a list, with the headers that lead to the others."""
    page = page_of(request, len(items), default=20, largest=largest)
    before = page.number - 1 if page.number > 1 else None
    after = page.number + 1 if page.number < page.last else None
    relations = {"prev": before} if before else {}
    relations |= {"next": after} if after else {}
    relations |= {"first": 1, "last": page.last}
    headers = {
        "Link": link_header(request, page, relations),
        "X-Next-Page": str(after or ""),
        "X-Page": str(page.number),
        "X-Per-Page": str(page.size),
        "X-Prev-Page": str(before or ""),
        "X-Total": str(page.total),
        "X-Total-Pages": str(page.last),
    }
    return JSONResponse(page.cut(items), headers=headers)


def _subscribed(hook: Hook) -> tuple[str, ...]:
    return tuple(name for name, on in hook.flags.items() if on and name.endswith("_events"))


def _concerns(hook: Hook, resource: str | None) -> bool:
    if resource is None or _number(resource) == hook.number:
        return True
    return hook.scope is hooks.GROUPS and resource.lower().startswith(f"{hook.owner.lower()}/")


async def _no_such_route(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"error": "404 Not Found"}, 404)
