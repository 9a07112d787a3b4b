"""A stand-in of Gitea's and Forgejo's webhook API for repositories and organisations; mounted where `/api/v1` is.

Written from Gitea's Swagger description, "API Usage" (authentication, pagination), "Webhooks" and the API handlers in
its source, which settle what the documents leave open: a subscription to `issues` is shown as its whole group, an
update replaces the events and never the secret, and lists say their length in `X-Total-Count` without a `Link`.
Forgejo is the same with the type `forgejo` and headers of its own (its user guide, "Webhooks").
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.core.model import Json
from reconciler.testing.vendors import gitea_events as events
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
    page_of,
    refused,
)
from reconciler.testing.vendors.bodies import is_url, json_object

INSTANCE = "https://gitea.example.com"
PAGE, LARGEST_PAGE = 30, 50
_TYPES = names("gitea forgejo gogs slack discord dingtalk telegram msteams feishu matrix wechatwork packagist")
_CONTENT_TYPES = {"json", "form"}


@dataclass(slots=True)
class Hook:
    """A webhook as Gitea keeps it. `owner` is `owner/repo`, or the organisation."""

    id: int
    owner: str
    type: str
    url: str
    content_type: str
    events: tuple[str, ...]
    active: bool
    created_at: str
    updated_at: str
    branch_filter: str = ""
    secret: str = field(default="", repr=False)
    authorization: str = field(default="", repr=False)

    def shown(self) -> dict[str, Json]:
        """The webhook as the API shows it: without a trace of its secret."""
        return {
            "id": self.id,
            "type": self.type,
            "config": {"content_type": self.content_type, "url": self.url},
            "events": list(self.events),
            "authorization_header": self.authorization,
            "active": self.active,
            "updated_at": self.updated_at,
            "created_at": self.created_at,
        }


class Gitea:
    """The stand-in. Any token and any resource are known, unless `access` says otherwise."""

    name = "gitea"

    def __init__(self, surroundings: Surroundings, access: Access) -> None:
        self._around = surroundings
        self._access = access
        self._hooks: dict[int, Hook] = {}
        self._last_id = 0
        repository, organization = "/repos/{owner}/{repo}/hooks", "/orgs/{owner}/hooks"
        self.app = Starlette(
            routes=[
                *self._routes(repository),
                *self._routes(organization),
                Route(f"{repository}/{{hook_id}}/tests", self._test, methods=["POST"]),
            ],
            exception_handlers={Refusal: refused, HTTPException: _no_such_route},
        )

    def _routes(self, many: str) -> list[Route]:
        one = f"{many}/{{hook_id}}"
        return [
            Route(many, self._list, methods=["GET"]),
            Route(many, self._create, methods=["POST"]),
            Route(one, self._get, methods=["GET"]),
            Route(one, self._update, methods=["PATCH"]),
            Route(one, self._delete, methods=["DELETE"]),
        ]

    # -- what the sandbox asks ---------------------------------------------------------------------------------------

    def webhooks(self) -> Sequence[Subscription]:
        return [
            Subscription(
                id=str(hook.id),
                resource=hook.owner,
                url=hook.url,
                events=hook.events,
                active=hook.active,
                detail={**hook.shown(), "authorization_header": "********" if hook.authorization else ""},
            )
            for hook in self._hooks.values()
        ]

    def deliveries(self, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Sequence[Delivery]:
        kind, _, action = event.partition(".")
        if kind not in events.KINDS:
            raise UnknownEventError(f"Gitea has no event {kind!r}")
        wanted = [
            hook
            for hook in self._hooks.values()
            if hook.active and events.wants(hook.events, kind) and _concerns(hook, resource)
        ]
        return [self._signed(hook, kind, _content(hook, kind, action, resource), payload) for hook in wanted]

    def delivered(self, outcome: Outcome) -> None:
        """Gitea's API does not show how deliveries went."""

    def reset(self) -> None:
        self._hooks.clear()

    # -- the API -----------------------------------------------------------------------------------------------------

    async def _list(self, request: Request) -> Response:
        owner = self._enter(request)
        mine = [hook.shown() for hook in self._hooks.values() if hook.owner.lower() == owner.lower()]
        page = page_of(request, len(mine), PAGE, LARGEST_PAGE, "limit")
        return JSONResponse(page.cut(mine), headers={"X-Total-Count": str(page.total)})

    async def _create(self, request: Request) -> Response:
        owner = self._enter(request)
        values = await _values(request)
        kind = values.get("type")
        config = _config(values)
        if not isinstance(kind, str) or kind not in _TYPES:
            raise _refusal(422, f"Invalid hook type: {kind or ''}")
        for name in ("url", "content_type"):
            if name not in config:
                raise _refusal(422, f"Missing config option: {name}")
        _check(config)
        self._last_id += 1
        hook = Hook(
            id=self._last_id,
            owner=owner,
            type=kind,
            url=config["url"],
            content_type=config["content_type"],
            events=events.subscribed(_strings(values)),
            active=values.get("active") is True,
            secret=config.get("secret", ""),
            created_at=self._around.iso(),
            updated_at=self._around.iso(),
        )
        _always_taken(hook, values)
        self._hooks[hook.id] = hook
        return JSONResponse(hook.shown(), 201)

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._find(request).shown())

    async def _update(self, request: Request) -> Response:
        hook = self._find(request)
        values = await _values(request)
        config = _config(values)
        _check(config)
        hook.url = config.get("url", hook.url)
        hook.content_type = config.get("content_type", hook.content_type)
        hook.events = events.subscribed(_strings(values))  # not given: `push`, whatever it was before
        hook.active = hook.active if values.get("active") is None else values["active"] is True
        _always_taken(hook, values)
        hook.updated_at = self._around.iso()
        return JSONResponse(hook.shown())

    async def _delete(self, request: Request) -> Response:
        del self._hooks[self._find(request).id]
        return Response(status_code=204)

    async def _test(self, request: Request) -> Response:
        hook = self._find(request)
        delivery = self._signed(hook, "push", _content(hook, "push", "", None), None)
        return Response(status_code=204, background=BackgroundTask(self._around.deliver, delivery))

    # -- rules -------------------------------------------------------------------------------------------------------

    def _enter(self, request: Request) -> str:
        """The resource that an allowed request is about."""
        token = bearer(request, "token", "bearer", "basic")
        if not token:
            raise _refusal(401, "token is required")
        if not self._access.token(token):
            raise _refusal(401, "invalid username, password or token")
        owner = "/".join(request.path_params[part] for part in ("owner", "repo") if part in request.path_params)
        if not self._access.resource(owner):
            raise _refusal(404, "not found")
        return owner

    def _find(self, request: Request) -> Hook:
        owner, hook_id = self._enter(request), request.path_params["hook_id"]
        hook = self._hooks.get(int(hook_id)) if hook_id.isascii() and hook_id.isdigit() else None
        if hook is None or hook.owner.lower() != owner.lower():
            raise _refusal(404, "not found")
        return hook

    # -- deliveries --------------------------------------------------------------------------------------------------

    def _signed(
        self, hook: Hook, kind: str, content: Mapping[str, Json], payload: Mapping[str, Json] | None
    ) -> Delivery:
        document = self._around.unlike({**content, **(payload or {})})
        headers = self._headers(hook, kind, document)
        body, media_type = document, "application/json"
        if hook.content_type == "form":
            body, media_type = urlencode({"payload": document.decode()}).encode(), "application/x-www-form-urlencoded"
        return Delivery(
            provider=self.name,
            webhook_id=str(hook.id),
            event=kind,
            url=hook.url,
            headers={"Content-Type": media_type, **headers},
            body=body,
        )

    def _headers(self, hook: Hook, kind: str, document: bytes) -> dict[str, str]:
        sha1, sha256 = (signature(hook.secret, document, name) for name in ("sha1", "sha256"))
        number, event = self._around.uuid(), events.KINDS[kind].header
        families = ["Gitea", "Gogs", *(["Forgejo"] if hook.type == "forgejo" else [])]
        headers = {"X-Hub-Signature": f"sha1={sha1}", "X-Hub-Signature-256": f"sha256={sha256}"}
        for family in families:
            headers[f"X-{family}-Signature"] = sha256
        for family in [*families, "GitHub"]:
            headers |= {f"X-{family}-Delivery": number, f"X-{family}-Event": event, f"X-{family}-Event-Type": kind}
        return {**headers, "Authorization": hook.authorization} if hook.authorization else headers


