"""A stand-in of GitHub's webhook API for repositories and organisations.

Written from GitHub's REST reference ("Repository webhooks", "Organization webhooks", "Pagination", "Rate limits"),
its OpenAPI description, "Scopes for OAuth apps", "Best practices for using the REST API" (conditional requests), and
"Webhook events and payloads" and "Validating webhook deliveries".
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.core.model import Json
from reconciler.testing.vendors import github_hooks as hooks
from reconciler.testing.vendors import github_payloads as payloads
from reconciler.testing.vendors.base import (
    Access,
    Delivery,
    Outcome,
    Refusal,
    Subscription,
    Surroundings,
    UnknownEventError,
    bearer,
    link_header,
    page_of,
    refused,
)
from reconciler.testing.vendors.github_deliveries import Log
from reconciler.testing.vendors.github_hooks import Hook

HOOKS_PER_EVENT = 20
REQUESTS_PER_HOUR = 5000
USUAL_SCOPES = frozenset({"admin:org_hook", "admin:repo_hook"})
FINE_GRAINED = "github_pat_"
"""How tokens begin that have permissions instead of scopes, and tell neither."""


class GitHub:
    """The stand-in. Any token and any resource are known, unless `access` says otherwise."""

    name = "github"

    def __init__(self, surroundings: Surroundings, access: Access, hourly: int = REQUESTS_PER_HOUR) -> None:
        self._around = surroundings
        self._access = access
        self._hourly = hourly
        self._hooks: dict[int, Hook] = {}
        self._last_id = 0
        self._spent: dict[int, int] = {}
        self._log = Log(surroundings)
        self.app = Starlette(
            routes=[
                *self._routes("/repos/{owner}/{repo}"),
                *self._routes("/orgs/{owner}"),
                Route("/user", self._user, methods=["GET"]),
            ],
            exception_handlers={Refusal: refused, HTTPException: hooks.no_such_route},
        )

    def _routes(self, prefix: str) -> list[Route]:
        many, one = f"{prefix}/hooks", f"{prefix}/hooks/{{hook_id}}"
        routes = [
            Route(many, self._list, methods=["GET"]),
            Route(many, self._create, methods=["POST"]),
            Route(one, self._get, methods=["GET"]),
            Route(one, self._update, methods=["PATCH"]),
            Route(one, self._delete, methods=["DELETE"]),
            Route(f"{one}/config", self._get_config, methods=["GET"]),
            Route(f"{one}/config", self._update_config, methods=["PATCH"]),
            Route(f"{one}/pings", self._ping, methods=["POST"]),
            Route(f"{one}/deliveries", self._list_tries, methods=["GET"]),
            Route(f"{one}/deliveries/{{delivery_id}}", self._get_try, methods=["GET"]),
            Route(f"{one}/deliveries/{{delivery_id}}/attempts", self._try_again, methods=["POST"]),
        ]
        return routes if prefix.startswith("/orgs") else [*routes, Route(f"{one}/tests", self._test, methods=["POST"])]

    # -- what the sandbox asks ---------------------------------------------------------------------------------------

    def webhooks(self) -> Sequence[Subscription]:
        return [
            Subscription(
                id=str(hook.id),
                resource=hook.owner,
                url=hook.config["url"],
                events=tuple(hook.events),
                active=hook.active,
                detail=hooks.shown(hook, ""),
            )
            for hook in self._hooks.values()
        ]

    def deliveries(self, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Sequence[Delivery]:
        name, _, action = event.partition(".")
        if name not in payloads.ORGANIZATION_EVENTS:
            raise UnknownEventError(f"GitHub has no event {name!r}")
        wanted = [
            hook
            for hook in self._hooks.values()
            if hook.active and {name, "*"} & set(hook.events) and hooks.concerns(hook, resource)
        ]
        action = action or payloads.default_action(name)
        return [self._event(hook, name, action, resource, payload) for hook in wanted]

    def delivered(self, outcome: Outcome) -> None:
        hook = self._hooks.get(int(outcome.delivery.webhook_id))
        if hook is None:
            return
        self._log.note(outcome)
        if outcome.accepted:
            hook.last_response = {"code": outcome.status, "status": "active", "message": "OK"}
        else:
            message = f"Invalid HTTP Response: {outcome.status}" if outcome.status else "failed to connect to host"
            hook.last_response = {"code": outcome.status or 0, "status": "misconfigured", "message": message}

    def reset(self) -> None:
        self._hooks.clear()
        self._spent.clear()
        self._log.clear()

    # -- the API -----------------------------------------------------------------------------------------------------

    async def _list(self, request: Request) -> Response:
        owner = self._enter(request)
        shown = [hooks.shown(hook, hooks.base(request)) for hook in self._of(owner)]
        page = page_of(request, len(shown), default=30)
        headers = self._headers()
        relations = {"prev": page.number - 1} if page.number > 1 else {}
        relations |= {"next": page.number + 1, "last": page.last} if page.number < page.last else {}
        relations |= {"first": 1} if page.number > 1 else {}
        if relations:
            headers["Link"] = link_header(request, page, relations)
        return self._conditional(request, JSONResponse(page.cut(shown)), headers)

    async def _user(self, request: Request) -> Response:
        token = self._authenticated(request)
        headers = {} if token.startswith(FINE_GRAINED) else {"X-OAuth-Scopes": ", ".join(sorted(self._scopes(token)))}
        user = {"login": "octocat", "id": 1, "type": "User", "site_admin": False, "name": "The Octocat"}
        return JSONResponse(user, headers={**self._headers(), **headers, "X-Accepted-OAuth-Scopes": ""})

    async def _create(self, request: Request) -> Response:
        owner = self._enter(request)
        document = await hooks.document(request)
        if document.get("name", "web") != "web":
            raise hooks.invalid([{"resource": "Hook", "field": "name", "code": "invalid"}])
        events = hooks.strings(document, "events", ["push"])
        config = hooks.config(document.get("config"))
        self._check(owner, events, config, but=0)
        self._last_id += 1
        hook = Hook(
            id=self._last_id + 12_345_677,
            owner=owner,
            events=list(dict.fromkeys(events)),
            active=hooks.boolean(document, "active", default=True),
            config=config,
            created_at=self._around.iso(),
            updated_at=self._around.iso(),
        )
        self._hooks[hook.id] = hook
        shown = hooks.shown(hook, hooks.base(request))
        headers = {**self._headers(), "Location": shown["url"]}
        return JSONResponse(shown, 201, headers, background=BackgroundTask(self._send_ping, hook))

    async def _get(self, request: Request) -> Response:
        return JSONResponse(hooks.shown(self._find(request), hooks.base(request)), headers=self._headers())

    async def _update(self, request: Request) -> Response:
        hook = self._find(request)
        document = await hooks.document(request)
        events = hooks.strings(document, "events", hook.events)
        if hook.of_repository:  # organisation webhooks have no such parameters
            removed = set(hooks.strings(document, "remove_events", []))
            events = [event for event in [*events, *hooks.strings(document, "add_events", [])] if event not in removed]
        # a config is taken as a whole: without its secret, the webhook has none from now on
        config = hooks.config(document["config"]) if "config" in document else hook.config
        self._check(hook.owner, events, config, but=hook.id)
        hook.active = hooks.boolean(document, "active", default=hook.active)
        hook.events, hook.config = list(dict.fromkeys(events)), config
        hook.updated_at = self._around.iso()
        return JSONResponse(hooks.shown(hook, hooks.base(request)), headers=self._headers())

    async def _delete(self, request: Request) -> Response:
        del self._hooks[self._find(request).id]
        return Response(status_code=204, headers=self._headers())

    async def _get_config(self, request: Request) -> Response:
        return JSONResponse(hooks.masked(self._find(request).config), headers=self._headers())

    async def _update_config(self, request: Request) -> Response:
        hook = self._find(request)
        config = hooks.config({**hook.config, **await hooks.document(request)})
        self._check(hook.owner, hook.events, config, but=hook.id)
        hook.config, hook.updated_at = config, self._around.iso()
        return JSONResponse(hooks.masked(config), headers=self._headers())

    async def _ping(self, request: Request) -> Response:
        hook = self._find(request)
        task = BackgroundTask(self._send_ping, hook)
        return Response(status_code=204, headers=self._headers(), background=task)

    async def _test(self, request: Request) -> Response:
        hook = self._find(request)
        task = None
        if {"push", "*"} & set(hook.events):
            task = BackgroundTask(self._around.deliver, self._event(hook, "push", "", None, None))
        return Response(status_code=204, headers=self._headers(), background=task)

    async def _list_tries(self, request: Request) -> Response:
        rows, link = self._log.page(request, self._find(request).id)
        return JSONResponse(rows, headers={**self._headers(), **({"Link": link} if link else {})})

    async def _get_try(self, request: Request) -> Response:
        found = self._log.find(self._find(request).id, request.path_params["delivery_id"])
        return JSONResponse(self._log.whole(found), headers=self._headers())

    async def _try_again(self, request: Request) -> Response:
        hook = self._find(request)
        delivery = self._log.find(hook.id, request.path_params["delivery_id"]).delivery
        headers = {**delivery.headers, **signatures(hook.config.get("secret", ""), delivery.body)}
        again = replace(delivery, url=hook.config["url"], headers=headers)
        task = BackgroundTask(self._around.deliver, again)
        return JSONResponse({}, 202, self._headers(), background=task)

    # -- rules -------------------------------------------------------------------------------------------------------

    def _authenticated(self, request: Request) -> str:
        """The token of a request that may be made."""
        if not request.headers.get("user-agent"):
            raise hooks.refusal(403, "Request forbidden by administrative rules. Please send a User-Agent header.")
        token = bearer(request, "bearer", "token", "basic")
        if not token:
            raise hooks.refusal(401, "Requires authentication")
        if not self._access.token(token):
            raise hooks.refusal(401, "Bad credentials")
        self._spend()
        return token

    def _scopes(self, token: str) -> frozenset[str]:
        return self._access.scopes_of(token, USUAL_SCOPES)

    def _conditional(self, request: Request, answer: Response, headers: dict[str, str]) -> Response:
        """The answer with its validator, or 304, which does not count, where the client has it already."""
        by = request.headers.get("authorization", "").encode()
        etag = f'W/"{hashlib.sha256(by + bytes(answer.body)).hexdigest()}"'
        if etag in {part.strip() for part in request.headers.get("if-none-match", "").split(",")}:
            self._refund()
            return Response(status_code=304, headers={**self._headers(), "ETag": etag})
        answer.headers.update({**headers, "ETag": etag, "Vary": "Accept, Authorization, Cookie"})
        return answer

    def _enter(self, request: Request) -> str:
        """The resource that an allowed request is about."""
        token = self._authenticated(request)
        owner = "/".join(request.path_params[part] for part in ("owner", "repo") if part in request.path_params)
        scoped = token.startswith(FINE_GRAINED) or hooks.allowed(request.method, owner, self._scopes(token))
        if not (scoped and self._access.resource(owner)):
            raise hooks.refusal(404, "Not Found", self._headers())
        return owner

    def _find(self, request: Request) -> Hook:
        owner, hook_id = self._enter(request), request.path_params["hook_id"]
        hook = self._hooks.get(int(hook_id)) if hook_id.isascii() and hook_id.isdigit() else None
        if hook is None or hook.owner.lower() != owner.lower():
            raise hooks.refusal(404, "Not Found", self._headers())
        return hook

    def _of(self, owner: str) -> list[Hook]:
        return [hook for hook in self._hooks.values() if hook.owner.lower() == owner.lower()]

    def _check(self, owner: str, events: Sequence[str], config: Mapping[str, str], but: int) -> None:
        known = payloads.REPOSITORY_EVENTS if "/" in owner else payloads.ORGANIZATION_EVENTS
        if not events or set(events) - known - {"*"}:
            raise hooks.invalid([{"resource": "Hook", "field": "events", "code": "invalid"}])
        others = [hook for hook in self._of(owner) if hook.id != but]
        if any(hooks.same_place(hook.config, config) and hooks.overlap(hook.events, events) for hook in others):
            kind = "repository" if "/" in owner else "organization"
            raise hooks.custom(f"Hook already exists on this {kind}")
        full = [event for event in dict.fromkeys(events) if sum(event in h.events for h in others) >= HOOKS_PER_EVENT]
        if full:
            raise hooks.custom(
                *(f'The "{event}" event cannot have more than {HOOKS_PER_EVENT} hooks' for event in full)
            )

    def _spend(self) -> None:
        hour = int(self._around.now()) // 3600
        if self._spent.get(hour, 0) >= self._hourly:
            raise hooks.refusal(403, "API rate limit exceeded for user ID 1.", self._headers())
        self._spent = {hour: self._spent.get(hour, 0) + 1}

    def _refund(self) -> None:
        self._spent = {hour: spent - 1 for hour, spent in self._spent.items()}

    def _headers(self) -> dict[str, str]:
        hour = int(self._around.now()) // 3600
        used = self._spent.get(hour, 0)
        return {
            "X-RateLimit-Limit": str(self._hourly),
            "X-RateLimit-Remaining": str(self._hourly - used),
            "X-RateLimit-Used": str(used),
            "X-RateLimit-Reset": str((hour + 1) * 3600),
            "X-GitHub-Request-Id": self._around.hex(20).upper(),
            "X-GitHub-Media-Type": "github.v3; format=json",
        }

    # -- deliveries --------------------------------------------------------------------------------------------------

    async def _send_ping(self, hook: Hook) -> None:
        content: dict[str, Json] = {
            "zen": "Keep it logically awesome.",
            "hook_id": hook.id,
            "hook": hooks.shown(hook, "https://api.github.com"),
        }
        content |= payloads.body("ping", "", hook.owner if hook.of_repository else "", hooks.organization(hook))
        await self._around.deliver(self._signed(hook, "ping", content))

    def _event(
        self, hook: Hook, name: str, action: str, resource: str | None, payload: Mapping[str, Json] | None
    ) -> Delivery:
        full_name = hook.owner if hook.of_repository else resource if resource and "/" in resource else ""
        if not full_name and name in payloads.REPOSITORY_EVENTS:
            full_name = f"{hook.owner}/sandbox"
        content = payloads.body(name, action, full_name, hooks.organization(hook))
        return self._signed(hook, name, {**content, **(payload or {})})

    def _signed(self, hook: Hook, event: str, content: Json) -> Delivery:
        body, media_type = self._around.unlike(content), "application/json"
        if hook.config["content_type"] == "form":
            body, media_type = urlencode({"payload": body.decode()}).encode(), "application/x-www-form-urlencoded"
        target = hook.owner if hook.of_repository else hook.organization
        headers = {
            "Accept": "*/*",
            "Content-Type": media_type,
            "User-Agent": f"GitHub-Hookshot/{self._around.hex(7)}",
            "X-GitHub-Delivery": self._around.uuid(),
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": str(hook.id),
            "X-GitHub-Hook-Installation-Target-ID": str(payloads.number_of(target)),
            "X-GitHub-Hook-Installation-Target-Type": "repository" if hook.of_repository else "organization",
            **signatures(hook.config.get("secret", ""), body),
        }
        return Delivery(
            provider=self.name,
            webhook_id=str(hook.id),
            event=event,
            url=hook.config["url"],
            headers=headers,
            body=body,
        )


def signatures(secret: str, body: bytes) -> dict[str, str]:
    """The signature headers of a delivery ("Validating webhook deliveries"); none where there is no secret."""
    if not secret:
        return {}
    key = secret.encode()
    return {
        "X-Hub-Signature": "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest(),
        "X-Hub-Signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
    }
