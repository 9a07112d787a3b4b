"""A stand-in of Bitbucket Cloud's webhook API for repositories and workspaces; mounted where `/2.0` is.

Written from Bitbucket Cloud's OpenAPI description, "REST API: pagination" and "Standardized error responses",
"Manage webhooks" (secrets) and "Event payloads". Not documented, and so read with caution: a webhook whose `active` is
not given is not active, and an update without `url` or `events` is refused.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.core.model import Json
from reconciler.testing.vendors import bitbucket_events as events
from reconciler.testing.vendors.base import (
    Access,
    Delivery,
    Outcome,
    Refusal,
    Subscription,
    Surroundings,
    UnknownEventError,
    bearer,
    page_of,
    refused,
)
from reconciler.testing.vendors.bodies import is_url, json_object

PAGE, LARGEST_PAGE = 10, 100


@dataclass(slots=True)
class Hook:
    """A webhook as Bitbucket keeps it. `uuid` is in braces; `owner` is `workspace/repository`, or the workspace."""

    uuid: str
    owner: str
    created_at: str
    url: str = ""
    description: str = ""
    active: bool = False
    events: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)

    @property
    def of_repository(self) -> bool:
        """True for a repository's webhook, False for a workspace's."""
        return "/" in self.owner


class Bitbucket:
    """The stand-in. Any token and any resource are known, unless `access` says otherwise."""

    name = "bitbucket"

    def __init__(self, surroundings: Surroundings, access: Access) -> None:
        self._around = surroundings
        self._access = access
        self._hooks: dict[str, Hook] = {}
        self.app = Starlette(
            routes=[*self._routes("/repositories/{workspace}/{repo}"), *self._routes("/workspaces/{workspace}")],
            exception_handlers={Refusal: refused, HTTPException: _no_such_route},
        )

    def _routes(self, prefix: str) -> list[Route]:
        many, one = f"{prefix}/hooks", f"{prefix}/hooks/{{uid}}"
        return [
            Route(many, self._list, methods=["GET"]),
            Route(many, self._create, methods=["POST"]),
            Route(one, self._get, methods=["GET"]),
            Route(one, self._update, methods=["PUT"]),
            Route(one, self._delete, methods=["DELETE"]),
        ]

    # -- what the sandbox asks ---------------------------------------------------------------------------------------

    def webhooks(self) -> Sequence[Subscription]:
        return [
            Subscription(
                id=hook.uuid,
                resource=hook.owner,
                url=hook.url,
                events=hook.events,
                active=hook.active,
                detail=_shown(hook, ""),
            )
            for hook in self._hooks.values()
        ]

    def deliveries(self, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Sequence[Delivery]:
        if event not in events.KEYS:
            raise UnknownEventError(f"Bitbucket has no event {event!r}; its keys are like 'repo:push'")
        wanted = [
            hook for hook in self._hooks.values() if hook.active and event in hook.events and _concerns(hook, resource)
        ]
        return [self._signed(hook, event, resource, payload) for hook in wanted]

    def delivered(self, outcome: Outcome) -> None:
        """Bitbucket's API does not show how deliveries went."""

    def reset(self) -> None:
        self._hooks.clear()

    # -- the API -----------------------------------------------------------------------------------------------------

    async def _list(self, request: Request) -> Response:
        owner = self._enter(request)
        mine = [_shown(hook, _base(request)) for hook in self._hooks.values() if hook.owner.lower() == owner.lower()]
        asked = request.query_params.get("pagelen", str(PAGE))
        if not (asked.isascii() and asked.isdigit() and 1 <= int(asked) <= LARGEST_PAGE):
            raise _refusal(400, "Invalid pagelen")
        page = page_of(request, len(mine), PAGE, LARGEST_PAGE, "pagelen")
        document: dict[str, Json] = {
            "values": page.cut(mine),
            "pagelen": page.size,
            "page": page.number,
            "size": page.total,
        }
        if page.number < page.last:
            document["next"] = _other_page(request, page.number + 1, page.size)
        if page.number > 1:
            document["previous"] = _other_page(request, page.number - 1, page.size)
        return JSONResponse(document)

    async def _create(self, request: Request) -> Response:
        owner = self._enter(request)
        hook = Hook(uuid=f"{{{self._around.uuid()}}}", owner=owner, created_at=self._around.iso())
        _apply(hook, await _values(request))
        self._hooks[hook.uuid] = hook
        shown = _shown(hook, _base(request))
        return JSONResponse(shown, 201, {"Location": shown["links"]["self"]["href"]})

    async def _get(self, request: Request) -> Response:
        return JSONResponse(_shown(self._find(request), _base(request)))

    async def _update(self, request: Request) -> Response:
        hook = self._find(request)
        _apply(hook, await _values(request))
        return JSONResponse(_shown(hook, _base(request)))

    async def _delete(self, request: Request) -> Response:
        del self._hooks[self._find(request).uuid]
        return Response(status_code=204)

    # -- rules -------------------------------------------------------------------------------------------------------

    def _enter(self, request: Request) -> str:
        """The resource that an allowed request is about."""
        token = bearer(request, "bearer", "basic")
        if not self._access.token(token):
            raise _refusal(401, "Token is invalid, expired, or not supported for this endpoint.")
        owner = "/".join(request.path_params[part] for part in ("workspace", "repo") if part in request.path_params)
        if not self._access.resource(owner):
            raise _refusal(404, f"{'Repository' if '/' in owner else 'Workspace'} {owner} not found")
        return owner

    def _find(self, request: Request) -> Hook:
        owner, uid = self._enter(request), request.path_params["uid"]
        hook = self._hooks.get(f"{{{uid.strip('{}').lower()}}}")
        if hook is None or hook.owner.lower() != owner.lower():
            raise _refusal(404, f"{uid} not found")
        return hook

    # -- deliveries --------------------------------------------------------------------------------------------------

    def _signed(self, hook: Hook, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Delivery:
        full_name = hook.owner if hook.of_repository else resource if resource and "/" in resource else ""
        content = events.body(event, full_name or f"{hook.owner}/sandbox")
        body = self._around.unlike({**content, **(payload or {})})
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Bitbucket-Webhooks/2.0",
            "X-Event-Key": event,
            "X-Hook-UUID": hook.uuid.strip("{}"),
            "X-Request-UUID": self._around.uuid(),
            "X-Attempt-Number": "1",
        }
        if hook.secret:
            headers["X-Hub-Signature"] = signature(hook.secret, body)
        return Delivery(
            provider=self.name,
            webhook_id=hook.uuid,
            event=event,
            url=hook.url,
            headers=headers,
            body=body,
        )


