"""A stand-in of Calendly's webhook subscriptions (API v2), and of `/users/me`, which a client asks first.

Written from Calendly's API reference ("Create Webhook Subscription", "List Webhook Subscriptions", "Get Webhook
Subscription", "Delete Webhook Subscription", "Get current user"), "Webhook signatures", "Webhook payload" and the
community's "How does a webhook become disabled?". Ids are URIs; the stand-in's begin with the root that the client came
in by. Every token belongs to a user of its own, and all users to one organisation. Not made: paid plans and scopes of
tokens.
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

ORGANIZATION = "EHFAQL2MPMGSASBN"
PAGE, LARGEST_PAGE = 20, 100
RETRIES_LAST = 86_400.0
SCOPES = ("organization", "user", "group")
EVENTS = names(
    "invitee.created invitee.canceled invitee_no_show.created invitee_no_show.deleted"
    " event_type.created event_type.updated event_type.deleted routing_form_submission.created"
)
ORGANIZATION_ONLY = names("routing_form_submission.created")
"""Events to which nothing smaller than an organisation can subscribe."""


@dataclass(slots=True)
class Hook:
    """A webhook subscription as Calendly keeps it; everything that it belongs to is a URI."""

    uri: str
    url: str
    events: tuple[str, ...]
    scope: str
    organization: str
    user: str | None
    group: str | None
    creator: str
    created_at: str
    signing_key: str = field(default="", repr=False)
    disabled: bool = False
    retrying_since: float | None = None

    @property
    def owner(self) -> str:
        """The URI of the smallest thing that the subscription is about."""
        return self.user or self.group or self.organization

    def shown(self, retry_started_at: str | None) -> dict[str, Json]:
        """The subscription as the API shows it: never its signing key."""
        return {
            "uri": self.uri,
            "callback_url": self.url,
            "created_at": self.created_at,
            "updated_at": self.created_at,
            "retry_started_at": retry_started_at,
            "state": "disabled" if self.disabled else "active",
            "events": list(self.events),
            "scope": self.scope,
            "organization": self.organization,
            "user": self.user,
            "group": self.group,
            "creator": self.creator,
        }


class Calendly:
    """The stand-in. Any token is known, and any user, group and organisation, unless `access` says otherwise."""

    name = "calendly"

    def __init__(self, surroundings: Surroundings, access: Access) -> None:
        self._around = surroundings
        self._access = access
        self._hooks: dict[str, Hook] = {}
        many, one = "/webhook_subscriptions", "/webhook_subscriptions/{uuid}"
        self.app = Starlette(
            routes=[
                Route("/users/me", self._me, methods=["GET"]),
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
                id=hook.uri,
                resource=hook.owner,
                url=hook.url,
                events=hook.events,
                active=not hook.disabled,
                detail=self._shown(hook),
            )
            for hook in self._hooks.values()
        ]

    def deliveries(self, event: str, resource: str | None, payload: Mapping[str, Json] | None) -> Sequence[Delivery]:
        if event not in EVENTS:
            raise UnknownEventError(f"Calendly has no event {event!r}")
        wanted = [
            hook
            for hook in self._hooks.values()
            if not hook.disabled and event in hook.events and resource in {None, hook.owner, hook.organization}
        ]
        return [self._signed(hook, event, payload) for hook in wanted]

    def delivered(self, outcome: Outcome) -> None:
        hook = self._hooks.get(_uuid(outcome.delivery.webhook_id))
        if hook is None:
            return
        now = self._around.now()
        started = hook.retrying_since if hook.retrying_since is not None else now
        hook.retrying_since = None if outcome.accepted else started
        hook.disabled = hook.disabled or (not outcome.accepted and now - started >= RETRIES_LAST)

    def reset(self) -> None:
        self._hooks.clear()

    # -- the API -----------------------------------------------------------------------------------------------------

    async def _me(self, request: Request) -> Response:
        user, root = self._enter(request), _base(request)
        return JSONResponse(
            {
                "resource": {
                    "uri": f"{root}/users/{user}",
                    "name": "Ada Lovelace",
                    "slug": "ada",
                    "email": "ada@example.com",
                    "scheduling_url": "https://calendly.com/ada",
                    "timezone": "Europe/Berlin",
                    "avatar_url": None,
                    "created_at": self._around.iso(0, timespec="microseconds"),
                    "updated_at": self._around.iso(0, timespec="microseconds"),
                    "current_organization": f"{root}/organizations/{ORGANIZATION}",
                    "resource_type": "User",
                    "locale": "en",
                }
            }
        )

    async def _list(self, request: Request) -> Response:
        self._enter(request)
        query = request.query_params
        organization, scope, owner = self._place(dict(query))
        count, token = query.get("count", str(PAGE)), query.get("page_token", "0")
        if not (count.isascii() and count.isdigit() and 1 <= int(count) <= LARGEST_PAGE):
            raise _invalid("count", f"must be between 1 and {LARGEST_PAGE}")
        if not (token.isascii() and token.isdigit()):
            raise _invalid("page_token", "is invalid")
        mine = [hook for hook in self._hooks.values() if (hook.organization, hook.scope) == (organization, scope)]
        shown = [self._shown(hook) for hook in mine if owner in {None, hook.owner}]
        start, size = int(token), int(count)
        after = str(start + size) if start + size < len(shown) else None
        before = str(max(0, start - size)) if start else None
        page = shown[start : start + size]
        pagination = {
            "count": len(page),
            "next_page": _page_url(request, after),
            "previous_page": _page_url(request, before),
            "next_page_token": after,
            "previous_page_token": before,
        }
        return JSONResponse({"collection": page, "pagination": pagination})

    async def _create(self, request: Request) -> Response:
        user, root = self._enter(request), _base(request)
        try:
            values = await json_object(request)
        except ValueError:
            raise _invalid("body", "must be a JSON object") from None
        url, asked = values.get("url"), values.get("events")
        if not is_url(url, "http", "https"):
            raise _invalid("url", "is missing" if url is None else "is not a valid url")
        if not isinstance(asked, list) or not asked or not all(isinstance(e, str) and e in EVENTS for e in asked):
            raise _invalid("events", "is missing" if asked is None else "is invalid")
        organization, scope, owner = self._place(values)
        if scope != "organization" and ORGANIZATION_ONLY & set(asked):
            raise _invalid("scope", "must be organization for routing_form_submission.created")
        key = values.get("signing_key") or ""
        if not isinstance(key, str):
            raise _invalid("signing_key", "must be a string")
        if any((hook.url, hook.owner) == (url, owner or organization) for hook in self._hooks.values()):
            raise _refusal(409, "Already Exists", "Hook with this url already exists")
        uuid = self._around.uuid()
        self._hooks[uuid] = hook = Hook(
            uri=f"{root}/webhook_subscriptions/{uuid}",
            url=str(url),
            events=tuple(dict.fromkeys(asked)),
            scope=scope,
            organization=organization,
            user=owner if scope == "user" else None,
            group=owner if scope == "group" else None,
            creator=f"{root}/users/{user}",
            created_at=self._around.iso(timespec="microseconds"),
            signing_key=key,
        )
        return JSONResponse({"resource": self._shown(hook)}, 201)

    async def _get(self, request: Request) -> Response:
        return JSONResponse({"resource": self._shown(self._find(request))})

    async def _delete(self, request: Request) -> Response:
        del self._hooks[_uuid(self._find(request).uri)]
        return Response(status_code=204)

    # -- rules -------------------------------------------------------------------------------------------------------

    def _enter(self, request: Request) -> str:
        """Who makes an allowed request: the id of the token's user."""
        token = bearer(request, "bearer")
        if not self._access.token(token):
            raise _refusal(401, "Unauthenticated", "The access token is invalid")
        return hashlib.sha256(token.encode()).hexdigest()[:16].upper()

    def _place(self, values: Mapping[str, Json]) -> tuple[str, str, str | None]:
        """The organisation's URI, the scope, and the URI of the user or group where the scope is that small."""
        organization = self._uri(values, "organization")
        scope = values.get("scope")
        if scope not in SCOPES:
            raise _invalid("scope", "is missing" if scope is None else "is invalid")
        return organization, scope, None if scope == "organization" else self._uri(values, scope)

    def _uri(self, values: Mapping[str, Json], kind: str) -> str:
        value = values.get(kind)
        if value is None:
            raise _invalid(kind, "is missing")
        head, _, identifier = value.rpartition("/") if isinstance(value, str) else ("", "", "")
        if not is_url(value, "http", "https") or not head.endswith(f"/{kind}s") or not identifier:
            raise _invalid(kind, "is not a valid uri")
        if not self._access.resource(identifier):
            raise _refusal(403, "Permission Denied", "You do not have permission to access this resource.")
        return str(value)

    def _find(self, request: Request) -> Hook:
        self._enter(request)
        hook = self._hooks.get(request.path_params["uuid"])
        if hook is None:
            raise _refusal(404, "Resource Not Found", "The server could not find the requested resource.")
        return hook

    def _shown(self, hook: Hook) -> dict[str, Json]:
        since = hook.retrying_since
        return hook.shown(None if since is None else self._around.iso(since, timespec="microseconds"))

    # -- deliveries --------------------------------------------------------------------------------------------------

    def _signed(self, hook: Hook, event: str, payload: Mapping[str, Json] | None) -> Delivery:
        now = self._around.now()
        content: dict[str, Json] = {
            "event": event,
            "created_at": self._around.iso(timespec="microseconds"),
            "created_by": hook.creator,
            "payload": _payload(event),
        }
        body = self._around.unlike({**content, **(payload or {})})
        headers = {"Content-Type": "application/json"}
        if hook.signing_key:
            headers["Calendly-Webhook-Signature"] = signature(hook.signing_key, int(now), body)
        return Delivery(provider=self.name, webhook_id=hook.uri, event=event, url=hook.url, headers=headers, body=body)