def signature(secret: str, document: bytes, algorithm: str = "sha256") -> str:
    """The hexadecimal HMAC over the JSON document, also where it travels in a form; empty without a secret."""
    return hmac.new(secret.encode(), document, getattr(hashlib, algorithm)).hexdigest() if secret else ""


def _content(hook: Hook, kind: str, action: str, resource: str | None) -> dict[str, Json]:
    full_name = hook.owner if "/" in hook.owner else resource if resource and "/" in resource else ""
    return events.body(kind, action or events.KINDS[kind].action, full_name or f"{hook.owner}/sandbox", INSTANCE)


def _concerns(hook: Hook, resource: str | None) -> bool:
    wanted = (resource or hook.owner).lower()
    return wanted == hook.owner.lower() or wanted.startswith(f"{hook.owner.lower()}/")


def _always_taken(hook: Hook, values: Mapping[str, Json]) -> None:
    """What a request sets even where it does not name it: then it is empty from now on."""
    hook.branch_filter = str(values.get("branch_filter") or "")
    hook.authorization = str(values.get("authorization_header") or "")


def _config(values: Mapping[str, Json]) -> dict[str, str]:
    config = values.get("config") or {}
    if not isinstance(config, dict) or not all(isinstance(value, str) for value in config.values()):
        raise _refusal(422, "json: cannot unmarshal config into Go value of type map[string]string")
    return config


def _check(config: Mapping[str, str]) -> None:
    if "content_type" in config and config["content_type"] not in _CONTENT_TYPES:
        raise _refusal(422, "Invalid content type")
    if "url" in config and not is_url(config["url"], "http", "https"):
        raise _refusal(422, "Invalid url")


def _strings(values: Mapping[str, Json]) -> list[str]:
    value = values.get("events") or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _refusal(422, "json: cannot unmarshal events into Go value of type []string")
    return value


async def _values(request: Request) -> dict[str, Json]:
    try:
        return await json_object(request)
    except ValueError:
        raise _refusal(422, "the request body is not a JSON object") from None


def _refusal(status: int, message: str) -> Refusal:
    return Refusal(status, {"message": message, "url": f"{INSTANCE}/api/swagger"})


async def _no_such_route(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"message": "not found", "url": f"{INSTANCE}/api/swagger"}, 404)