def signature(secret: str, body: bytes) -> str:
    """The `X-Hub-Signature` of a delivery ("Manage webhooks", secrets)."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _shown(hook: Hook, root: str) -> dict[str, Json]:
    """The webhook as the API shows it: whether it has a secret, never which."""
    kind = "repository" if hook.of_repository else "workspace"
    path = f"{'repositories' if hook.of_repository else 'workspaces'}/{hook.owner}/hooks/{hook.uuid}"
    return {
        "type": "webhook_subscription",
        "uuid": hook.uuid,
        "url": hook.url,
        "description": hook.description,
        "subject_type": kind,
        "subject": {"type": kind, "full_name" if hook.of_repository else "slug": hook.owner},
        "active": hook.active,
        "created_at": hook.created_at,
        "events": list(hook.events),
        "secret_set": bool(hook.secret),
        "links": {"self": {"href": f"{root}/{path.replace('{', '%7B').replace('}', '%7D')}"}},
    }


def _apply(hook: Hook, values: Mapping[str, Json]) -> None:
    """Create or update. A secret that is not named stays as it is; null or an empty one removes it."""
    asked, url = values.get("events"), values.get("url")
    wrong: dict[str, Json] = {}
    if not is_url(url, "http", "https"):
        wrong["url"] = ["Enter a valid URL."] if url else ["This field is required."]
    known = events.KEYS - events.WORKSPACE_ONLY if hook.of_repository else events.KEYS
    if not isinstance(asked, list) or not asked:
        wrong["events"] = ["This field is required."]
    elif not all(isinstance(item, str) and item in known for item in asked) or len(set(asked)) < len(asked):
        wrong["events"] = ["Select valid choices, each once."]
    secret = values.get("secret", hook.secret)
    if not isinstance(secret, str | None):
        wrong["secret"] = ["Enter text."]
    if wrong:
        raise _refusal(400, "Bad request", wrong)
    hook.url, hook.events, hook.secret = str(url), tuple(asked or ()), secret or ""
    hook.active = values.get("active") is True
    hook.description = str(values.get("description") or "")


def _concerns(hook: Hook, resource: str | None) -> bool:
    wanted = (resource or hook.owner).lower()
    return wanted == hook.owner.lower() or wanted.startswith(f"{hook.owner.lower()}/")


def _base(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"


def _other_page(request: Request, number: int, size: int) -> str:
    others = [(key, value) for key, value in request.query_params.multi_items() if key not in {"page", "pagelen"}]
    return f"{request.url.replace(query='')}?{urlencode([*others, ('pagelen', size), ('page', number)])}"


async def _values(request: Request) -> dict[str, Json]:
    try:
        return await json_object(request)
    except ValueError:
        raise _refusal(400, "Bad request") from None


def _refusal(status: int, message: str, wrong: Mapping[str, Json] | None = None) -> Refusal:
    error: dict[str, Json] = {"message": message, **({"fields": dict(wrong)} if wrong else {})}
    return Refusal(status, {"type": "error", "error": error})


async def _no_such_route(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"type": "error", "error": {"message": "Resource not found"}}, 404)