def signature(signing_key: str, timestamp: int, body: bytes) -> str:
    """The `Calendly-Webhook-Signature` of a delivery ("Webhook signatures"): over the time, a dot and the body."""
    digest = hmac.new(signing_key.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def _payload(event: str) -> dict[str, Json]:
    root = "https://api.calendly.com"
    meeting = f"{root}/scheduled_events/AAAAAAAAAAAAAAAA"
    if event.startswith("routing_form"):
        return {"uri": f"{root}/routing_form_submissions/AAAAAAAAAAAAAAAA", "questions_and_answers": []}
    if event.startswith("event_type"):
        return {"uri": f"{root}/event_types/AAAAAAAAAAAAAAAA", "name": "30 Minute Meeting", "active": True}
    invitee: dict[str, Json] = {
        "uri": f"{meeting}/invitees/AAAAAAAAAAAAAAAA",
        "email": "grace@example.com",
        "name": "Grace Hopper",
        "status": "canceled" if event == "invitee.canceled" else "active",
        "event": meeting,
        "scheduled_event": {"uri": meeting, "name": "30 Minute Meeting", "status": "active"},
        "rescheduled": False,
    }
    no_show = {"uri": f"{root}/invitee_no_shows/AAAAAAAAAAAAAAAA", "invitee": invitee["uri"]}
    return {**invitee, "no_show": no_show} if event.startswith("invitee_no_show") else invitee


def _uuid(uri: str) -> str:
    return uri.rpartition("/")[2]


def _base(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"


def _page_url(request: Request, token: str | None) -> str | None:
    others = [(key, value) for key, value in request.query_params.multi_items() if key != "page_token"]
    return None if token is None else f"{request.url.replace(query='')}?{urlencode([*others, ('page_token', token)])}"


def _invalid(parameter: str, message: str) -> Refusal:
    details = [{"parameter": parameter, "message": f"{parameter} {message}"}]
    return _refusal(400, "Invalid Argument", "The supplied parameters are invalid.", details)


def _refusal(status: int, title: str, message: str, details: Sequence[Json] = ()) -> Refusal:
    return Refusal(status, {"title": title, "message": message, **({"details": list(details)} if details else {})})


async def _no_such_route(_request: Request, _error: Exception) -> Response:
    message = "The server could not find the requested resource."
    return JSONResponse({"title": "Resource Not Found", "message": message}, 404)
